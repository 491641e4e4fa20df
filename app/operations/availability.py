"""Change when somebody works, and what other calendars say of their time."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert

from app import ids
from app.db import DbSession
from app.errors import NotFound, Stale
from app.models import Availability, Person
from app.models.tables import busy
from app.operations.events import tell
from app.queries import people
from app.rules.access import Actor, may_act_for
from app.vocabulary import BusyStatus

OFFICE_HOURS = tuple((weekday, 9 * 60, 17 * 60) for weekday in range(1, 6))
"""Monday to Friday, 09:00 to 17:00 in the person's zone."""


def set_availability(
    db: DbSession,
    *,
    person_id: str,
    time_zone: str,
    weekly: Sequence[tuple[int, int, int]],
    exceptions: Mapping[str, Sequence[tuple[int, int]]],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Availability:
    """Replace somebody's working hours, and their zone: hours are local to where they live. Locks the person."""
    found = owned_person(db, person_id, actor=actor)
    hours = db.get_one(Availability, person_id)
    if expected_version not in (None, hours.version):
        raise Stale("Read it again, then change it.")
    new_weekly = sorted([list(range_) for range_ in weekly])
    new_exceptions = {day: sorted([list(range_) for range_ in ranges]) for day, ranges in sorted(exceptions.items())}
    if (hours.weekly, hours.exceptions, found.time_zone) == (new_weekly, new_exceptions, time_zone):
        return hours
    hours.weekly, hours.exceptions = new_weekly, new_exceptions
    hours.version += 1
    hours.updated_at = now
    if found.time_zone != time_zone:
        found.time_zone, found.updated_at = time_zone, now
        found.version += 1
        tell(db, "person.changed", found.id, version=found.version, actor=actor, now=now)
    db.flush()
    tell(db, "availability.changed", person_id, version=hours.version, actor=actor, now=now)
    return hours


def replace_busy(
    db: DbSession,
    *,
    person_id: str,
    source: str,
    intervals: Sequence[tuple[datetime, datetime, BusyStatus]],
    actor: Actor,
    now: datetime,
) -> None:
    """Replace what one source says of somebody's time. Locks the person, as booking does, so neither misses the other."""
    found = owned_person(db, person_id, actor=actor)
    db.execute(delete(busy).where(busy.c.person_id == person_id, busy.c.source == source))
    rows = [
        {
            "id": ids.new("bsy", now),
            "person_id": person_id,
            "source": source,
            "starts_at": a,
            "ends_at": b,
            "status": status,
        }
        for a, b, status in intervals
    ]
    if rows:
        db.execute(insert(busy), rows)
    tell(db, "busy.replaced", person_id, version=found.version, actor=actor, now=now)


def owned_person(db: DbSession, person_id: str, *, actor: Actor) -> Person:
    """Return the person, locked. Raises NotFound unless their private things are this actor's to change."""
    if not may_act_for(actor, person_id):
        raise NotFound
    return people.person_for_update(db, person_id)
