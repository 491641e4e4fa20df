"""When a calendar outside is looked at again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.rules.refreshing import next_look

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_each_failure_doubles_the_wait_up_to_four_hours() -> None:
    waits = [(next_look(NOW, failures=n, spread=0.5) - NOW) / MINUTE for n in range(9)]

    assert waits == [15, 5, 10, 20, 40, 80, 160, 240, 240]


def test_the_other_side_may_ask_for_longer_but_not_for_sooner() -> None:
    def asked(for_: timedelta) -> timedelta:
        return next_look(NOW, failures=1, spread=0.5, not_before=NOW + for_) - NOW

    assert (asked(MINUTE), asked(2 * HOUR)) == (5 * MINUTE, 2 * HOUR)


def test_what_only_its_owner_mends_is_looked_at_daily() -> None:
    assert next_look(NOW, failures=1, spread=0.5, lasting=True) - NOW == 24 * HOUR


@given(failures=st.integers(0, 10_000), spread=st.floats(0, 1), lasting=st.booleans())
def test_it_is_never_given_up_and_never_hammered(failures: int, spread: float, *, lasting: bool) -> None:
    wait = next_look(NOW, failures=failures, spread=spread, lasting=lasting) - NOW

    assert 4 * MINUTE <= wait <= 29 * HOUR
