"""Give and take seats. One path for both engines: lock, look, ask the rule, write.

Whatever locks several rows does it in one order, each kind by id, so that no two transactions wait for each other:
first the names that upserts give (`external`), people, their tree, accounts, call types, calls, calendar entries.

The schema is the last line behind it: claims of one person never overlap, a seat number is taken once, no call has
more seats than its capacity (migration 0001).
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, select, update

from app import ids
from app.db import DbSession, Retryable
from app.errors import Conflict, Extra, Forbidden, Invalid, Problem, Stale
from app.models.tables import call as calls_table
from app.models.tables import claim, participant, seat, session
from app.operations import invites
from app.operations.capacity import capacity, hold_references, lock_calls_where, references, renumber
from app.operations.events import tell, tell_many
from app.operations.installation import installation_id
from app.queries import busy, calls, people, seats
from app.queries.rows import in_parts
from app.rules.access import Actor, may_act_for
from app.rules.seating import Refusal
from app.vocabulary import LIVE_SEATS, ClaimKind, Part, Response, SeatStatus, SessionKind, SessionStatus


class SeatsFull(Conflict):
    """Every seat is taken."""

    code = "seats_full"
    title = "Every seat on this call is taken"


class SlotTaken(Conflict):
    """The person is elsewhere at that time."""

    code = "slot_taken"
    title = "The person is taken at that time"


class NotJoinable(Conflict):
    """Nobody may sit in on this call."""

    code = "not_joinable"
    title = "Nobody sits in on this call"


class CallCancelled(Conflict):
    """The call will not happen."""

    code = "call_cancelled"
    title = "The call was cancelled"


class AlreadyBooked(Conflict):
    """The observer has a seat on this call."""

    code = "already_booked"
    title = "This observer has a seat on this call"


class SeatOver(Conflict):
    """The seat is no longer held."""

    code = "seat_over"
    title = "This seat is no longer held"


class Past(Invalid):
    """The call has started."""

    code = "past"
    title = "The call has started"


class MinNotice(Invalid):
    """The call starts too soon."""

    code = "min_notice"
    title = "The call starts too soon to take a seat"


class OutsideAvailability(Invalid):
    """The call lies outside working hours."""

    code = "outside_availability"
    title = "The call lies outside the observer's working hours"


class LimitReached(Invalid):
    """A load limit is reached."""

    code = "limit"
    title = "A load limit is reached"


class OwnCall(Invalid):
    """The observer hosts the call."""

    code = "own_call"
    title = "Nobody observes the call they host"


class NotActive(Invalid):
    """The observer is on leave or has left."""

    code = "not_active"
    title = "This person is on leave or has left"


REFUSALS: tuple[type[Problem], ...] = (
    SeatsFull, SlotTaken, NotJoinable, CallCancelled, Past, MinNotice, OutsideAvailability, LimitReached, OwnCall,
    NotActive,
)  # fmt: skip
_BY_CODE = {kind.code: kind for kind in REFUSALS}
_TIMES = frozenset({"starts_at", "ends_at"})
_HOST = frozenset({"host_id"})
_WORDS = frozenset({"type", "meeting_url"})
"""What else an observer's invite says that they must hear of: what the call is, and the way in."""


