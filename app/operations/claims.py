"""Take people's time and give it back. A claim's range holds the buffers of its person; whoever claims has locked them.

Past its expiry a claim blocks nobody (`queries/busy.taken`), but the schema, which knows no clock, still counts it:
so every claim is preceded by `drop_expired`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, insert, or_, select, update

from app import ids
from app.db import DbSession
from app.models.tables import claim, participant, session
from app.operations.settling import settle_waits_of
from app.queries.rows import is_so
from app.rules.availability import Range
from app.vocabulary import ClaimKind, Part, SessionStatus


@dataclass(frozen=True, slots=True)
class Claimed:
    """Time of one person for one session, their buffers included."""

    person_id: str
    session_id: str
    range: Range
    kind: ClaimKind = ClaimKind.SESSION
    expires_at: datetime | None = None


_DROP_EXPIRED = (
    update(claim)
    .where(
        claim.c.person_id.in_(bindparam("who", expanding=True)),
        is_so(claim.c.active),
        claim.c.expires_at <= bindparam("now"),
    )
    .values(active=False)
)


def drop_expired(db: DbSession, person_ids: Collection[str], *, now: datetime) -> None:
    """End the claims of these locked people that nobody confirmed in time. One statement."""
    db.execute(_DROP_EXPIRED, {"who": sorted(person_ids), "now": now})


def claim_time(db: DbSession, wanted: Sequence[Claimed], *, now: datetime) -> None:
    """Claim the time of locked people in one statement. The schema refuses what overlaps, as `slot_taken`."""
    rows = [
        {
            "id": ids.new("clm", now),
            "person_id": one.person_id,
            "session_id": one.session_id,
            "kind": one.kind,
            "starts_at": one.range[0],
            "ends_at": one.range[1],
            "active": True,
            "expires_at": one.expires_at,
        }
        for one in wanted
    ]
    if rows:
        db.execute(insert(claim), rows)


_LAPSED = (
    select(session.c.id)
    .join(participant, participant.c.session_id == session.c.id)
    .where(
        session.c.status == SessionStatus.REQUESTED,
        or_(session.c.id == bindparam("session_id"), session.c.follows_id == bindparam("session_id")),
        or_(session.c.call_id.is_(None), participant.c.part != Part.HOST),  # a call takes its host's time by itself
        ~exists().where(
            and_(
                claim.c.session_id == session.c.id,
                claim.c.person_id == participant.c.person_id,
                claim.c.active,
            )
        ),
    )
    .limit(1)
)


def have_lapsed(db: DbSession, session_id: str) -> bool:
    """Whether anybody's time for a requested session, or for the debrief that follows it, is gone. Ask before it is
    confirmed, its people locked: a request that waited for them judges expiry by its own, older `now`, and somebody
    else may have dropped the claims meanwhile and booked that time. One statement.
    """
    return db.execute(_LAPSED, {"session_id": session_id}).first() is not None


def confirm_claims(db: DbSession, session_ids: Iterable[str]) -> None:
    """Make holds, offers and requests stand that have not lapsed (`have_lapsed`), without a gap in which anybody else
    could claim the time.
    """
    still_there = claim.c.session_id.in_(list(session_ids)) & claim.c.active
    db.execute(update(claim).where(still_there).values(kind=ClaimKind.SESSION, expires_at=None))


def wait_for_host(db: DbSession, session_id: str, *, expires_at: datetime) -> None:
    """Turn a hold that has not lapsed into a request that lasts until then, without a gap."""
    still_there = (claim.c.session_id == session_id) & claim.c.active
    db.execute(update(claim).where(still_there).values(kind=ClaimKind.PENDING, expires_at=expires_at))


def keep_until(db: DbSession, session_id: str, expires_at: datetime) -> None:
    """Let a hold, an offer or a request last until then instead."""
    still_there = (claim.c.session_id == session_id) & claim.c.active
    db.execute(update(claim).where(still_there).values(expires_at=expires_at))


def free_time(db: DbSession, session_ids: Iterable[str], *, now: datetime) -> None:
    """Give back the time of these sessions. A seat that somebody was passed over for is offered to them by a job."""
    theirs = claim.c.session_id.in_(list(session_ids)), claim.c.active
    freed = db.execute(update(claim).where(*theirs).values(active=False).returning(claim.c.person_id)).scalars()
    settle_waits_of(db, freed, now=now)


def move_claims(db: DbSession, moved: Mapping[tuple[str, str], Range]) -> None:
    """Move the active claims of (session, person) to other times. One after the other: each may lie where the one
    before it was, so give the time of all back first where several swap places.
    """
    rows: list[dict[str, Any]] = [
        {"of_session": session_id, "of_person": person_id, "begins": begins, "stops": stops}
        for (session_id, person_id), (begins, stops) in sorted(moved.items())
    ]
    if rows:
        db.connection().execute(
            update(claim)
            .where(claim.c.session_id == bindparam("of_session"), claim.c.person_id == bindparam("of_person"))
            .where(claim.c.active)
            .values(starts_at=bindparam("begins"), ends_at=bindparam("stops")),
            rows,
        )
