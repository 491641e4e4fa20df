"""Instants and stretches of time as the clocks of different people show them."""

from collections.abc import Iterable
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


def times_for(
    starts_at: datetime, ends_at: datetime, *, viewers_zone: str, others: Iterable[tuple[str, str]]
) -> tuple[LocalTimes, ...]:
    """Return a stretch of time on the viewer's clocks, then once on those of every other zone in which one of the
    others lives: `others` are pairs of whose time it is and their zone.
    """
    by_zone: dict[str, list[str]] = {}
    for whose, time_zone in others:
        by_zone.setdefault(time_zone, []).append(whose)
    by_zone.pop(viewers_zone, None)
    times = [LocalTimes.of(starts_at, ends_at, viewers_zone, whose="Your time")]
    for time_zone, (first, *more) in by_zone.items():
        whose = f"{first} and {len(more)} more" if more else first
        times.append(LocalTimes.of(starts_at, ends_at, time_zone, whose=whose))
    return tuple(times)


def moment(instant: datetime, time_zone: str, *, now: datetime) -> str:
    """Return an instant on the clocks of a zone: `10:30` when it is today there, else `Tuesday 24 November, 10:30`."""
    zone = ZoneInfo(time_zone)
    local = instant.astimezone(zone)
    clock = f"{local:%H:%M}"
    return clock if local.date() == now.astimezone(zone).date() else f"{local:%A} {local.day} {local:%B}, {clock}"


def day(instant: datetime, time_zone: str) -> str:
    """Return the day on which an instant falls in a zone: `24 November 2026`."""
    local = instant.astimezone(ZoneInfo(time_zone))
    return f"{local.day} {local:%B %Y}"
