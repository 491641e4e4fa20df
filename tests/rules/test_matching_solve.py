"""The assignment on plain arrays: brute force on tiny instances, the known optima on large ones."""

import os
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from app.rules.matching.assign import CANDIDATES, Pool, banded, solve_pool
from app.rules.matching.columns import Ints
from app.rules.matching.problem import Disruption, Objective
from tests.worlds import worlds

INSTANCES = Path(__file__).parent / "instances"
SHARED = Path(os.environ.get("EARSHOT_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "solver"
"""Where those are, if anywhere, that are too large to be kept here."""
OPTIMA = {"p1_50": 352_770, "p1_500": 4_037_611, "p1_5000": 43_054_430}
"""Of so many mentees, by `util`, with nobody unmatched."""
KNOWN = [name for name in OPTIMA if any((folder / f"{name}.npz").exists() for folder in (INSTANCES, SHARED))]

Instance = tuple[int, Ints, Ints, Ints, Ints, Ints, Ints]
OBJECTIVES: tuple[Objective, ...] = ("total", "util", "lex")
DISRUPTIONS: tuple[Disruption, ...] = ("some", "least")
ORDERS = list(product(OBJECTIVES, DISRUPTIONS))


def array(values: list[int]) -> Ints:
    return np.array(values, np.int64)


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    """Up to 5 mentees and 4 mentors; few distinct scores, so that ties and bands matter; pins that fit."""
    nj, nm = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    cap = draw(st.lists(st.integers(0, 3), min_size=nm, max_size=nm))
    scores = draw(
        st.dictionaries(
            st.tuples(st.integers(0, nj - 1), st.integers(0, nm - 1)),
            st.sampled_from([0, 3499, 3500, 4499, 5000, 5499, 5500, 5700, 9000]),
        )
    )
    current = draw(st.lists(st.integers(-1, nm - 1), min_size=nj, max_size=nj))
    pin, left = [-1] * nj, list(cap)
    for j, m in sorted(scores):
        if pin[j] < 0 and left[m] and draw(st.integers(0, 5)) == 0:
            pin[j], left[m] = m, left[m] - 1
    edges = draw(st.permutations(sorted(scores)))
    edge_j, edge_m = array([j for j, _ in edges]), array([m for _, m in edges])
    return nj, array(cap), edge_j, edge_m, array([scores[e] for e in edges]), array(current), array(pin)


def solve_edges(
    instance: Instance, objective: Objective, disruption: Disruption = "some", candidates: int = CANDIDATES
) -> Ints:
    return solve_pool(Pool.of(*instance), objective, disruption, candidates=candidates)


def worth(
    instance: Instance, mentor: tuple[int, ...], objective: Objective, disruption: Disruption
) -> tuple[int, ...] | None:
    """What is compared, in order; None when the assignment is not feasible."""
    _, cap, edge_j, edge_m, score, current, pin = instance
    scores = {(int(j), int(m)): int(s) for j, m, s in zip(edge_j, edge_m, score, strict=True)}
    pairs = [(j, m) for j, m in enumerate(mentor) if m >= 0]
    if any(pair not in scores for pair in pairs) or any(mentor.count(m) > cap[m] for m in range(len(cap))):
        return None
    if any(pinned not in (-1, m) for pinned, m in zip(pin, mentor, strict=True)):
        return None
    kept = [bool(current[j] == m) for j, m in pairs]
    total = sum(scores[pair] for pair in pairs)
    first = (len(pairs), sum(kept) if disruption == "least" else 0)
    if objective == "total":
        return *first, total, sum(kept)
    if objective == "lex":
        return *first, min((scores[j, m] for j, m in pairs if pin[j] < 0), default=0), total, sum(kept)
    below = [sum(scores[pair] < band for pair in pairs) for band in (5500, 4500, 3500)]
    return *first, total + 250 * sum(kept) - 600 * below[0] - 1500 * below[1] - 4000 * below[2]


@pytest.mark.parametrize("objective", ["total", "util", "lex"])
def test_nobody_is_matched_when_there_is_no_edge(objective: Objective) -> None:
    none = array([])

    mentor = solve_edges((3, array([1, 1]), none, none, none, array([-1, 0, 1]), array([-1] * 3)), objective)

    assert mentor.tolist() == [-1, -1, -1]


def test_pins_beyond_the_capacity_are_refused() -> None:
    with pytest.raises(ValueError, match="more pins than capacity"):
        solve_edges(
            (2, array([1]), array([0, 1]), array([0, 0]), array([1, 1]), array([-1, -1]), array([0, 0])), "total"
        )


def test_one_more_person_matched_outweighs_any_score() -> None:
    # Both want mentor 0; only mentee 0 can also go to mentor 1, for nothing.
    edge_j, edge_m, score = array([0, 0, 1]), array([0, 1, 0]), array([10_500, 0, 1])

    mentor = solve_edges((2, array([1, 1]), edge_j, edge_m, score, array([-1, -1]), array([-1, -1])), "total")

    assert mentor.tolist() == [1, 0]


def test_a_poor_match_is_avoided_by_util_and_not_by_total() -> None:
    edges = array([0, 0, 1, 1]), array([0, 1, 0, 1]), array([9000, 6000, 6000, 3400])
    nobody = array([-1, -1])

    total = solve_edges((2, array([1, 1]), *edges, nobody, nobody), "total")
    util = solve_edges((2, array([1, 1]), *edges, nobody, nobody), "util")

    assert total.tolist() == [0, 1]
    assert util.tolist() == [1, 0]


def test_banded_utility_takes_the_penalty_of_every_band_that_a_score_is_below() -> None:
    score = array([5500, 5499, 4499, 3499]).astype(np.int32)

    assert banded(score, np.zeros(4, bool)).tolist() == [5500, 4899, 2399, -2601]
    assert banded(score, np.ones(4, bool)).tolist() == [5750, 5149, 2649, -2351]


def test_the_best_worst_pair_comes_first_in_lex_and_the_pinned_do_not_count() -> None:
    # The pin scores 100. For the other two, 5000 and 5000 are less in all than 9000 and 4000.
    edges = array([0, 1, 1, 2, 2]), array([0, 1, 2, 1, 2]), array([100, 9000, 5000, 5000, 4000])

    mentor = solve_edges((3, array([1, 1, 1]), *edges, array([-1] * 3), array([0, -1, -1])), "lex")

    assert mentor.tolist() == [0, 2, 1]


def test_least_disruption_keeps_who_can_stay_and_still_matches_the_most() -> None:
    # Mentee 0 would gain much by moving; mentee 1 must move, for mentee 2 has nobody else.
    edges = array([0, 0, 1, 1, 2]), array([0, 1, 1, 2, 1]), array([4000, 9000, 9000, 5000, 3000])
    stand = array([0, 1, -1])

    mentor = solve_edges((3, array([1, 1, 1]), *edges, stand, array([-1] * 3)), "util", "least")

    assert mentor.tolist() == [0, 2, 1]


@given(
    instance=instances(),
    order=st.sampled_from(ORDERS),
    candidates=st.sampled_from([1, 2, 50]),
)
@settings(max_examples=worlds(600))
def test_the_answer_is_as_good_as_the_best_of_all_assignments(
    instance: Instance, order: tuple[Objective, Disruption], candidates: int
) -> None:
    nj, cap = instance[0], instance[1]
    everything = product(range(-1, len(cap)), repeat=nj)

    mentor = solve_edges(instance, *order, candidates=candidates)

    best = max(value for each in everything if (value := worth(instance, each, *order)) is not None)
    assert worth(instance, tuple(mentor.tolist()), *order) == best


def tiny_instance(chance: np.random.Generator) -> Instance:
    """Up to 4 mentees and 2 mentors with few distinct scores; a match may stand, and nobody is pinned."""
    nj, nm = int(chance.integers(1, 5)), int(chance.integers(1, 3))
    edge_j, edge_m = np.nonzero(chance.random((nj, nm)) < 0.7)
    score = chance.choice(array([0, 3499, 3500, 4499, 5000, 5499, 5500, 5700, 9000]), len(edge_j))
    return nj, chance.integers(0, 4, nm), edge_j, edge_m, score, chance.integers(-1, nm, nj), np.full(nj, -1)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=worlds(50))
def test_many_more_tiny_answers_are_as_good_as_the_best_of_all_assignments(seed: int) -> None:
    chance = np.random.default_rng(seed)
    for number in range(30):
        instance, order = tiny_instance(chance), ORDERS[number % len(ORDERS)]
        everything = product(range(-1, len(instance[1])), repeat=instance[0])

        mentor = solve_edges(instance, *order)

        best = max(value for each in everything if (value := worth(instance, each, *order)) is not None)
        assert worth(instance, tuple(mentor.tolist()), *order) == best


@given(instance=instances(), order=st.sampled_from(ORDERS), data=st.data())
@settings(max_examples=worlds(200))
def test_the_order_of_the_edges_does_not_change_the_answer(
    instance: Instance, order: tuple[Objective, Disruption], data: st.DataObject
) -> None:
    nj, cap, edge_j, edge_m, score, current, pin = instance
    shuffle = np.array(data.draw(st.permutations(range(len(score)))), np.int64)

    shuffled = solve_edges((nj, cap, edge_j[shuffle], edge_m[shuffle], score[shuffle], current, pin), *order)

    assert shuffled.tolist() == solve_edges(instance, *order).tolist()


def random_instance(seed: int, nj: int, nm: int, *, levels: int, places: float) -> Instance:
    """A pool in which about half of the pairs are feasible. Few `levels` make most pairs tie; `places` per mentee."""
    chance = np.random.default_rng(seed)
    edge_j, edge_m = np.nonzero(chance.random((nj, nm)) < 0.5)
    score = 3000 + chance.integers(0, levels, len(edge_j)) * (7500 // levels)
    cap = chance.multinomial(int(places * nj), np.full(nm, 1 / nm))
    current = np.where(chance.random(nj) < 0.5, chance.integers(0, nm, nj), -1)
    return nj, cap, edge_j, edge_m, score, current, np.full(nj, -1)


def exact(instance: Instance, gain: Ints) -> tuple[int, int]:
    """How many people can be matched, and the greatest sum then: the same question to an independent solver."""
    nj, cap, edge_j, edge_m, _, _, _ = instance
    size = len(edge_j)
    columns = np.arange(size)
    places: Any = csr_array(
        (np.ones(2 * size), (np.concatenate([edge_j, nj + edge_m]), np.tile(columns, 2))), (nj + len(cap), size)
    )
    limits = np.concatenate([np.ones(nj), cap])
    found: Any = linprog(-(gain + 10.0**7), A_ub=places, b_ub=limits, bounds=(0, 1), method="highs-ds")
    taken: NDArray[np.bool_] = found.x > 0.5
    assert np.allclose(found.x, taken)
    return int(taken.sum()), int(gain[taken].sum())


@pytest.mark.parametrize("places", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("levels", [3, 7500])
def test_larger_pools_reach_what_an_independent_solver_reaches(levels: int, places: float) -> None:
    instance = random_instance(7, 120, 30, levels=levels, places=places)
    _, _, edge_j, edge_m, score, current, _ = instance

    util = banded(score.astype(np.int32), current[edge_j] == edge_m).astype(np.int64)
    gains: dict[Objective, Ints] = {"total": score, "util": util}
    for objective, gain in gains.items():
        chosen = solve_edges(instance, objective, candidates=4)[edge_j] == edge_m
        assert (int(chosen.sum()), int(gain[chosen].sum())) == exact(instance, gain)


@pytest.mark.parametrize("places", [0.6, 1.4])
def test_no_higher_worst_pair_is_possible_than_that_of_lex(places: float) -> None:
    instance = random_instance(8, 120, 30, levels=7500, places=places)
    nj, cap, edge_j, edge_m, score, current, pin = instance

    mentor = solve_edges(instance, "lex")

    chosen = mentor[edge_j] == edge_m
    worst = score[chosen].min()
    above, at_least = score > worst, score >= worst
    matched, total = exact(
        (nj, cap, edge_j[at_least], edge_m[at_least], score[at_least], current, pin), score[at_least]
    )
    assert (int(chosen.sum()), int(score[chosen].sum())) == (matched, total)
    fewer, _ = exact((nj, cap, edge_j[above], edge_m[above], score[above], current, pin), score[above])
    assert fewer < matched


def an_instance(name: str) -> Instance:
    folder = INSTANCES if (INSTANCES / f"{name}.npz").exists() else SHARED
    with np.load(folder / f"{name}.npz") as file:
        cap, edge_j, edge_m, score, current, pin = (
            file[key].astype(np.int64) for key in ("cap", "edge_j", "edge_m", "score", "current", "pin")
        )
        return int(file["nj"]), cap, edge_j, edge_m, score, current, pin


@pytest.mark.parametrize("name", KNOWN)
def test_known_instances_reach_their_optimum(name: str) -> None:
    instance = an_instance(name)

    mentor = solve_edges(instance, "util")

    assert worth(instance, tuple(mentor.tolist()), "util", "some") == (instance[0], 0, OPTIMA[name])


def test_few_candidates_find_the_same_optimum_as_all_edges_at_once() -> None:
    instance = an_instance("p1_500")

    few, every = (solve_edges(instance, "total", candidates=count) for count in (3, 10_000))

    found = worth(instance, tuple(few.tolist()), "total", "some")
    assert found is not None
    assert found == worth(instance, tuple(every.tolist()), "total", "some")
