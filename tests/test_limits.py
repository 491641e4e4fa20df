"""Who came how often: each is counted alone, in bounded memory, from many threads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from app.limits import Limits
from app.rules.rates import Rate, of_a_key
from tests.harness import NOW

FEW = Rate("few", limit=2, seconds=60, burst=2)
MANY = Rate("many", limit=500, seconds=60, burst=500)


def test_who_comes_too_often_hears_when_to_come_again_and_then_is_let_in() -> None:
    limits = Limits()

    taken = [limits.take(FEW, "ana", at=NOW) for _ in range(3)]

    assert taken == [None, None, 30]
    assert limits.take(FEW, "ana", at=NOW + timedelta(seconds=29)) == 1
    assert limits.take(FEW, "ana", at=NOW + timedelta(seconds=30)) is None


def test_asking_how_long_one_would_wait_counts_for_nothing() -> None:
    limits = Limits()

    waits = [limits.wait(FEW, "ana", at=NOW) for _ in range(3)]
    for _ in range(2):
        limits.take(FEW, "ana", at=NOW)

    assert waits == [None, None, None]
    assert limits.wait(FEW, "ana", at=NOW) == 30
    assert limits.wait(FEW, "ana", at=NOW + timedelta(seconds=30)) is None


def test_somebody_else_and_another_rate_are_counted_alone() -> None:
    limits = Limits()
    for _ in range(3):
        limits.take(FEW, "ana", at=NOW)

    assert limits.take(FEW, "ben", at=NOW) is None
    assert limits.take(MANY, "ana", at=NOW) is None


def test_a_key_whose_limit_was_lowered_is_held_to_the_new_one() -> None:
    limits = Limits()
    for _ in range(600):
        assert limits.take(of_a_key(600), "key", at=NOW) is None

    assert limits.take(of_a_key(6), "key", at=NOW) == 10
    assert limits.take(of_a_key(6), "key", at=NOW + timedelta(seconds=10)) is None
    assert limits.take(of_a_key(6), "key", at=NOW + timedelta(seconds=10)) == 10


def test_memory_is_bounded_and_those_who_owe_most_are_remembered() -> None:
    limits = Limits(most=100)
    for _ in range(3):
        limits.take(FEW, "busy", at=NOW)

    for number in range(1000):
        limits.take(FEW, f"stranger {number}", at=NOW)

    assert limits.remembered(FEW) <= 100
    assert limits.take(FEW, "busy", at=NOW) == 30


def test_those_who_were_quiet_are_forgotten_first() -> None:
    limits = Limits(most=10)
    for number in range(10):
        limits.take(FEW, f"quiet {number}", at=NOW)

    limits.take(FEW, "now", at=NOW + timedelta(hours=1))

    assert limits.remembered(FEW) == 1


def test_threads_together_are_let_through_no_oftener_than_one() -> None:
    limits = Limits()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: limits.take(MANY, "ana", at=NOW), range(2000)))

    assert taken.count(None) == 500