def book_seat(db: DbSession, *, call_id: str, observer_id: str, actor: Actor, now: datetime) -> Any:
    """Give the observer the lowest free seat and return it. Refused as `already_booked`, naming the seat, when they
    have one. Locks the observer and the host, then the call.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_act_for(actor, observer_id):
        raise Forbidden("You can take a seat only for yourself.")
    people_rows = people.lock_people(db, [observer_id, seen.host_id])
    call = calls.call_for_update(db, call_id)
    if call.host_id != seen.host_id:
        raise Retryable("the call got another host meanwhile")
    if observer_id not in people_rows:
        raise NotActive("There is no such person.")
    held = calls.live_seats(db, [call_id])
    if mine := next((s for s in held if s.observer_id == observer_id), None):
        raise AlreadyBooked("Release that seat, or keep it.", extra={"seat_id": mine.id})
    if why := seats.refusal(db, call, people_rows[observer_id], people_rows[call.host_id], now=now):
        raise _problem(why)
    return _take(db, call, observer_id, held=held, actor=actor, now=now)


def release_seat(
    db: DbSession, *, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Give a seat back and return it. The observer does it, the host, or an admin. Repeating it changes nothing."""
    found = seats.seat_by_id(db, seat_id, actor=actor)
    people.lock_people(db, [found.observer_id, found.host_id])
    call = calls.call_for_update(db, found.call_id)
    found = seats.seat_by_id(db, seat_id, actor=actor)
    if expected_version not in (None, found.version):
        raise Stale("Read it again, then release it.")
    if found.status is SeatStatus.RELEASED:
        return found
    if found.status not in (SeatStatus.CONFIRMED, SeatStatus.REQUESTED):
        raise SeatOver(f"It is {found.status}.")
    if call.ends_at <= now:
        raise Past("The call is over, and the seat with it.")
    invites.lock_entries(db, [call.id])
    _end(db, call, [found], status=SeatStatus.RELEASED, actor=actor, now=now)
    return seats.seat_by_id(db, seat_id, actor=actor)


def call_changed(db: DbSession, call_id: str, changed: Collection[str], *, actor: Actor, now: datetime) -> None:
    """Take the seats of a locked call along with what changed about it: its time, its host, and what invites say.

    Whoever is elsewhere at a new time, or hosts the call from now on, loses the seat and is told. Load limits throw
    nobody out who sits. Everybody on the call must be locked (`lock_call_with_people`).
    """
    moved, rehosted, reworded = (not names.isdisjoint(changed) for names in (_TIMES, _HOST, _WORDS))
    if not (moved or rehosted or reworded):
        return
    call = calls.call_for_update(db, call_id)
    held = calls.live_seats(db, [call_id])
    if not held or not (moved or rehosted or call.ends_at > now):  # no mail about the words of a call that is over
        return
    invites.lock_entries(db, [call.id])
    lost = _lost(db, call, held, moved=moved)
    _end(db, call, lost, status=SeatStatus.RELEASED, actor=actor, now=now)
    kept = calls.live_seats(db, [call_id])  # they may have other numbers now
    if rehosted:
        _give_to_host(db, call, kept)
    followed = [(one.session_id, _follow(db, call, one, now=now)) for one in kept]
    tell_many(db, "session.moved" if moved or rehosted else "session.changed", followed, actor=actor, now=now)
    if moved:
        _ask_again(db, kept)
    if moved or rehosted:
        _count_change(db, kept, now=now)
        tell_many(db, "seat.moved", [(s.id, s.version + 1) for s in kept], actor=actor, now=now)
    if moved or rehosted or ("type" in changed and call.account_id is None):  # else a host's entry names the account
        invites.host_entry_changed(db, call=call, observers=len(kept), now=now)


def call_over(db: DbSession, call: Any, *, actor: Actor, now: datetime) -> None:
    """Cancel the seats of a locked call that will not happen."""
    invites.lock_entries(db, [call.id])
    _end(db, call, calls.live_seats(db, [call.id]), status=SeatStatus.CANCELLED, actor=actor, now=now)


def release_seats_of(db: DbSession, *, observer_id: str, actor: Actor, now: datetime) -> None:
    """Release the seats of a locked observer on calls that are not over. Locks those calls, then their entries."""
    mine = select(seat.c.call_id).where(seat.c.observer_id == observer_id, seat.c.status.in_(LIVE_SEATS))
    call_ids = [row.id for row in lock_calls_where(db, calls_table.c.id.in_(mine) & (calls_table.c.ends_at > now))]
    invites.lock_entries(db, call_ids)
    for one in calls.live_seats(db, call_ids):
        if one.observer_id == observer_id:
            call = calls.call_for_update(db, one.call_id)
            _end(db, call, [one], status=SeatStatus.RELEASED, actor=actor, now=now)


