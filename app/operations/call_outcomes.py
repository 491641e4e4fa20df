"""What becomes of a call: it starts, it ends, or the prospect does not come. Its seats and their sessions go along.

Starting and missing a call ask no clock: a CRM hears late of a call that was brought forward, and who is on the line
knows best.
"""

from collections.abc import Mapping
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
from app.operations.locks import lock_call_with_people
from app.operations.refused import NotStarted
from app.operations.seat_outcomes import change_call, close_seats
from app.operations.seating import end_seats
from app.operations.session_rows import change_session
from app.queries import calls, joinable
from app.rules.access import Actor, may_act_for
from app.vocabulary import CALL_KINDS, CallStatus, SeatStatus, SessionStatus


def start_call(
    db: DbSession, *, call_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Say that a call is under way, and with it the sessions of those who sit in. The host does it, or an admin.
    Repeating it changes nothing.
    """
    call = _lock(db, call_id, expected_version=expected_version, actor=actor)
    if call.status is CallStatus.LIVE:
        return
    _check(call, CallStatus.SCHEDULED)
    change_call(db, call_id, {"status": CallStatus.LIVE}, "call.started", actor=actor, now=now)
    confirmed = select(session.c.id).where(session.c.call_id == call_id, session.c.status == SessionStatus.CONFIRMED)
    confirmed = confirmed.where(session.c.kind.in_(CALL_KINDS)).order_by(session.c.id)
    under_way = {"status": SessionStatus.IN_PROGRESS}
    begun = [(one, change_session(db, one, under_way, now=now)) for one in db.execute(confirmed).scalars()]
    tell_many(db, "session.started", begun, actor=actor, now=now)


def end_call(db: DbSession, *, call_id: str, expected_version: int | None = None, actor: Actor, now: datetime) -> None:
    """Say that a call is over: who sat in has attended, but for those who were marked as no-show before. The host does
    it, or an admin. One that should be under way may end without anybody having said that it started: else refused as
    `not_started`. Repeating it changes nothing.
    """
    call = _lock(db, call_id, expected_version=expected_version, actor=actor)
    if call.status is CallStatus.ENDED:
        return
    _check_begun(call, now=now)
    change_call(db, call_id, {"status": CallStatus.ENDED}, "call.ended", actor=actor, now=now)
    _close(db, call, SeatStatus.ATTENDED, SessionStatus.COMPLETED, actor=actor, now=now)


def miss_call(
    db: DbSession, *, call_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Mapping[str, list[Any]]:
    """Say that the prospect did not come. Whoever sat in is credited with an attempt, which counts for no step of a
    path, and there is nothing to debrief. Returns for each of them up to three calls of the same type that they could
    join instead. Refused as `call_over` when somebody has heard it. The host does it, or an admin. Repeating it changes
    nothing, and finds calls anew.
    """
    call = _lock(db, call_id, expected_version=expected_version, actor=actor)
    if call.status is not CallStatus.NO_SHOW:
        _check_begun(call, now=now)
        if was_heard(db, call_id):
            raise CallOver("Somebody has heard it.")
        change_call(db, call_id, {"status": CallStatus.NO_SHOW}, "call.no_show", actor=actor, now=now)
        sessions = [one.session_id for one in calls.live_seats(db, [call_id])]
        _close(db, call, SeatStatus.ATTEMPTED, SessionStatus.NO_SHOW, actor=actor, now=now)
        debriefs.cancel_debriefs(db, sessions, actor=actor, now=now)
    attempted = select(seat.c.observer_id).where(seat.c.call_id == call_id, seat.c.status == SeatStatus.ATTEMPTED)
    return {
        observer_id: joinable.next_calls(db, observer_id=observer_id, type=call.type, now=now)
        for observer_id in db.execute(attempted.order_by(seat.c.seat_no, seat.c.id)).scalars()
    }


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
    db: DbSession, call: Any, status: SeatStatus, of_session: SessionStatus, *, actor: Actor, now: datetime
) -> None:
    """Close the seats that stand, end those that nobody confirmed, and the wait for one."""
    live = calls.live_seats(db, [call.id])
    asked = [one for one in live if one.status is SeatStatus.REQUESTED]
    end_seats(db, call, asked, status=SeatStatus.EXPIRED, actor=actor, now=now)
    waitlist.end_wait(db, call.id, actor=actor, now=now)
    standing = [one for one in live if one.status is SeatStatus.CONFIRMED]
    close_seats(db, call, standing, status, of_session, actor=actor, now=now)
