"""What people do about seats: take one, give it back, let somebody in or not. Lock, look, ask the rule, write.

The schema is the last line behind it: claims of one person never overlap, a seat number is taken once, no call has
more seats than its capacity (migration 0001).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, NotFound
from app.operations import debriefs, waitlist
from app.operations.changes import UnknownReference, check_version
from app.operations.claims import have_lapsed
from app.operations.locks import lock_call_with_people, lock_to_sit
from app.operations.refused import AlreadyBooked, MinNotice, Past, SeatOver, SeatsFull, problem, seat_refused
from app.operations.seat_outcomes import give_back
from app.operations.seating import AT_ONCE, Sitting, confirm_seat, end_seats, last_moment, take_seat
from app.queries import calls, seats
from app.queries.access import check_acts
from app.queries.house_rules import house_rules
from app.rules import floor, seating
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
    debrief_minutes: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Give the observer the lowest free seat and return it, and book a debrief after the call when one is asked for.
    Where the host approves every seat, both are `requested` first. Refused as `already_booked`, naming the seat, when
    they have one. Locks the observer and the host, then the call.
    """
    call, observer, held = lock_sitter(db, call_id=call_id, observer_id=observer_id, kind=kind, actor=actor, now=now)
    sitting = _sitting_on(call, kind, now=now)
    made = take_seat(db, call, observer, sitting, held=held, actor=actor, now=now)
    if debrief_minutes is not None:
        debriefs.book_debrief(db, call, made, debrief_minutes, expires_at=sitting.expires_at, actor=actor, now=now)
    if call.has_line:
        waitlist.taken_by_hand(db, call.id, observer_id, actor=actor, now=now)
    return made


def wait_if_full(db: DbSession, *, call_id: str, observer_id: str, actor: Actor, now: datetime) -> str | None:
    """Put the observer into the line for a call that is full and return the id of their place; None when there is a
    seat to book. Refused for whatever else would keep them off it. Locks as `book_seat` does.
    """
    call, _, _, why = _lock_and_ask(
        db, call_id=call_id, observer_id=observer_id, kind=SessionKind.SHADOW, actor=actor, now=now
    )
    if why is None:
        return None
    if why.code != SeatsFull.code:
        raise seat_refused(db, why, call, observer_id, now=now)
    return waitlist.join(db, call, observer_id, actor=actor, now=now)


