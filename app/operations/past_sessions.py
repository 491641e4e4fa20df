"""Log what took place without having been planned here: nobody is invited, and it takes nobody's time any more."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from app import ids
from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, Invalid
from app.models.tables import seat
from app.operations.changes import UnknownReference
from app.operations.entries import shown_anew
from app.operations.events import tell_acts
from app.operations.locks import lock_to_sit
from app.operations.refused import AlreadyBooked, CallCancelled, OwnCall, Past, problem
from app.operations.session_rows import NewSession, add_sessions
from app.queries import sessions
from app.queries.access import check_acts
from app.rules.access import Actor, may_act_for
from app.rules.availability import Range
from app.rules.seating import Refusal
from app.vocabulary import CallStatus, Part, SeatStatus, SessionKind, SessionStatus

LOOK_BACK = timedelta(days=90)
"""How long ago a session may have been that is logged."""
_SAT_IN = (SeatStatus.CONFIRMED, SeatStatus.ATTENDED, SeatStatus.ATTEMPTED, SeatStatus.NO_SHOW)


class TooLongAgo(Invalid):
    """Nobody remembers that well."""

    code = "too_long_ago"
    title = "That is too long ago to be logged"


class CallMissed(Conflict):
    """There was nothing to listen to."""

    code = "call_missed"
    title = "The prospect did not come to the call"


def check_loggable(db: DbSession, person_ids: Collection[str], times: Range, *, now: datetime) -> None:
    """Refuse to log what was too long ago, or while one of these locked people was elsewhere, naming who and when. What
    other calendars say is no evidence of that: it may be this very session.
    """
    if times[0] < now - LOOK_BACK:
        raise TooLongAgo(f"Log what was within {LOOK_BACK.days} days.")
    if (found := sessions.elsewhere(db, person_ids, *times)) is not None:
        in_the_way = (found.starts_at, found.ends_at)
        why = Refusal("slot_taken", "This person was elsewhere at that time.", found.person_id, in_the_way)
        raise problem(why, session_id=found.session_id)


def is_over(call: Any, *, now: datetime) -> bool:
    """Whether nobody can come to a call any more, whatever became of it."""
    return bool(call.ends_at <= now) or call.status in (CallStatus.ENDED, CallStatus.NO_SHOW)


def log_on_call(db: DbSession, *, kind: SessionKind, seen: Any, observer_id: str, actor: Actor, now: datetime) -> str:
    """Log that somebody listened to a call that is over without having had a seat, and return the id of the session.
    The seat has been attended, and counts as every such seat. Locks the observer and the host, then the call.
    """
    if not may_act_for(actor, observer_id):
        check_acts(actor)
        raise Forbidden("You log only what you, or who reports to you, listened to.")
    rows, call = lock_to_sit(db, seen, observer_id)
    if observer_id not in rows:
        raise UnknownReference(faults=(Fault("/participants", "unknown", "There is no such person."),))
    if call.status is CallStatus.CANCELLED:
        raise CallCancelled("Nobody listened to it.")
    if call.status is CallStatus.NO_SHOW:
        raise CallMissed("Nobody listened to it.")
    if not is_over(call, now=now):
        raise Past("It was moved a moment ago: take a seat on it.")
    if observer_id == call.host_id:
        raise OwnCall("Who ran it was no observer.")
    mine = seat.c.call_id == call.id, seat.c.observer_id == observer_id, seat.c.status.in_(_SAT_IN)
    if had := db.execute(select(seat.c.id).where(*mine)).scalar():
        raise AlreadyBooked("Say what became of that seat.", extra={"seat_id": had})
    check_loggable(db, [observer_id], (call.starts_at, call.ends_at), now=now)
    return _add_attended(db, call, observer_id, kind, actor=actor, now=now)


def _add_attended(db: DbSession, call: Any, observer_id: str, kind: SessionKind, *, actor: Actor, now: datetime) -> str:
    new = NewSession(
        kind=kind,
        status=SessionStatus.COMPLETED,
        starts_at=call.starts_at,
        ends_at=call.ends_at,
        time_zone=call.host_time_zone,
        people={call.host_id: Part.HOST, observer_id: Part.OBSERVER},
        call_id=call.id,
    )
    (made,) = add_sessions(db, [new], now=now)
    numbers = select(func.coalesce(func.max(seat.c.seat_no), 0)).where(seat.c.call_id == call.id)
    seat_no = db.execute(numbers.where(seat.c.status.in_(_SAT_IN))).scalar_one() + 1
    seat_id = ids.new("seat", now)
    db.execute(
        insert(seat).values(
            id=seat_id,
            call_id=call.id,
            observer_id=observer_id,
            session_id=made.id,
            kind=kind,
            status=SeatStatus.ATTENDED,
            seat_no=seat_no,
            capacity=max(seat_no, call.seat_capacity),  # who listened has listened, whether or not there was a seat
            late=False,
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    shown_anew(db, "session", made.id, ["response"], now=now)  # the entry of the host, who reads who listened
    tell_acts(db, [("seat.attended", seat_id, 1), ("session.completed", made.id, 1)], actor=actor, now=now)
    session_id: str = made.id
    return session_id
