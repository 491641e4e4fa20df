"""Read calls, in the scope of who asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, or_, select, true

from app.db import DbSession
from app.models.tables import (
    account,
    call,
    call_type,
    call_type_skill,
    installation,
    person,
    seat,
    session,
    skill,
    waitlist_entry,
)
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row, in_parts, one_of
from app.queries.scopes import acted_for
from app.rules.access import Actor, sees_the_house
from app.rules.classification import TypeRule
from app.vocabulary import IN_LINE, LIVE_SEATS, CallStatus, PersonStatus, SeatStatus

_STANDS = (SeatStatus.CONFIRMED,)
_LIVES = one_of(seat.c.status, LIVE_SEATS)
SORTS = {"starts_at": call.c.starts_at, "updated_at": call.c.updated_at}

_DECIDES = (
    account.c.observers_allowed,
    (person.c.status == PersonStatus.ACTIVE).label("host_works_here"),
    person.c.seat_approval.label("host_approval"),
    person.c.door_default.label("host_door"),
    person.c.time_zone.label("host_time_zone"),
    installation.c.min_notice_minutes,
    installation.c.closed_stages,
)
COLUMNS = (*call.c, account.c.name.label("account_name"), account.c.segment.label("account_segment"), *_DECIDES)
"""A call with what decides whether it is open."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls: values of one field are alternatives, fields are all required."""

    type: tuple[str, ...] = ()
    host_id: tuple[str, ...] = ()
    account_id: tuple[str, ...] = ()
    status: tuple[CallStatus, ...] = ()
    language: tuple[str, ...] = ()
    segment: tuple[str, ...] = ()
    skill: tuple[str, ...] = ()
    starts_at_gte: datetime | None = None
    starts_at_lt: datetime | None = None
    updated_at_gte: datetime | None = None
    q: str | None = None


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the calls this actor may know of: open ones, their own, those they sit in on, and such
    of who reports to them.
    """
    if sees_the_house(actor):
        return true()
    open_ = and_(call.c.sensitive.is_(False), func.coalesce(account.c.observers_allowed, True))
    seated = exists().where(seat.c.call_id == call.c.id, acted_for(actor, seat.c.observer_id), _LIVES)
    return or_(open_, acted_for(actor, call.c.host_id), seated)


def takes_part(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the calls whose way in this actor may know: they host it or lead who does, or have a
    seat that stands. Who only knows of a call, or asks for a seat, can't find a way into it past its host.
    """
    if sees_the_house(actor):
        return true()
    mine = seat.c.call_id == call.c.id, seat.c.observer_id == actor.person_id, one_of(seat.c.status, _STANDS)
    return or_(acted_for(actor, call.c.host_id), exists().where(*mine))


def calls_with_hosts() -> Select[Any]:
    """Return the query of all calls with account and host."""
    return (
        select(*COLUMNS)
        .outerjoin(account, account.c.id == call.c.account_id)
        .join(person, person.c.id == call.c.host_id)
        .join(installation, true())
    )


def call_by_id(db: DbSession, call_id: str, *, actor: Actor) -> Any:
    """Return one call's row. Raises NotFound when absent or not for this actor."""
    return first_row(db, _one(actor), {"call_id": call_id})


def call_in_sight(db: DbSession, call_id: str, *, actor: Actor) -> Any:
    """Return who hosts a call and how many seats are taken, to lock it. Raises NotFound when absent or not for this
    actor.
    """
    return first_row(db, _in_sight(actor), {"call_id": call_id})


def call_with_names(db: DbSession, call_id: str, *, actor: Actor) -> Any:
    """Return one call's row with the names of its host and type. Raises NotFound when absent or not for this actor."""
    query = scoped(actor).join(call_type, call_type.c.slug == call.c.type)
    query = query.add_columns(person.c.name.label("host_name"), call_type.c.name.label("type_name"))
    return first_row(db, query.where(call.c.id == call_id))


def call_for_update(db: DbSession, call_id: str) -> Any:
    """Return one call's row with account and host, and whether anybody waits for it (`has_line`), the call locked. Lock
    the people first. Raises NotFound.
    """
    return first_row(db, _FOR_UPDATE, {"call_id": call_id})


def call_to_sit(db: DbSession, call_id: str) -> Any:
    """Lock a call as `call_for_update` does, but return only what decides about seats: each column has its price."""
    return first_row(db, _TO_SIT, {"call_id": call_id})


def list_calls(
    db: DbSession, wanted: CallFilter, page: PageRequest, *, sort: str, descending: bool, actor: Actor
) -> PageOf[Any]:
    """Return a page of calls that the actor may know of. One statement."""
    column = SORTS[sort]
    query = filtered(scoped(actor), wanted)
    return fetch(db, query, page, Order(column, call.c.id, descending))


def skills_by_type(db: DbSession) -> dict[str, list[str]]:
    """Return the skills that each call type lets an observer hear, sorted. One statement."""
    found: dict[str, list[str]] = {}
    for row in db.execute(select(call_type_skill).order_by(call_type_skill.c.call_type, call_type_skill.c.skill)):
        found.setdefault(row.call_type, []).append(row.skill)
    return found


