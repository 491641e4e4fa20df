"""What becomes of the seats of a call that takes place, or does not because the customer stays away."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update

from app.db import DbSession
from app.models.tables import call as calls_table
from app.models.tables import seat
from app.operations.claims import free_time
from app.operations.events import tell, tell_many
from app.operations.session_rows import change_session
from app.queries import calls
from app.rules.access import Actor
from app.vocabulary import SeatStatus, SessionKind, SessionStatus


def close_seats(
    db: DbSession,
    call: Any,
    closed: Sequence[Any],
    status: SeatStatus,
    of_session: SessionStatus,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Say what became of live seats of a locked call, and of their sessions. They take no place on it any more; their
    calendar entries stay, for the time was kept.
    """
    if not closed:
        return
    free_time(db, [one.session_id for one in closed], now=now)
    db.execute(
        update(seat)
        .where(seat.c.id.in_([one.id for one in closed]))
        .values(status=status, version=seat.c.version + 1, updated_at=now)
    )
    tell_many(db, f"seat.{status}", [(one.id, one.version + 1) for one in closed], actor=actor, now=now)
    over = {one.session_id: {"status": of_session, **_heard(call, one, now=now)} for one in closed}
    changed = [(session_id, change_session(db, session_id, values, now=now)) for session_id, values in over.items()]
    tell_many(db, f"session.{of_session}", changed, actor=actor, now=now)
    left = len(calls.live_seats(db, [call.id]))
    change_call(db, call.id, {"seats_taken": left}, "call.seats_changed", actor=actor, now=now)


def _heard(call: Any, one: Any, *, now: datetime) -> Mapping[str, datetime]:
    """Return from when until when somebody listened who dropped in, as nothing was planned; otherwise nothing, for what
    was planned stays. A call that was brought forward has begun before its time.
    """
    begun = one.created_at if call.starts_at > now else max(one.created_at, call.starts_at)
    ended = min(now, call.ends_at)
    return {"starts_at": begun, "ends_at": ended} if one.kind is SessionKind.DROP_IN and begun < ended else {}


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
