"""What prices prove, and the plans that they lead to: on tiny weeks against brute force, then on larger ones."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.planning.greedy import fitting, rounds
from app.rules.planning.large import by_prices
from app.rules.planning.limits import pinned_edges, seat_model
from app.rules.planning.mip import Optimum, SolverFailed, whole
from app.rules.planning.model import IntArray, SeatModel, broken, worth
from app.rules.planning.prices import priced
from app.rules.planning.problem import PlanCall, PlanProblem
from app.rules.planning.programme import on_grain, programme
from app.rules.planning.score import pair_terms
from app.rules.planning.solve import EXACT_UP_TO_EDGES, greedy, solve
from tests.rules.planning_cases import (
    DAY,
    a_call,
    a_problem,
    an_observer,
    best_points,
    problems,
    seating_of,
    violations,
)
from tests.worlds import worlds

exhaustive = settings(max_examples=worlds(100))
thorough = settings(max_examples=worlds(30))

NOTHING = np.zeros(0, dtype=np.int64)


@exhaustive
@given(problem=problems(observers=3, calls=4, pairs=7, pins=1, dropped=1), data=st.data())
def test_no_plan_is_worth_more_than_the_bound_of_any_prices_whatever(problem: PlanProblem, data: st.DataObject) -> None:
    model = model_of(problem)
    best = best_points(problem)
    if best is None:
        return
    relaxed = programme(model, pinned_edges(problem, model))
    drawn = data.draw(st.lists(st.floats(0, 9_000), min_size=len(relaxed.cap), max_size=len(relaxed.cap)))

    prices = on_grain(np.array(drawn))

    assert relaxed.bound(prices, relaxed.reduced(prices)) >= best


@thorough
@given(problem=problems(observers=3, calls=4, pairs=7, pins=1, dropped=1))
def test_prices_lead_to_a_plan_that_keeps_every_limit_and_a_bound_above_brute_force(problem: PlanProblem) -> None:
    best = best_points(problem)
    if best is None or not problem.pairs:
        return
    model = model_of(problem)

    found = planned(model, pinned_edges(problem, model))

    assert broken(model, found.edges) is None
    assert set(pinned_edges(problem, model)) <= set(found.edges)
    assert worth(model, found.edges).total <= best <= found.bound
    assert not found.timed_out


@thorough
@given(problem=problems(observers=3, calls=4, pairs=7))
def test_a_plan_with_an_edge_is_worth_no_more_than_the_bound_less_what_the_edge_costs(problem: PlanProblem) -> None:
    model = model_of(problem)
    relaxed = programme(model, NOTHING)

    prices = priced(model, relaxed, start=NOTHING, over=lambda: False)

    for edge, pair in enumerate(problem.pairs):
        best = best_points(replace(problem, pins=((pair.observer, pair.call),)))
        if best is not None and problem.observers[pair.observer].weekly_goal:
            assert best <= prices.bound + np.ceil(min(prices.reduced[edge], 0))


@thorough
@given(problem=problems(observers=8, calls=20, pairs=100, dropped=3))
def test_prices_plan_no_worse_than_rounds_and_no_better_than_the_proven_best(problem: PlanProblem) -> None:
    model = model_of(problem)
    best = solve(problem)

    found = planned(model, NOTHING)

    assert broken(model, found.edges) is None
    assert greedy(problem).objective <= worth(model, found.edges).total <= best.objective <= found.bound


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crowded_week_beyond_the_exact_size_is_planned_to_a_1000th_and_alike_in_any_order(seed: int) -> None:
    problem = a_crowded_week(random.Random(seed))
    assert len(problem.pairs) > EXACT_UP_TO_EDGES

    answer = solve(problem)

    seating = seating_of(problem, answer)
    assert violations(problem, seating) == []
    assert set(problem.pins) <= seating
    assert greedy(problem).objective <= answer.objective <= answer.bound
    assert answer.gap_percent < 0.1
    assert answer.learning_gap_percent == 100 * (answer.bound - answer.objective) / answer.learning
    assert solve(shuffled(problem, random.Random(seed))) == answer


def test_a_large_plan_for_which_no_time_is_left_still_answers_with_a_bound_and_says_so() -> None:
    problem = a_crowded_week(random.Random(3))

    answer = solve(problem, time_limit_seconds=0)

    assert answer.timed_out
    assert violations(problem, seating_of(problem, answer)) == []
    assert greedy(problem).objective <= answer.objective <= answer.bound


def test_wishes_are_taken_in_their_order_as_long_as_they_fit() -> None:
    calls = (a_call("a"), a_call("b", starts_at=615), a_call("c", starts_at=900))
    model = model_of(a_problem((an_observer(),), calls))

    assert fitting(model, np.array([1, 0, 2])).tolist() == [1, 2]
    assert fitting(model, np.array([0, 1])).tolist() == [0]


def test_a_programme_that_has_no_solution_is_a_failure_of_the_solver_not_an_empty_plan() -> None:
    model = model_of(a_problem((an_observer(),), (a_call("a"), a_call("b", starts_at=615))))

    with pytest.raises(SolverFailed, match="Infeasible"):
        whole(programme(model, np.array([0, 1])), start=None, gap=0, time_limit_seconds=9)


def model_of(problem: PlanProblem) -> SeatModel:
    return seat_model(problem, pair_terms(problem).sum(axis=1))


def planned(model: SeatModel, pinned: IntArray) -> Optimum:
    return by_prices(model, pinned, rounds(model, pinned), seconds_left=lambda: 60.0)


def a_crowded_week(rng: random.Random) -> PlanProblem:
    """Sixty observers after the seats of eight hosts, with a pin and a dropped pair."""

    def some_call(number: int) -> PlanCall:
        return a_call(
            f"c{number:03}",
            host=f"h{rng.randrange(8)}",
            account=f"a{rng.randrange(60)}",
            type=rng.choice(("demo", "discovery", "negotiation")),
            starts_at=rng.randrange(5) * DAY + 540 + 15 * rng.randrange(30),
            minutes=rng.choice((30, 60)),
            seats=rng.choice((1, 2)),
        )

    observers = tuple(
        an_observer(
            f"o{number:02}",
            goal=rng.randrange(2, 6),
            gap=10,
            wants={"demo.storytelling": rng.randrange(6)},
            needs=tuple(rng.sample(("demo", "discovery", "negotiation"), 2)),
            heard_before=rng.randrange(4),
            mentor=f"h{rng.randrange(8)}",
        )
        for number in range(60)
    )
    calls = tuple(some_call(number) for number in range(90))
    pairs = [(o, c) for o in range(60) for c in range(90) if rng.random() < 0.85]
    return a_problem(
        observers,
        calls,
        pairs=pairs,
        per_host=2,
        per_day=2,
        host_per_day=4,
        host_per_week=14,
        pins=(pairs[7],),
        dropped=(pairs[11], pairs[3000]),
    )


def shuffled(problem: PlanProblem, rng: random.Random) -> PlanProblem:
    observers = rng.sample(range(len(problem.observers)), len(problem.observers))
    calls = rng.sample(range(len(problem.calls)), len(problem.calls))
    new_observer = {old: new for new, old in enumerate(observers)}
    new_call = {old: new for new, old in enumerate(calls)}
    pairs = [replace(p, observer=new_observer[p.observer], call=new_call[p.call]) for p in problem.pairs]
    return replace(
        problem,
        observers=tuple(problem.observers[old] for old in observers),
        calls=tuple(problem.calls[old] for old in calls),
        pairs=tuple(rng.sample(pairs, len(pairs))),
        pins=tuple((new_observer[o], new_call[c]) for o, c in problem.pins),
        dropped=tuple((new_observer[o], new_call[c]) for o, c in problem.dropped),
    )
