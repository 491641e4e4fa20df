"""A stretch of time as the clocks of different people show it."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.web import weeks


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """A stretch of time on somebody's clocks."""

    whose: str
    place: str
    offset: str
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, starts_at: datetime, ends_at: datetime, time_zone: str, *, whose: str) -> "LocalTimes":
        """Return a stretch of time on the clocks of a zone."""
        zone = ZoneInfo(time_zone)
        offset = weeks.offset(starts_at, time_zone)
        return cls(whose, weeks.place(time_zone), offset, starts_at.astimezone(zone), ends_at.astimezone(zone))


def times_for(starts_at: datetime, ends_at: datetime, *, viewers_zone: str, hosts_zone: str) -> tuple[LocalTimes, ...]:
    """Return a stretch of time on the viewer's clocks, then on the host's where they live in another zone."""
    times = [LocalTimes.of(starts_at, ends_at, viewers_zone, whose="Your time")]
    if hosts_zone != viewers_zone:
        times.append(LocalTimes.of(starts_at, ends_at, hosts_zone, whose="The host's time"))
    return tuple(times)
