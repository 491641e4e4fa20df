"""A child with limits: its answer, its refusal, its end."""

import os
import threading
import time

import pytest

from app.child import ChildFailed, ChildStopped, run_limited
from app.rules.planning.problem import ContradictoryPin, PlanLimit
from tests.patience import PATIENCE_SECONDS


def slow(_question: object) -> None:
    while True:
        pass


def hungry(_question: object) -> None:
    bytearray(8 * 1024**3)


def dying(_question: object) -> None:
    os._exit(9)


def refusing(_question: object) -> None:
    raise ContradictoryPin("a", "b", PlanLimit.TIME)


def echo(question: object) -> object:
    return question


def run(work: str, question: object = None) -> str:
    seconds = 5 if work == "slow" else int(PATIENCE_SECONDS)
    return run_limited(
        f"tests.test_child:{work}", question, answer=str, seconds=seconds, mebibytes=512, over=threading.Event()
    )


def test_the_answer_comes_back() -> None:
    assert run("echo", "hello") == "hello"


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ("slow", "stopped after|without an answer"),
        ("hungry", "memory"),
        ("dying", "without an answer"),
        ("echo", "answered with int"),
        ("missing", "without an answer"),
    ],
)
def test_a_child_that_fails_is_one_sentence_and_gone(work: str, words: str) -> None:
    with pytest.raises(ChildFailed, match=words):
        run(work, 7)


def test_what_the_solver_raises_is_raised_here() -> None:
    with pytest.raises(ContradictoryPin) as why:
        run("refusing")

    assert (why.value.observer, why.value.limit) == ("a", PlanLimit.TIME)


def test_a_solver_that_finds_no_memory_to_load_its_libraries_is_a_child_that_failed() -> None:
    with pytest.raises(ChildFailed, match="memory"):
        run_limited(
            "app.rules.planning.solve:answer", None, answer=str, seconds=20, mebibytes=-1000, over=threading.Event()
        )


def test_a_child_that_nobody_waits_for_any_more_is_stopped_at_once(soak: bool) -> None:
    over = threading.Event()
    threading.Timer(0.5, over.set).start()
    asked_at = time.monotonic()

    with pytest.raises(ChildStopped):
        run_limited("tests.test_child:slow", None, answer=str, seconds=60, mebibytes=512, over=over)

    assert time.monotonic() - asked_at < (30 if soak else 60)


def test_a_question_and_an_answer_larger_than_a_pipe_come_through() -> None:
    question = "x" * 5_000_000

    assert run("echo", question) == question


def test_numeric_libraries_of_a_child_have_one_thread() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        told = run_limited("os:getenv", name, answer=str, seconds=30, mebibytes=256, over=threading.Event())

        assert told == "1"
