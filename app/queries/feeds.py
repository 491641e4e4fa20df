"""Read calendar subscriptions: who may see that they exist, what state they are in, and what they show."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, String, and_, bindparam, cast, func, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app import credentials
from app.db import DbSession, glance
from app.errors import NotFound
from app.models.tables import calendar_entry as entry
from app.models.tables import feed, person
from app.queries import feed_kinds
from app.queries.access import check_acts
from app.queries.entries import Desk, Fragment, busy_only, drawn_entries
from app.queries.feed_kinds import Seats
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, is_theirs, sees_the_house, sees_theirs
from app.vocabulary import EntryStatus, FeedKind, FeedPrivacy, Part, PersonStatus

_BACK, _AHEAD = timedelta(days=30), timedelta(days=365)


@dataclass(frozen=True, slots=True)
class FeedState:
    """One subscription as it stands: whose, how much it tells, and what tells this state from every other.

    `digest` differs whenever the bytes would. `changed_at` is not earlier than the last change; the start of the day
    is one, for the window moves then. None: things come and go in this feed without a change of their own. `people` are
    those of a team, `seats` those that are open.
    """

    id: str
    person_id: str
    kind: FeedKind
    team_id: str | None
    title: str
    time_zone: str
    privacy: FeedPrivacy
    last_fetched_at: datetime | None
    day: datetime
    digest: bytes
    changed_at: datetime | None
    people: tuple[str, ...] = ()
    seats: Seats = ()


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the subscriptions this actor may know of: their own, or all."""
    return true() if sees_the_house(actor) else feed.c.person_id == actor.person_id


def feed_by_id(db: DbSession, feed_id: str, *, actor: Actor) -> Any:
    """Return one subscription's row. Raises NotFound when absent or not for this actor."""
    return first_row(db, select(feed).where(feed.c.id == feed_id, visible(actor)))


def feed_for_update(db: DbSession, feed_id: str, *, actor: Actor) -> Any:
    """Return one subscription's row, locked. Raises NotFound when absent or not this actor's to change."""
    check_acts(actor)
    found = first_row(db, select(feed).where(feed.c.id == feed_id).with_for_update(key_share=True))
    if not is_theirs(actor, found.person_id):
        raise NotFound
    return found


def live_feed(db: DbSession, *, person_id: str, kind: FeedKind, team_id: str | None) -> str | None:
    """Return the id of the subscription of this kind, and to this team, that this person has; None: there is none."""
    same = feed.c.person_id == person_id, feed.c.kind == kind, feed.c.team_id.is_not_distinct_from(team_id)
    query = select(feed.c.id).where(*same, feed.c.revoked_at.is_(None))
    found: str | None = db.execute(query).scalar()
    return found


def live_feeds(db: DbSession, person_id: str, *, actor: Actor) -> list[Any]:
    """Return the subscriptions of somebody that stand, oldest first. Raises NotFound where they are not for this
    actor. One statement.
    """
    if not sees_theirs(actor, person_id):
        raise NotFound
    query = select(feed).where(feed.c.person_id == person_id, feed.c.revoked_at.is_(None))
    return list(db.execute(query.order_by(feed.c.created_at, feed.c.id)))


