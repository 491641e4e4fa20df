"""Read when somebody can't be booked, and nothing of by what."""

from datetime import datetime, timedelta

from sqlalchemy import select

from app.db import DbSession
from app.errors import Fault, Invalid, NotFound
from app.ical.connected import Range, merged
from app.models.tables import person
from app.queries.busy import taken
from app.queries.rows import first_row
from app.rules.access import Actor, may_act_for

LONGEST = timedelta(days=190)


def taken_time(
    db: DbSession, person_id: str, *, start: datetime, end: datetime, actor: Actor, now: datetime
) -> tuple[Range, ...]:
    """Return the time in [start, end) that keeps somebody from being booked: imported busy time, what Earshot booked
    and calls they host. Sorted; none touches the next. Raises NotFound. Two statements.
    """
    if not may_act_for(actor, person_id):
        raise NotFound
    first_row(db, select(person.c.id).where(person.c.id == person_id))
    if not start < end <= start + LONGEST:
        fault = Fault("/to", "out_of_range", f"must be later than `from`, by {LONGEST.days} days at most")
        raise Invalid(f"Ask for {LONGEST.days} days at most.", faults=(fault,))
    return merged(taken(db, [person_id], start, end, now=now)[person_id])
