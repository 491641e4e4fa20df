"""Working hours against an oracle that walks the wall clock minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.availability import (
    WEEK_CELLS,
    Range,
    WorkingHours,
    covers,
    mask,
    shared_minutes,
    week_masks,
    working_ranges,
)
from tests.worlds import worlds

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

# Days on which some clock changes: (zone, date). Half-hour, midnight, over-midnight and skipped-day changes included.
DST_DAYS = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Sydney", date(2026, 4, 5)),
    ("Australia/Sydney", date(2026, 10, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Santiago", date(2026, 4, 4)),
    ("America/Santiago", date(2026, 9, 6)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 29)),
    ("Atlantic/Azores", date(2026, 10, 25)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2019, 2, 16)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Pyongyang", date(2018, 5, 4)),
    ("Africa/Casablanca", date(2026, 2, 15)),
]
STEADY = {"UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/Phoenix"}
ZONES = sorted({zone for zone, _ in DST_DAYS} | STEADY)


def nine_to_five(time_zone: str, exceptions: tuple[tuple[date, tuple[tuple[int, int], ...]], ...] = ()) -> WorkingHours:
    return WorkingHours(time_zone, tuple((day, 9 * 60, 17 * 60) for day in range(1, 6)), exceptions)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def oracle(hours: WorkingHours, starts_at: datetime, minutes: int) -> list[bool]:
    """Minute by minute: the wall clock has reached a span's start and has not yet passed its end for good."""
    zone, margin = ZoneInfo(hours.time_zone), 3 * 1440
    instants = (starts_at + n * MINUTE for n in range(-margin, minutes + margin))
    walls = [instant.astimezone(zone).replace(tzinfo=None, fold=0) for instant in instants]
    reached = list(accumulate(walls, max))
    to_come = list(accumulate(reversed(walls), min))[::-1]
    exceptions = dict(hours.exceptions)
    worked = [False] * len(walls)
    day = walls[0].date()
    while day <= walls[-1].date():
        weekly = tuple((start, end) for on, start, end in hours.weekly if on == day.isoweekday())
        for start, end in exceptions.get(day, weekly):
            base = datetime.combine(day, time())
            opens, closes = base + start * MINUTE, base + end * MINUTE
            for n in range(len(walls)):
                worked[n] |= reached[n] >= opens and to_come[n] < closes
        day += DAY
    return worked[margin : margin + minutes]


def by_minute(ranges: list[Range], starts_at: datetime, minutes: int) -> list[bool]:
    return [any(begins <= starts_at + n * MINUTE < stops for begins, stops in ranges) for n in range(minutes)]


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(0, 1439))
    return start, draw(st.integers(start + 1, 1440))


@st.composite
def schedules(draw: st.DrawFn, time_zone: str, day: date) -> WorkingHours:
    rows = draw(st.lists(st.tuples(st.integers(1, 7), spans()), max_size=14))
    replaced = draw(st.dictionaries(st.integers(-1, 1), st.lists(spans(), max_size=2), max_size=2))
    return WorkingHours(
        time_zone,
        tuple((weekday, start, end) for weekday, (start, end) in rows),
        tuple((day + n * DAY, tuple(found)) for n, found in replaced.items()),
    )


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        working_ranges(nine_to_five("Mars/Olympus"), at("2026-01-05"), at("2026-01-06"))


def test_a_person_without_hours_never_works() -> None:
    hours = WorkingHours("Europe/Berlin", ())

    assert working_ranges(hours, at("2026-01-05"), at("2026-02-05")) == []
    assert not covers(hours, at("2026-01-05T10:00"), at("2026-01-05T10:15"))
    assert week_masks(hours, date(2026, 1, 5)) == (0,) * 26


def test_an_empty_or_reversed_window_holds_no_working_time() -> None:
    hours = nine_to_five("UTC")

    assert working_ranges(hours, at("2026-01-05T10:00"), at("2026-01-05T10:00")) == []
    assert working_ranges(hours, at("2026-01-05T12:00"), at("2026-01-05T10:00")) == []
    assert not covers(hours, at("2026-01-05T10:00"), at("2026-01-05T10:00"))


def test_the_working_day_keeps_its_wall_time_over_the_spring_change() -> None:
    hours = nine_to_five("America/New_York")

    friday, monday = working_ranges(hours, at("2026-03-06"), at("2026-03-10"))

    assert friday == (at("2026-03-06T14:00"), at("2026-03-06T22:00"))
    assert monday == (at("2026-03-09T13:00"), at("2026-03-09T21:00"))


def test_a_skipped_start_or_end_moves_forward_to_the_change() -> None:
    sunday = (7, 2 * 60 + 30, 4 * 60), (7, 60, 2 * 60 + 15)

    ranges = working_ranges(WorkingHours("America/New_York", sunday), at("2026-03-08"), at("2026-03-09"))

    assert ranges == [(at("2026-03-08T06:00"), at("2026-03-08T08:00"))]


def test_a_span_that_lies_in_the_skipped_hour_is_empty_that_day() -> None:
    hours = WorkingHours("America/New_York", ((7, 2 * 60, 3 * 60),))

    assert working_ranges(hours, at("2026-03-08"), at("2026-03-09")) == []


def test_a_span_that_ends_in_the_repeated_hour_lasts_through_the_second_pass() -> None:
    hours = WorkingHours("America/New_York", ((7, 0, 90),))

    assert working_ranges(hours, at("2026-11-01"), at("2026-11-02")) == [
        (at("2026-11-01T04:00"), at("2026-11-01T06:30"))
    ]


def test_a_span_that_ends_where_the_repeated_hour_begins_ends_before_it() -> None:
    hours = WorkingHours("America/New_York", ((7, 0, 60),))

    assert working_ranges(hours, at("2026-11-01"), at("2026-11-02")) == [
        (at("2026-11-01T04:00"), at("2026-11-01T05:00"))
    ]