def lock_calls(
    db: DbSession, call_ids: Iterable[str], *, also: Iterable[str] = (), account_ids: Iterable[str] = ()
) -> None:
    """Lock calls with all that changing them locks: those on them and `also`, what they take their seats from, the
    calls, their entries. Asks for another run when somebody came on between looking and locking.
    """
    wanted = sorted(set(call_ids))
    before = calls.people_on(db, wanted)
    for part in in_parts(sorted({who for _, who in before} | set(also))):
        people.lock_people(db, part)
    hold_references(db, account_ids)
    for part in in_parts(wanted):
        lock_calls_where(db, calls_table.c.id.in_(part))
    if not calls.people_on(db, wanted) <= before:
        raise Retryable("somebody came on a call meanwhile")
    invites.lock_entries(db, wanted)


def lock_call_with_people(
    db: DbSession, call_id: str, *, also: Iterable[str] = (), account_ids: Iterable[str] = ()
) -> Any:
    """Lock one call as `lock_calls` does and return its row."""
    lock_calls(db, [call_id], also=also, account_ids=account_ids)
    return calls.call_for_update(db, call_id)


def _problem(why: Refusal) -> Problem:
    extra: dict[str, Extra] = {"person_id": why.person_id} if why.person_id else {}
    if why.blocking:
        extra |= {"blocking_starts_at": why.blocking[0], "blocking_ends_at": why.blocking[1]}
    return _BY_CODE[why.code](why.detail, extra=extra)


def _take(db: DbSession, call: Any, observer_id: str, *, held: Sequence[Any], actor: Actor, now: datetime) -> Any:
    session_id, seat_id = ids.new("ses", now), ids.new("seat", now)
    used = {s.seat_no for s in held}
    times = {"starts_at": call.starts_at, "ends_at": call.ends_at}
    stamped = {"version": 1, "created_at": now, "updated_at": now}
    made_session = {
        "id": session_id,
        "uid": f"{session_id}@{installation_id(db)}",
        "kind": SessionKind.SHADOW,
        "status": SessionStatus.CONFIRMED,
        "call_id": call.id,
        "time_zone": call.host_time_zone,
        "sequence": 0,
        **times,
        **stamped,
    }
    made_seat = {
        "id": seat_id,
        "call_id": call.id,
        "observer_id": observer_id,
        "session_id": session_id,
        "kind": SessionKind.SHADOW,
        "status": SeatStatus.CONFIRMED,
        "seat_no": next(n for n in range(1, call.seat_capacity + 1) if n not in used),
        "capacity": call.seat_capacity,
        "late": False,
        **stamped,
    }
    db.execute(insert(session).values(**made_session))
    in_it = {"session_id": session_id, "response": Response.NEEDS_ACTION}
    db.execute(
        insert(participant),
        [
            {**in_it, "person_id": call.host_id, "part": Part.HOST},
            {**in_it, "person_id": observer_id, "part": Part.OBSERVER},
        ],
    )
    db.execute(
        insert(claim).values(
            id=ids.new("clm", now),
            person_id=observer_id,
            session_id=session_id,
            kind=ClaimKind.SESSION,
            active=True,
            **times,
        )
    )
    db.execute(insert(seat).values(**made_seat))
    _count(db, call, len(held) + 1, capacity=call.seat_capacity, actor=actor, now=now)
    invites.observer_joins(db, session=SimpleNamespace(**made_session), person_id=observer_id, now=now)
    invites.host_entry_changed(db, call=call, observers=len(held) + 1, now=now)
    tell(db, "seat.booked", seat_id, version=1, actor=actor, now=now)
    tell(db, "session.booked", session_id, version=1, actor=actor, now=now)
    return SimpleNamespace(**made_seat)


