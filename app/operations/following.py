"""Seats go where their call goes: when it moves, is handed over, or will not happen; and when an observer leaves."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.models.tables import call as calls_table
from app.models.tables import seat, session
from app.operations import debriefs, invites, waitlist
from app.operations.capacity import lock_calls_where
from app.operations.claims import drop_expired, keep_until, move_claims
from app.operations.events import tell_many
from app.operations.seat_outcomes import give_back
from app.operations.seating import end_seats, last_moment
from app.operations.session_rows import ask_anew, change_session, give_to_host
from app.operations.settling import settle_freed, settle_waits_of
from app.queries import busy, calls, seats
from app.rules import floor
from app.rules.access import Actor
from app.rules.availability import Range
from app.rules.seating import overlap
from app.vocabulary import LIVE_SEATS, CallStatus, SeatStatus, SessionKind, SessionStatus

_TIMES = frozenset({"starts_at", "ends_at"})
_HOST = frozenset({"host_id"})
_WORDS = frozenset({"type", "meeting_url"})
"""What else an observer's invite says that they must hear of: what the call is, and the way in."""


def call_changed(db: DbSession, call_id: str, changed: Collection[str], *, actor: Actor, now: datetime) -> None:
    """Take the seats of a locked call along with what changed about it: its time, its host, and what invites say.

    Whoever is elsewhere at a new time, or hosts the call from now on, loses the seat, is told, and waits for the next
    one. Load limits throw nobody out who sits. Everybody on the call must be locked (`locks.lock_call_with_people`).
    """
    moved, rehosted, reworded = (not names.isdisjoint(changed) for names in (_TIMES, _HOST, _WORDS))
    if not (moved or rehosted or reworded):
        return
    call = calls.call_for_update(db, call_id)
    if rehosted:
        waitlist.end_own_wait(db, call, actor=actor, now=now)
    held = calls.live_seats(db, [call_id])
    if not held or not (moved or rehosted or call.ends_at > now):  # no mail about the words of a call that is over
        return
    claims = _claims(db, call, held, now=now) if moved else {}
    lost = _lost(db, call, held, claims, now=now)
    end_seats(db, call, lost, status=SeatStatus.RELEASED, actor=actor, now=now)
    waitlist.wait_again(db, call, lost, actor=actor, now=now)
    kept = calls.live_seats(db, [call_id])  # they may have other numbers now
    if rehosted:
        give_to_host(db, [one.session_id for one in kept], call.host_id)
    if moved or rehosted:
        debriefs.give_time_back(db, [one.session_id for one in kept], now=now)
    if moved:
        drop_expired(db, [one.observer_id for one in kept], now=now)
        move_claims(db, {(one.session_id, one.observer_id): claims[one.observer_id] for one in kept})
        settle_waits_of(db, [one.observer_id for one in kept], now=now)
    followed = [(one.session_id, _follow(db, call, one, now=now)) for one in kept]
    tell_many(db, "session.moved" if moved or rehosted else "session.changed", followed, actor=actor, now=now)
    if moved:
        on = floor.is_on(call, now=now)  # whoever dropped in listens on: nobody asks them whether they come
        ask_anew(db, [one.session_id for one in kept if not (on and one.kind is SessionKind.DROP_IN)])
        _wait_anew(db, call, kept, now=now)
    if moved or rehosted:
        _count_change(db, kept, now=now)
        tell_many(db, "seat.moved", [(s.id, s.version + 1) for s in kept], actor=actor, now=now)
        debriefs.follow_call(db, call, calls.live_seats(db, [call_id]), actor=actor, now=now)
    if moved or rehosted or ("type" in changed and call.account_id is None):  # else a host's entry names the account
        standing = sum(one.status is SeatStatus.CONFIRMED for one in kept)
        invites.host_entry_changed(db, call=call, observers=standing, now=now)


def call_over(db: DbSession, call: Any, *, actor: Actor, now: datetime) -> None:
    """Cancel the seats of a locked call that will not happen, and end the wait for it."""
    end_seats(db, call, calls.live_seats(db, [call.id]), status=SeatStatus.CANCELLED, actor=actor, now=now)
    waitlist.end_wait(db, call.id, actor=actor, now=now)


