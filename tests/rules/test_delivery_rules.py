"""When webhooks are tried again, how long endpoints rest, and what Retry-After means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.deliveries import Attempt, lane, next_attempt_at, rests_until, retry_at
from app.rules.published import PUBLISHED, listens

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def failed(retry_at: datetime | None = None, status_code: int | None = 503, elapsed_ms: int = 12) -> Attempt:
    return Attempt(NOON, elapsed_ms, status_code, retry_at=retry_at)


@given(st.integers(1, 9), st.floats(0, 1))
def test_waits_are_those_of_the_schedule_give_or_take_a_fifth(attempts: int, spread: float) -> None:
    seconds = [5, 5 * 60, 30 * 60, *(h * 3600 for h in (2, 5, 10, 14, 20, 24))][attempts - 1]

    at = next_attempt_at(attempts, failed=failed(), spread=spread, now=NOON)

    assert at is not None
    assert 0.8 * seconds <= (at - NOON).total_seconds() <= 1.2 * seconds


def test_the_tenth_attempt_is_the_last() -> None:
    assert next_attempt_at(10, failed=failed(), spread=0.5, now=NOON) is None


def test_all_ten_attempts_take_three_days() -> None:
    at = NOON
    for attempts in range(1, 10):
        at = next_attempt_at(attempts, failed=failed(), spread=0.5, now=at) or at

    assert at - NOON == timedelta(hours=75, minutes=35, seconds=5)


def test_nothing_is_tried_again_before_the_receiver_wants_it() -> None:
    asked = failed(NOON + HOUR)

    assert next_attempt_at(1, failed=asked, spread=0.5, now=NOON) == NOON + HOUR
    assert next_attempt_at(4, failed=asked, spread=0.5, now=NOON) == NOON + 2 * HOUR


@pytest.mark.parametrize(("failures", "seconds"), [(1, 5), (2, 20), (3, 80), (4, 300), (5, 300), (1000, 300)])
def test_an_endpoint_rests_longer_with_each_failure_and_never_longer_than_five_minutes(
    failures: int, seconds: int
) -> None:
    assert rests_until(failures, failed=failed(), now=NOON) == NOON + seconds * SECOND


def test_an_endpoint_rests_as_long_as_it_wants_but_never_less_than_five_seconds() -> None:
    assert rests_until(9, failed=failed(NOON + 60 * SECOND), now=NOON) == NOON + 60 * SECOND
    assert rests_until(1, failed=failed(NOON + SECOND), now=NOON) == NOON + 5 * SECOND


@pytest.mark.parametrize(
    "meant",
    [
        "120",
        "Mon, 23 Nov 2026 12:02:00 GMT",
        "Monday, 23-Nov-26 12:02:00 GMT",
        "Mon Nov 23 12:02:00 2026",
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date_of_any_of_three_forms(meant: str) -> None:
    assert retry_at(meant, now=NOON) == NOON + 120 * SECOND


@pytest.mark.parametrize("meant", ["999999999", "Fri, 23 Nov 2029 12:00:00 GMT"])
def test_nobody_makes_us_wait_for_longer_than_a_day(meant: str) -> None:
    assert retry_at(meant, now=NOON) == NOON + 24 * HOUR


@pytest.mark.parametrize(
    "meant",
    [None, "", "0", "-5", "1.5", "soon", "9" * 5000, "٣", "Mon, 23 Nov 2026 11:59:00 GMT", "Mon, 23 Nov 99999 1:1:1"],
)
def test_what_is_no_time_to_come_means_nothing(meant: str | None) -> None:
    assert retry_at(meant, now=NOON) is None


@given(st.text() | st.datetimes(timezones=st.just(UTC)).map(lambda at: format_datetime(at, usegmt=True)))
def test_whatever_retry_after_says_it_is_understood_or_passed_over(meant: str) -> None:
    at = retry_at(meant, now=NOON)

    assert at is None or NOON < at <= NOON + 24 * HOUR


@pytest.mark.parametrize("status_code", [None, 100, 199, 300, 301, 304, 404, 410, 500, 999])
def test_nothing_but_2xx_says_that_it_arrived(status_code: int | None) -> None:
    assert not failed(status_code=status_code).arrived
    assert all(failed(status_code=code).arrived for code in (200, 204, 299))


def test_who_takes_more_than_a_second_has_a_lane_apart() -> None:
    assert lane(slow=failed(elapsed_ms=1000).slow) == "webhooks"
    assert lane(slow=failed(elapsed_ms=1001).slow) == "webhooks_slow"


def test_a_filter_names_acts_or_all_of_an_object_and_nothing_means_all() -> None:
    assert listens([], "seat.booked")
    assert listens(["call.created", "seat.*"], "seat.booked")
    assert listens(["seat.booked"], "seat.booked")
    assert not listens(["seat.released", "session.*"], "seat.booked")
    assert not listens(["match.*"], "match_run.drafted")


def test_each_published_act_says_in_a_sentence_what_happened_to_its_object() -> None:
    for act, published in PUBLISHED.items():
        assert act.startswith(f"{published.object_type}.")
        assert published.says.endswith(".")
        assert published.says[0].isupper()
