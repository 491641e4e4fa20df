import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from functools import cache
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.company import Size, company
from app.demo.people import SKILLS
from tests.worlds import worlds

TODAY = date(2026, 11, 23)
SIZES: tuple[Size, ...] = get_args(Size)
a_company = cache(company)


@pytest.mark.parametrize(
    ("size", "juniors", "mentors", "managers", "calls"),
    [("demo", 8, 6, 2, 450), ("team", 30, 24, 6, 2_000), ("org", 250, 200, 50, 16_000)],
)
def test_a_company_has_the_people_and_calls_of_its_size(
    size: Size, juniors: int, mentors: int, managers: int, calls: int
) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    kinds = Counter(person.kind for person in firm.people)

    assert kinds == {"mentee": juniors, "mentor": mentors, "manager": managers, "admin": 1}
    assert len(firm.teams) == managers
    assert len(firm.calls) == pytest.approx(calls, rel=0.03)


@pytest.mark.parametrize("size", SIZES)
def test_calls_come_in_the_promised_mix_of_types_and_lengths(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    types: Counter[str] = Counter(call.type for call in firm.calls)
    lengths = Counter((call.ends_at - call.starts_at) // timedelta(minutes=1) for call in firm.calls)

    for kind, percent in {"discovery": 35, "demo": 25, "technical": 20, "negotiation": 10, "renewal": 10}.items():
        assert 100 * types[kind] / types.total() == pytest.approx(percent, abs=1), kind
    for minutes, percent in {15: 10, 30: 45, 45: 25, 60: 20}.items():
        assert 100 * lengths[minutes] / lengths.total() == pytest.approx(percent, abs=1), minutes


def test_another_seed_is_another_company() -> None:
    assert a_company("demo", seed=7, today=TODAY) != a_company("demo", seed=8, today=TODAY)


@given(seed=st.integers(0, 2**32), today=st.dates(date(2020, 1, 1), date(2035, 12, 31)))
@settings(max_examples=worlds(20))
def test_the_same_seed_and_day_give_an_equal_company(seed: int, today: date) -> None:
    assert company("demo", seed=seed, today=today) == company("demo", seed=seed, today=today)


def test_the_order_of_hashes_does_not_show() -> None:
    script = (
        "import hashlib; from datetime import date; from app.demo.company import company\n"
        "print(hashlib.sha256(repr(company('team', seed=7, today=date(2026, 11, 23))).encode()).hexdigest())"
    )

    digests = [
        subprocess.run(
            [sys.executable, "-c", script], env=os.environ | {"PYTHONHASHSEED": salt}, capture_output=True, check=True
        ).stdout
        for salt in ("1", "2")
    ]

    assert digests[0] == digests[1]


@pytest.mark.parametrize("size", SIZES)
def test_ids_names_and_addresses_are_unique(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    for values in (
        [person.external_id for person in firm.people],
        [person.email for person in firm.people],
        [account.external_id for account in firm.accounts],
        [account.name for account in firm.accounts],
        [call.external_id for call in firm.calls],
        [call.meeting_url for call in firm.calls],
        [team.name for team in firm.teams],
    ):
        assert len(set(values)) == len(values)


def test_people_of_the_small_demo_are_told_apart_by_first_name() -> None:
    firm = a_company("demo", seed=7, today=TODAY)

    first_names = [person.name.split()[0] for person in firm.people]

    assert len(set(first_names)) == len(first_names)


@pytest.mark.parametrize("size", SIZES)
def test_managers_come_before_their_reports_and_only_the_top_has_none(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    seen: list[str] = []
    for person in firm.people:
        assert (person.manager_external_id is None) == (not seen)
        assert person.manager_external_id is None or person.manager_external_id in seen
        seen.append(person.external_id)


@pytest.mark.parametrize("size", SIZES)
def test_juniors_wish_and_mentors_teach(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    for person in firm.people:
        assert sorted(skill.slug for skill in person.skills) == sorted(SKILLS)
        taught = [skill for skill in person.skills if skill.teaches]
        wished = [skill.wants for skill in person.skills if skill.wants]
        if person.kind == "mentee":
            assert not taught
            assert 3 <= len(wished) <= 5
            assert max(wished) == 5
            assert all(skill.level <= 2 for skill in person.skills)
        if person.kind == "mentor":
            assert 4 <= len(taught) <= 6
            assert all(skill.level >= 3 for skill in taught)
            assert not wished


def test_who_leads_is_a_manager_and_one_admin_has_the_house_in_hand() -> None:
    made = company("demo", seed=1, today=date(2026, 11, 23))

    roles = {(person.kind, person.role) for person in made.people}
    assert roles == {("mentee", "rep"), ("mentor", "rep"), ("manager", "manager"), ("admin", "admin")}
    assert [person.role for person in made.people].count("admin") == 1
