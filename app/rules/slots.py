"""When can all of them meet: common free time on a grid, by bitmaps, in agreement with `meeting.refusal`.

A bitmap is an int whose bit *i* is the cell `[origin + i·cell, origin + (i + 1)·cell)`. The cell is the greatest
length that divides the step, the duration, every buffer and whatever the clock of the viewing zone jumps by. So each
start, end and buffered end on the grid lies between two cells, and rounding taken time outward and working time inward
loses nothing: the search is exact on the grid, though not between its points.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from math import gcd

from app.rules.availability import Range, mask, steady_stretches
from app.rules.meeting import HouseRules, Participant, earliest, latest
from app.rules.seating import Load, week_of

DAY_MINUTES = 24 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MOMENT = timedelta(microseconds=1)


class EmptyReason(StrEnum):
    """Why somebody has no time within what was asked. The first that leaves them none."""

    NOT_ACTIVE = "not_active"
    NO_WORKING_HOURS = "no_working_hours"
    """Never at work for as long as the session lasts."""
    MIN_NOTICE = "min_notice"
    """Only in the past, or too soon."""
    BEYOND_HORIZON = "beyond_horizon"
    BUSY = "busy"
    LIMIT = "limit"
    NO_COMMON_TIME = "no_common_time"
    """They have time, but not together with the others."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Sessions of one length that start on a grid and lie within [starts_at, ends_at)."""

    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    """At least 1."""
    step_minutes: int
    """Divides a day: starts are whole steps after midnight on the wall clock of `time_zone`."""
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class CommonSlots:
    """The slots in order; when there are none, why, for each person by id."""

    slots: list[Range]
    empty_reasons: dict[str, EmptyReason]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The cells in which a search counts, and the starts among them."""

    origin: datetime
    cell_minutes: int
    cells: int
    starts: int
    """Bitmap."""

    def count(self, length: timedelta) -> int:
        """Return how many cells this length is."""
        return length // (self.cell_minutes * _MINUTE)

    def at(self, cell: int) -> datetime:
        """Return when a cell begins."""
        return self.origin + cell * self.cell_minutes * _MINUTE

    def covered(self, ranges: Iterable[Range]) -> int:
        """Return the cells that lie wholly within these ranges."""
        return mask(ranges, self.origin, self.cells, cell_minutes=self.cell_minutes)

    def touched(self, ranges: Iterable[Range]) -> int:
        """Return the cells that these ranges share time with."""
        return mask(ranges, self.origin, self.cells, cell_minutes=self.cell_minutes, outward=True)

    def begun_in(self, begins: datetime, stops: datetime) -> int:
        """Return the cells that begin within [begins, stops)."""
        cell = self.cell_minutes * _MINUTE
        first, end = (min(max(-((self.origin - at) // cell), 0), self.cells) for at in (begins, stops))
        return (1 << end) - (1 << first) if first < end else 0


def common_slots(
    people: Sequence[Participant], wanted: Wanted, *, house: HouseRules, now: datetime, at_most: int | None = None
) -> CommonSlots:
    """Return the starts on the grid at which `meeting.refusal` refuses nobody: the first `at_most`, or all.

    People's working and taken ranges must reach over [starts_at, ends_at) and their buffers on both sides.
    O(ranges + cells · log duration), whatever the number of people: only their ranges count.
    """
    grid = _grid(people, wanted)
    starts = grid.starts & _timely(grid, house, now=now)
    if any(not person.works_here for person in people):
        starts = 0
    by_buffers: dict[tuple[timedelta, timedelta], int] = {}
    working = (1 << grid.cells) - 1
    for person in people:
        working &= grid.covered(person.working)
        buffers = (person.before, person.after)
        by_buffers[buffers] = by_buffers.get(buffers, 0) | grid.touched(person.taken)
        starts &= ~_full(grid, person.load)
    length = wanted.duration_minutes * _MINUTE
    starts &= _runs(working, grid.count(length))
    for (before, after), taken in by_buffers.items():
        starts &= _free(grid, taken, before, length, after)
    slots = [(grid.at(cell), grid.at(cell) + length) for cell in _bits(starts, at_most)]
    reasons = {} if slots else {person.id: _reason(person, grid, wanted, house, now=now) for person in people}
    return CommonSlots(slots, reasons)


def _grid(people: Iterable[Participant], wanted: Wanted) -> _Grid:
    stretches = list(_starts(wanted))
    if not stretches:
        return _Grid(wanted.starts_at, 1, 0, 0)
    before = {person.before // _MINUTE for person in people} | {0}
    after = {person.after // _MINUTE for person in people} | {0}
    first = stretches[0][0]
    jumps = (start - first for start, _ in stretches)
    cell = gcd(wanted.step_minutes, wanted.duration_minutes, *before, *after, *jumps)
    origin, step = first - max(before), wanted.step_minutes // cell
    last = max(start + (number - 1) * wanted.step_minutes for start, number in stretches)
    starts = 0
    for start, number in stretches:
        starts |= _every(step, number) << ((start - origin) // cell)
    cells = (last + wanted.duration_minutes + max(after) - origin) // cell
    return _Grid(_EPOCH + origin * _MINUTE, cell, cells, starts)


def _starts(wanted: Wanted) -> Iterator[tuple[int, int]]:
    """Yield the grid's starts as (first, number) for each stretch of steady wall time, in minutes since 1970 UTC.

    Of a repeated hour both passes count, as both can be worked; a skipped one has no starts.
    """
    # The last start itself is allowed, so the half-open range of starts ends a moment later.
    end_of_starts = wanted.ends_at - wanted.duration_minutes * _MINUTE + _MOMENT
    for (begins, stops), offset in steady_stretches(wanted.time_zone, wanted.starts_at, end_of_starts):
        east = offset // _MINUTE
        # As every step divides the day, whole steps after local midnight are whole steps of local time since 1970.
        first = -(-(_minutes_up(begins) + east) // wanted.step_minutes) * wanted.step_minutes - east
        number = -(-(_minutes_up(stops) - first) // wanted.step_minutes)
        if number > 0:
            yield first, number


def _minutes_up(instant: datetime) -> int:
    """Whole minutes since 1970, rounded up."""
    return -((_EPOCH - instant) // _MINUTE)


def _timely(grid: _Grid, house: HouseRules, *, now: datetime) -> int:
    """Return the cells whose beginning is neither past nor too soon nor beyond the horizon."""
    return grid.begun_in(max(earliest(house, now=now), now + _MOMENT), latest(house, now=now) + _MOMENT)


def _full(grid: _Grid, load: Load) -> int:
    """Return the cells that begin on a day, or in a week, in which this person meets nobody else."""
    days = {day for day, number in load.on_day.items() if number >= load.per_day}
    weeks = {week for week, number in load.in_week.items() if number >= load.per_week}
    never = min(load.per_day, load.per_week) < 1
    if not (days or weeks or never):
        return 0
    full = 0
    for (begins, stops), offset in steady_stretches(load.time_zone, grid.origin, grid.at(grid.cells)):
        day = (begins + offset).date()
        while (midnight := _midnight(day) - offset) < stops:
            if never or day in days or week_of(day) in weeks:
                full |= grid.begun_in(max(midnight, begins), min(midnight + DAY_MINUTES * _MINUTE, stops))
            day += timedelta(days=1)
    return full


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _free(grid: _Grid, taken: int, before: timedelta, length: timedelta, after: timedelta) -> int:
    """Return the cells from which a session of this length finds itself and its buffers free."""
    free = ~taken & ((1 << grid.cells) - 1)
    return _runs(free, grid.count(before + length + after)) << grid.count(before)


def _runs(bits: int, length: int) -> int:
    """Return the bits that begin a run of at least `length` ones. O(log length) shifts."""
    done = 1
    while done < length:
        shift = min(done, length - done)
        bits &= bits >> shift
        done += shift
    return bits


def _every(step: int, number: int) -> int:
    """Return a bitmap with `number` bits, the lowest and every `step`-th after it."""
    return ((1 << step * number) - 1) // ((1 << step) - 1)


def _bits(bits: int, at_most: int | None) -> Iterator[int]:
    """Yield the places of the lowest set bits, upward."""
    digits = f"{bits:b}"[::-1]
    place = digits.find("1")
    while place >= 0 and at_most != 0:
        yield place
        place = digits.find("1", place + 1)
        at_most = None if at_most is None else at_most - 1


def _reason(person: Participant, grid: _Grid, wanted: Wanted, house: HouseRules, *, now: datetime) -> EmptyReason:
    """Say what leaves this person no start at all; nothing does when the others stand in the way."""
    if not person.works_here:
        return EmptyReason.NOT_ACTIVE
    length = wanted.duration_minutes * _MINUTE
    starts = grid.starts & _runs(grid.covered(person.working), grid.count(length))
    if not starts:
        return EmptyReason.NO_WORKING_HOURS
    if not starts & _timely(grid, house, now=now):
        too_far = starts & grid.begun_in(latest(house, now=now) + _MOMENT, grid.at(grid.cells))
        return EmptyReason.BEYOND_HORIZON if too_far else EmptyReason.MIN_NOTICE
    starts &= _timely(grid, house, now=now)
    starts &= _free(grid, grid.touched(person.taken), person.before, length, person.after)
    if not starts:
        return EmptyReason.BUSY
    if not starts & ~_full(grid, person.load):
        return EmptyReason.LIMIT
    return EmptyReason.NO_COMMON_TIME