def test_a_night_shift_in_two_rows_is_one_range() -> None:
    hours = WorkingHours("Asia/Kolkata", ((1, 22 * 60, 1440), (2, 0, 6 * 60)))

    ranges = working_ranges(hours, at("2026-06-01"), at("2026-06-03"))

    assert ranges == [(at("2026-06-01T16:30"), at("2026-06-02T00:30"))]
    assert covers(hours, at("2026-06-01T18:00"), at("2026-06-01T19:00"))


def test_an_exception_replaces_its_local_day_only() -> None:
    thursday_off, short_friday = (date(2026, 1, 1), ()), (date(2026, 1, 2), ((600, 660),))
    hours = nine_to_five("Australia/Sydney", (thursday_off, short_friday))

    ranges = working_ranges(hours, at("2025-12-30T22:00"), at("2026-01-03"))

    assert ranges == [
        (at("2025-12-30T22:00"), at("2025-12-31T06:00")),
        (at("2026-01-01T23:00"), at("2026-01-02T00:00")),
    ]


def test_covers_needs_the_whole_interval() -> None:
    hours = nine_to_five("Europe/London")

    assert covers(hours, at("2026-01-05T09:00"), at("2026-01-05T17:00"))
    assert not covers(hours, at("2026-01-05T08:59"), at("2026-01-05T09:30"))
    assert not covers(hours, at("2026-01-05T16:30"), at("2026-01-05T17:01"))
    assert not covers(hours, at("2026-01-05T16:00"), at("2026-01-06T10:00"))


@given(data=st.data(), case=st.sampled_from(DST_DAYS))
@settings(max_examples=worlds(60))
def test_ranges_equal_the_wall_clock_on_every_minute_around_a_clock_change(
    data: st.DataObject, case: tuple[str, date]
) -> None:
    time_zone, day = case
    hours = data.draw(schedules(time_zone, day))
    starts_at = midnight(day) - data.draw(st.integers(0, 1440)) * MINUTE
    minutes = data.draw(st.integers(1, 3 * 1440))

    ranges = working_ranges(hours, starts_at, starts_at + minutes * MINUTE)

    assert by_minute(ranges, starts_at, minutes) == oracle(hours, starts_at, minutes)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(ranges))


@given(data=st.data(), time_zone=st.sampled_from(ZONES), day=st.dates(date(2026, 1, 1), date(2027, 12, 31)))
@settings(max_examples=worlds(40))
def test_ranges_equal_the_wall_clock_on_any_day(data: st.DataObject, time_zone: str, day: date) -> None:
    hours = data.draw(schedules(time_zone, day))

    ranges = working_ranges(hours, midnight(day), midnight(day + DAY))

    assert by_minute(ranges, midnight(day), 1440) == oracle(hours, midnight(day), 1440)


@given(
    pairs=st.lists(st.tuples(st.integers(-60, 400), st.integers(0, 90)), max_size=6),
    cells=st.integers(0, 30),
    cell_minutes=st.sampled_from([5, 15]),
)
def test_masks_are_exactly_the_cells_covered_inward_or_touched_outward(
    pairs: list[tuple[int, int]], cells: int, cell_minutes: int
) -> None:
    starts_at = at("2026-01-05")
    ranges = [(starts_at + n * MINUTE, starts_at + (n + length) * MINUTE) for n, length in pairs]
    taken = by_minute(ranges, starts_at, cells * cell_minutes)
    in_cell = [taken[n * cell_minutes : (n + 1) * cell_minutes] for n in range(cells)]

    inward = mask(ranges, starts_at, cells, cell_minutes=cell_minutes)
    outward = mask(ranges, starts_at, cells, cell_minutes=cell_minutes, outward=True)

    assert inward == sum(1 << n for n in range(cells) if all(in_cell[n]))
    assert outward == sum(1 << n for n in range(cells) if any(in_cell[n]))


def test_busy_time_off_the_grid_blocks_every_cell_it_touches() -> None:
    starts_at = at("2026-01-05T10:00")
    busy = [(at("2026-01-05T10:05"), at("2026-01-05T10:20"))]

    assert mask(busy, starts_at, 4, outward=True) == 0b0011
    assert mask(busy, starts_at, 4) == 0


@given(data=st.data(), time_zone=st.sampled_from(ZONES), week=st.integers(0, 60))
@settings(max_examples=worlds(60))
def test_week_masks_equal_each_week_computed_alone(data: st.DataObject, time_zone: str, week: int) -> None:
    monday = date(2026, 1, 5) + 7 * week * DAY
    hours = data.draw(schedules(time_zone, monday))
    weekly = WorkingHours(time_zone, hours.weekly)

    masks = week_masks(hours, monday)

    starts = [midnight(monday) + 7 * n * DAY for n in range(26)]
    assert masks == tuple(mask(working_ranges(weekly, start, start + 7 * DAY), start, WEEK_CELLS) for start in starts)


def test_shared_minutes_are_those_of_the_leanest_week() -> None:
    # New York changes its clock three weeks before London: in between they share four hours a day, not three.
    new_york, london = nine_to_five("America/New_York"), nine_to_five("Europe/London")
    winter, between = date(2026, 2, 23), date(2026, 3, 9)

    assert shared_minutes(week_masks(new_york, winter, 1), week_masks(london, winter, 1)) == 5 * 3 * 60
    assert shared_minutes(week_masks(new_york, between, 1), week_masks(london, between, 1)) == 5 * 4 * 60
    assert shared_minutes(week_masks(new_york, winter), week_masks(london, winter)) == 5 * 3 * 60


def test_masks_of_different_horizons_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        shared_minutes((1, 1), (1,))
