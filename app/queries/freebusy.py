"""Read when somebody can't be booked, and nothing of by what."""

from datetime import datetime

from sqlalchemy import select

from app.db import DbSession
from app.errors import NotFound
from app.ical.connected import Range, merged
from app.models.tables import person
from app.queries.busy import taken
from app.queries.rows import first_row
from app.rules.access import Actor, may_see


def taken_time(
    db: DbSession, person_id: str, *, start: datetime, end: datetime, actor: Actor, now: datetime
) -> tuple[Range, ...]:
    """Return the time in [start, end) that keeps somebody from being booked: imported busy time, what Earshot booked
    and calls they host. Sorted; none touches the next. Raises NotFound. Two statements.
    """
    if not may_see(actor, person_id):
        raise NotFound
    first_row(db, select(person.c.id).where(person.c.id == person_id))
    return merged(taken(db, [person_id], start, end, now=now)[person_id])
