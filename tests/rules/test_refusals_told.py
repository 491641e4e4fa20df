"""What refusals name: which limit and when it is full, the gap in somebody's working hours, what gives a call seats."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.availability import Range, WorkingHours, working_ranges
from app.rules.seating import (
    Load,
    Refusal,
    allotment,
    limit_reached,
    local_day,
    off_hours,
    overlap,
    week_of,
    within,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = (
    "Australia/Lord_Howe",
    "America/Phoenix",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/Havana",  # 00:00 comes twice in autumn, and 00:00 to 01:00 is skipped in spring
    "Africa/Cairo",  # skips midnight; goes back to 23:00 when it is midnight
    "America/Santiago",
    "America/Asuncion",
    "Atlantic/Azores",
    "Pacific/Apia",
)


def the_day(load: Load, at: datetime) -> Refusal:
    return limit_reached(load, at, "The observer's", "seat", "per_a")


def full_day(zone: str, at: datetime) -> Load:
    return Load(zone, 1, 9, {local_day(at, zone): 1}, {})


def full_week(zone: str, at: datetime) -> Load:
    day = local_day(at, zone)
    return Load(zone, 1, 2, {day: 1}, {week_of(day): 2})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "starts_at", "ends_at"),
    [
        # Half an hour of summer time: that Sunday has 23 hours and a half, and begins in the old offset.
        ("Australia/Lord_Howe", "2026-10-04T03:00", "2026-10-03T13:30", "2026-10-04T13:00"),
        ("Australia/Lord_Howe", "2026-04-05T03:00", "2026-04-04T13:00", "2026-04-05T13:30"),
        ("America/Phoenix", "2026-11-24T06:00", "2026-11-23T07:00", "2026-11-24T07:00"),
        ("Asia/Kolkata", "2026-11-23T18:45", "2026-11-23T18:30", "2026-11-24T18:30"),
        ("America/Havana", "2026-11-01T04:30", "2026-11-01T04:00", "2026-11-02T05:00"),
        ("America/Havana", "2026-03-08T05:30", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("Africa/Cairo", "2026-04-23T22:10", "2026-04-23T22:00", "2026-04-24T21:00"),
        ("Africa/Cairo", "2026-10-29T21:30", "2026-10-28T21:00", "2026-10-29T22:00"),
    ],
)
def test_a_full_day_is_told_from_its_local_midnight_to_the_next(
    zone: str, at: str, starts_at: str, ends_at: str
) -> None:
    told = the_day(full_day(zone, utc(at)), utc(at))

    assert told.blocking == (utc(starts_at), utc(ends_at))
    on = local_day(utc(at), zone)
    assert told.detail == f"The observer's limit of 1 seat on {on} ({zone}) is reached. Choose another day."


def test_a_full_week_is_told_from_monday_to_monday_even_when_the_day_is_full_too() -> None:
    at = utc("2026-10-30T08:00")  # a Friday; clocks in New York go back on Sunday

    told = the_day(full_week("America/New_York", at), at)

    assert told.blocking == (utc("2026-10-26T04:00"), utc("2026-11-02T05:00"))
    words = "limit of 2 seats in week 2026-W44 (America/New_York) is reached. Choose another week."
    assert told.detail == f"The observer's {words}"


def test_the_week_of_new_year_is_that_of_the_iso_calendar() -> None:
    at = utc("2027-01-01T08:00")

    assert "in week 2026-W53 (UTC)" in the_day(full_week("UTC", at), at).detail


def test_who_takes_nobody_is_said_to() -> None:
    at = utc("2026-11-23T08:00")

    assert the_day(Load("UTC", 0, 9), at).detail.startswith("The observer's limit of 0 seats on 2026-11-23")


instants = st.integers(0, 23 * 365 * 1440).map(lambda minutes: datetime(2012, 1, 1, tzinfo=UTC) + minutes * MINUTE)
midnights = st.builds(
    lambda day, zone, minutes: datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) + minutes * MINUTE,
    st.dates(date(2012, 1, 1), date(2035, 1, 1)),
    st.sampled_from(ZONES),
    st.integers(-90, 90),
)


@given(zone=st.sampled_from(ZONES), at=st.one_of(instants, midnights), is_week=st.booleans())
def test_the_time_in_the_way_of_a_limit_is_all_of_its_day_or_week_and_no_more(
    zone: str, at: datetime, is_week: bool
) -> None:
    load = full_week(zone, at) if is_week else full_day(zone, at)

    blocking = the_day(load, at).blocking

    assert blocking is not None
    starts_at, ends_at = blocking
    assert starts_at <= at < ends_at
    edge = timedelta(microseconds=1)
    assert all(min(load.left(inside)) < 1 for inside in (starts_at, ends_at - edge))
    assert all(min(load.left(outside)) >= 1 for outside in (starts_at - edge, ends_at))


MONDAY = date(2026, 11, 23)
NINE_TO_FIVE: dict[str, Any] = {"weekly": tuple((day, 540, 1020) for day in range(1, 6))}
OUTSIDE = Refusal("outside_availability", "That time lies outside this person's working hours.", "per_a")


def on(day: date, hour: float, minutes: int = 30) -> Range:
    starts_at = datetime.combine(day, time(), UTC) + timedelta(hours=hour)
    return starts_at, starts_at + minutes * MINUTE


@pytest.mark.parametrize(
    ("asked", "gap"),
    [
        (on(MONDAY, 18), ("2026-11-23T17:00", "2026-11-24T09:00")),
        (on(MONDAY, 16.75), ("2026-11-23T17:00", "2026-11-24T09:00")),
        (on(MONDAY, 8.75), ("2026-11-20T17:00", "2026-11-23T09:00")),
        (on(MONDAY, 17), ("2026-11-23T17:00", "2026-11-24T09:00")),
        (on(MONDAY, 8, 12 * 60), ("2026-11-20T17:00", "2026-11-23T09:00")),
    ],
)
def test_time_outside_working_hours_is_told_with_the_gap_between_them(asked: Range, gap: tuple[str, str]) -> None:
    told = off_hours(OUTSIDE, WorkingHours("UTC", **NINE_TO_FIVE), *asked)

    assert told.blocking == (utc(gap[0]), utc(gap[1]))
    assert (told.code, told.detail, told.person_id) == (OUTSIDE.code, OUTSIDE.detail, "per_a")


def test_only_who_would_be_there_but_for_a_pause_is_told_to_be_away() -> None:
    hours = WorkingHours("UTC", **NINE_TO_FIVE, pauses=((MONDAY, MONDAY + DAY),))

    away, at_night = (off_hours(OUTSIDE, hours, *on(MONDAY, hour)) for hour in (10, 20))

    assert away.detail == f"{OUTSIDE.detail} They are away: it falls into a pause."
    assert at_night.detail == OUTSIDE.detail
    assert away.blocking == at_night.blocking == (utc("2026-11-20T17:00"), utc("2026-11-25T09:00"))


def test_who_never_works_is_told_not_to_for_as_far_as_was_looked() -> None:
    starts_at, ends_at = on(MONDAY, 10)

    told = off_hours(OUTSIDE, WorkingHours("UTC", ()), starts_at, ends_at)

    assert told.blocking == (starts_at - 31 * DAY, ends_at + 31 * DAY)


@given(
    zone=st.sampled_from(ZONES),
    at=st.one_of(instants, midnights),
    minutes=st.integers(1, 600),
    weekly=st.lists(st.tuples(st.integers(1, 7), st.integers(0, 1439), st.integers(1, 1440)), max_size=6),
)
def test_the_gap_is_free_of_work_touches_it_on_both_sides_and_meets_what_was_asked(
    zone: str, at: datetime, minutes: int, weekly: list[tuple[int, int, int]]
) -> None:
    hours = WorkingHours(zone, tuple((day, min(a, b), max(a, b)) for day, a, b in weekly if a != b))
    asked = at, at + minutes * MINUTE
    around = asked[0] - 40 * DAY, asked[1] + 40 * DAY
    working = working_ranges(hours, *around)

    gap = off_hours(OUTSIDE, hours, *asked).blocking

    if within(working, *asked):
        assert gap is None
        return
    assert gap is not None
    assert overlap([gap], *asked)
    assert overlap(working, *gap) is None
    assert gap[0] == asked[0] - 31 * DAY or gap[0] in {stops for _, stops in working}
    assert gap[1] == asked[1] + 31 * DAY or gap[1] in {begins for begins, _ in working}


def gets(*numbers: int | None, **given: Any) -> tuple[int, str]:
    rules: dict[str, Any] = {"open_": True, "account_ceiling": None, "house_ceiling": None, "colleagues": 0}
    override, account, host, call_type = numbers
    found = allotment(override, account, host, call_type or 0, **rules | given)
    return found.seats, found.by


def test_a_call_gets_its_seats_by_the_nearest_number() -> None:
    assert gets(0, 1, 2, 3) == (0, "its own number")
    assert gets(None, 1, 2, 3) == (1, "its account")
    assert gets(None, None, 2, 3) == (2, "its host")
    assert gets(None, None, None, 3) == (3, "its type")
    assert gets(4, 1, 2, 3, open_=False) == (0, "its account, which allows no observers")


def test_the_lower_ceiling_is_named_where_it_and_not_the_number_decides() -> None:
    by_account = "the ceiling of its account on own-side faces: 3, among them the host and 1 invited"
    by_house = "the ceiling of the house on own-side faces: 2, among them the host and 4 invited"

    assert gets(5, None, None, 1, account_ceiling=3, house_ceiling=9, colleagues=1) == (1, by_account)
    assert gets(5, None, None, 1, account_ceiling=9, house_ceiling=2, colleagues=4) == (0, by_house)
    assert gets(1, None, None, 1, account_ceiling=3, house_ceiling=3, colleagues=1) == (1, "its own number")
