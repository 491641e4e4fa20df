"""What becomes of a session: it starts, it took place, or somebody did not come. On a call, its seat says the same."""

from datetime import datetime

from app.db import DbSession
from app.operations import debriefs
from app.operations.claims import free_time
from app.operations.events import tell
from app.operations.seat_outcomes import close_seats
from app.operations.session_locks import Locked, lock_session, status_after
from app.operations.session_rows import change_session
from app.queries import calls
from app.rules.access import Actor
from app.rules.session_states import Act
from app.vocabulary import SeatStatus, SessionStatus


def start_session(
    db: DbSession, *, session_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Say that a session is under way: at most the notice of the house before its time, on a call once that has begun.
    Repeating it changes nothing.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if locked.status is SessionStatus.IN_PROGRESS:
        return
    status = status_after(db, Act.START, locked, now=now)
    version = change_session(db, session_id, {"status": status}, now=now)
    tell(db, "session.started", session_id, version=version, actor=actor, now=now)


def complete_session(
    db: DbSession, *, session_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Say that a session took place; what is left of its time is free. On a call, the observer has attended. Repeating
    it changes nothing.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if locked.status is SessionStatus.COMPLETED:
        return
    status = status_after(db, Act.COMPLETE, locked, now=now)
    _close(db, locked, status, SeatStatus.ATTENDED, actor=actor, now=now)


def miss_session(
    db: DbSession, *, session_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Say that somebody did not come, so that nothing came of a session; not before the grace after its start is over.
    On a call it is the observer who did not come: there is nothing to debrief. Repeating it changes nothing.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if locked.status is SessionStatus.NO_SHOW:
        return
    status = status_after(db, Act.NO_SHOW, locked, now=now)
    _close(db, locked, status, SeatStatus.NO_SHOW, actor=actor, now=now)
    debriefs.cancel_debriefs(db, [session_id], actor=actor, now=now)


def _close(
    db: DbSession, locked: Locked, status: SessionStatus, of_seat: SeatStatus, *, actor: Actor, now: datetime
) -> None:
    if locked.of_seat:
        call = calls.call_for_update(db, locked.row.call_id)
        mine = [one for one in calls.live_seats(db, [call.id]) if one.session_id == locked.row.id]
        close_seats(db, call, mine, of_seat, status, left_at=now, actor=actor, now=now)
        return
    free_time(db, [locked.row.id], now=now)
    version = change_session(db, locked.row.id, {"status": status}, now=now)
    tell(db, f"session.{status}", locked.row.id, version=version, actor=actor, now=now)
