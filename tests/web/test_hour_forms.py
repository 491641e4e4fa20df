"""The form of a power hour in the nights in which clocks change: what nobody touched stays at its instant."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.queries.power_hours import PowerHourPeople
from app.web.filled import Misfilled
from app.web.hour_forms import form_of, read_form

BERLIN, MINUTE = "Europe/Berlin", timedelta(minutes=1)
TWICE = datetime(2027, 10, 31, 0, 0, tzinfo=UTC)
"""02:00 in Berlin, which comes again an hour later."""
SKIPPED = datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
"""03:00 in Berlin, where 02:00 would have been."""


def an_hour(starts_at: datetime, minutes: int) -> Any:
    ends_at = starts_at + minutes * MINUTE
    return SimpleNamespace(name="Night", starts_at=starts_at, ends_at=ends_at, rotation_minutes=20, version=1)


def sent(row: Any, **touched: str) -> dict[str, tuple[str, ...]]:
    """What a browser sends of the form of this power hour, in which these fields were touched."""
    shown = dict(form_of(row, PowerHourPeople(), [], BERLIN).values)
    people = {"part-per_a": ("host",), "part-per_b": ("observer",)}
    return {**{name: (value,) for name, value in (shown | touched).items()}, **people}


@pytest.mark.parametrize(("begins", "minutes"), [(0, 60), (30, 45), (60, 30), (75, 40), (45, 30), (-60, 150), (90, 90)])
def test_a_form_that_still_says_what_was_shown_asks_for_the_same_instants(begins: int, minutes: int) -> None:
    row = an_hour(TWICE + begins * MINUTE, minutes)

    asked = read_form(sent(row, name="Renamed"), BERLIN, row)

    assert (asked.name, asked.starts_at, asked.ends_at) == ("Renamed", row.starts_at, row.ends_at)


@pytest.mark.parametrize(
    ("begins", "touched", "starts", "ends"),
    [
        (75, {"to": "02:50"}, 75, 110),  # it starts in the second of the two hours, and so it ends there
        (15, {"to": "02:50"}, 15, 50),
        (45, {"to": "02:10"}, 45, 70),
        (75, {"from": "02:20"}, 20, 55),  # of an hour that comes twice the first is meant
        (75, {"day": "2027-11-01"}, 75 + 24 * 60, 60 + 55 + 24 * 60),
    ],
)
def test_it_ends_when_the_clock_first_says_so_after_its_start(
    begins: int, touched: dict[str, str], starts: int, ends: int
) -> None:
    row = an_hour(TWICE + begins * MINUTE, 40)

    asked = read_form(sent(row, **touched), BERLIN, row)

    assert (asked.starts_at, asked.ends_at) == (TWICE + starts * MINUTE, TWICE + ends * MINUTE)


def test_what_starts_in_the_evening_of_a_day_that_skips_an_hour_ends_in_it_on_the_next() -> None:
    row = an_hour(SKIPPED + timedelta(hours=20), 60)

    asked = read_form(sent(row, to="02:30"), BERLIN, row)

    assert asked.ends_at == SKIPPED + timedelta(hours=23, minutes=30)


@pytest.mark.parametrize(("field", "value"), [("from", "02:30"), ("to", "02:30")])
def test_a_time_that_the_clock_skips_is_named(field: str, value: str) -> None:
    row = an_hour(SKIPPED - 20 * MINUTE, 50)

    with pytest.raises(Misfilled) as wrong:
        read_form(sent(row, **{field: value}), BERLIN, row)

    assert wrong.value.errors == {field: "The clock skips this time on that day. Choose an hour later."}
