"""Give out calendar subscriptions, change their secret, take them back, and note who fetched them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, update

from app import credentials, ids
from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, Invalid
from app.models.tables import feed, team
from app.operations.changes import UnknownReference, check_version
from app.operations.entries import keep_fragments
from app.operations.events import tell
from app.queries import feeds, people
from app.queries.access import check_acts
from app.queries.entries import Desk, Fragment
from app.queries.feed_kinds import may_see_team
from app.rules.access import Actor, is_theirs
from app.vocabulary import FeedKind, FeedPrivacy

NOTED = timedelta(minutes=1)
"""How often a fetch is noted at most."""


class FeedExists(Conflict):
    """The person has a feed of this kind."""

    code = "feed_exists"
    title = "This person has a feed of this kind"


class FeedRevoked(Conflict):
    """The feed was taken back for good."""

    code = "feed_revoked"
    title = "This feed was revoked"


@dataclass(frozen=True, slots=True)
class Issued:
    """A subscription with the secret of its address, which nobody can see again."""

    feed: Any
    secret: str


def create_feed(
    db: DbSession,
    *,
    person_id: str,
    kind: FeedKind,
    privacy: FeedPrivacy,
    team_id: str | None = None,
    actor: Actor,
    now: datetime,
) -> Issued:
    """Make a subscription. Refused as `feed_exists` while the person has one of this kind, and to this team.

    Teams are for who is in them, manages somebody there, or is an admin. Locks the person.
    """
    if faults := _faults(kind, privacy, team_id):
        raise Invalid("See `errors`.", faults=faults)
    if not is_theirs(actor, person_id):
        check_acts(actor)
        raise Forbidden("You can subscribe only to your own calendar.")
    if person_id not in people.lock_people(db, [person_id]):
        raise UnknownReference(faults=(Fault("/person_id", "unknown", "There is no such person."),))
    if team_id is not None:
        if not _team_exists(db, team_id):
            raise UnknownReference(faults=(Fault("/team_id", "unknown", "There is no such team."),))
        if not may_see_team(db, team_id=team_id, person_id=person_id):
            raise Forbidden("A team's calendar is for who is in it and who manages them.")
    if feed_id := feeds.live_feed(db, person_id=person_id, kind=kind, team_id=team_id):
        raise FeedExists("Rotate it for a new address, or revoke it first.", extra={"feed_id": feed_id})
    secret, feed_id = ids.secret(), ids.new("feed", now)
    db.execute(
        insert(feed).values(
            id=feed_id,
            person_id=person_id,
            kind=kind,
            team_id=team_id,
            privacy=privacy,
            secret_digest=credentials.digest(secret),
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    tell(db, "feed.created", feed_id, version=1, actor=actor, now=now)
    return Issued(feeds.feed_by_id(db, feed_id, actor=actor), secret)


def rotate_feed(
    db: DbSession, *, feed_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Issued:
    """Give a subscription another secret; the old address is gone at once. Refused as `feed_revoked`. Locks it."""
    found = _locked(db, feed_id, expected_version, actor=actor)
    if found.revoked_at is not None:
        raise FeedRevoked("Create another one.")
    secret = ids.secret()
    _change(db, found, "feed.rotated", actor=actor, now=now, secret_digest=credentials.digest(secret))
    return Issued(feeds.feed_by_id(db, feed_id, actor=actor), secret)


def revoke_feed(
    db: DbSession, *, feed_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Take a subscription back for good and return it. Repeating it changes nothing. Locks it."""
    found = _locked(db, feed_id, expected_version, actor=actor)
    if found.revoked_at is None:
        _change(db, found, "feed.revoked", actor=actor, now=now, revoked_at=now)
    return feeds.feed_by_id(db, feed_id, actor=actor)


def note_fetch(
    db: DbSession, *, feed_id: str, by: str, fragments: Sequence[Fragment], desk: Desk, now: datetime
) -> None:
    """Note who fetched a subscription and when, and keep the bytes that were drawn for it. It is a read: no event, and
    no version, so that a polling client never makes its owner's changes stale.
    """
    unnoted = or_(feed.c.last_fetched_at.is_(None), feed.c.last_fetched_at <= now - NOTED)
    db.execute(update(feed).where(feed.c.id == feed_id, unnoted).values(last_fetched_at=now, last_fetched_by=by))
    keep_fragments(db, fragments, desk=desk)


def _faults(kind: FeedKind, privacy: FeedPrivacy, team_id: str | None) -> tuple[Fault, ...]:
    if kind is FeedKind.TEAM and team_id is None:
        return (Fault("/team_id", "required", "Say which team's calendar."),)
    if kind is not FeedKind.TEAM and team_id is not None:
        return (Fault("/team_id", "not_of_this_kind", "Only a team's calendar has a team."),)
    if kind is FeedKind.OPEN_SEATS and privacy is FeedPrivacy.BUSY_ONLY:
        return (Fault("/privacy", "not_of_this_kind", "Open seats take nobody's time: nothing is busy."),)
    return ()


def _team_exists(db: DbSession, team_id: str) -> bool:
    return db.execute(select(team.c.id).where(team.c.id == team_id)).first() is not None


def _locked(db: DbSession, feed_id: str, expected_version: int | None, *, actor: Actor) -> Any:
    found = feeds.feed_for_update(db, feed_id, actor=actor)
    check_version(found, expected_version)
    return found


def _change(db: DbSession, found: Any, act: str, *, actor: Actor, now: datetime, **values: Any) -> None:
    version = found.version + 1
    db.execute(update(feed).where(feed.c.id == found.id).values(version=version, updated_at=now, **values))
    tell(db, act, found.id, version=version, actor=actor, now=now)
