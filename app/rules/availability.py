"""Working hours: from wall time in a person's zone to exact UTC ranges and quarter-hour bitmaps.

The only place besides `ical` where time zones are applied. Ranges are half-open `[starts_at, ends_at)` in UTC; weekdays
are ISO (1 = Monday); minutes count from local midnight. A bitmap is a Python int whose bit *i* is cell *i*: with `&`
and `bit_count` it is as fast as numpy at this size (a week is 672 quarter hours) and needs no dependency.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Range = tuple[datetime, datetime]

QUARTER_MINUTES = 15
WEEK_CELLS = 7 * 24 * 60 // QUARTER_MINUTES

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When a person works, in wall time of their own zone; the same wall time in summer and winter."""

    time_zone: str
    """IANA name."""
    weekly: tuple[tuple[int, int, int], ...]
    """(ISO weekday, start minute 0..1439, end minute 1..1440), half-open. A night shift is two rows that meet."""
    exceptions: tuple[tuple[date, tuple[tuple[int, int], ...]], ...] = ()
    """What replaces the weekly hours on one local date: (start minute, end minute) spans; none = a day off."""
    pauses: tuple[tuple[date, date], ...] = ()
    """First and last local date, both inclusive, of stretches of days off; they outweigh exceptions."""
    buffer_before_minutes: int = 0
    """Kept free before every session; need not be working time."""
    buffer_after_minutes: int = 0
    """Kept free after every session; need not be working time."""


def working_ranges(hours: WorkingHours, starts_at: datetime, ends_at: datetime) -> list[Range]:
    """When the person works within `[starts_at, ends_at)`: UTC, sorted, disjoint; ranges that touch are one.

    A span covers its wall time whatever the clock does: it runs from the first instant whose wall time has reached the
    start to the last one whose wall time is before the end. So a start or end that the spring change skips moves
    forward to the change, a repeated start is the first, and a span that ends within the repeated hour lasts through
    the second pass.
    One pass over the local days; only on days on which the clock changes does the zone have to be asked for each span.
    """
    zone = ZoneInfo(hours.time_zone)
    starts_at, ends_at = starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    weekly: dict[int, list[tuple[int, int]]] = {}
    for weekday, start, end in hours.weekly:
        weekly.setdefault(weekday, []).append((start, end))
    exceptions = dict(hours.exceptions)
    # One local day more on each side: a zone that sets its clock back over midnight visits a date twice.
    day = starts_at.astimezone(zone).date() - _DAY
    last_day = ends_at.astimezone(zone).date() + _DAY
    ranges: list[Range] = []
    while day <= last_day:
        spans: Iterable[tuple[int, int]] = exceptions[day] if day in exceptions else weekly.get(day.isoweekday(), ())
        if any(first <= day <= last for first, last in hours.pauses):
            spans = ()
        midnight = _steady_midnight(hours.time_zone, day) if spans else None
        for start, end in spans:
            if midnight:
                begins, stops = midnight + start * _MINUTE, midnight + end * _MINUTE
            else:
                begins, stops = _reached(day, start, zone), _passed(day, end, zone)
            begins, stops = max(begins, starts_at), min(stops, ends_at)
            if begins < stops:
                ranges.append((begins, stops))
        day += _DAY
    return merged(ranges)


