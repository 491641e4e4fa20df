"""When can all of them meet: common free time on a grid, in agreement with `meeting.refusal`.

Whatever takes or gives time shuts or opens a run of the grid's starts. So the search counts, for every start, how many
things shut it and how many people work there: two additions per range at the ends of its run, then one sum along the
grid. All in whole minutes: the grid, lengths and buffers have no other, so rounding taken time outward and working
time inward loses nothing, and the answer is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.rules.availability import Range, steady_stretches
from app.rules.meeting import Colleague, HouseRules, earliest, latest
from app.rules.seating import Load, week_of

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


class EmptyReason(StrEnum):
    """Why somebody has no time within what was asked: the first that leaves them none."""

    RANGE_TOO_SHORT = "range_too_short"
    """No session of this length starts on the grid and ends within the range."""
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
    step_minutes: int
    """Divides a day: starts are whole steps after midnight on the wall clock of `time_zone`."""
    time_zone: str = "UTC"

    @property
    def length(self) -> timedelta:
        """Return the duration."""
        return self.duration_minutes * _MINUTE


@dataclass(frozen=True, slots=True)
class Taken:
    """What takes somebody's time, half-open, in whole minutes since 1970, rounded outward. Any order; may overlap."""

    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, ranges: Sequence[Range]) -> "Taken":
        """Round these ranges."""
        starts, ends = [_down(begins) for begins, _ in ranges], [_up(stops) for _, stops in ranges]
        return cls(np.array(starts, np.int64), np.array(ends, np.int64))


@dataclass(frozen=True, slots=True)
class CommonSlots:
    """The slots in order; when there are none, why, for each person by id."""

    slots: list[Range]
    empty_reasons: dict[str, EmptyReason]


def common_slots(
    people: Sequence[tuple[Colleague, Taken]],
    wanted: Wanted,
    *,
    house: HouseRules,
    now: datetime,
    at_most: int | None = None,
) -> CommonSlots:
    """Return the slots on the grid for which `meeting.refusal` refuses nobody: the first `at_most`, or all.

    Working ranges must reach over [starts_at, ends_at), and what is taken over everybody's buffers on both sides too.
    O(ranges · log starts + starts).
    """
    grid = _grid(wanted)
    is_open = _at_work(grid, people, wanted) & _free(grid, people, wanted) & _timely(grid, house, now=now)
    for person, _ in people:
        if not person.works_here:
            is_open[:] = False
        is_open &= _within_limits(grid, person.load)
    slots = [(start, start + wanted.length) for start in map(_instant, grid[is_open][:at_most].tolist())]
    reasons = {} if slots else {one[0].id: _reason(grid, one, wanted, house, now=now) for one in people}
    return CommonSlots(slots, reasons)


