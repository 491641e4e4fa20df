"""A week as a grid: where each row stands on the clock, and what stands beside what. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from app.web.lanes import lanes

_FIRST, _LAST = 8, 18
"""Hours that are always drawn."""
_MOST_LANES = 3
"""More beside each other are too narrow to read."""
_LEAST = timedelta(minutes=15)
_WORKING_DAYS = 5


class Timed(Protocol):
    """What has a start and an end, both on the clocks of one zone."""

    @property
    def starts_at(self) -> datetime:
        """The first instant."""

    @property
    def ends_at(self) -> datetime:
        """The first instant after it."""


RowT = TypeVar("RowT", bound=Timed)
RowT_co = TypeVar("RowT_co", bound=Timed, covariant=True)


class RowsOfDay(Protocol[RowT_co]):
    """One day's rows, in order of their start."""

    @property
    def on(self) -> date:
        """The day."""

    @property
    def rows(self) -> Sequence[RowT_co]:
        """What starts on it."""


@dataclass(frozen=True, slots=True)
class Slot(Generic[RowT]):
    """Where a row stands."""

    row: RowT
    minutes: int
    """How long it is on the clock, until midnight at most; 15 at least, for else nobody could press it."""
    lane: int
    lanes: int


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """A day."""

    on: date
    now: datetime | None
    """What the clock says there when it is today and within the hours that are drawn."""
    is_today: bool
    slots: tuple[Slot[RowT], ...]


@dataclass(frozen=True, slots=True)
class Grid(Generic[RowT]):
    """A week, Monday to Friday and what of the weekend is needed, from the `first` hour until before the `last`."""

    first: int
    last: int
    columns: tuple[Column[RowT], ...]


def grid(monday: date, days: Iterable[RowsOfDay[RowT]], *, now: datetime) -> Grid[RowT] | None:
    """Return a week's days as a grid, `now` on the same clocks; None when more would stand beside each other than can
    be read. Everything stands where the clock of its day says; in an hour that comes twice, both stand there.
    """
    by_day = {day.on: tuple(_slots(day.rows)) for day in days}
    slots = [slot for found in by_day.values() for slot in found]
    if any(slot.lanes > _MOST_LANES for slot in slots):
        return None
    first = min([_FIRST, *(slot.row.starts_at.hour for slot in slots)])
    last = max([_LAST, *(_end_hour(slot) for slot in slots)])
    week = [monday + timedelta(days=n) for n in range(7)]
    drawn = [on for n, on in enumerate(week) if n < _WORKING_DAYS or on in by_day]
    return Grid(first, last, tuple(_column(on, by_day.get(on, ()), now, first, last) for on in drawn))


@dataclass(frozen=True, slots=True)
class _Drawn:
    starts_at: datetime
    ends_at: datetime


def _slots(rows: Sequence[RowT]) -> Iterable[Slot[RowT]]:
    drawn = [_drawn(row) for row in rows]
    for row, on_clock, (lane, of) in zip(rows, drawn, lanes(drawn), strict=True):
        yield Slot(row, int((on_clock.ends_at - on_clock.starts_at).total_seconds()) // 60, lane, of)


def _drawn(row: Timed) -> _Drawn:
    """Return the time of a row on the clock, without zone. While clocks go forward it is as long as they say, while
    they go back as long as it is.
    """
    starts_at, ends_at = row.starts_at.replace(tzinfo=None), row.ends_at.replace(tzinfo=None)
    length = max(row.ends_at.astimezone(UTC) - row.starts_at.astimezone(UTC), _LEAST)
    midnight = datetime.combine(starts_at.date() + timedelta(days=1), datetime.min.time())
    return _Drawn(starts_at, min(max(ends_at, starts_at + length), midnight))


def _end_hour(slot: Slot[RowT]) -> int:
    at = slot.row.starts_at
    return -(-(at.hour * 60 + at.minute + slot.minutes) // 60)


def _column(on: date, slots: tuple[Slot[RowT], ...], now: datetime, first: int, last: int) -> Column[RowT]:
    is_today = now.date() == on
    return Column(on, now if is_today and first <= now.hour < last else None, is_today, slots)
