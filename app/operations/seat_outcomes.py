"""What becomes of the seats of a call that takes place, or does not because the customer stays away."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from app.db import DbSession
from app.models.tables import call as calls_table
from app.models.tables import seat, session
from app.operations.claims import free_time
from app.operations.events import tell, tell_many
from app.operations.hands import lower_hands
from app.operations.seating import end_seats
from app.operations.session_rows import change_session
from app.queries import calls
from app.rules import floor
from app.rules.access import Actor
from app.vocabulary import SeatStatus, SessionKind, SessionStatus


def close_seats(
    db: DbSession,
    call: Any,
    closed: Sequence[Any],
    status: SeatStatus,
    of_session: SessionStatus,
    *,
    left_at: datetime,
    early: bool = False,
    actor: Actor,
    now: datetime,
) -> None:
    """Say what became of seats of a locked call, and of their sessions. They take no place on it any more; their
    calendar entries stay, for the time was kept. What was planned stays, unless they leave `early`; of who dropped in
    nothing was, so theirs is the time that they heard, up to `left_at`: what ended a call may be known late.
    """
    if not closed:
        return
    free_time(db, [one.session_id for one in closed], now=now)
    lower_hands(db, call.id, of=[one.observer_id for one in closed], now=now)
    db.execute(
        update(seat)
        .where(seat.c.id.in_([one.id for one in closed]))
        .values(status=status, version=seat.c.version + 1, updated_at=now)
    )
    tell_many(db, f"seat.{status}", [(one.id, one.version + 1) for one in closed], actor=actor, now=now)
    times = {one.id: heard(call, one, left_at) for one in closed if early or one.kind is SessionKind.DROP_IN}
    over = {one.session_id: {"status": of_session, **(times.get(one.id) or {})} for one in closed}
    changed = [(session_id, change_session(db, session_id, values, now=now)) for session_id, values in over.items()]
    tell_many(db, f"session.{of_session}", changed, actor=actor, now=now)
    left = len(calls.live_seats(db, [call.id]))
    change_call(db, call.id, {"seats_taken": left}, "call.seats_changed", actor=actor, now=now)


def give_back(
    db: DbSession, call: Any, given: Sequence[Any], *, late: bool = False, actor: Actor, now: datetime
) -> None:
    """Release live seats of a locked call. Whoever has listened to it already has attended, up to now."""
    leaving = [one for one in given if one.status is SeatStatus.CONFIRMED and floor.is_on(call, now=now)]
    listened = [one for one in leaving if heard(call, one, now)]
    released = [one for one in given if one not in listened]
    lower_hands(db, call.id, of=[one.observer_id for one in released], now=now)
    attended, completed = SeatStatus.ATTENDED, SessionStatus.COMPLETED
    close_seats(db, call, listened, attended, completed, left_at=now, early=True, actor=actor, now=now)
    end_seats(db, call, released, status=SeatStatus.RELEASED, late=late, actor=actor, now=now)


def hear_anew(db: DbSession, call: Any, *, actor: Actor, now: datetime) -> None:
    """Bring the minutes of those who dropped in on a locked call, or left it early, and have attended it, in step with
    what is known by now of its beginning and end. Who was there only before it began, or after it ended, was not.
    Repeating it changes nothing.
    """
    columns = *seat.c, session.c.starts_at.label("heard_from"), session.c.ends_at.label("heard_until")
    query = select(*columns).join(session, session.c.id == seat.c.session_id).order_by(seat.c.seat_no, seat.c.id)
    counted = or_(seat.c.kind == SessionKind.DROP_IN, session.c.ends_at < call.ends_at)  # others have what was planned
    listened = seat.c.call_id == call.id, seat.c.status == SeatStatus.ATTENDED
    attended = db.execute(query.where(*listened, counted)).all()
    times = {one.id: heard(call, one, min(one.heard_until, call.ended_at or one.heard_until)) for one in attended}
    changed = [
        (one.session_id, change_session(db, one.session_id, times[one.id], now=now))
        for one in attended
        if times[one.id] and times[one.id] != {"starts_at": one.heard_from, "ends_at": one.heard_until}
    ]
    tell_many(db, "session.moved", changed, actor=actor, now=now)
    absent = [one for one in attended if not times[one.id]]
    end_seats(db, call, absent, status=SeatStatus.RELEASED, actor=actor, now=now)


def heard(call: Any, one: Any, left_at: datetime) -> Mapping[str, datetime]:
    """Return from when until when somebody has listened who has this seat, as the times of a session; empty when that
    is no time at all.
    """
    times = floor.heard(call, one.created_at, left_at)
    return {"starts_at": times[0], "ends_at": times[1]} if times else {}


def change_call(
    db: DbSession, call_id: str, values: Mapping[str, Any], act: str, *, actor: Actor, now: datetime
) -> None:
    """Change columns of a locked call and tell."""
    version = db.execute(
        update(calls_table)
        .where(calls_table.c.id == call_id)
        .values(**values, version=calls_table.c.version + 1, updated_at=now)
        .returning(calls_table.c.version)
    ).scalar_one()
    tell(db, act, call_id, version=version, actor=actor, now=now)
