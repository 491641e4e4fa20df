"""Dates, times, lengths and periods as calendars write them (RFC 5545 section 3.3), in the zone that each is of."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from app.ical.read import Property

ZoneOf = Callable[[str | None], tzinfo]
"""Gives the zone of a TZID; of None, the zone of what has none: floating times and whole days."""

EARLY, _FAR = datetime(1600, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - wall time
"""What is earlier is malformed: birthdays of no known year begin in 1604, the zones of Outlook in 1601. What is later,
such as the year 9999 for ever, counts as the end: all that is read lies before it.
"""
# So few digits come to less than 700 years: sums of times and lengths stay within what Python can express.
_DURATION = re.compile(
    r"(?P<sign>[+-])?P(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


class When(NamedTuple):
    """A wall time, naive, in its zone; or a whole day, which begins at midnight there."""

    wall: datetime
    zone: tzinfo
    all_day: bool

    def at(self) -> datetime:
        """Return the instant, in UTC."""
        return instant(self.wall, self.zone)


class Length(NamedTuple):
    """How long something takes: first by the calendar and the clock on the wall, then by a clock that never changes."""

    nominal: timedelta
    exact: timedelta = timedelta(0)

    def at_most(self) -> timedelta:
        """Return a length that this never exceeds, however the clock on the wall changes."""
        return self.nominal + self.exact + timedelta(days=1)

    def after(self, wall: datetime, zone: tzinfo) -> datetime:
        """Return the instant, in UTC, at which something ends that begins at this wall time."""
        return instant(wall + self.nominal, zone) + self.exact


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return a wall time as an instant in UTC.

    Of a time that the clock shows twice, the first; one that it skips is counted with the offset before the gap, so it
    comes out later (RFC 5545 section 3.3.5). Both are what `fold=0` means.
    """
    return wall.replace(tzinfo=zone) if zone is UTC else wall.replace(tzinfo=zone).astimezone(UTC)


def wall_time(at: datetime, zone: tzinfo) -> datetime:
    """Return what the clock in a zone shows at an instant, naive."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def whens(found: Property, zone_of: ZoneOf) -> list[When | None]:
    """Read a list of times or days, which may be empty; None for each that is malformed."""
    if not found.value.strip():
        return []
    return [_when(value.strip(), found, zone_of) for value in found.value.split(",")]


def when(found: Property, zone_of: ZoneOf) -> When | None:
    """Read a time or a day; None when it is malformed."""
    return _when(found.value.strip(), found, zone_of)


def _when(value: str, found: Property, zone_of: ZoneOf) -> When | None:
    size = len(value)
    if size not in (8, 15, 16) or not value[:8].isdecimal() or (size == 16) != value.endswith(("Z", "z")):
        return None
    try:
        wall: datetime | None = datetime.fromisoformat(value[:15])
    except ValueError:
        wall = _counted_on(value[:15])
    if wall is None or wall < EARLY:
        return None
    wall = min(wall, _FAR)
    if size == 8 or found.params.get("VALUE", "").upper() == "DATE":
        return When(wall.replace(hour=0, minute=0, second=0), zone_of(None), True)
    return When(wall, UTC if size == 16 else zone_of(found.params.get("TZID")), False)


def _counted_on(value: str) -> datetime | None:
    """Read a day that its month does not have: the 30th of February is the second day after the 28th, as other readers
    have it. RFC 5545 section 3.3.4 knows no such day, but its owner sees that event in March and takes that time.
    """
    days = int(value[6:8]) - 1
    try:
        first = datetime.fromisoformat(f"{value[:6]}01{value[8:]}")
    except ValueError:
        return None
    return first + timedelta(days=days) if 28 <= days <= 30 else None


def length(value: str) -> Length | None:
    """Read a DURATION (RFC 5545 section 3.3.6); None when it is malformed."""
    given = _DURATION.fullmatch(value.strip().upper())
    if given is None or not any(given.groups()[1:]):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in given.groups()[1:])
    sign = -1 if given["sign"] == "-" else 1
    exact = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return Length(sign * timedelta(weeks=weeks, days=days), sign * exact)


def between(begins: When, ends: When) -> Length:
    """Return the length that DTSTART and DTEND give: what the clock on the wall shows, if both are by the same one.

    RFC 5545 section 3.8.5.3 would have all occurrences take the same exact time. Everybody else, though, shows a series
    from Monday 09:00 to Tuesday 09:00 just so when the clocks change that night, and so do people who plan it.
    """
    if begins.zone is ends.zone:
        return Length(ends.wall - begins.wall)
    return Length(timedelta(0), ends.at() - begins.at())


def periods(found: Property, zone_of: ZoneOf) -> list[tuple[When, Length] | None]:
    """Read a list of periods, from a start to an end or for a length (section 3.3.9); None for each malformed one."""
    return [_period(value, found, zone_of) for value in found.value.split(",")]


def _period(value: str, found: Property, zone_of: ZoneOf) -> tuple[When, Length] | None:
    first, _, second = value.strip().partition("/")
    begins = _when(first, found, zone_of)
    if begins is None:
        return None
    if (ends := _when(second, found, zone_of)) is not None:
        return begins, between(begins, ends)
    lasts = length(second)
    return None if lasts is None else (begins, lasts)