def _end(db: DbSession, call: Any, ended: Sequence[Any], *, status: SeatStatus, actor: Actor, now: datetime) -> None:
    if not ended:
        return
    gone = [s.session_id for s in ended]
    db.execute(update(claim).where(claim.c.session_id.in_(gone)).values(active=False))
    cancelled = [(one.session_id, _cancel(db, call, one, now=now)) for one in ended]
    tell_many(db, "session.cancelled", cancelled, actor=actor, now=now)
    db.execute(
        update(seat)
        .where(seat.c.id.in_([s.id for s in ended]))
        .values(status=status, version=seat.c.version + 1, updated_at=now)
    )
    tell_many(db, f"seat.{status}", [(s.id, s.version + 1) for s in ended], actor=actor, now=now)
    left = len(calls.live_seats(db, [call.id]))
    number = max(capacity(call._mapping, references(db, [call._mapping])), left)
    _count(db, call, left, capacity=number, actor=actor, now=now)
    if number != call.seat_capacity:  # a rule allows fewer than sat here: with each who goes, the call comes to fit
        renumber(db, {call.id: number}, actor=actor, now=now)
    invites.host_entry_changed(db, call=call, observers=left, now=now)


def _cancel(db: DbSession, call: Any, one: Any, *, now: datetime) -> int:
    """Cancel the session of a seat and its entry; return its version."""
    sequence = invites.observer_entry_changed(db, session_id=one.session_id, times=call, cancelled=True, now=now)
    return _session_changed(db, one, {"status": SessionStatus.CANCELLED, "sequence": sequence}, now=now)


def _lost(db: DbSession, call: Any, held: Sequence[Any], *, moved: bool) -> list[Any]:
    """Return the seats whose observers can't sit any more. Where the time stays, nobody is elsewhere suddenly."""
    observers, own = [s.observer_id for s in held], [s.session_id for s in held]
    in_the_way = busy.taken(db, observers, call.starts_at, call.ends_at, ignoring=own) if moved else {}
    return [s for s in held if in_the_way.get(s.observer_id) or s.observer_id == call.host_id]


def _follow(db: DbSession, call: Any, one: Any, *, now: datetime) -> int:
    """Bring the claim, the entry and the session of a seat in step with its call; return the version of that."""
    times = {"starts_at": call.starts_at, "ends_at": call.ends_at}
    db.execute(update(claim).where(claim.c.session_id == one.session_id, claim.c.active).values(**times))
    sequence = invites.observer_entry_changed(db, session_id=one.session_id, times=call, cancelled=False, now=now)
    return _session_changed(db, one, {"sequence": sequence, "time_zone": call.host_time_zone, **times}, now=now)


def _session_changed(db: DbSession, one: Any, values: dict[str, Any], *, now: datetime) -> int:
    version: int = db.execute(
        update(session)
        .where(session.c.id == one.session_id)
        .values(**values, version=session.c.version + 1, updated_at=now)
        .returning(session.c.version)
    ).scalar_one()
    return version


def _give_to_host(db: DbSession, call: Any, kept: Sequence[Any]) -> None:
    """Make the call's host the host of these sessions, who has answered none of them yet."""
    db.execute(
        update(participant)
        .where(participant.c.session_id.in_([s.session_id for s in kept]), participant.c.part == Part.HOST)
        .values(person_id=call.host_id, response=Response.NEEDS_ACTION)
    )


def _ask_again(db: DbSession, kept: Sequence[Any]) -> None:
    """Forget what people answered: a new time is a new question (RFC 5546 section 3.2.2.1)."""
    db.execute(
        update(participant)
        .where(participant.c.session_id.in_([s.session_id for s in kept]))
        .values(response=Response.NEEDS_ACTION)
    )


def _count_change(db: DbSession, kept: Sequence[Any], *, now: datetime) -> None:
    db.execute(
        update(seat).where(seat.c.id.in_([s.id for s in kept])).values(version=seat.c.version + 1, updated_at=now)
    )


def _count(db: DbSession, call: Any, taken: int, *, capacity: int, actor: Actor, now: datetime) -> None:
    version = db.execute(
        update(calls_table)
        .where(calls_table.c.id == call.id)
        .values(seats_taken=taken, seat_capacity=capacity, version=calls_table.c.version + 1, updated_at=now)
        .returning(calls_table.c.version)
    ).scalar_one()
    tell(db, "call.seats_changed", call.id, version=version, actor=actor, now=now)
