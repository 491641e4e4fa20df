"""What counts towards load limits falls on local days and weeks exactly, whatever the clocks do."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.rules.loads import load, takes_more
from app.rules.seating import local_day, week_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Asuncion",
    "America/Scoresbysund",
    "Africa/Cairo",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
)
"""Half an hour of summer, clocks that change at midnight, a day that never was, and both ends of the world."""
CHANGES = (
    date(1972, 1, 7),
    date(2011, 12, 30),
    date(2024, 3, 24),
    date(2024, 10, 6),
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 4, 24),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 10, 30),
    date(2026, 11, 1),
    date(2026, 12, 31),
)
"""Days on which clocks change in one of them, and the end of a year."""


def close_to(day: date) -> st.SearchStrategy[datetime]:
    """Any microsecond near it, rather those around a quarter of an hour."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return st.builds(
        lambda quarters, odd: midnight + timedelta(minutes=15 * quarters, microseconds=odd),
        st.integers(-2 * 96, 3 * 96),
        st.one_of(st.sampled_from((0, -1, 1, 500_000, -500_000)), st.integers(-(10**9), 10**9)),
    )


instants = st.one_of(
    st.sampled_from(CHANGES).flatmap(close_to),
    st.integers(0, 130 * 365 * 86_400 * 10**6).map(lambda number: EPOCH + timedelta(microseconds=number)),
)


def second_of(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(seconds=1)


@given(zone=st.sampled_from(ZONES), starts=st.lists(instants, max_size=20))
def test_every_start_counts_on_its_local_day_and_in_that_days_week(zone: str, starts: list[datetime]) -> None:
    days = [local_day(instant, zone) for instant in starts]

    counted = load(zone, 3, 8, [second_of(instant) for instant in starts])

    assert (counted.time_zone, counted.per_day, counted.per_week) == (zone, 3, 8)
    assert counted.on_day == Counter(days)
    assert counted.in_week == Counter(week_of(day) for day in days)


@given(
    zone=st.sampled_from(ZONES),
    near=st.sampled_from(CHANGES),
    limits=st.tuples(st.integers(0, 3), st.integers(0, 6)),
    data=st.data(),
)
def test_one_more_fits_when_something_is_left_of_the_day_and_of_the_week(
    zone: str, near: date, limits: tuple[int, int], data: st.DataObject
) -> None:
    starts = data.draw(st.lists(close_to(near), max_size=12))
    another = data.draw(st.one_of(close_to(near), *(st.just(instant) for instant in starts)))

    counted = load(zone, *limits, [second_of(instant) for instant in starts])

    assert takes_more(counted, second_of(another)) == (min(counted.left(another)) >= 1)