def _grid(wanted: Wanted) -> Ints:
    """Return every start on the grid in minutes since 1970, in order.

    Of a repeated hour both passes count, as both can be worked; a skipped one has no starts.
    """
    step, last = wanted.step_minutes, _down(wanted.ends_at - wanted.length)
    parts = [np.empty(0, np.int64)]
    for (begins, stops), offset in steady_stretches(wanted.time_zone, wanted.starts_at, wanted.ends_at):
        east = offset // _MINUTE
        # As a step divides the day, whole steps after local midnight are whole steps of local time since 1970.
        first = -(-(_up(begins) + east) // step) * step - east
        parts.append(np.arange(first, min(_up(stops), last + 1), step, dtype=np.int64))
    return np.concatenate(parts)


def _at_work(grid: Ints, people: Sequence[tuple[Colleague, Taken]], wanted: Wanted) -> Bools:
    """Return at which starts everybody works until the end."""
    ranges = [one for person, _ in people for one in person.working]
    first = np.array([_up(begins) for begins, _ in ranges], np.int64)
    last = np.array([_down(stops) for _, stops in ranges], np.int64) - wanted.duration_minutes
    everybody: Bools = _count(grid, first, np.maximum(last + 1, first)) == len(people)
    return everybody


def _free(grid: Ints, people: Sequence[tuple[Colleague, Taken]], wanted: Wanted) -> Bools:
    """Return at which starts nobody is taken, from their buffer before to their buffer after."""
    # Taken time that begins where a claim ends does not touch it, so the next minute is the first one shut.
    shut = [taken.starts - (wanted.duration_minutes + person.after // _MINUTE) + 1 for person, taken in people]
    open_again = [taken.ends + person.before // _MINUTE for person, taken in people]
    nothing = np.empty(0, np.int64)
    nobody: Bools = _count(grid, np.concatenate([*shut, nothing]), np.concatenate([*open_again, nothing])) == 0
    return nobody


def _count(grid: Ints, first: Ints, end: Ints) -> Ints:
    """Return how many of the ranges [first, end) hold each start."""
    steps = np.zeros(len(grid) + 1, np.int64)
    for bounds, step in ((first, 1), (end, -1)):
        steps += step * np.bincount(np.searchsorted(grid, bounds), minlength=len(steps))
    return np.cumsum(steps)[:-1]


def _timely(grid: Ints, house: HouseRules, *, now: datetime) -> Bools:
    """Return which starts are neither past nor too soon nor beyond the horizon."""
    first = max(_up(earliest(house, now=now)), _down(now) + 1)
    return (grid >= first) & (grid <= _down(latest(house, now=now)))


def _within_limits(grid: Ints, load: Load) -> Bools:
    """Return which starts fall on days, and in weeks, that leave this person room for one more session."""
    allowed = np.ones(len(grid), np.bool_)
    full_days = {day for day, number in load.on_day.items() if number >= load.per_day}
    full_weeks = {week for week, number in load.in_week.items() if number >= load.per_week}
    never = min(load.per_day, load.per_week) < 1
    if not len(grid) or not (full_days or full_weeks or never):
        return allowed
    whole = (_instant(int(grid[0])), _instant(int(grid[-1]) + 1))
    for (begins, stops), offset in steady_stretches(load.time_zone, *whole):
        day = (begins + offset).date()
        while (midnight := datetime(day.year, day.month, day.day, tzinfo=UTC) - offset) < stops:
            if never or day in full_days or week_of(day) in full_weeks:
                first, end = _up(max(midnight, begins)), _up(min(midnight + _DAY, stops))
                allowed[np.searchsorted(grid, first) : np.searchsorted(grid, end)] = False
            day += _DAY
    return allowed


def _reason(
    grid: Ints, one: tuple[Colleague, Taken], wanted: Wanted, house: HouseRules, *, now: datetime
) -> EmptyReason:
    """Say what leaves this person no start at all; nothing does when the others stand in the way."""
    person, _ = one
    if not len(grid):
        return EmptyReason.RANGE_TOO_SHORT
    if not person.works_here:
        return EmptyReason.NOT_ACTIVE
    left = _at_work(grid, [one], wanted)
    if not left.any():
        return EmptyReason.NO_WORKING_HOURS
    too_far = grid > _down(latest(house, now=now))
    for allowed, reason in (
        (
            _timely(grid, house, now=now),
            EmptyReason.BEYOND_HORIZON if (left & too_far).any() else EmptyReason.MIN_NOTICE,
        ),
        (_free(grid, [one], wanted), EmptyReason.BUSY),
        (_within_limits(grid, person.load), EmptyReason.LIMIT),
    ):
        left &= allowed
        if not left.any():
            return reason
    return EmptyReason.NO_COMMON_TIME


def _down(instant: datetime) -> int:
    """Whole minutes since 1970, rounded down."""
    return (instant - _EPOCH) // _MINUTE


def _up(instant: datetime) -> int:
    """Whole minutes since 1970, rounded up."""
    return -((_EPOCH - instant) // _MINUTE)


def _instant(minute: int) -> datetime:
    return _EPOCH + minute * _MINUTE
