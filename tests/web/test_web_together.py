"""Who asks at the same time is answered together, never by what was begun before they asked."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.web.together import Together
from tests.patience import PATIENCE_SECONDS


class Slow:
    """Finds the number of its own run, and each run waits until it is let go."""

    def __init__(self) -> None:
        self.runs: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)

    def __call__(self, asked: Sequence[str]) -> list[tuple[str, int]]:
        self.runs.append(list(asked))
        number = len(self.runs)
        self.begun.release()
        assert self.let_go.acquire(timeout=PATIENCE_SECONDS)
        return [(one, number) for one in asked]


def test_who_asks_meanwhile_is_answered_by_the_next_run_all_of_them_at_once() -> None:
    slow = Slow()
    together = Together(slow)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(together.ask, "first")
        assert slow.begun.acquire(timeout=PATIENCE_SECONDS)
        later = {name: threads.submit(together.ask, name) for name in "abcde"}
        while len(together._next.asked) < len(later):
            threading.Event().wait(0.001)

        slow.let_go.release(2)

        assert first.result(PATIENCE_SECONDS) == ("first", 1)
        assert {name: one.result(PATIENCE_SECONDS) for name, one in later.items()} == {
            name: (name, 2) for name in later
        }
    assert [sorted(run) for run in slow.runs] == [["first"], list("abcde")]


def test_what_goes_wrong_goes_wrong_for_that_group_alone() -> None:
    def find(asked: Sequence[int]) -> list[float]:
        return [1 / one for one in asked]

    together = Together(find)

    with pytest.raises(ZeroDivisionError):
        together.ask(0)
    assert together.ask(2) == 0.5
