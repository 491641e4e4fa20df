"""The wall clock. The only place that reads it; everything else is given `now`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def starting_at(instant: datetime) -> Clock:
    """Return a running clock that reads `instant` at this moment: the demo and tests live on a day of their choice."""
    shift = instant - now()
    return lambda: now() + shift
