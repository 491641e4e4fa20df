"""Read when somebody works and what other calendars say of their time: their own, of who reports to them, or all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import availability, busy, pause, person
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, may_see


@dataclass(frozen=True, slots=True)
class BusyFilter:
    """Which busy intervals: those that touch `[ends_at_gt, starts_at_lt)`; a side that is None is open."""

    starts_at_lt: datetime | None = None
    ends_at_gt: datetime | None = None


def hours_of(db: DbSession, person_id: str, *, actor: Actor) -> Any:
    """Return the row of somebody's working hours with their `time_zone`. Raises NotFound."""
    if not may_see(actor, person_id):
        raise NotFound
    query = select(availability, person.c.time_zone).join(person, person.c.id == availability.c.person_id)
    return first_row(db, query.where(availability.c.person_id == person_id))


def list_busy(db: DbSession, person_id: str, wanted: BusyFilter, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of somebody's busy intervals by start. Raises NotFound. Two statements."""
    _check_own(db, person_id, actor=actor)
    query = select(busy).where(busy.c.person_id == person_id)
    if wanted.starts_at_lt:
        query = query.where(busy.c.starts_at < wanted.starts_at_lt)
    if wanted.ends_at_gt:
        query = query.where(busy.c.ends_at > wanted.ends_at_gt)
    return fetch(db, query, page, Order(busy.c.starts_at, busy.c.id))


def list_pauses(db: DbSession, person_id: str, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of somebody's pauses in the order in which they were made. Raises NotFound. Two statements."""
    _check_own(db, person_id, actor=actor)
    return fetch(db, select(pause).where(pause.c.person_id == person_id), page, Order(pause.c.id, pause.c.id))


def _check_own(db: DbSession, person_id: str, *, actor: Actor) -> None:
    """Raise NotFound unless there is such a person and their private things are this actor's to see."""
    if not may_see(actor, person_id):
        raise NotFound
    first_row(db, select(person.c.id).where(person.c.id == person_id))