def release_seat(
    db: DbSession, *, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Give a seat back and return it; whoever is next in line is offered it. The observer does it, the host, who leads
    one of them, or an admin. It is late within the house's window before the call, unless its host does it. While the
    call is on, whoever has listened has attended up to now. Repeating it changes nothing.
    """
    found, call = _lock_seat(db, seat_id, expected_version=expected_version, actor=actor, now=now)
    if not (may_act_for(actor, found.observer_id) or may_act_for(actor, found.host_id)):
        check_acts(actor)
        raise NotFound
    is_on = floor.is_on(call, now=now)
    if found.status is SeatStatus.RELEASED or (is_on and found.status is SeatStatus.ATTENDED):
        return found
    if found.status not in LIVE_SEATS:
        raise SeatOver(f"It is {found.status}.")
    if call.ends_at <= now and not is_on:
        raise Past("The call is over, and the seat with it.")
    soon = call.starts_at - now < timedelta(minutes=house_rules(db).late_cancel_minutes)
    own = [one for one in calls.live_seats(db, [call.id]) if one.id == seat_id]
    release_locked(db, call, own, late=soon and actor.person_id != call.host_id, actor=actor, now=now)
    return seats.seat_by_id(db, seat_id, actor=actor, now=now)


def release_locked(
    db: DbSession, call: Any, released: Sequence[Any], *, late: bool, actor: Actor, now: datetime
) -> None:
    """Release live seats of a call that is locked with everybody on it, and offer them to those who wait. Who has
    listened to it already has attended.
    """
    give_back(db, call, released, late=late, actor=actor, now=now)
    for one in released:
        waitlist.offer_over(db, one.id, actor=actor, now=now)
    waitlist.offer_freed(db, call.id, was_taken=call.seats_taken, actor=actor, now=now)


def approve_seat(
    db: DbSession, *, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Let somebody in who asked for a seat and return it. The host does it, who leads them, or an admin. Safe to
    repeat.
    """
    found, call = _lock_as_host(db, seat_id, expected_version=expected_version, actor=actor, now=now)
    if found.status is SeatStatus.CONFIRMED:
        return found
    _check_asked(db, found, now=now)
    if why := seating.closed(call, now=now, kind=found.kind):
        raise problem(why)
    own = next((one for one in calls.live_seats(db, [call.id]) if one.id == seat_id), None)
    if own is None or have_lapsed(db, own.session_id):
        raise NotRequested("The request has expired.")
    confirm_seat(db, call, own, actor=actor, now=now)
    return seats.seat_by_id(db, seat_id, actor=actor, now=now)


def decline_seat(
    db: DbSession, *, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Turn somebody down who asked for a seat and return it; whoever is next in line is offered it. Who had waited for
    it waits no longer: the host has said no. The host does it, who leads them, or an admin. Repeating it changes
    nothing.
    """
    found, call = _lock_as_host(db, seat_id, expected_version=expected_version, actor=actor, now=now)
    if found.status is SeatStatus.DECLINED:
        return found
    _check_asked(db, found, now=now)
    own = [one for one in calls.live_seats(db, [call.id]) if one.id == seat_id]
    end_seats(db, call, own, status=SeatStatus.DECLINED, actor=actor, now=now)
    waitlist.offer_freed(db, call.id, was_taken=call.seats_taken, actor=actor, now=now)
    return seats.seat_by_id(db, seat_id, actor=actor, now=now)


def lock_sitter(
    db: DbSession, *, call_id: str, observer_id: str, kind: SessionKind, actor: Actor, now: datetime
) -> tuple[Any, seating.Observer, Sequence[Any]]:
    """Lock an observer who may take a seat of this kind on a call, and the call; return its row, what is known of
    them, and its live seats. Refused when they may not. What nobody confirmed in time is in nobody's way, and goes to
    who waits for it.
    """
    call, observer, held, why = _lock_and_ask(
        db, call_id=call_id, observer_id=observer_id, kind=kind, actor=actor, now=now
    )
    if why is not None:
        raise seat_refused(db, why, call, observer_id, now=now)
    return call, observer, held


def _lock_and_ask(
    db: DbSession, *, call_id: str, observer_id: str, kind: SessionKind, actor: Actor, now: datetime
) -> tuple[Any, seating.Observer, Sequence[Any], seating.Refusal | None]:
    """Do what `lock_sitter` does, but return what the rule says."""
    seen = calls.call_in_sight(db, call_id, actor=actor)
    if not may_act_for(actor, observer_id):
        check_acts(actor)
        raise Forbidden("You can take a seat only for yourself and for who reports to you.")
    if seen.seats_taken and waitlist.is_overdue(db, call_id, now=now):
        waitlist.settle(db, call_id=call_id, also=[observer_id, seen.host_id], taking=1, now=now)
    rows, call = lock_to_sit(db, seen, observer_id)
    if observer_id not in rows:
        raise UnknownReference(faults=(Fault("/observer_id", "unknown", "There is no such person."),))
    held = calls.live_seats(db, [call.id])
    if mine := next((one for one in held if one.observer_id == observer_id), None):
        raise AlreadyBooked("Release that seat, or keep it.", extra={"seat_id": mine.id})
    observers, hosting = seats.facts(db, call, [rows[observer_id]], rows[call.host_id], now=now)
    observer = observers[observer_id]
    return call, observer, held, seating.refusal(call, observer, hosting, kind=kind, now=now)


def _sitting_on(call: Any, kind: SessionKind, *, now: datetime) -> Sitting:
    """Return how a seat on this call is taken: at once, or once its host approves."""
    if call.host_approval is SeatApproval.AUTO or kind is SessionKind.DROP_IN:
        return AT_ONCE if kind is SessionKind.SHADOW else Sitting(kind)
    return waiting(call, kind, ClaimKind.PENDING, last_moment(call), now=now)


def waiting(call: Any, kind: SessionKind, claim: ClaimKind, until: datetime, *, now: datetime) -> Sitting:
    """Return how a seat is taken that somebody must confirm in time. Refused as `min_notice` when no time is left."""
    expires_at = min(until, last_moment(call))
    if expires_at <= now:
        raise MinNotice("Nobody has the time to confirm it. Choose a later call.")
    return Sitting(kind, claim, expires_at)


def _lock_seat(
    db: DbSession, seat_id: str, *, expected_version: int | None, actor: Actor, now: datetime
) -> tuple[Any, Any]:
    found = seats.seat_by_id(db, seat_id, actor=actor, now=now)
    call = lock_call_with_people(db, found.call_id, also=[found.observer_id])
    found = seats.seat_by_id(db, seat_id, actor=actor, now=now)
    check_version(found, expected_version)
    return found, call


def _lock_as_host(
    db: DbSession, seat_id: str, *, expected_version: int | None, actor: Actor, now: datetime
) -> tuple[Any, Any]:
    found, call = _lock_seat(db, seat_id, expected_version=expected_version, actor=actor, now=now)
    if not may_act_for(actor, found.host_id):
        raise Forbidden("The host of the call decides, or who leads them.")
    return found, call


def _check_asked(db: DbSession, found: Any, *, now: datetime) -> None:
    if found.status is not SeatStatus.REQUESTED:
        raise NotRequested(f"It is {found.status}.")
    if not seats.awaiting_host(db, [found.session_id], now=now):
        raise NotRequested("It is held for its observer, or the request has expired.")
