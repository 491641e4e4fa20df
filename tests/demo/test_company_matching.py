"""Independent of our own matcher: set arithmetic over quarter-hours and augmenting paths."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.company import Size, company
from app.demo.shapes import Company, DemoPerson

SIZES: tuple[Size, ...] = get_args(Size)
TODAY = date(2026, 11, 23)
WEEKS = 26
TWO_HOURS = 8  # quarters


def weekly_quarters(person: DemoPerson, *, start: date) -> list[int]:
    """Worked quarter-hours as bits, one number for each of the 26 weeks of UTC time from `start` on."""
    epoch = datetime.combine(start, time(), UTC)
    zone = ZoneInfo(person.time_zone)
    bits = 0
    for offset in range(-1, WEEKS * 7 + 1):
        day = start + timedelta(days=offset)
        if day in person.exceptions:
            continue
        for hours in person.working_hours:
            if hours.weekday == day.isoweekday():
                begins = datetime.combine(day, time.fromisoformat(hours.start), zone).astimezone(UTC)
                ends = datetime.combine(day, time.fromisoformat(hours.end), zone).astimezone(UTC)
                first, last = (begins - epoch) // timedelta(minutes=15), (ends - epoch) // timedelta(minutes=15)
                first, last = max(first, 0), max(last, 0)
                bits |= (1 << last) - (1 << first)
    week = (1 << 672) - 1
    return [(bits >> 672 * n) & week for n in range(WEEKS)]


def superiors(firm: Company, person: DemoPerson) -> list[str]:
    people = {someone.external_id: someone for someone in firm.people}
    line = []
    while person.manager_external_id:
        line.append(person.manager_external_id)
        person = people[person.manager_external_id]
    return line


def feasible_mentors(firm: Company, *, start: date) -> dict[str, list[str]]:
    mentors = [person for person in firm.people if person.kind == "mentor"]
    weeks = {person.external_id: weekly_quarters(person, start=start) for person in firm.people}
    return {
        mentee.external_id: [
            mentor.external_id
            for mentor in mentors
            if any(language in mentor.languages for language in mentee.languages)
            and mentor.external_id not in superiors(firm, mentee)
            and mentee.external_id not in superiors(firm, mentor)
            and all(
                (ours & theirs).bit_count() >= TWO_HOURS
                for ours, theirs in zip(weeks[mentee.external_id], weeks[mentor.external_id], strict=True)
            )
        ]
        for mentee in firm.people
        if mentee.kind == "mentee"
    }


def most_matched(feasible: dict[str, list[str]], capacity: dict[str, int]) -> int:
    """Kuhn's augmenting paths over the mentors' places."""
    taken: dict[tuple[str, int], str] = {}

    def place(mentee: str, tried: set[tuple[str, int]]) -> bool:
        for mentor in feasible[mentee]:
            for number in range(capacity[mentor]):
                if (seat := (mentor, number)) not in tried:
                    tried.add(seat)
                    if seat not in taken or place(taken[seat], tried):
                        taken[seat] = mentee
                        return True
        return False

    return sum(place(mentee, set()) for mentee in feasible)


@pytest.mark.parametrize("size", SIZES)
def test_every_mentee_can_be_matched_at_once(size: Size) -> None:
    firm = cache(company)(size, seed=7, today=TODAY)

    feasible = feasible_mentors(firm, start=TODAY)

    assert min(len(mentors) for mentors in feasible.values()) >= 3
    capacity = {person.external_id: person.capacity for person in firm.people}
    assert most_matched(feasible, capacity) == len(feasible)


@given(seed=st.integers(0, 2**32), today=st.dates(date(2025, 1, 1), date(2030, 12, 31)))
@settings(max_examples=8)
def test_no_season_leaves_a_mentee_of_the_demo_without_three_mentors(seed: int, today: date) -> None:
    firm = company("demo", seed=seed, today=today)

    feasible = feasible_mentors(firm, start=today)

    assert min(len(mentors) for mentors in feasible.values()) >= 3
    assert most_matched(feasible, {person.external_id: person.capacity for person in firm.people}) == len(feasible)


def test_all_zones_of_the_product_have_people_in_the_demo() -> None:
    firm = company("demo", seed=7, today=TODAY)

    assert {person.time_zone for person in firm.people} == {
        "America/New_York",
        "America/Chicago",
        "America/Los_Angeles",
        "America/Phoenix",
        "America/Sao_Paulo",
        "Europe/London",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Australia/Sydney",
    }
