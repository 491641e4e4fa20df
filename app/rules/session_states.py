"""The life of a session: requested → confirmed → in progress → completed, cancelled, no-show or expired. One table."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from app.vocabulary import SessionStatus

_REQUESTED, _CONFIRMED, _IN_PROGRESS = SessionStatus.REQUESTED, SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS


class Act(StrEnum):
    """What people can do to a session, as the API calls it. Requests are confirmed, or expire, with hold or seat."""

    RESPOND = "respond"
    RESCHEDULE = "reschedule"
    START = "start"
    COMPLETE = "complete"
    NO_SHOW = "no-show"
    CANCEL = "cancel"
    UNDO_CANCEL = "undo-cancel"


MOVES: Mapping[Act, Mapping[SessionStatus, SessionStatus]] = {
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
_BEFORE_THE_END = (Act.RESPOND, Act.RESCHEDULE, Act.CANCEL, Act.UNDO_CANCEL)


def current(status: SessionStatus, expires_at: datetime | None, *, now: datetime) -> SessionStatus:
    """Return the status at this instant: a request is over the moment it expires, whoever writes that down later."""
    lapsed = status is _REQUESTED and expires_at is not None and expires_at <= now
    return SessionStatus.EXPIRED if lapsed else status


def after(act: Act, status: SessionStatus) -> SessionStatus | None:
    """Return what the act makes of a session in this status; None when it is impossible."""
    return MOVES[act].get(status)


def possible(status: SessionStatus) -> tuple[Act, ...]:
    """Return what can be done to a session in this status, as far as the clock allows (`in_time`, `earliest`)."""
    return tuple(act for act, moves in MOVES.items() if status in moves)


def in_time(acts: Iterable[Act], *, ends_at: datetime, undo_until: datetime | None, now: datetime) -> tuple[Act, ...]:
    """Return those of these acts that it is not too late for: nobody answers, moves or cancels what is over, and a
    cancel is undone before `undo_until`, None is never.
    """
    late = set(_BEFORE_THE_END) if ends_at <= now else set()
    if undo_until is None or undo_until <= now:
        late.add(Act.UNDO_CANCEL)
    return tuple(act for act in acts if act not in late)


def earliest(
    act: Act, status: SessionStatus, starts_at: datetime, *, notice_minutes: int, grace_minutes: int
) -> datetime | None:
    """Return the instant before which the act makes no sense though the status allows it; None when it always does.

    A session starts at most the notice before its time; what nobody started can be completed from its time on. Nobody
    has failed to come before the grace after it is over.
    """
    match act:
        case Act.NO_SHOW:
            return starts_at + timedelta(minutes=grace_minutes)
        case Act.START:
            return starts_at - timedelta(minutes=notice_minutes)
        case Act.COMPLETE if status is _CONFIRMED:
            return starts_at
    return None


def earliest_on_call(act: Act, starts_at: datetime, *, is_live: bool, grace_minutes: int) -> datetime | None:
    """Return what `earliest` does for the session of a seat: nobody listens to a call that has not begun. It has once
    it is live, or its time has come though nobody says that it is live.
    """
    if act is Act.NO_SHOW:
        return starts_at + timedelta(minutes=grace_minutes)
    return starts_at if act in (Act.START, Act.COMPLETE) and not is_live else None
