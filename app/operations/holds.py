"""Keep a seat, or time that people have in common, for whoever has the token: for a few minutes, until it is booked.

A hold is a requested session that expires, with the claims that booking would make, and a seat when it is on a call. So
booking it changes rows in place: there is no gap in which anybody else could come between. The token is shown once; we
keep its digest. Past its expiry a hold is in nobody's way, whether or not its job has run.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select

from app import credentials, ids
from app.db import DbSession, one_at_a_time
from app.errors import Conflict, Forbidden, Gone, NotFound
from app.models.tables import hold, session
from app.operations import debriefs, invites, seats, waitlist
from app.operations.changes import check_version
from app.operations.claims import Claimed, claim_time, confirm_claims, drop_expired, free_time, have_lapsed
from app.operations.common_time import check_common_time
from app.operations.events import tell
from app.operations.locks import lock_call_with_people, lock_to_sit
from app.operations.refused import LimitReached, MinNotice, seat_refused
from app.operations.seating import end_seats, take_seat, take_up
from app.operations.session_rows import NewSession, add_sessions, change_session
from app.operations.sessions import Plan, lock_plan, zone_of
from app.operations.settling import settle_session_at
from app.queries import calls, people
from app.queries import seats as seat_queries
from app.queries.access import check_acts
from app.queries.house_rules import house_rules
from app.queries.sessions import parts_in
from app.rules import seating
from app.rules.access import SYSTEM, Actor, may_act_for, runs_the_house
from app.vocabulary import ClaimKind, SeatStatus, SessionKind, SessionStatus

MOST_HOLDS = 5
"""Of one credential at once."""


class HoldExpired(Gone):
    """The hold is over: it has expired, was used or given back, or never was."""

    code = "hold_expired"
    title = "The hold is over"


class HoldConflict(Conflict):
    """The token keeps something else than what is booked with it."""

    code = "hold_conflict"
    title = "The hold is for something else"


@dataclass(frozen=True, slots=True)
class Issued:
    """A hold with its token, which nobody can see again."""

    id: str
    token: str
    session_id: str
    expires_at: datetime


def hold_seat(
    db: DbSession, *, call_id: str, observer_id: str, kind: SessionKind, actor: Actor, now: datetime
) -> Issued:
    """Keep the lowest free seat of a call for an observer who may take it. Locks as `seats.book_seat` does."""
    _check_room(db, actor, now=now)
    call, observer, held = seats.lock_sitter(
        db, call_id=call_id, observer_id=observer_id, kind=kind, actor=actor, now=now
    )
    sitting = seats.waiting(call, kind, ClaimKind.HOLD, _until(db, now=now), now=now)
    made = take_seat(db, call, observer, sitting, held=held, actor=actor, now=now)
    return _issue(db, made.session_id, sitting.expires_at or now, actor=actor, now=now)


def hold_time(db: DbSession, *, plan: Plan, actor: Actor, now: datetime) -> Issued:
    """Keep time that everybody who would take part in a session without a call is free at. Refused as booking it would
    be. Locks them.
    """
    _check_room(db, actor, now=now)
    rows = lock_plan(db, plan, actor=actor)
    ranges = check_common_time(db, [rows[person_id] for person_id in plan.people], plan.times, now=now)
    notice = timedelta(minutes=house_rules(db).min_notice_minutes)
    expires_at = min(_until(db, now=now), plan.starts_at - notice)
    if expires_at <= now:
        raise MinNotice("Nobody has the time to confirm it. Choose a later time.")
    new = NewSession(
        kind=plan.kind,
        status=SessionStatus.REQUESTED,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        time_zone=zone_of(plan, rows, actor),
        people=plan.people,
        expires_at=expires_at,
    )
    (made,) = add_sessions(db, [new], now=now)
    drop_expired(db, ranges, now=now)
    held = [Claimed(who, made.id, range_, ClaimKind.HOLD, expires_at) for who, range_ in ranges.items()]
    claim_time(db, held, now=now)
    tell(db, "session.requested", made.id, version=1, actor=actor, now=now)
    settle_session_at(db, made.id, expires_at, now=now)
    return _issue(db, made.id, expires_at, actor=actor, now=now)


def book_held_seat(
    db: DbSession,
    *,
    token: str,
    call_id: str,
    observer_id: str,
    kind: SessionKind,
    debrief_minutes: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Book the seat that a token keeps and return it, `requested` where the host approves every seat. Refused as
    `hold_conflict` when it keeps another, as `hold_expired` once it is over. Locks as `seats.book_seat` does.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_act_for(actor, observer_id):
        check_acts(actor)
        raise Forbidden("You can take a seat only for yourself and for who reports to you.")
    _, call = lock_to_sit(db, seen, observer_id)
    held = _held(db, token, now=now)
    own = next((one for one in calls.live_seats(db, [call_id]) if one.session_id == held.session_id), None)
    if own is None or (own.observer_id, own.kind) != (observer_id, kind):
        raise HoldConflict("Book what it was made for, or book without it.")
    if why := seating.closed(call, now=now, kind=kind):
        raise seat_refused(db, why, call, observer_id, now=now)
    _used(db, held)
    until = take_up(db, call, own, actor=actor, now=now)
    if debrief_minutes is not None:
        debriefs.book_debrief(db, call, own, debrief_minutes, expires_at=until, actor=actor, now=now)
    if call.has_line:
        waitlist.taken_by_hand(db, call_id, observer_id, actor=actor, now=now)
    return seat_queries.seat_by_id(db, own.id, actor=actor, now=now)


def book_held_time(db: DbSession, *, token: str, plan: Plan, actor: Actor, now: datetime) -> str:
    """Book the session that a token keeps and return its id; everybody is invited. Refused as `hold_conflict` when it
    is another one, as `hold_expired` once it is over. Locks everybody who takes part.
    """
    lock_plan(db, plan, actor=actor)
    held = _held(db, token, now=now)
    row = db.execute(select(session).where(session.c.id == held.session_id)).one()
    kept = (row.kind, row.starts_at, row.ends_at, parts_in(db, row.id))
    if plan.one_of is not None or kept != (plan.kind, *plan.times, dict(plan.people)):
        raise HoldConflict("Book what it was made for, or book without it.")
    _used(db, held)
    confirm_claims(db, [row.id])
    values = {"status": SessionStatus.CONFIRMED, "expires_at": None}
    version = change_session(db, row.id, values, now=now)
    invites.session_joins(db, session_id=row.id, now=now)
    tell(db, "session.booked", row.id, version=version, actor=actor, now=now)
    session_id: str = row.id
    return session_id


def give_hold_back(
    db: DbSession, *, hold_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """End a hold before its time; a seat goes to whoever is next in line. Whoever made it does it, or an admin. Raises
    NotFound, and Stale: its version is that of its session, which moves with its call. Locks as booking it would.
    """
    query = select(hold.c.id, hold.c.session_id, hold.c.credential, session.c.call_id)
    found = db.execute(query.join(session, session.c.id == hold.c.session_id).where(hold.c.id == hold_id)).first()
    if found is None or not (runs_the_house(actor) or found.credential == actor.credential_id):
        raise NotFound
    call = None if found.call_id is None else lock_call_with_people(db, found.call_id)
    if call is None:
        people.lock_people(db, parts_in(db, found.session_id))
    if not _used(db, found):
        raise NotFound  # it was booked while this waited for the locks
    check_version(db.execute(select(session).where(session.c.id == found.session_id)).one(), expected_version)
    if call is None:
        _end(db, found.session_id, SessionStatus.CANCELLED, actor=actor, now=now)
    else:
        own = [one for one in calls.live_seats(db, [call.id]) if one.session_id == found.session_id]
        end_seats(db, call, own, status=SeatStatus.RELEASED, actor=actor, now=now)
        waitlist.offer_freed(db, call.id, was_taken=call.seats_taken, actor=actor, now=now)


def call_off(db: DbSession, *, session_id: str, actor: Actor, now: datetime) -> None:
    """End the session of a hold without a call, and the hold, unless somebody has booked it. Locks who is in it."""
    people.lock_people(db, parts_in(db, session_id))
    _end(db, session_id, SessionStatus.CANCELLED, actor=actor, now=now)
    db.execute(delete(hold).where(hold.c.session_id == session_id))


def settle(db: DbSession, *, session_id: str, now: datetime) -> None:
    """End the session of a hold without a call that nobody booked in time. Safe to repeat. Locks who is in it."""
    people.lock_people(db, parts_in(db, session_id))
    over = session.c.id == session_id, session.c.expires_at <= now
    if db.execute(select(session.c.id).where(*over)).first():
        _end(db, session_id, SessionStatus.EXPIRED, actor=SYSTEM, now=now)


def _check_room(db: DbSession, actor: Actor, *, now: datetime) -> None:
    """Refuse what would be more holds than one credential may have."""
    one_at_a_time(db, f"hold:{actor.credential_id}")
    held = select(func.count()).select_from(hold).join(session, session.c.id == hold.c.session_id)
    held = held.where(hold.c.credential == actor.credential_id, *_lasting(now))
    if db.execute(held).scalar_one() >= MOST_HOLDS:
        raise LimitReached(f"You hold {MOST_HOLDS} already. Book one of them, or give one back.")


def _until(db: DbSession, *, now: datetime) -> datetime:
    minutes: int = house_rules(db).hold_minutes
    return now + timedelta(minutes=minutes)


def _issue(db: DbSession, session_id: str, expires_at: datetime, *, actor: Actor, now: datetime) -> Issued:
    made = Issued(ids.new("hold", now), ids.secret(), session_id, expires_at)
    kept = {"token_digest": credentials.digest(made.token), "credential": actor.credential_id, "created_at": now}
    db.execute(insert(hold).values(id=made.id, session_id=session_id, **kept))
    return made


def _held(db: DbSession, token: str, *, now: datetime) -> Any:
    """Return the row of the hold that lasts and has this token. Read it under the locks of what it keeps."""
    query = select(hold).join(session, session.c.id == hold.c.session_id)
    found = db.execute(query.where(hold.c.token_digest == credentials.digest(token), *_lasting(now))).first()
    if found is None or have_lapsed(db, found.session_id):
        raise HoldExpired("Hold it again, or book without a hold.")
    return found


def _lasting(now: datetime) -> tuple[Any, Any]:
    return session.c.status == SessionStatus.REQUESTED, session.c.expires_at > now


def _used(db: DbSession, found: Any) -> bool:
    """Forget a hold: its token opens nothing any more. Return whether it was still there."""
    return db.execute(delete(hold).where(hold.c.id == found.id).returning(hold.c.id)).first() is not None


def _end(db: DbSession, session_id: str, status: SessionStatus, *, actor: Actor, now: datetime) -> None:
    """End a session without a call whose people are locked, if nobody has booked it meanwhile."""
    requested = session.c.id == session_id, session.c.status == SessionStatus.REQUESTED
    if db.execute(select(session.c.id).where(*requested)).first() is None:
        return
    free_time(db, [session_id], now=now)
    version = change_session(db, session_id, {"status": status}, now=now)
    tell(db, f"session.{status}", session_id, version=version, actor=actor, now=now)
