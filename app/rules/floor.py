"""What is so on the floor at an instant: which calls are on, whose door is open, who heard how long, who is there.

Calls begin and end by the clock unless somebody says so; the worker that writes that down may be late, so what is
asked here goes by time as well as by what is written.
"""

from datetime import datetime, timedelta
from typing import Protocol

from app.rules.availability import Range
from app.vocabulary import CallStatus, Door, Presence

OVERTIME = timedelta(minutes=15)
"""How long a call that somebody said is live goes on past its end, unless somebody says that it is over."""
REACH = timedelta(days=7)
"""How long after its end a call is still ended by the clock: what was over before is as it was left."""
_QUIET = timedelta(days=7)


class Timed(Protocol):
    """When a call is planned, and what was said of it."""

    @property
    def status(self) -> CallStatus: ...  # noqa: D102
    @property
    def starts_at(self) -> datetime: ...  # noqa: D102
    @property
    def ends_at(self) -> datetime: ...  # noqa: D102
    @property
    def began_at(self) -> datetime | None: ...  # noqa: D102


class Doored(Timed, Protocol):
    """A call, its door, and how its host likes the doors of their calls."""

    @property
    def door(self) -> Door: ...  # noqa: D102
    @property
    def host_door(self) -> Door: ...  # noqa: D102


class Ended(Timed, Protocol):
    """What was said of a call to its end."""

    @property
    def ended_at(self) -> datetime | None: ...  # noqa: D102


def since(call: Timed) -> datetime:
    """Return when a call that is on began: as somebody said, else by the clock."""
    return call.began_at or call.starts_at


def ends_by_clock(call: Timed) -> datetime:
    """Return when a call ends if nobody says that it does."""
    return call.ends_at if call.began_at is None else call.ends_at + OVERTIME


def is_on(call: Timed, *, now: datetime) -> bool:
    """Whether a call is under way, [since, end by the clock): one that nobody started is by its time alone."""
    if call.status is CallStatus.LIVE:
        return since(call) <= now < ends_by_clock(call)
    return call.status is CallStatus.SCHEDULED and call.starts_at <= now < call.ends_at


def by_clock_alone(call: Ended) -> bool:
    """Whether nobody has said what becomes of a call, so that it may still turn out to be at another time, or not to
    have taken place.
    """
    by_clock = call.status in (CallStatus.SCHEDULED, CallStatus.LIVE, CallStatus.ENDED)
    return by_clock and call.began_at is None and call.ended_at is None


def door(call: Doored, *, now: datetime) -> Door:
    """Return the door of a call as it stands now: closed unless it is on. Of one whose beginning nobody wrote down yet
    it is what it is going to be then.
    """
    if not is_on(call, now=now):
        return Door.CLOSED
    return call.door if call.status is CallStatus.LIVE else call.host_door


def heard(call: Timed, joined_at: datetime, left_at: datetime) -> Range | None:
    """Return from when until when somebody who sat on a call from `joined_at` to `left_at` heard it: within the call,
    as it began and was planned to end; None when that is no time at all.
    """
    begins, stops = max(joined_at, since(call)), min(left_at, call.ends_at)
    return (begins, stops) if begins < stops else None


def presence_at(presence: Presence | None, until: datetime | None, *, now: datetime) -> Presence:
    """Return how somebody works now, who said `presence` last, up to `until`: then, and unasked, they are open."""
    if presence is None or (until is not None and until <= now):
        return Presence.OPEN
    return presence


def quiet_for(heard_at: datetime | None, *, now: datetime) -> timedelta | None:
    """Return for how long somebody has heard no call, when that is long: a week or more. None: they heard one lately,
    or never one at all, of which nobody says how long that is.
    """
    length = now - heard_at if heard_at else None
    return length if length and length >= _QUIET else None
