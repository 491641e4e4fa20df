"""Whose turn it is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.rules.fair import Candidate, turns

START = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)

hours = st.integers(0, 100).map(lambda number: START + number * HOUR)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True))
    return [
        Candidate(name, draw(hours), tuple(sorted(draw(st.lists(hours, max_size=8)))), draw(st.integers(1, 3)))
        for name in names
    ]


def someone(name: str, loads: int = 0, *, came: int = 0, weight: int = 1) -> Candidate:
    """Somebody who was given one session an hour since the start."""
    return Candidate(name, START + came * HOUR, tuple(START + n * HOUR for n in range(1, loads + 1)), weight)


def ids(several: Iterable[Candidate]) -> list[str]:
    return [one.id for one in several]


def given_out(several: Sequence[Candidate], rounds: int) -> Counter[str]:
    """How many each gets of so many sessions that are given out one after the other."""
    had, got = {one.id: one for one in several}, Counter[str]()
    for number in range(rounds):
        first = turns(had.values())[0]
        had[first.id] = replace(first, given_at=(*first.given_at, START + (1000 + number) * HOUR))
        got[first.id] += 1
    return got


def test_bug_36_nobody_gets_everything() -> None:
    assert given_out([someone(name) for name in "abc"], 9) == {"a": 3, "b": 3, "c": 3}


def test_lowest_load_then_least_recent_then_id() -> None:
    light = Candidate("z", START, (START + 5 * HOUR,))
    early, late = Candidate("y", START, (START, START)), Candidate("x", START, (START, START + HOUR))

    assert ids(turns([replace(late, id="w"), late, early, light, someone("v")])) == ["v", "z", "y", "w", "x"]


def test_twice_the_weight_is_given_twice_as_much() -> None:
    assert given_out([someone("a"), someone("b", weight=2)], 30) == {"a": 10, "b": 20}


def test_a_new_one_starts_at_the_current_average() -> None:
    loaded, idle, new = someone("a", 6), someone("b", 4), someone("new", came=50)

    assert ids(turns([loaded, idle, new])) == ["b", "new", "a"]
    assert given_out([loaded, idle, new], 33) == {"b": 12, "new": 11, "a": 10}


def test_what_was_given_after_they_came_is_no_credit_to_a_new_one() -> None:
    old, new = someone("old", 6), someone("new", came=3)  # two of the six were given before

    assert given_out([old, new], 4) == {"new": 4}
    assert given_out([old, new], 6) == {"new": 5, "old": 1}


@given(candidates())
def test_the_order_holds_everybody_once_and_depends_on_no_order(several: list[Candidate]) -> None:
    order = turns(several)

    assert sorted(ids(order)) == sorted(ids(several))
    assert turns(reversed(several)) == order


@given(candidates())
def test_who_was_just_given_one_never_moves_ahead(several: list[Candidate]) -> None:
    for place, one in enumerate(turns(several)):
        after = replace(one, given_at=(*one.given_at, START + 200 * HOUR))
        others = [other for other in several if other is not one]
        assert ids(turns([after, *others])).index(one.id) >= place


@given(candidates(), st.integers(1, 40))
def test_from_now_on_everybody_is_given_their_share(several: list[Candidate], rounds: int) -> None:
    level = [replace(one, came_at=START, given_at=()) for one in several]
    got = given_out(level, rounds)

    shares = [got[one.id] / one.weight for one in level]
    assert max(shares) - min(shares) <= 1
