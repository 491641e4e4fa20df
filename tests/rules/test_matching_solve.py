"""The assignment on plain arrays: brute force on tiny instances, the known optima on large ones."""

import importlib.util
import os
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.matching.columns import Ints
from app.rules.matching.problem import Objective
from app.rules.matching.solve import banded, solve_edges

SHARED = Path(os.environ.get("EARSHOT_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "solver"
needs_instances = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared solver instances are not here")

Instance = tuple[int, Ints, Ints, Ints, Ints, Ints, Ints]


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


def worth(instance: Instance, mentor: tuple[int, ...], objective: Objective) -> tuple[int, ...] | None:
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
    if objective == "total":
        return len(pairs), total, sum(kept)
    below = [sum(scores[pair] < band for pair in pairs) for band in (5500, 4500, 3500)]
    return len(pairs), total + 250 * sum(kept) - 600 * below[0] - 1500 * below[1] - 4000 * below[2]


@pytest.mark.parametrize("objective", ["total", "util"])
def test_nobody_is_matched_when_there_is_no_edge(objective: Objective) -> None:
    none = array([])

    mentor = solve_edges(3, array([1, 1]), none, none, none, array([-1, 0, 1]), array([-1] * 3), objective)

    assert mentor.tolist() == [-1, -1, -1]


def test_pins_beyond_the_capacity_are_refused() -> None:
    with pytest.raises(ValueError, match="more pins than capacity"):
        solve_edges(2, array([1]), array([0, 1]), array([0, 0]), array([1, 1]), array([-1, -1]), array([0, 0]), "total")


def test_one_more_person_matched_outweighs_any_score() -> None:
    # Both want mentor 0; only mentee 0 can also go to mentor 1, for nothing.
    edge_j, edge_m, score = array([0, 0, 1]), array([0, 1, 0]), array([10_500, 0, 1])

    mentor = solve_edges(2, array([1, 1]), edge_j, edge_m, score, array([-1, -1]), array([-1, -1]), "total")

    assert mentor.tolist() == [1, 0]


def test_a_poor_match_is_avoided_by_util_and_not_by_total() -> None:
    edges = array([0, 0, 1, 1]), array([0, 1, 0, 1]), array([9000, 6000, 6000, 3400])
    nobody = array([-1, -1])

    total = solve_edges(2, array([1, 1]), *edges, nobody, nobody, "total")
    util = solve_edges(2, array([1, 1]), *edges, nobody, nobody, "util")

    assert total.tolist() == [0, 1]
    assert util.tolist() == [1, 0]


def test_banded_utility_takes_the_penalty_of_every_band_that_a_score_is_below() -> None:
    score = array([5500, 5499, 4499, 3499])

    assert banded(score, array([0, 0, 0, 0]) > 0).tolist() == [5500, 4899, 2399, -2601]
    assert banded(score, array([1, 1, 1, 1]) > 0).tolist() == [5750, 5149, 2649, -2351]


@given(instance=instances(), objective=st.sampled_from(["total", "util"]), candidates=st.sampled_from([1, 2, 64]))
@settings(max_examples=400, deadline=None)
def test_the_answer_is_as_good_as_the_best_of_all_assignments(
    instance: Instance, objective: Objective, candidates: int
) -> None:
    nj, cap = instance[0], instance[1]
    everything = product(range(-1, len(cap)), repeat=nj)

    mentor = solve_edges(*instance, objective, candidates=candidates)

    best = max(value for each in everything if (value := worth(instance, each, objective)) is not None)
    assert worth(instance, tuple(mentor.tolist()), objective) == best


@given(instance=instances(), objective=st.sampled_from(["total", "util"]), data=st.data())
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_edges_does_not_change_the_answer(
    instance: Instance, objective: Objective, data: st.DataObject
) -> None:
    nj, cap, edge_j, edge_m, score, current, pin = instance
    order = np.array(data.draw(st.permutations(range(len(score)))), np.int64)

    shuffled = solve_edges(nj, cap, edge_j[order], edge_m[order], score[order], current, pin, objective)

    assert shuffled.tolist() == solve_edges(*instance, objective).tolist()


def loaded(name: str) -> dict[str, Ints]:
    with np.load(SHARED / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def as_instance(arrays: dict[str, Ints]) -> Instance:
    cap, edge_j, edge_m, score, current, pin = (
        arrays[key].astype(np.int64) for key in ("cap", "edge_j", "edge_m", "score", "current", "pin")
    )
    return int(arrays["nj"]), cap, edge_j, edge_m, score, current, pin


def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("solver_check", SHARED / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_instances
@pytest.mark.parametrize(("name", "optimum"), [("p1_50", 352_770), ("p1_500", 4_037_611), ("p1_5000", 43_054_430)])
def test_known_instances_reach_their_optimum(name: str, optimum: int) -> None:
    arrays = loaded(name)

    mentor = solve_edges(*as_instance(arrays), "util")

    report = checker().check_p1(arrays, mentor)
    below = report["below"]
    assert report["feasible"]
    assert report["unmatched"] == 0
    util = report["total"] + 250 * report["kept"] - 600 * below[5500] - 1500 * below[4500] - 4000 * below[3500]
    assert util == optimum


@needs_instances
def test_few_candidates_find_the_same_optimum_as_all_edges_at_once() -> None:
    arrays = loaded("p1_500")

    few, every = (solve_edges(*as_instance(arrays), "total", candidates=count) for count in (3, 10_000))

    reports = [checker().check_p1(arrays, mentor) for mentor in (few, every)]
    assert reports[0]["feasible"]
    assert [reports[0][key] for key in ("unmatched", "total", "kept")] == [
        reports[1][key] for key in ("unmatched", "total", "kept")
    ]
