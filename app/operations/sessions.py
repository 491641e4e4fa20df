"""Plan sessions without a call: book, reschedule, cancel, undo that. On a call, that is its seat's.

Everybody who takes part is locked first, in the order of their ids, and their time is claimed, buffers included.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, Gone, Invalid
from app.models.tables import call, seat, session
from app.operations import invites, seats
from app.operations.changes import UnknownReference
from app.operations.claims import free_time
from app.operations.common_time import check_common_time, check_still_free, take_time, whose_turn
from app.operations.events import tell
from app.operations.past_sessions import check_loggable, is_over, log_on_call
from app.operations.refused import NotActive, Past, SeatOver
from app.operations.session_locks import Locked, lock_session, status_after
from app.operations.session_rows import NewSession, add_sessions, ask_anew, change_session
from app.queries import calls, people
from app.queries.access import check_acts
from app.rules.access import Actor, may_act_for
from app.rules.availability import Range
from app.rules.session_states import Act
from app.vocabulary import LIVE_SEATS, Part, PersonStatus, Response, SeatStatus, SessionKind, SessionStatus


class MovesWithCall(Conflict):
    """The session has the time of its call."""

    code = "moves_with_call"
    title = "A session on a call moves with its call"


class UndoOver(Gone):
    """The cancel has been told to people, or what it was about has changed."""

    code = "undo_over"
    title = "It is too late to undo this"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Somebody of these people, whoever's turn it is, takes part as this."""

    part: Part
    person_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A session without a call that somebody wants: who, when, and in whose wall time it is thought of."""

    kind: SessionKind
    people: Mapping[str, Part]
    starts_at: datetime
    ends_at: datetime
    time_zone: str | None = None
    """None: that of who plans it, or of the first who takes part."""
    one_of: OneOf | None = None

    @property
    def times(self) -> Range:
        """From when until when."""
        return self.starts_at, self.ends_at


def book_session(db: DbSession, *, plan: Plan, actor: Actor, now: datetime) -> str:
    """Plan a session and return its id; everybody is invited. Of `one_of`, whose turn it is among those who are free
    takes part. Refused by the rule of the first who can't, with the nearest times when all can.

    What has ended is logged as completed instead: it takes nobody's time and invites nobody. An admin plans for
    anybody, all others what they take part in. Locks everybody who takes part or might.
    """
    if plan.ends_at <= now:
        return _log(db, plan, actor=actor, now=now)
    rows = lock_plan(db, plan, actor=actor)
    those = dict(plan.people)
    if plan.one_of is not None:
        fixed = [rows[person_id] for person_id in those]
        check_common_time(db, fixed, plan.times, now=now)
        several = [rows[person_id] for person_id in plan.one_of.person_ids]
        those[whose_turn(db, several, fixed, plan.times, now=now).id] = plan.one_of.part
    ranges = check_common_time(db, [rows[person_id] for person_id in those], plan.times, now=now)
    made = _add(db, plan, those, SessionStatus.CONFIRMED, zone_of(plan, rows, actor), now=now)
    take_time(db, made.id, ranges, now=now)
    invites.session_joins(db, session_id=made.id, now=now)
    tell(db, "session.booked", made.id, version=1, actor=actor, now=now)
    session_id: str = made.id
    return session_id


def book_on_call(
    db: DbSession,
    *,
    kind: SessionKind,
    call_id: str,
    people: Mapping[str, Part],
    starts_at: datetime | None = None,
    duration_minutes: int | None = None,
    actor: Actor,
    now: datetime,
) -> str:
    """Take a seat on a call for the one observer among these people and return the id of its session. Refused when
    what is said besides is not true of the call. A call that is over is logged instead, unless it is a drop-in, whose
    minutes nobody counted. Locks as `seats.book_seat` does.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    minutes = (seen.ends_at - seen.starts_at) // timedelta(minutes=1)
    faults = [
        Fault(pointer, "not_its_calls", "is not that of the call: leave it out, or choose another call")
        for pointer, given, is_ in (
            ("/starts_at", starts_at, seen.starts_at),
            ("/duration_minutes", duration_minutes, minutes),
            ("/participants", next((who for who, part in people.items() if part is Part.HOST), None), seen.host_id),
        )
        if given not in (None, is_)
    ]
    if faults:
        raise Invalid("A session on a call has its times and its host.", faults=tuple(faults))
    (observer_id,) = (who for who, part in people.items() if part is Part.OBSERVER)
    if is_over(seen, now=now) and kind is not SessionKind.DROP_IN:
        return log_on_call(db, kind=kind, seen=seen, observer_id=observer_id, actor=actor, now=now)
    made = seats.book_seat(db, call_id=call_id, observer_id=observer_id, kind=kind, actor=actor, now=now)
    session_id: str = made.session_id
    return session_id