def covers(hours: WorkingHours, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether all of `[starts_at, ends_at)` is working time. An empty interval is not."""
    return working_ranges(hours, starts_at, ends_at) == [(starts_at, ends_at)]


def steady_stretches(time_zone: str, starts_at: datetime, ends_at: datetime) -> list[tuple[Range, timedelta]]:
    """Cut `[starts_at, ends_at)` where the zone's UTC offset changes: sorted ranges that meet, each with its offset.

    Within one, local time is UTC plus the offset, so that local days and grids are plain arithmetic. One look-up per
    day: no zone has ever changed its clock twice within one.
    """
    zone = ZoneInfo(time_zone)
    found: list[tuple[Range, timedelta]] = []
    begins = at = starts_at.astimezone(UTC)
    ends_at = ends_at.astimezone(UTC)
    while at < ends_at:
        following = min(at + _DAY, ends_at)
        offset = _offset(at, zone)
        if _offset(following, zone) != offset:
            change = _change(at, following, zone)
            found.append(((begins, change), offset))
            begins = change
        at = following
    if begins < ends_at:
        found.append(((begins, ends_at), _offset(begins, zone)))
    return found


def mask(
    ranges: Iterable[Range],
    starts_at: datetime,
    cells: int,
    *,
    cell_minutes: int = QUARTER_MINUTES,
    outward: bool = False,
) -> int:
    """Bitmap of `cells` cells from `starts_at`: bit *i* is `[starts_at + i·cell, starts_at + (i + 1)·cell)`.

    Inward (free time) sets a cell only if the ranges cover all of it; outward (busy time) sets every cell they touch:
    10:05-10:20 blocks 10:00-10:30. Either way a cell that ends up free is wholly free. Empty ranges set nothing.
    """
    cell = timedelta(minutes=cell_minutes)
    bits = 0
    # Inward, two ranges that meet inside a cell cover it together; outward, their order and overlap do not matter.
    for begins, stops in ranges if outward else merged(ranges):
        if begins >= stops:
            continue
        if outward:
            first, end = (begins - starts_at) // cell, -((starts_at - stops) // cell)
        else:
            first, end = -((starts_at - begins) // cell), (stops - starts_at) // cell
        first, end = max(first, 0), min(end, cells)
        if first < end:
            bits |= (1 << end) - (1 << first)
    return bits


def week_masks(hours: WorkingHours, first_monday: date, weeks: int = 26) -> tuple[int, ...]:
    """The weekly hours, exceptions and pauses ignored: for each week from `first_monday`, 00:00 UTC, 672 quarter hours.

    Weeks with the same steady UTC offset share one computation, so a person costs about four weeks rather than 26.
    """
    weekly = replace(hours, exceptions=(), pauses=())
    by_offset: dict[timedelta, int] = {}
    masks: list[int] = []
    for week, offset in enumerate(_steady_offsets(hours.time_zone, first_monday, weeks)):
        bits = by_offset.get(offset) if offset is not None else None
        if bits is None:
            monday = datetime.combine(first_monday, time(), UTC) + week * 7 * _DAY
            bits = mask(working_ranges(weekly, monday, monday + 7 * _DAY), monday, WEEK_CELLS)
            if offset is not None:
                by_offset[offset] = bits
        masks.append(bits)
    return tuple(masks)


def shared_minutes(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Minutes that two people's week masks share in their leanest week; 0 when there are no weeks."""
    return QUARTER_MINUTES * min(((x & y).bit_count() for x, y in zip(a, b, strict=True)), default=0)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Sorted and disjoint; ranges that overlap or touch become one."""
    merged: list[Range] = []
    for begins, stops in sorted(ranges):
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stops))
        else:
            merged.append((begins, stops))
    return merged


@lru_cache(maxsize=8192)
def _steady_midnight(time_zone: str, day: date) -> datetime | None:
    """When a local day begins, if its clock runs from 00:00 to 24:00 without a change; else None.

    Both midnights in both readings agree on the offset: a change within the day would part them, and one at either
    end repeats or skips that midnight.
    """
    zone = ZoneInfo(time_zone)
    midnight = datetime.combine(day, time())
    offsets = {one.replace(tzinfo=zone, fold=n).utcoffset() for one in (midnight, midnight + _DAY) for n in (0, 1)}
    return midnight.replace(tzinfo=zone).astimezone(UTC) if len(offsets) == 1 else None


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).replace(tzinfo=UTC) - instant


def _reached(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The first instant at which local wall time is at or after `minute` of `day`."""
    wall = datetime.combine(day, time()) + minute * _MINUTE
    first, second = _instants(wall, zone)
    return first if first <= second else _change(second, first, zone)


def _passed(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The end of the last minute whose local wall time is before `minute` of `day`."""
    # The minute before decides: an end exactly where the repeated hour begins is passed before the first pass.
    wall = datetime.combine(day, time()) + (minute - 1) * _MINUTE
    first, second = _instants(wall, zone)
    return second + _MINUTE if first <= second else _change(second, first, zone)


def _instants(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Both readings of a wall time (PEP 495): mostly equal; in order when it is repeated, in reverse when skipped."""
    local = wall.replace(tzinfo=zone)
    return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant in `(before, after]` at which the zone's offset changes, by bisection to the second."""
    old = _offset(before, zone)
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), zone) == old:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


@lru_cache(maxsize=1024)
def _steady_offsets(time_zone: str, first_monday: date, weeks: int) -> tuple[timedelta | None, ...]:
    """Each week's UTC offset, or None when it changes in that week or within a day of it."""
    zone = ZoneInfo(time_zone)
    start = datetime.combine(first_monday, time(), UTC) - _DAY
    days = [(start + n * _DAY).astimezone(zone).utcoffset() for n in range(7 * weeks + 3)]
    return tuple(days[7 * week] if len(set(days[7 * week : 7 * week + 10])) == 1 else None for week in range(weeks))
