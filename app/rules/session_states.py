"""The life of a session: requested → confirmed → in progress → completed, cancelled, no-show or expired. One table."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from app.vocabulary import SessionStatus

_REQUESTED, _CONFIRMED, _IN_PROGRESS = SessionStatus.REQUESTED, SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS


class Act(StrEnum):
    """What can be done to a session, as the API calls it."""

    CONFIRM = "confirm"
    """A hold is booked, or the host approves the seat."""
    EXPIRE = "expire"
    """Nobody confirmed it in time."""
    RESPOND = "respond"
    RESCHEDULE = "reschedule"
    START = "start"
    COMPLETE = "complete"
    NO_SHOW = "no-show"
    CANCEL = "cancel"
    UNDO_CANCEL = "undo-cancel"


MOVES: Mapping[Act, Mapping[SessionStatus, SessionStatus]] = {
    Act.CONFIRM: {_REQUESTED: _CONFIRMED},
    Act.EXPIRE: {_REQUESTED: SessionStatus.EXPIRED},
    Act.RESPOND: {_CONFIRMED: _CONFIRMED},
    Act.RESCHEDULE: {_CONFIRMED: _CONFIRMED},
    Act.START: {_CONFIRMED: _IN_PROGRESS},
    # People forget to say that they begin: what was planned may be said to have happened.
    Act.COMPLETE: {_CONFIRMED: SessionStatus.COMPLETED, _IN_PROGRESS: SessionStatus.COMPLETED},
    Act.NO_SHOW: {_CONFIRMED: SessionStatus.NO_SHOW, _IN_PROGRESS: SessionStatus.NO_SHOW},
    Act.CANCEL: dict.fromkeys((_REQUESTED, _CONFIRMED, _IN_PROGRESS), SessionStatus.CANCELLED),
    Act.UNDO_CANCEL: {SessionStatus.CANCELLED: _CONFIRMED},
}
"""Act to what it makes of each status in which it is possible; in every other it is refused."""


def current(status: SessionStatus, expires_at: datetime | None, *, now: datetime) -> SessionStatus:
    """Return the status at this instant: a request is over the moment it expires, whoever writes that down later."""
    lapsed = status is _REQUESTED and expires_at is not None and expires_at <= now
    return SessionStatus.EXPIRED if lapsed else status


def after(act: Act, status: SessionStatus) -> SessionStatus | None:
    """Return what the act makes of a session in this status; None when it is impossible."""
    return MOVES[act].get(status)


def possible(status: SessionStatus) -> tuple[Act, ...]:
    """Return what can be done to a session in this status."""
    return tuple(act for act, moves in MOVES.items() if status in moves)


def earliest(act: Act, status: SessionStatus, starts_at: datetime, *, grace_minutes: int) -> datetime | None:
    """Return the instant before which the act makes no sense though the status allows it; None when it always does.

    What nobody started can be completed from its start on. Nobody has failed to come before the grace after it is over.
    """
    if act is Act.NO_SHOW:
        return starts_at + timedelta(minutes=grace_minutes)
    return starts_at if act is Act.COMPLETE and status is _CONFIRMED else None
