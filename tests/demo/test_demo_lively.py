from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from app.demo.company import company
from app.demo.lively import calls_around, free_juniors, heard_before

a_company = cache(company)
SUNDAY, TUESDAY = date(2026, 11, 22), date(2026, 11, 24)
QUARTERS = [timedelta(minutes=7, hours=hour) for hour in range(0, 24, 3)]


@pytest.mark.parametrize("today", [SUNDAY, TUESDAY])
@pytest.mark.parametrize("since", QUARTERS, ids=str)
def test_whenever_somebody_looks_calls_are_on_and_more_follow(today: date, since: timedelta) -> None:
    made = a_company("demo", seed=1, today=today)
    now = datetime(today.year, today.month, today.day, tzinfo=UTC) + since

    planted = calls_around(made, now=now)

    for later in range(0, 180, 15):
        instant = now + timedelta(minutes=later)
        assert [call for call in (*made.calls, *planted) if call.starts_at <= instant < call.ends_at], instant


@pytest.mark.parametrize("since", QUARTERS, ids=str)
def test_nobody_is_put_on_two_calls_and_no_account_without_observers_is_heard(since: timedelta) -> None:
    made = a_company("demo", seed=1, today=TUESDAY)
    now = datetime(2026, 11, 24, tzinfo=UTC) + since

    planted = calls_around(made, now=now)

    by_host = sorted((call.host_external_id, call.starts_at, call.ends_at) for call in (*made.calls, *planted))
    for (one, _, ends), (other, starts, _) in pairwise(by_host):
        assert one != other or ends <= starts
    assert made.planted.account_without_observers not in {call.account_external_id for call in planted}
    assert len({call.external_id for call in (*made.calls, *planted)}) == len(made.calls) + len(planted)


def test_at_night_juniors_are_free_to_listen_but_for_the_isolated_ones() -> None:
    made = a_company("demo", seed=1, today=SUNDAY)

    found = free_juniors(made, now=datetime(2026, 11, 22, 3, tzinfo=UTC))

    assert {one.kind for one in found} == {"mentee"}
    assert {one.external_id for one in found}.isdisjoint(made.planted.isolated_juniors)


@pytest.mark.parametrize("today", [SUNDAY, TUESDAY])
def test_juniors_heard_calls_in_the_last_two_weeks_on_days_of_their_own_and_the_isolated_none(today: date) -> None:
    made = a_company("demo", seed=1, today=today)
    now = datetime(today.year, today.month, today.day, 15, tzinfo=UTC)

    heard = heard_before(made, now=now)

    assert len(heard) == 3 * 6
    assert len({(one.external_id, call.starts_at.date()) for one, call in heard}) == len(heard)
    assert all(now - timedelta(days=15) < call.starts_at < call.ends_at < now for _, call in heard)
    assert all(one.external_id != call.host_external_id for one, call in heard)
    assert {one.external_id for one, _ in heard}.isdisjoint(made.planted.isolated_juniors)
