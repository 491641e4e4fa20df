from collections import Counter
from datetime import date, datetime, time
from functools import cache
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.company import Size, company
from app.demo.shapes import Company, DemoCall, DemoPerson
from tests.worlds import worlds

TODAY = date(2026, 11, 23)
SIZES: tuple[Size, ...] = get_args(Size)
a_company = cache(company)


def works_during(person: DemoPerson, starts_at: datetime, ends_at: datetime) -> bool:
    zone = ZoneInfo(person.time_zone)
    starts, ends = starts_at.astimezone(zone), ends_at.astimezone(zone)
    if starts.date() != ends.date() or starts.date() in person.exceptions:
        return False
    return any(
        hours.weekday == starts.isoweekday()
        and starts.time() >= time.fromisoformat(hours.start)
        and ends.time() <= time.fromisoformat(hours.end)
        for hours in person.working_hours
    )


def could_hear(firm: Company, person: DemoPerson) -> list[DemoCall]:
    """Calls of others in a language the person speaks, in working hours, beside busy time and own calls."""
    closed = {account.external_id for account in firm.accounts if not account.observers_allowed}
    own = [(call.starts_at, call.ends_at) for call in firm.calls if call.host_external_id == person.external_id]
    return [
        call
        for call in firm.calls
        if call.host_external_id != person.external_id
        and call.account_external_id not in closed
        and call.language in person.languages
        and works_during(person, call.starts_at, call.ends_at)
        and not any(starts < call.ends_at and call.starts_at < ends for starts, ends in [*person.busy, *own])
    ]


@pytest.mark.parametrize("size", SIZES)
def test_two_juniors_can_hear_only_a_few_calls(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    isolated = [person for person in firm.people if person.external_id in firm.planted.isolated_juniors]

    assert [person.kind for person in isolated] == ["mentee", "mentee"]
    for person in isolated:
        assert 1 <= len(could_hear(firm, person)) <= 8
        assert not any(call.host_external_id == person.external_id for call in firm.calls)


def test_all_other_juniors_can_hear_many_calls() -> None:
    firm = a_company("demo", seed=7, today=TODAY)

    others = [p for p in firm.people if p.kind == "mentee" and p.external_id not in firm.planted.isolated_juniors]

    assert len(others) == 6
    assert min(len(could_hear(firm, person)) for person in others) >= 40


@pytest.mark.parametrize("size", SIZES)
def test_one_host_runs_twice_the_calls_of_a_colleague(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    load = Counter(call.host_external_id for call in firm.calls)
    (busiest, most), (_, second) = load.most_common(2)

    assert busiest == firm.planted.overloaded_host
    assert 1.8 <= most / second <= 2.2


@pytest.mark.parametrize("size", SIZES)
def test_exactly_one_skill_has_a_single_teacher(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    teachers = Counter(skill.slug for person in firm.people for skill in person.skills if skill.teaches)
    experts = Counter(skill.slug for person in firm.people for skill in person.skills if skill.level == 4)
    able = Counter(skill.slug for person in firm.people for skill in person.skills if skill.level >= 3)

    for count in (teachers, experts, able):
        assert [slug for slug, people in count.items() if people == 1] == [firm.planted.only_taught_skill]
        assert len(count) == 24
    teacher = next(person for person in firm.people if person.external_id == firm.planted.only_teacher)
    assert any(skill.teaches and skill.slug == firm.planted.only_taught_skill for skill in teacher.skills)


@pytest.mark.parametrize("size", SIZES)
def test_exactly_one_account_takes_no_observers_and_has_several_calls(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    closed = [account.external_id for account in firm.accounts if not account.observers_allowed]

    assert closed == [firm.planted.account_without_observers]
    assert sum(call.account_external_id == closed[0] for call in firm.calls) >= 3


@given(seed=st.integers(0, 2**32), today=st.dates(date(2025, 1, 1), date(2030, 12, 31)))
@settings(max_examples=worlds(25))
def test_every_seed_and_season_holds_the_planted_cases(seed: int, today: date) -> None:
    firm = company("demo", seed=seed, today=today)
    load = Counter(call.host_external_id for call in firm.calls)

    people = {person.external_id: person for person in firm.people}
    heard = [len(could_hear(firm, people[junior])) for junior in firm.planted.isolated_juniors]
    fewest = min(
        len(could_hear(firm, person))
        for person in firm.people
        if person.kind == "mentee" and person.external_id not in firm.planted.isolated_juniors
    )

    assert all(1 <= count <= 8 for count in heard)
    assert fewest > 2 * max(heard)
    assert load.most_common(1)[0][0] == firm.planted.overloaded_host
    assert len(firm.calls) == pytest.approx(450, rel=0.03)
    assert sum(call.account_external_id == firm.planted.account_without_observers for call in firm.calls) >= 3
    assert all(starts < ends for person in firm.people for starts, ends in person.busy)
