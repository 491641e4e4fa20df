"""What becomes of a call: it starts, it ends, or the prospect does not come. Its seats and their sessions go along.

Starting and missing a call ask no clock: a CRM hears late of a call that was brought forward, and who is on the line
knows best. Of what nobody says anything, the clock does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import Forbidden
from app.models.tables import seat, session
from app.operations import debriefs, waitlist
from app.operations.calls import CallOver, was_heard
from app.operations.changes import check_version
from app.operations.events import tell_many
from app.operations.hands import lower_hands
from app.operations.locks import lock_call_with_people
from app.operations.refused import NotStarted
from app.operations.seat_outcomes import change_call, close_seats, hear_anew, heard
from app.operations.seating import end_seats
from app.operations.session_rows import change_session
from app.queries import calls, joinable
from app.rules import floor, seating
from app.rules.access import SYSTEM, Actor, may_act_for
from app.vocabulary import CALL_KINDS, CallStatus, Door, SeatStatus, SessionKind, SessionStatus


def start_call(
    db: DbSession, *, call_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Say that a call is under way, and with it the sessions of those who sit in; its door is then as its host likes
    it. The host does it, or an admin. Of one that began by the clock this says that it really did, now: who dropped in
    before has heard nothing until then. Repeating it changes nothing.
    """
    call = _lock(db, call_id, expected_version=expected_version, actor=actor)
    _check(call, CallStatus.SCHEDULED, CallStatus.LIVE)
    say_when(db, call, began_at=now, ended_at=None, actor=actor, now=now)


def end_call(db: DbSession, *, call_id: str, expected_version: int | None = None, actor: Actor, now: datetime) -> None:
    """Say that a call is over: who sat in has attended, but for those who were marked as no-show before. The host does
    it, or an admin. One that should be under way may end without anybody having said that it started: else refused as
    `not_started`. Repeating it changes nothing.
    """
    call = _lock(db, call_id, expected_version=expected_version, actor=actor)
    if call.status is CallStatus.ENDED:
        return
    _check_begun(call, now=now)
    _end(db, call, now, actor=actor, now=now)


