"""A second clock beside that of a week: how far ahead it is, hour by hour, and when that changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.weeks import Beside, Week, there

ZONES = ("America/Phoenix", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/London", "America/St_Johns", "UTC")


def beside(name: str, here: str, zone: str) -> Beside:
    week = Week.named(name, here)
    assert week is not None
    return Beside(week, zone)


@pytest.mark.parametrize(
    ("name", "here", "zone", "ahead", "change", "nine"),
    [
        ("2026-W48", "America/Phoenix", "Asia/Kolkata", "12 hours 30 minutes ahead", "", "21:30"),
        ("2026-W48", "Asia/Kolkata", "America/Phoenix", "12 hours 30 minutes behind", "", "20:30"),
        ("2026-W48", "Europe/London", "Europe/Lisbon", "at the same time", "", "09"),
        (
            "2026-W43",
            "Europe/Berlin",
            "Asia/Kolkata",
            "3 hours 30 minutes ahead",
            "From Sunday 25 October its clocks show 1 hour more.",
            "12:30",
        ),
        (
            "2026-W40",
            "Europe/London",
            "Australia/Lord_Howe",
            "9 hours 30 minutes ahead",
            "From Sunday 4 October its clocks show 30 minutes more.",
            "18:30",
        ),
    ],
)
def test_a_week_says_how_far_ahead_the_other_clock_is(
    name: str, here: str, zone: str, ahead: str, change: str, nine: str
) -> None:
    other = beside(name, here, zone)

    assert (other.ahead, other.change, other.hour(9)) == (ahead, change, nine)


def test_another_day_is_named() -> None:
    late = datetime(2026, 11, 24, 3, tzinfo=UTC)

    assert there(late, "Asia/Kolkata", here="America/Phoenix") == "Tue 08:30"
    assert there(late, "Asia/Kolkata", here="Europe/London") == "08:30"


@given(
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants them so
)
def test_away_from_changes_the_hours_beside_a_grid_are_what_each_row_says(here: str, zone: str, at: datetime) -> None:
    other = Beside(Week.of(at, here), zone)
    own = at.astimezone(ZoneInfo(here)).replace(minute=0)

    if not other.change and not other.week.clock_change:
        said = there(own, zone, here=here)[-5:]
        assert said.removesuffix(":00") == other.hour(own.hour)