def list_feeds(db: DbSession, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of subscriptions that the actor may know of, oldest first. One statement."""
    column = feed.c.created_at
    query = select(feed).where(visible(actor))
    return fetch(db, query, page, Order(column, feed.c.id))


_REMEMBERED = and_(
    entry.c.ends_at > bindparam("from_at"),
    or_(entry.c.status != EntryStatus.CANCELLED, entry.c.changed_at >= bindparam("from_at")),
)
_SHOWN = and_(_REMEMBERED, entry.c.starts_at < bindparam("until_at"))
"""Which entries a feed shows: those that touch [from, until); a cancelled one stays 30 days."""


_TAKES_TIME = or_(entry.c.part != Part.HOST, entry.c.call_id.is_(None))
"""A host's entry of a call blocks no time: the call does."""


def _told(privacy: Any) -> ColumnElement[bool]:
    """Return the condition for the entries that somebody may hear of."""
    return or_(privacy == FeedPrivacy.FULL, _TAKES_TIME)


class _Moment(FunctionElement[Any]):
    """An instant as a number. What SQLAlchemy makes of EXTRACT on SQLite takes twice as long, for each entry."""

    inherit_cache = True


@compiles(_Moment, "sqlite")  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def _milliseconds(moment: _Moment, compiler: SQLCompiler, **given: Any) -> str:
    return f"CAST(julianday({compiler.process(moment.clauses, **given)}) * 86400000 AS INTEGER)"


@compiles(_Moment, "postgresql")  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def _epoch(moment: _Moment, compiler: SQLCompiler, **given: Any) -> str:
    return f"EXTRACT(epoch FROM {compiler.process(moment.clauses, **given)})"


_MARKS = select(
    cast(func.count(), String)
    .concat(" ")
    # With every change of any entry this grows by a second or more; the highest alone might stay.
    .concat(cast(func.sum(_Moment(entry.c.changed_at)), String))
    .concat(" ")
    .concat(cast(func.max(entry.c.changed_at), String))
).where(_REMEMBERED)
"""What tells the states of the same people's entries apart: how many, the sum of their moments, the last. NULL: none.

Those beyond the window count too: one that was just moved there is gone from the feed, and its moment alone tells it
to who asks by date.
"""
_OF_PEOPLE = and_(entry.c.person_id.in_(bindparam("people", expanding=True)), _TAKES_TIME)
_MARKS_OF_PEOPLE = _MARKS.where(_OF_PEOPLE)
_ENTRIES_OF_PEOPLE = select(entry.c.id).where(_OF_PEOPLE, _SHOWN)

_STATE = (
    select(
        feed.c.id,
        feed.c.person_id,
        cast(feed.c.kind, String),
        feed.c.team_id,
        cast(feed.c.privacy, String),
        cast(feed.c.last_fetched_at, String),
        cast(feed.c.updated_at, String),
        cast(person.c.updated_at, String),
        person.c.name,
        person.c.time_zone,
        _MARKS.where(feed.c.kind == FeedKind.PERSONAL, entry.c.person_id == feed.c.person_id, _told(feed.c.privacy))
        .correlate(feed)
        .scalar_subquery(),
    )
    .join(person, person.c.id == feed.c.person_id)
    .where(
        feed.c.secret_digest == bindparam("secret_digest"),
        feed.c.revoked_at.is_(None),
        person.c.status != PersonStatus.LEFT,
    )
)
"""Texts alone, which drivers hand over as they are: see `Lookout`."""

_OF_PERSON = and_(
    entry.c.person_id == bindparam("person_id"), _SHOWN, _told(bindparam("privacy", type_=feed.c.privacy.type))
)
_IN_ORDER = (entry.c.starts_at, entry.c.id)
_ENTRIES = select(entry).where(_OF_PERSON).order_by(*_IN_ORDER)
# Stored bytes need none of the instants of their row, which are most of the cost of reading it.
_STORED = select(entry.c.id, entry.c.renderer, entry.c.vevent).where(_OF_PERSON).order_by(*_IN_ORDER)


def feed_state(db: DbSession, *, secret: str, desk: Desk, now: datetime) -> FeedState:
    """Return the state of the subscription with this secret. Raises NotFound when there is none, it was revoked, or
    its person has left. One statement and one row, made of what is in the person's entries; of the other kinds
    a dozen at most.
    """
    day = _day(now)
    asked = {"secret_digest": credentials.digest(secret), "from_at": _oldest(day)}
    return in_full(db, _state(first_row(db, _STATE, asked), desk, day), now=now)


def in_full(db: DbSession, state: FeedState, *, now: datetime) -> FeedState:
    """Return the state with what other kinds than the personal show besides. Raises NotFound when that is not for this
    person any more.
    """
    if state.team_id is not None:
        name, people = feed_kinds.team(db, team_id=state.team_id, person_id=state.person_id)
        marks = db.execute(_MARKS_OF_PEOPLE, {"people": people, "from_at": _oldest(state.day)}).scalar()
        return replace(_told_apart(state, f"Earshot: {name}", (people, marks)), people=people)
    if state.kind is FeedKind.OPEN_SEATS:
        seats = feed_kinds.open_seats(db, person_id=state.person_id, now=now)
        by = [(id_, changed_at.isoformat()) for id_, changed_at in seats]
        return replace(_told_apart(state, "Earshot: open seats", by), seats=seats)
    return state


def _told_apart(state: FeedState, title: str, by: object) -> FeedState:
    digest = hashlib.sha256(repr((state.digest, title, by)).encode()).digest()
    return replace(state, title=title, digest=digest, changed_at=None)


class Lookout:
    """`feed_state` for those who ask all day: the same statement, written down once and given to the driver.

    What SQLAlchemy does around a statement costs twice what this one does (docs/benchmarks.md). Errors are the
    driver's own.
    """

    def __init__(self, engine: Engine, desk: Desk) -> None:
        compiled = _STATE.compile(dialect=engine.dialect)
        self._desk = desk
        self._engine = engine
        self._statement = str(compiled)
        self._places: Sequence[str] | None = getattr(compiled, "positiontup", None)
        self._constants = {name: str(value) for name, value in compiled.params.items()}
        self._instant = entry.c.ends_at.type.dialect_impl(engine.dialect).bind_processor(engine.dialect)

    def state(self, *, secret: str, now: datetime) -> FeedState | None:
        """Return the state of the subscription with this secret, for other kinds than the personal not yet `in_full`;
        None when there is none.
        """
        day = _day(now)
        from_at = self._instant(_oldest(day)) if self._instant else _oldest(day)
        given = {**self._constants, "secret_digest": credentials.digest(secret), "from_at": from_at}
        with glance(self._engine) as cursor:
            cursor.execute(self._statement, [given[name] for name in self._places] if self._places else given)
            found = cursor.fetchone()
        return _state(found, self._desk, day) if found else None


def _state(found: Sequence[Any], desk: Desk, day: datetime) -> FeedState:
    id_, person_id, kind, team_id, privacy, fetched_at, updated_at, person_updated_at, name, time_zone, marks = found
    # With the id, for bytes are kept under this digest: whose they are must be part of it.
    parts = (id_, marks, privacy, name, time_zone, day.isoformat(), desk.edition)
    changes = (updated_at, person_updated_at, *(marks.split(" ", 2)[2:] if marks else ()))
    return FeedState(
        id=id_,
        person_id=person_id,
        kind=FeedKind(kind),
        team_id=team_id,
        title=f"Earshot: {name}",
        time_zone=time_zone,
        privacy=FeedPrivacy(privacy),
        last_fetched_at=_instant(fetched_at) if fetched_at else None,
        day=day,
        digest=hashlib.sha256(repr(parts).encode()).digest(),
        changed_at=max(day, *map(_instant, changes)),
    )


def _instant(text: str) -> datetime:
    """Read an instant that was cast to text, which is in UTC on both databases."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def feed_fragments(db: DbSession, state: FeedState, *, desk: Desk) -> tuple[list[bytes], list[Fragment]]:
    """Return the VEVENTs that a feed shows, by start, and those that had to be drawn, worth keeping.

    One statement when all bytes are stored, four otherwise.
    """
    if state.kind is FeedKind.TEAM:
        entries = db.execute(_ENTRIES_OF_PEOPLE, {"people": state.people, **_window(state.day)}).scalars()
        return feed_kinds.team_vevents(db, entries, privacy=state.privacy, desk=desk), []
    if state.kind is FeedKind.OPEN_SEATS:
        return feed_kinds.open_seat_vevents(db, state.seats, desk=desk), []
    wanted = {"person_id": state.person_id, "privacy": state.privacy, **_window(state.day)}
    if state.privacy is FeedPrivacy.BUSY_ONLY:
        return busy_only(db, db.execute(_ENTRIES, wanted).all(), desk), []
    rows = db.execute(_STORED, wanted).all()
    fresh = {row.id for row in rows if row.vevent is None or row.renderer != desk.edition}
    drawn = {one.id: one.fragment() for one in drawn_entries(db, sorted(fresh), desk=desk)} if fresh else {}
    return [drawn[row.id].content if row.id in drawn else row.vevent for row in rows], list(drawn.values())


def _oldest(day: datetime) -> datetime:
    return day - _BACK


def _window(day: datetime) -> dict[str, datetime]:
    return {"from_at": _oldest(day), "until_at": day + _AHEAD}