def release_seats_of(db: DbSession, *, observer_id: str, actor: Actor, now: datetime) -> None:
    """Release the seats of a locked observer on calls that are not over, and their places in line. Locks those calls,
    then their entries. Who waits is offered those seats by a job: they are not locked here.
    """
    mine = select(seat.c.call_id).where(seat.c.observer_id == observer_id, seat.c.status.in_(LIVE_SEATS))
    locked = lock_calls_where(db, calls_table.c.id.in_(mine) & (calls_table.c.ends_at > now))
    were_taken = {row.id: row.seats_taken for row in locked}
    invites.lock_entries(db, list(were_taken))
    for one in calls.live_seats(db, were_taken):
        if one.observer_id == observer_id:
            call = calls.call_for_update(db, one.call_id)
            give_back(db, call, [one], actor=actor, now=now)
    waitlist.leave_all(db, observer_id, actor=actor, now=now)
    settle_freed(db, were_taken, now=now)


def _claims(db: DbSession, call: Any, held: Sequence[Any], *, now: datetime) -> dict[str, Range]:
    """Return the time that the call takes each observer now, buffers included. Who dropped in may have been elsewhere
    before.
    """
    around = busy.buffers(db, [one.observer_id for one in held])
    claims = {who: (call.starts_at - before, call.ends_at + after) for who, (before, after) in around.items()}
    for one in held:
        begins, stops = claims[one.observer_id]
        if one.kind is SessionKind.DROP_IN and now < stops:
            claims[one.observer_id] = max(begins, now), stops
    return claims


def _lost(db: DbSession, call: Any, held: Sequence[Any], claims: dict[str, Range], *, now: datetime) -> list[Any]:
    """Return the seats whose observers can't sit any more. Where the time stays, nobody is elsewhere suddenly."""
    if not claims:
        return [one for one in held if one.observer_id == call.host_id]
    own = [one.session_id for one in held]
    own += [row.id for row in debriefs.following(db, own)]
    first, last = min(claim[0] for claim in claims.values()), max(claim[1] for claim in claims.values())
    taken = busy.taken(db, list(claims), first, last, now=now, ignoring=own)
    return [
        one
        for one in held
        if one.observer_id == call.host_id or overlap(taken[one.observer_id], *claims[one.observer_id])
    ]


def _follow(db: DbSession, call: Any, one: Any, *, now: datetime) -> int:
    """Bring the entry and the session of a seat in step with its call; return the version of that."""
    values = {"starts_at": call.starts_at, "ends_at": call.ends_at, "time_zone": call.host_time_zone}
    if one.status is SeatStatus.CONFIRMED:
        if call.status is CallStatus.SCHEDULED and call.starts_at > now:
            values["status"] = SessionStatus.CONFIRMED  # whoever listened already does so no longer
        values["sequence"] = invites.observer_entry_changed(
            db, session_id=one.session_id, times=call, cancelled=False, now=now
        )
    return change_session(db, one.session_id, values, now=now)


def _wait_anew(db: DbSession, call: Any, kept: Sequence[Any], *, now: datetime) -> None:
    """Let seats of a moved call that are only requested wait for their host up to its new last moment; what is held or
    offered waits as long as before, but no longer than that. It is part of the move: no version of its own.
    """
    requested = [one for one in kept if one.status is SeatStatus.REQUESTED]
    asked = seats.awaiting_host(db, [one.session_id for one in requested], now=now)
    for one in requested:
        until = last_moment(call) if one.session_id in asked else min(one.expires_at, last_moment(call))
        keep_until(db, one.session_id, until)
        db.execute(update(session).where(session.c.id == one.session_id).values(expires_at=until))


def _count_change(db: DbSession, kept: Sequence[Any], *, now: datetime) -> None:
    db.execute(
        update(seat).where(seat.c.id.in_([s.id for s in kept])).values(version=seat.c.version + 1, updated_at=now)
    )
