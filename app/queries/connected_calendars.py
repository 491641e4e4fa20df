"""Read which calendars outside people connected. Private: their own, admins and auditors all."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, literal_column, or_, select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import connected_calendar, person
from app.queries.access import check_acts
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.queries.sealed import opened, shown
from app.rules.access import Actor, is_theirs, sees_the_house, sees_theirs
from app.rules.destinations import destination
from app.rules.refreshing import EVERY
from app.vocabulary import CalendarHealth, PersonStatus

_SECRET = frozenset({"password", "etag", "last_modified", "content_digest"})
_READ = (
    connected_calendar.c.health != literal_column(f"'{CalendarHealth.DISABLED}'"),  # as the partial index has it
    person.c.status != PersonStatus.LEFT,
)
_SHOWN = tuple(column for column in connected_calendar.c if column.name not in _SECRET)


def list_calendars(db: DbSession, person_id: str, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of somebody's connected calendars, oldest first. Raises NotFound. Two statements."""
    if not sees_theirs(actor, person_id):
        raise NotFound
    first_row(db, select(person.c.id).where(person.c.id == person_id))
    query = select(*_SHOWN).where(connected_calendar.c.person_id == person_id)
    return fetch(db, query, page, Order(connected_calendar.c.id, connected_calendar.c.id))


def calendars_of_all(db: DbSession, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of everybody's connected calendars with their owner's `owner_name`, those first that could not be
    read most often. Raises NotFound unless the actor sees the house. One statement.
    """
    if not sees_the_house(actor):
        raise NotFound
    query = select(*_SHOWN, person.c.name.label("owner_name")).join(person)
    return fetch(db, query, page, Order(connected_calendar.c.failures, connected_calendar.c.id, descending=True))


def healths(db: DbSession, *, actor: Actor) -> dict[CalendarHealth, int]:
    """Return how many connected calendars are how well; absent: none. One statement."""
    if not sees_the_house(actor):
        raise NotFound
    counted = select(connected_calendar.c.health, func.count().label("calendars")).group_by(connected_calendar.c.health)
    return {row.health: row.calendars for row in db.execute(counted)}


def calendar_of(db: DbSession, person_id: str, calendar_id: str, *, actor: Actor) -> Any:
    """Return one of somebody's connected calendars. Raises NotFound when absent or not for this actor."""
    if not sees_theirs(actor, person_id):
        raise NotFound
    return _one(db, person_id, calendar_id)


def own_calendar(db: DbSession, person_id: str, calendar_id: str, *, actor: Actor) -> Any:
    """Return one of somebody's connected calendars. Raises NotFound when absent or not this actor's to change."""
    check_acts(actor)
    if not is_theirs(actor, person_id):
        raise NotFound
    return _one(db, person_id, calendar_id)


def _one(db: DbSession, person_id: str, calendar_id: str) -> Any:
    mine = connected_calendar.c.id == calendar_id, connected_calendar.c.person_id == person_id
    return first_row(db, select(*_SHOWN).where(*mine))


def host_of(db: DbSession, row: Any) -> str | None:
    """Return all that is shown of a calendar's address; None when its key is missing."""
    url = shown(db, connected_calendar.c.url, row.id, row.url)
    return None if url is None else destination(url).host


def place_of(db: DbSession, row: Any) -> tuple[str, str | None, str | None]:
    """Return a calendar's address, user name and password. Raises WontOpen."""
    columns = connected_calendar.c
    username = row.username and opened(db, columns.username, row.id, row.username)
    password = row.password and opened(db, columns.password, row.id, row.password)
    return opened(db, columns.url, row.id, row.url), username, password


def calendar_to_read(db: DbSession, calendar_id: str) -> Any:
    """Return a calendar, its secrets as they are kept, and as `email` and `time_zone` those of its owner, who last
    changed at `owner_changed_at`; None when it is gone, disabled, or its owner has left.
    """
    of_owner = person.c.email, person.c.time_zone, person.c.updated_at.label("owner_changed_at")
    query = select(connected_calendar, *of_owner).join(person)
    query = query.where(connected_calendar.c.id == calendar_id, *_READ)
    return db.execute(query).first()


def due(db: DbSession, *, now: datetime, most: int) -> list[str]:
    """Return the ids of the calendars that are due, the longest waiting first. What was looked at later than now was
    looked at by a clock that was wrong: when it says that it is due again means nothing.
    """
    is_due = or_(connected_calendar.c.due_at <= now, connected_calendar.c.checked_at > now + EVERY)
    query = select(connected_calendar.c.id).join(person).where(is_due, *_READ)
    return list(db.execute(query.order_by(connected_calendar.c.due_at).limit(most)).scalars())


def company_domains(db: DbSession) -> frozenset[str]:
    """Return the domains of everybody's addresses: who writes from elsewhere is from outside."""
    return frozenset(email.rpartition("@")[2] for email in db.execute(select(person.c.email)).scalars())
