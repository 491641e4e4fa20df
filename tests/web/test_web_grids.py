"""A week as a grid: everything stands where the clock of its day says."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from app.web.grids import Grid, grid

MONDAY = date(2026, 10, 19)
BERLIN = ZoneInfo("Europe/Berlin")
"""Its clocks go back on Sunday of that week."""
NOW = datetime(2026, 10, 21, 9, 22, tzinfo=BERLIN)


@dataclass(frozen=True)
class Row:
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Day:
    on: date
    rows: tuple[Row, ...]


def a_row(at: datetime, minutes: int = 30) -> Row:
    """From an instant, as Berlin's clocks show it."""
    return Row(at.astimezone(BERLIN), (at + timedelta(minutes=minutes)).astimezone(BERLIN))


def of(*rows: Row) -> Grid[Row] | None:
    ordered = sorted(rows, key=lambda row: row.starts_at)
    days = groupby(ordered, key=lambda row: row.starts_at.date())
    return grid(MONDAY, [Day(on, tuple(found)) for on, found in days], now=NOW)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, 19 + day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def test_more_at_once_than_can_be_read_is_no_grid() -> None:
    assert of(*[a_row(at(0, 9))] * 4) is None
    assert of(*[a_row(at(0, 9))] * 3) is not None


def test_without_anything_it_is_a_working_week_with_now_in_it() -> None:
    empty = of()

    assert empty is not None
    assert (empty.first, empty.last) == (8, 18)
    assert [column.on.day for column in empty.columns] == [19, 20, 21, 22, 23]
    assert [column.now for column in empty.columns] == [None, None, NOW, None, None]


def test_the_weekend_is_drawn_when_something_is_on_it() -> None:
    found = of(a_row(at(6, 12)))

    assert found is not None
    assert [column.on.day for column in found.columns] == [19, 20, 21, 22, 23, 25]


def test_what_begins_early_or_ends_late_makes_the_day_longer_and_midnight_ends_it() -> None:
    found = of(a_row(at(0, 6, 30)), a_row(at(1, 23, 30), 90))

    assert found is not None
    assert (found.first, found.last) == (6, 24)
    assert [slot.minutes for column in found.columns for slot in column.slots] == [30, 30]


def test_in_the_hour_that_comes_twice_both_stand_beside_each_other() -> None:
    first, second = a_row(at(6, 2, 30)), a_row(at(6, 2, 30) + timedelta(hours=1))
    over = a_row(at(6, 2, 45))

    found = of(first, second, over)

    assert found is not None
    slots = found.columns[-1].slots
    assert {slot.lane for slot in slots} == {0, 1, 2}
    assert {slot.minutes for slot in slots} == {30}


@given(starts=st.lists(st.tuples(st.integers(0, 7 * 24 * 60 - 1), st.integers(1, 300)), max_size=8))
def test_every_row_stands_once_within_the_hours_that_are_drawn(starts: list[tuple[int, int]]) -> None:
    rows = [a_row(at(0, 0) + timedelta(minutes=minute), length) for minute, length in starts]
    rows = [row for row in rows if row.starts_at.date() < MONDAY + timedelta(days=7)]

    found = of(*rows)

    if found is None:
        return
    slots = [slot for column in found.columns for slot in column.slots]
    assert sorted(slot.row.starts_at for slot in slots) == sorted(row.starts_at for row in rows)
    for slot in slots:
        begins = slot.row.starts_at.hour * 60 + slot.row.starts_at.minute
        assert found.first * 60 <= begins < begins + slot.minutes <= found.last * 60