def lessons(db: DbSession, types: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of the skills to listen for on calls of each of these types; absent when there are none. One
    statement.
    """
    query = select(call_type_skill.c.call_type, skill.c.name).join(skill, skill.c.slug == call_type_skill.c.skill)
    query = query.where(call_type_skill.c.call_type.in_(sorted(types))).order_by(skill.c.slug)
    found: dict[str, list[str]] = {}
    for row in db.execute(query):
        found.setdefault(row.call_type, []).append(row.name)
    return found


def type_rules(db: DbSession) -> list[TypeRule]:
    """Return how each call type is recognised. One statement."""
    rows = db.execute(select(call_type.c.slug, call_type.c.keywords, call_type.c.stages))
    return [TypeRule(row.slug, tuple(row.keywords), tuple(row.stages)) for row in rows]


def live_seats(db: DbSession, call_ids: Iterable[str]) -> list[Any]:
    """Return the seats that take a place on these calls, by call and number, with when each expires by itself."""
    return list(db.execute(_LIVE, {"call_ids": list(call_ids)}))


def people_on(db: DbSession, call_ids: Iterable[str]) -> set[tuple[str, str]]:
    """Return (call, person) of the hosts and live observers of these calls, and of those who wait for one. Three
    statements per thousand.
    """
    found: set[tuple[str, str]] = set()
    for part in in_parts(call_ids):
        found |= {
            (row.id, row.host_id) for row in db.execute(select(call.c.id, call.c.host_id).where(call.c.id.in_(part)))
        }
        found |= {(row.call_id, row.observer_id) for row in live_seats(db, part)}
        line = select(waitlist_entry.c.call_id, waitlist_entry.c.person_id)
        line = line.where(waitlist_entry.c.call_id.in_(part), one_of(waitlist_entry.c.status, IN_LINE))
        found |= {(row.call_id, row.person_id) for row in db.execute(line)}
    return found


# What booking asks for under locks is built once: SQLAlchemy takes longer to build a statement than to run it.
_WAITS = exists().where(waitlist_entry.c.call_id == call.c.id, one_of(waitlist_entry.c.status, IN_LINE))
_FOR_UPDATE = (
    calls_with_hosts()
    .add_columns(_WAITS.label("has_line"))
    .where(call.c.id == bindparam("call_id"))
    .with_for_update(key_share=True, of=call)
)
_TO_SIT = _FOR_UPDATE.with_only_columns(
    *(call.c[name] for name in ("id", "type", "host_id", "account_id", "status", "starts_at", "ends_at", "stage")),
    *(call.c[name] for name in ("sensitive", "seat_capacity", "seat_capacity_override", "colleagues_invited")),
    *(call.c.seats_taken, call.c.door, call.c.began_at, *_DECIDES, _WAITS.label("has_line")),
    maintain_column_froms=True,
)
_LIVE = (
    select(*seat.c, session.c.expires_at)
    .join(session, session.c.id == seat.c.session_id)
    .where(seat.c.call_id.in_(bindparam("call_ids", expanding=True)), one_of(seat.c.status, LIVE_SEATS))
    .order_by(seat.c.call_id, seat.c.seat_no)
)


@lru_cache(maxsize=256)
def _in_sight(actor: Actor) -> Select[Any]:
    query = select(call.c.id, call.c.host_id, call.c.seats_taken).outerjoin(account, account.c.id == call.c.account_id)
    return query.where(visible(actor), call.c.id == bindparam("call_id"))


@lru_cache(maxsize=256)
def _one(actor: Actor) -> Select[Any]:
    return scoped(actor).where(call.c.id == bindparam("call_id"))


def scoped(actor: Actor) -> Select[Any]:
    """Return the query of the calls that the actor may know of, with as much of each as they may know."""
    way_in = case((takes_part(actor), call.c.meeting_url)).label("meeting_url")
    columns = [way_in if column is call.c.meeting_url else column for column in COLUMNS]
    return calls_with_hosts().with_only_columns(*columns, maintain_column_froms=True).where(visible(actor))


def filtered(query: Select[Any], wanted: CallFilter) -> Select[Any]:
    """Narrow a query of calls with accounts down to those that are wanted."""
    for column, values in (
        (call.c.type, wanted.type),
        (call.c.host_id, wanted.host_id),
        (call.c.account_id, wanted.account_id),
        (call.c.status, wanted.status),
        (call.c.language, wanted.language),
        (account.c.segment, wanted.segment),
    ):
        if values:
            query = query.where(column.in_(values))
    if wanted.skill:
        shows = select(call_type_skill.c.call_type).where(call_type_skill.c.skill.in_(wanted.skill))
        query = query.where(call.c.type.in_(shows))
    if wanted.q:
        query = query.where(func.lower(call.c.title).contains(wanted.q.lower(), autoescape=True))
    if wanted.starts_at_gte:
        query = query.where(call.c.starts_at >= wanted.starts_at_gte)
    if wanted.starts_at_lt:
        query = query.where(call.c.starts_at < wanted.starts_at_lt)
    if wanted.updated_at_gte:
        query = query.where(call.c.updated_at >= wanted.updated_at_gte)
    return query