def reschedule_session(
    db: DbSession,
    *,
    session_id: str,
    starts_at: datetime,
    duration_minutes: int | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Move a session to another time, over its old one if need be, which is free at once. It keeps its UID; everybody
    is asked anew. Whoever takes part does it. To where it is already: nothing changes. Locks everybody in it.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if locked.of_seat:
        raise MovesWithCall("Reschedule the call, or release the seat.", extra={"call_id": locked.row.call_id})
    status_after(db, Act.RESCHEDULE, locked, now=now)
    _check_ahead(locked, now=now)
    length = locked.row.ends_at - locked.row.starts_at
    ends_at = starts_at + (length if duration_minutes is None else timedelta(minutes=duration_minutes))
    if (starts_at, ends_at) == locked.times:
        return
    _check_after_call(db, locked, starts_at)
    ranges = check_common_time(db, locked.people, (starts_at, ends_at), ignoring=[session_id], now=now)
    free_time(db, [session_id], now=now)
    take_time(db, session_id, ranges, now=now)
    ask_anew(db, [session_id])
    version = change_session(db, session_id, {"starts_at": starts_at, "ends_at": ends_at}, now=now)
    tell_calendars(db, locked.row, cancelled=False, now=now)
    tell(db, "session.moved", session_id, version=version, actor=actor, now=now)


def _check_after_call(db: DbSession, locked: Locked, starts_at: datetime) -> None:
    """Refuse to talk over what was not heard yet: a debrief comes after the session that it follows."""
    if locked.row.follows_id is None:
        return
    followed = db.execute(select(session.c.ends_at).where(session.c.id == locked.row.follows_id)).scalar_one()
    if starts_at < followed:
        fault = Fault("/starts_at", "before_call", "must not be before the end of the call that it is about")
        raise Invalid("A debrief comes after its call.", faults=(fault,))


def cancel_session(
    db: DbSession,
    *,
    session_id: str,
    note: str | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Cancel a session: everybody's time is free at once, and each of them is told once, with the note. Whoever takes
    part does it. On a call, this releases the seat, of which nobody is told in words: refused with a note. Repeating it
    changes nothing. Locks everybody in it, and the call.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if locked.status is SessionStatus.CANCELLED:
        return
    status_after(db, Act.CANCEL, locked, now=now)
    if locked.of_seat:
        check_no_note(note)
        seats.release_seat(db, seat_id=seat_of(db, session_id).id, actor=actor, now=now)
        return
    _check_ahead(locked, now=now)
    undo_until = None if locked.status is SessionStatus.REQUESTED else now + invites.UNDO
    cancel_locked(db, locked, undo_until=undo_until, note=note, actor=actor, now=now)


def check_no_note(note: str | None) -> None:
    """Refuse a note where there is nobody to read it."""
    if note:
        fault = Fault("/note", "not_on_calls", "goes to people who meet: give the seat back without one")
        raise Invalid("A seat is given back without a note.", faults=(fault,))


def cancel_locked(
    db: DbSession,
    locked: Locked,
    *,
    undo_until: datetime | None = None,
    note: str | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Cancel a locked session without a call that can be cancelled. What is only held is in no calendar. What nobody
    cancelled by hand can't be undone either: its reason is still there.
    """
    free_time(db, [locked.row.id], now=now)
    values = {"status": SessionStatus.CANCELLED, "undo_until": undo_until}
    version = change_session(db, locked.row.id, values, now=now)
    if locked.status is not SessionStatus.REQUESTED:
        tell_calendars(db, locked.row, cancelled=True, now=now)
    detail = {"note": note} if note else None
    tell(db, "session.cancelled", locked.row.id, version=version, actor=actor, now=now, detail=detail)


def undo_cancel(
    db: DbSession, *, session_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Put a session on again that somebody cancelled a moment ago, if all who had not declined are still free. Refused
    as `undo_over` once people may have been told, for what was held, or cancelled with others of its series, and for
    a debrief whose call goes on after it now, or with another host. A seat is booked again instead: it may be somebody
    else's by now, and then there is nothing to debrief.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    status = status_after(db, Act.UNDO_CANCEL, locked, now=now)
    if locked.row.undo_until is None or now >= locked.row.undo_until:
        raise UndoOver("Book it again.")
    _check_ahead(locked, now=now)
    _check_reason(db, locked)
    coming = {one.person_id for one in locked.participants if one.response is not Response.DECLINED}
    people = [row for row in locked.people if row.id in coming]
    ranges = check_still_free(db, people, locked.times, ignoring=[session_id], now=now)
    take_time(db, session_id, ranges, now=now)
    version = change_session(db, session_id, {"status": status}, now=now)
    tell_calendars(db, locked.row, cancelled=False, now=now)
    tell(db, "session.restored", session_id, version=version, actor=actor, now=now)


def lock_plan(db: DbSession, plan: Plan, *, actor: Actor) -> dict[str, Any]:
    """Lock everybody who takes part in what is planned, or might, and return their rows by id. Refused unless the
    actor may plan for them, and they are all there.
    """
    might = plan.one_of.person_ids if plan.one_of else ()
    if not any(may_act_for(actor, one) for one in plan.people):
        check_acts(actor)
        raise Forbidden("You plan only sessions in which you take part, or somebody who reports to you.")
    rows = people.lock_people(db, [*plan.people, *might])
    for pointer, several in (("/participants", list(plan.people)), ("/one_of/person_ids", might)):
        faults = [
            Fault(f"{pointer}/{number}", "unknown", "There is no such person.")
            for number, person_id in enumerate(several)
            if person_id not in rows
        ]
        if faults:
            raise UnknownReference(faults=tuple(faults))
    return rows


def zone_of(plan: Plan, rows: Mapping[str, Any], actor: Actor) -> str:
    """Return the zone in whose wall time a session is thought of: as asked for, else that of who plans it."""
    planner = next((one for one in plan.people if one == actor.person_id), next(iter(plan.people)))
    zone: str = plan.time_zone or rows[planner].time_zone
    return zone


def seat_of(db: DbSession, session_id: str) -> Any:
    """Return the seat that a session on a call belongs to."""
    return db.execute(select(seat).where(seat.c.session_id == session_id)).one()


def _log(db: DbSession, plan: Plan, *, actor: Actor, now: datetime) -> str:
    if plan.one_of is not None:
        fault = Fault("/one_of", "past", "says who will take part: name who did")
        raise Invalid("Who took part in what is over is known.", faults=(fault,))
    rows = lock_plan(db, plan, actor=actor)
    check_loggable(db, plan.people, plan.times, now=now)
    made = _add(db, plan, plan.people, SessionStatus.COMPLETED, zone_of(plan, rows, actor), now=now)
    tell(db, "session.completed", made.id, version=1, actor=actor, now=now)
    session_id: str = made.id
    return session_id


def _add(
    db: DbSession, plan: Plan, those: Mapping[str, Part], status: SessionStatus, time_zone: str, *, now: datetime
) -> Any:
    new = NewSession(
        kind=plan.kind,
        status=status,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        time_zone=time_zone,
        people=those,
    )
    (made,) = add_sessions(db, [new], now=now)
    return made


def _check_ahead(locked: Locked, *, now: datetime) -> None:
    if locked.row.ends_at <= now:
        raise Past("It is over: say what became of it, or book another.")


def _check_reason(db: DbSession, locked: Locked) -> None:
    """Refuse what nobody would plan now: with somebody who works here no longer, to debrief a seat given back, or
    before the end of a call that has moved meanwhile, or without its new host.
    """
    for one in locked.people:
        if one.status is not PersonStatus.ACTIVE:
            raise NotActive("Plan it with somebody else.", extra={"person_id": one.id})
    if locked.row.follows_id is not None:
        followed = seat_of(db, locked.row.follows_id)
        if followed.status not in (*LIVE_SEATS, SeatStatus.ATTENDED):
            raise SeatOver(f"It follows a seat that is {followed.status}.", extra={"seat_id": followed.id})
        heard = select(session.c.ends_at, call.c.host_id).join(call, call.c.id == session.c.call_id)
        ends_at, host_id = db.execute(heard.where(session.c.id == locked.row.follows_id)).one()
        if locked.row.starts_at < ends_at or host_id not in {one.person_id for one in locked.participants}:
            raise UndoOver("Its call has moved, or has another host by now. Plan it anew.")


def tell_calendars(db: DbSession, row: Any, *, cancelled: bool, now: datetime) -> None:
    """Bring the entries of a changed session in step with it. Those of a series are one for all its occurrences."""
    if row.series_id is not None:
        invites.series_changed(db, series_id=row.series_id, now=now)
        return
    sequence = invites.session_changed(db, session_id=row.id, cancelled=cancelled, now=now)
    db.execute(update(session).where(session.c.id == row.id).values(sequence=sequence))
