"""What people do about seats: take one, give it back, let somebody in or not. Lock, look, ask the rule, write.

The schema is the last line behind it: claims of one person never overlap, a seat number is taken once, no call has
more seats than its capacity (migration 0001).
"""

from datetime import datetime, timedelta
from typing import Any

from app.db import DbSession
from app.errors import Conflict, Forbidden, Stale
from app.operations import waitlist
from app.operations.locks import lock_call_with_people, lock_to_sit
from app.operations.refused import AlreadyBooked, NotActive, Past, SeatOver, problem
from app.operations.seating import AT_ONCE, Sitting, confirm_seat, end_seats, take_seat
from app.queries import calls, seats
from app.queries.house_rules import house_rules
from app.rules import seating
from app.rules.access import Actor, may_act_for
from app.vocabulary import LIVE_SEATS, ClaimKind, SeatApproval, SeatStatus, SessionKind


class NotRequested(Conflict):
    """Nobody waits for an answer about this seat."""

    code = "not_requested"
    title = "Nobody waits for an answer about this seat"


def book_seat(
    db: DbSession,
    *,
    call_id: str,
    observer_id: str,
    kind: SessionKind = SessionKind.SHADOW,
    actor: Actor,
    now: datetime,
) -> Any:
    """Give the observer the lowest free seat and return it; where the host approves every seat, it is `requested`
    first. Refused as `already_booked`, naming the seat, when they have one. Locks the observer and the host, then the
    call.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_act_for(actor, observer_id):
        raise Forbidden("You can take a seat only for yourself.")
    rows, call = lock_to_sit(db, seen, observer_id)
    observer = check_sitter(db, call, rows, observer_id, kind=kind, now=now)
    sitting = sitting_on(call, kind)
    made = take_seat(db, call, observer, sitting, actor=actor, now=now)
    if sitting.expires_at is not None:
        waitlist.settle_at(db, call.id, sitting.expires_at, now=now)
    if call.has_line:
        waitlist.taken_by_hand(db, call.id, observer_id, actor=actor, now=now)
    return made


def wait_for_seat(db: DbSession, *, call_id: str, observer_id: str, actor: Actor, now: datetime) -> str:
    """Put the observer into the line for a call that is full and return the id of their place. Refused for whatever
    else would keep them off it. Locks as `book_seat` does.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_act_for(actor, observer_id):
        raise Forbidden("You can wait only for yourself.")
    rows, call = lock_to_sit(db, seen, observer_id)
    try:
        check_sitter(db, call, rows, observer_id, kind=SessionKind.SHADOW, now=now)
    except Conflict as refused:
        if refused.code != "seats_full":
            raise
    return waitlist.join(db, call, observer_id, actor=actor, now=now)


def release_seat(
    db: DbSession, *, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Give a seat back and return it; whoever is next in line is offered it. The observer does it, the host, or an
    admin. Repeating it changes nothing.
    """
    found, call = _lock_seat(db, seat_id, expected_version=expected_version, actor=actor)
    if found.status is SeatStatus.RELEASED:
        return found
    if found.status not in LIVE_SEATS:
        raise SeatOver(f"It is {found.status}.")
    if call.ends_at <= now:
        raise Past("The call is over, and the seat with it.")
    late = call.starts_at - now < timedelta(minutes=house_rules(db).late_cancel_minutes)
    own = [one for one in calls.live_seats(db, [call.id]) if one.id == seat_id]
    end_seats(db, call, own, status=SeatStatus.RELEASED, late=late, actor=actor, now=now)
    waitlist.offer_over(db, seat_id, actor=actor, now=now)
    waitlist.promote(db, call.id, actor=actor, now=now)
    return seats.seat_by_id(db, seat_id, actor=actor)


def approve_seat(
    db: DbSession, *, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Let somebody in who asked for a seat and return it. The host or an admin does it. Safe to repeat."""
    found, call = _lock_seat(db, seat_id, expected_version=expected_version, actor=actor)
    if found.status is SeatStatus.CONFIRMED:
        return found
    _check_asked(db, found, actor=actor, now=now)
    if why := seating.closed(call, now=now, kind=found.kind):
        raise problem(why)
    own = next(one for one in calls.live_seats(db, [call.id]) if one.id == seat_id)
    confirm_seat(db, call, own, actor=actor, now=now)
    return seats.seat_by_id(db, seat_id, actor=actor)


def decline_seat(
    db: DbSession, *, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Turn somebody down who asked for a seat and return it; whoever is next in line is offered it. The host or an
    admin does it. Repeating it changes nothing.
    """
    found, call = _lock_seat(db, seat_id, expected_version=expected_version, actor=actor)
    if found.status is SeatStatus.DECLINED:
        return found
    _check_asked(db, found, actor=actor, now=now)
    own = [one for one in calls.live_seats(db, [call.id]) if one.id == seat_id]
    end_seats(db, call, own, status=SeatStatus.DECLINED, actor=actor, now=now)
    waitlist.promote(db, call.id, actor=actor, now=now)
    return seats.seat_by_id(db, seat_id, actor=actor)


def check_sitter(
    db: DbSession, call: Any, rows: dict[str, Any], observer_id: str, *, kind: SessionKind, now: datetime
) -> seating.Observer:
    """Return what is known of a locked observer who may sit in on a locked call, or raise why they may not."""
    if observer_id not in rows:
        raise NotActive("There is no such person.")
    held = calls.live_seats(db, [call.id])
    if mine := next((one for one in held if one.observer_id == observer_id), None):
        raise AlreadyBooked("Release that seat, or keep it.", extra={"seat_id": mine.id})
    observers, hosting = seats.facts(db, call, [rows[observer_id]], rows[call.host_id], now=now)
    observer = observers[observer_id]
    if why := seating.refusal(call, observer, hosting, kind=kind, now=now):
        raise problem(why)
    return observer


def sitting_on(call: Any, kind: SessionKind) -> Sitting:
    """Return how a seat on this call is taken: at once, or once its host approves."""
    if call.host_approval is SeatApproval.AUTO or kind is SessionKind.DROP_IN:
        return AT_ONCE if kind is SessionKind.SHADOW else Sitting(kind)
    return Sitting(kind, ClaimKind.PENDING, waitlist.last_moment(call))


def _lock_seat(db: DbSession, seat_id: str, *, expected_version: int | None, actor: Actor) -> tuple[Any, Any]:
    found = seats.seat_by_id(db, seat_id, actor=actor)
    call = lock_call_with_people(db, found.call_id, also=[found.observer_id])
    found = seats.seat_by_id(db, seat_id, actor=actor)
    if expected_version not in (None, found.version):
        raise Stale("Read it again, then change it.")
    return found, call


def _check_asked(db: DbSession, found: Any, *, actor: Actor, now: datetime) -> None:
    if not may_act_for(actor, found.host_id):
        raise Forbidden("The host of the call decides.")
    if found.status is not SeatStatus.REQUESTED or not seats.awaits_host(db, found.session_id, now=now):
        raise NotRequested(f"It is {found.status}." if found.status is not SeatStatus.REQUESTED else "It is held.")
