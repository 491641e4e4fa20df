from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from app.demo.company import Size, company
from app.demo.shapes import Interval

SIZES: tuple[Size, ...] = get_args(Size)
TODAY = date(2026, 11, 23)
STEPS = ("discovery", "demo", "technical", "negotiation")
a_company = cache(company)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("today", [TODAY, date(2026, 3, 7), date(2026, 10, 22)])
def test_calls_lie_inside_the_hours_of_their_host(size: Size, today: date) -> None:
    firm = a_company(size, seed=7, today=today)
    people = {person.external_id: person for person in firm.people}

    for call in firm.calls:
        host = people[call.host_external_id]
        zone = ZoneInfo(host.time_zone)
        starts, ends = call.starts_at.astimezone(zone), call.ends_at.astimezone(zone)
        assert today <= starts.date() < today + timedelta(days=28)
        assert starts.date() not in host.exceptions
        assert any(
            hours.weekday == starts.isoweekday()
            and time.fromisoformat(hours.start) <= starts.time()
            and ends.time() <= time.fromisoformat(hours.end)
            for hours in host.working_hours
        )


@pytest.mark.parametrize("size", SIZES)
def test_no_host_is_in_two_places(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    times: dict[str, list[Interval]] = defaultdict(list)
    for person in firm.people:
        times[person.external_id] += person.busy
    for call in firm.calls:
        times[call.host_external_id].append((call.starts_at, call.ends_at))

    for taken in times.values():
        taken.sort()
        assert all(one[1] <= other[0] for one, other in pairwise(taken))


@pytest.mark.parametrize("size", SIZES)
def test_customers_are_called_between_nine_and_five_of_their_weekdays_most_at_the_peaks(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)
    zones = {account.external_id: ZoneInfo(account.time_zone) for account in firm.accounts}

    locally = [
        tuple(at.astimezone(zones[call.account_external_id]) for at in (call.starts_at, call.ends_at))
        for call in firm.calls
    ]

    assert all(
        starts.isoweekday() <= 5 and starts.time() >= time(9) and ends.time() <= time(17) for starts, ends in locally
    )
    hours = Counter((starts.isoweekday() in (2, 3, 4), starts.hour) for starts, _ in locally)
    assert min(hours[True, hour] for hour in (10, 11, 14, 15)) > max(hours[True, hour] for hour in (9, 12, 13, 16))
    days = Counter(starts.isoweekday() for starts, _ in locally)
    assert min(days[2], days[3], days[4]) > max(days[1], days[5])


@pytest.mark.parametrize("size", SIZES)
def test_a_deal_never_goes_back_a_step_nor_takes_two_in_a_day(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)

    histories: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for call in firm.calls:
        histories[call.account_external_id].append((call.starts_at, call.type))

    for history in histories.values():
        kinds = [kind for _, kind in history]
        assert set(kinds) == {"renewal"} or kinds == sorted(kinds, key=STEPS.index)
        assert all(later[0] - one[0] > timedelta(days=1) for one, later in pairwise(history))


@pytest.mark.parametrize("size", SIZES)
def test_a_call_agrees_with_its_host_and_account(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)
    people = {person.external_id: person for person in firm.people}
    accounts = {account.external_id: account for account in firm.accounts}

    for call in firm.calls:
        host, account = people[call.host_external_id], accounts[call.account_external_id]
        assert call.language in host.languages
        assert call.language == account.language
        assert account.segment in host.segments
        assert call.title.startswith(account.name + ": ")
        assert call.starts_at.tzinfo is UTC
        assert host.kind == "mentor" or (host.kind == "mentee" and call.type in ("discovery", "demo"))


def test_calls_come_by_time() -> None:
    firm = a_company("demo", seed=7, today=TODAY)

    assert [call.starts_at for call in firm.calls] == sorted(call.starts_at for call in firm.calls)