def miss_call(
    db: DbSession, *, call_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Mapping[str, list[Any]]:
    """Say that the prospect did not come. Whoever sat in is credited with an attempt, which counts for no step of a
    path, and there is nothing to debrief. Returns for each of them up to three calls of the same type that they could
    join instead. Refused as `call_over` when somebody has heard it; that it ended by the clock says nothing of the
    kind. The host does it, or an admin. Repeating it changes nothing, and finds calls anew.
    """
    call = _lock(db, call_id, expected_version=expected_version, actor=actor)
    if call.status is not CallStatus.NO_SHOW:
        credited = _credited_by_clock(db, call)
        if call.status is not CallStatus.ENDED or call.ended_at is not None:
            _check_begun(call, now=now)
        if was_heard(db, call_id, but=[one.id for one in credited]):
            raise CallOver("Somebody has heard it.")
        over = {"status": CallStatus.NO_SHOW, "door": Door.CLOSED}
        change_call(db, call_id, over, "call.no_show", actor=actor, now=now)
        sessions = [one.session_id for one in (*credited, *calls.live_seats(db, [call_id]))]
        close_seats(db, call, credited, SeatStatus.ATTEMPTED, SessionStatus.NO_SHOW, left_at=now, actor=actor, now=now)
        _close(db, call, SeatStatus.ATTEMPTED, SessionStatus.NO_SHOW, left_at=now, actor=actor, now=now)
        debriefs.cancel_debriefs(db, sessions, actor=actor, now=now)
    attempted = select(seat.c.observer_id).where(seat.c.call_id == call_id, seat.c.status == SeatStatus.ATTEMPTED)
    return {
        observer_id: joinable.next_calls(db, observer_id=observer_id, type=call.type, now=now)
        for observer_id in db.execute(attempted.order_by(seat.c.seat_no, seat.c.id)).scalars()
    }


def follow_clock(db: DbSession, *, call_id: str, now: datetime) -> None:
    """Begin or end a call whose time has come, unless somebody has meanwhile. Safe to repeat. Locks everybody on the
    call, then the call.
    """
    call = lock_call_with_people(db, call_id)
    if call.status is CallStatus.SCHEDULED and floor.is_on(call, now=now):
        begin_by_clock(db, call, now=now)
    elif call.status in (CallStatus.SCHEDULED, CallStatus.LIVE) and floor.ends_by_clock(call) <= now:
        _end(db, call, None, actor=SYSTEM, now=now)


def say_when(
    db: DbSession, call: Any, *, began_at: datetime | None, ended_at: datetime | None, actor: Actor, now: datetime
) -> None:
    """Say when a call that takes place, and is locked with everybody on it, began and ended, as far as that is known.
    What was said before stays; where only the clock spoke, this counts, also of the minutes of who dropped in
    meanwhile. So any order and repetition of what is said of a call leaves it the same. It ends no earlier than it
    began, though two clocks said so.
    """
    began_at, ended_at = call.began_at or began_at, call.ended_at or ended_at
    if began_at is not None and ended_at is not None:
        ended_at = max(began_at, ended_at)
    if (call.began_at, call.ended_at) == (began_at, ended_at):
        return
    if call.status is CallStatus.SCHEDULED and began_at is not None:
        _begin(db, call, began_at, actor=actor, now=now)
        call = calls.call_for_update(db, call.id)
    is_over = call.status is CallStatus.ENDED
    said = {"began_at": began_at, "ended_at": ended_at if is_over else None}
    if news := {name: at for name, at in said.items() if at is not None and getattr(call, name) != at}:
        change_call(db, call.id, news, "call.changed", actor=actor, now=now)
        call = calls.call_for_update(db, call.id)
    if ended_at is not None and not is_over:
        _end(db, call, ended_at, actor=actor, now=now)
        call = calls.call_for_update(db, call.id)
    hear_anew(db, call, actor=actor, now=now)


def begin_by_clock(db: DbSession, call: Any, *, now: datetime) -> None:
    """Begin a call that is locked with everybody on it, as its time has come and nobody said anything."""
    _begin(db, call, None, actor=SYSTEM, now=now)


def _begin(db: DbSession, call: Any, began_at: datetime | None, *, actor: Actor, now: datetime) -> None:
    begun: dict[str, Any] = {"status": CallStatus.LIVE, "began_at": began_at, "door": Door.CLOSED}
    change_call(db, call.id, begun, "call.started", actor=actor, now=now)
    confirmed = select(session.c.id).where(session.c.call_id == call.id, session.c.status == SessionStatus.CONFIRMED)
    confirmed = confirmed.where(session.c.kind.in_(CALL_KINDS)).order_by(session.c.id)
    under_way = {"status": SessionStatus.IN_PROGRESS}
    going = [(one, change_session(db, one, under_way, now=now)) for one in db.execute(confirmed).scalars()]
    tell_many(db, "session.started", going, actor=actor, now=now)
    if call.host_door is Door.OPEN and seating.barred(call) is None:
        change_call(db, call.id, {"door": Door.OPEN}, "call.door_opened", actor=actor, now=now)


def _end(db: DbSession, call: Any, ended_at: datetime | None, *, actor: Actor, now: datetime) -> None:
    over = {"status": CallStatus.ENDED, "ended_at": ended_at, "door": Door.CLOSED}
    change_call(db, call.id, over, "call.ended", actor=actor, now=now)
    left_at = now if ended_at is None else ended_at
    _close(db, call, SeatStatus.ATTENDED, SessionStatus.COMPLETED, left_at=left_at, actor=actor, now=now)


def _credited_by_clock(db: DbSession, call: Any) -> Sequence[Any]:
    """Return the seats that count as attended as the clock ended a call, and for no other reason: whoever left before,
    or was said to have listened, has heard it.
    """
    if call.status is not CallStatus.ENDED or call.ended_at is not None:
        return ()
    ended = floor.ends_by_clock(call)
    attended = seat.c.call_id == call.id, seat.c.status == SeatStatus.ATTENDED
    query = select(seat).where(*attended, seat.c.created_at < ended, seat.c.updated_at >= ended)
    return db.execute(query.order_by(seat.c.seat_no, seat.c.id)).all()


def _lock(db: DbSession, call_id: str, *, expected_version: int | None, actor: Actor) -> Any:
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_act_for(actor, seen.host_id):
        raise Forbidden("The host or an admin says what becomes of a call.")
    found = lock_call_with_people(db, call_id)
    check_version(found, expected_version)
    return found


def _check_begun(call: Any, *, now: datetime) -> None:
    _check(call, CallStatus.SCHEDULED, CallStatus.LIVE)
    if call.status is CallStatus.SCHEDULED and now < call.starts_at:
        raise NotStarted("Say that it starts, first; one that was brought forward moves first.")


def _check(call: Any, *statuses: CallStatus) -> None:
    if call.status not in statuses:
        raise CallOver(f"It is {call.status}.")


def _close(
    db: DbSession,
    call: Any,
    status: SeatStatus,
    of_session: SessionStatus,
    *,
    left_at: datetime,
    actor: Actor,
    now: datetime,
) -> None:
    """Close the seats that stand, which was so at `left_at`, end those that nobody confirmed, and the wait for one;
    hands go down. Who dropped in at the last moment and heard nothing was not there.
    """
    lower_hands(db, call.id, now=now)
    live = calls.live_seats(db, [call.id])
    asked = [one for one in live if one.status is SeatStatus.REQUESTED]
    end_seats(db, call, asked, status=SeatStatus.EXPIRED, actor=actor, now=now)
    waitlist.end_wait(db, call.id, actor=actor, now=now)
    standing = [one for one in live if one.status is SeatStatus.CONFIRMED]
    if status is SeatStatus.ATTENDED:
        late = [one for one in standing if one.kind is SessionKind.DROP_IN and not heard(call, one, left_at)]
        end_seats(db, call, late, status=SeatStatus.RELEASED, actor=actor, now=now)
        standing = [one for one in standing if one not in late]
    close_seats(db, call, standing, status, of_session, left_at=left_at, actor=actor, now=now)
