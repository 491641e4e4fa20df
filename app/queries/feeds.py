"""Read calendar subscriptions: who may see that they exist, what state they are in, and what they show."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, extract, func, or_, select, true

from app import credentials
from app.db import DbSession
from app.errors import NotFound
from app.models.tables import calendar_entry as entry
from app.models.tables import feed, person
from app.queries.entries import Desk, Fragment, busy_only, drawn_entries
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.rules.access import Actor, runs_the_house
from app.vocabulary import EntryStatus, FeedKind, FeedPrivacy, Part, PersonStatus

_BACK, _AHEAD = timedelta(days=30), timedelta(days=365)


@dataclass(frozen=True, slots=True)
class FeedState:
    """One subscription as it stands: whose, how much it tells, and what tells this state from every other.

    `digest` differs whenever the bytes would. `changed_at` is not earlier than the last change; the start of the day
    is one, for the window moves then.
    """

    id: str
    person_id: str
    person_name: str
    time_zone: str
    privacy: FeedPrivacy
    last_fetched_at: datetime | None
    day: datetime
    digest: bytes
    changed_at: datetime


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the subscriptions this actor may know of: their own."""
    return true() if runs_the_house(actor) else feed.c.person_id == actor.person_id


def feed_by_id(db: DbSession, feed_id: str, *, actor: Actor) -> Any:
    """Return one subscription's row. Raises NotFound when absent or not for this actor."""
    return _first(db, select(feed).where(feed.c.id == feed_id, visible(actor)))


def feed_for_update(db: DbSession, feed_id: str, *, actor: Actor) -> Any:
    """Return one subscription's row, locked. Raises NotFound when absent or not for this actor."""
    query = select(feed).where(feed.c.id == feed_id, visible(actor))
    return _first(db, query.with_for_update(key_share=True))


def live_feed(db: DbSession, *, person_id: str, kind: FeedKind) -> str | None:
    """Return the id of the subscription of this kind that this person has; None when there is none."""
    query = select(feed.c.id).where(feed.c.person_id == person_id, feed.c.kind == kind, feed.c.revoked_at.is_(None))
    found: str | None = db.execute(query).scalar()
    return found


def list_feeds(db: DbSession, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of subscriptions that the actor may know of, oldest first. One statement."""
    column = feed.c.created_at
    query = select(feed).where(visible(actor))
    return fetch(db, query, page, Order(column, feed.c.id))


_SHOWN = and_(
    entry.c.ends_at > bindparam("from_at"),
    entry.c.starts_at < bindparam("until_at"),
    or_(entry.c.status != EntryStatus.CANCELLED, entry.c.changed_at >= bindparam("from_at")),
)
"""Which entries a feed shows: those that touch [from, until); a cancelled one stays 30 days."""


def _told(privacy: Any) -> ColumnElement[bool]:
    """Return the condition for the entries that somebody may hear of. A host's entry of a call blocks no time."""
    return or_(privacy == FeedPrivacy.FULL, entry.c.part != Part.HOST, entry.c.call_id.is_(None))


_STATE = (
    select(
        feed.c.id,
        feed.c.person_id,
        feed.c.privacy,
        feed.c.last_fetched_at,
        feed.c.updated_at,
        person.c.name,
        person.c.time_zone,
        person.c.updated_at.label("person_updated_at"),
        func.count(entry.c.id).label("entries"),
        # With every change of any entry this grows by a second or more; the highest alone might stay.
        func.sum(extract("epoch", entry.c.changed_at)).label("moments"),
        func.max(entry.c.changed_at).label("entries_changed_at"),
    )
    .join(person, person.c.id == feed.c.person_id)
    .outerjoin(entry, and_(entry.c.person_id == feed.c.person_id, _SHOWN, _told(feed.c.privacy)))
    .where(
        feed.c.secret_digest == bindparam("secret_digest"),
        feed.c.revoked_at.is_(None),
        person.c.status != PersonStatus.LEFT,
    )
    .group_by(feed.c.id, person.c.id)
)

_OF_PERSON = and_(
    entry.c.person_id == bindparam("person_id"), _SHOWN, _told(bindparam("privacy", type_=feed.c.privacy.type))
)
_IN_ORDER = (entry.c.starts_at, entry.c.id)
_ENTRIES = select(entry).where(_OF_PERSON).order_by(*_IN_ORDER)
# Stored bytes need none of the instants of their row, which are most of the cost of reading it.
_STORED = select(entry.c.id, entry.c.renderer, entry.c.vevent).where(_OF_PERSON).order_by(*_IN_ORDER)


def feed_state(db: DbSession, *, secret: str, desk: Desk, now: datetime) -> FeedState:
    """Return the state of the subscription with this secret. Raises NotFound when there is none, it was revoked, or
    its person has left. One statement, an aggregate over the person's entries.
    """
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = _first(db, _STATE, {"secret_digest": credentials.digest(secret), **_window(day)})
    parts = (found.entries, found.moments, found.privacy, found.name, found.time_zone, day, desk.edition)
    instants = (day, found.updated_at, found.person_updated_at, found.entries_changed_at)
    return FeedState(
        id=found.id,
        person_id=found.person_id,
        person_name=found.name,
        time_zone=found.time_zone,
        privacy=found.privacy,
        last_fetched_at=found.last_fetched_at,
        day=day,
        digest=hashlib.sha256(repr([str(part) for part in parts]).encode()).digest(),
        changed_at=max(instant for instant in instants if instant is not None),
    )


def feed_fragments(db: DbSession, state: FeedState, *, desk: Desk) -> tuple[list[bytes], list[Fragment]]:
    """Return the VEVENTs that a feed shows, by start, and those that had to be drawn, worth keeping.

    One statement when all bytes are stored, four otherwise.
    """
    wanted = {"person_id": state.person_id, "privacy": state.privacy, **_window(state.day)}
    if state.privacy is FeedPrivacy.BUSY_ONLY:
        return busy_only(db, db.execute(_ENTRIES, wanted).all(), desk), []
    rows = db.execute(_STORED, wanted).all()
    fresh = {row.id for row in rows if row.vevent is None or row.renderer != desk.edition}
    drawn = {one.id: one.fragment() for one in drawn_entries(db, sorted(fresh), desk=desk)} if fresh else {}
    return [drawn[row.id].content if row.id in drawn else row.vevent for row in rows], list(drawn.values())


def _first(db: DbSession, query: Select[Any], parameters: dict[str, Any] | None = None) -> Any:
    found = db.execute(query, parameters).first()
    if found is None:
        raise NotFound
    return found


def _window(day: datetime) -> dict[str, datetime]:
    return {"from_at": day - _BACK, "until_at": day + _AHEAD}
