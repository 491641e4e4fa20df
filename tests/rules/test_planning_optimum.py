"""The plan is the best one, keeps every limit, and depends on nothing but the problem."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.planning.problem import ContradictoryPin, PlanCall, PlanObserver, PlanProblem
from app.rules.planning.solve import greedy, solve
from tests.rules.planning_cases import (
    DAY,
    a_call,
    a_problem,
    an_observer,
    best_points,
    points,
    problems,
    seat_value,
    seating_of,
    violations,
)
from tests.worlds import worlds

exhaustive = settings(max_examples=worlds(150))
thorough = settings(max_examples=worlds(40))


@exhaustive
@given(problem=problems(observers=3, calls=4, pairs=8, pins=2, dropped=2))
def test_no_plan_is_worth_more_by_brute_force_and_pins_that_fit_are_kept_and_dropped_pairs_never_taken(
    problem: PlanProblem,
) -> None:
    best = best_points(problem)

    if best is None:
        with pytest.raises(ContradictoryPin):
            solve(problem)
        return
    answer = solve(problem)

    seating = seating_of(problem, answer)
    assert violations(problem, seating) == []
    assert set(problem.pins) <= seating
    assert answer.objective == answer.bound == best == points(problem, seating)
    assert answer.gap_percent == 0
    assert not answer.timed_out


@thorough
@given(problem=problems(observers=8, calls=20, pairs=100, dropped=3))
def test_a_larger_plan_keeps_every_limit_and_beats_the_greedy_one_within_its_bound(problem: PlanProblem) -> None:
    by_rounds = greedy(problem)
    answer = solve(problem)

    assert violations(problem, seating_of(problem, by_rounds)) == []
    assert violations(problem, seating_of(problem, answer)) == []
    assert points(problem, seating_of(problem, by_rounds)) == by_rounds.objective <= answer.objective
    assert points(problem, seating_of(problem, answer)) == answer.objective <= answer.bound <= by_rounds.bound


@thorough
@given(problem=problems(observers=8, calls=20, pairs=100, dropped=3))
def test_the_terms_of_every_seat_sum_to_its_value(problem: PlanProblem) -> None:
    answer = solve(problem)

    observers = {observer.id: observer for observer in problem.observers}
    calls = {call.id: call for call in problem.calls}
    for seat in answer.seats:
        assert sum(seat.terms.values()) == seat.value
        assert seat.value == seat_value(problem, observers[seat.observer], calls[seat.call])


@thorough
@given(problem=problems(observers=6, calls=12, pairs=50), seed=st.integers(0, 2**32))
def test_another_input_order_and_other_ids_give_the_same_plan(problem: PlanProblem, seed: int) -> None:
    answer = solve(problem)
    shuffled, ids = shuffled_with_other_ids(problem, random.Random(seed))

    again = solve(shuffled)

    assert [(ids[seat.observer], ids[seat.call], seat.terms) for seat in again.seats] == [
        (seat.observer, seat.call, seat.terms) for seat in answer.seats
    ]
    assert [(ids[open.observer], open.need, open.reason, open.limit) for open in again.unmet] == [
        (open.observer, open.need, open.reason, open.limit) for open in answer.unmet
    ]
    assert again.bound == answer.bound


def test_a_timed_out_search_still_answers_and_says_so() -> None:
    problem = a_crowded_week()

    answer = solve(problem, time_limit_seconds=0)

    assert answer.timed_out
    assert violations(problem, seating_of(problem, answer)) == []
    assert greedy(problem).objective <= answer.objective <= answer.bound


def test_two_calls_with_one_key_are_refused_because_their_order_would_be_arbitrary() -> None:
    twins = (a_call("same"), replace(a_call("same"), id="call_other"))

    with pytest.raises(ValueError, match="share the key 'same'"):
        solve(a_problem((an_observer(),), twins))


def a_crowded_week() -> PlanProblem:
    """Eight observers who all want the same few seats."""
    observers = tuple(an_observer(f"o{i}", goal=3, needs=("demo",), heard_before=i) for i in range(8))
    calls = tuple(
        a_call(f"c{i:02}", host=f"h{i % 3}", account=f"a{i % 7}", starts_at=i % 5 * DAY + 540 + i * 25)
        for i in range(20)
    )
    return a_problem(observers, calls, per_host=1, per_day=1, host_per_week=5)


def shuffled_with_other_ids(problem: PlanProblem, rng: random.Random) -> tuple[PlanProblem, dict[str, str]]:
    """The problem in another order under other ids (hosts' too), and the old id of each new one."""
    new_host = {"hana": "zz", "hugo": "aa"}
    call_order = rng.sample(range(len(problem.calls)), len(problem.calls))
    observer_order = rng.sample(range(len(problem.observers)), len(problem.observers))
    old: dict[str, str] = {}

    def renamed_call(call: PlanCall) -> PlanCall:
        old[f"call_{rng.random()}"] = call.id
        return replace(call, id=list(old)[-1], host=new_host[call.host])

    def renamed_observer(observer: PlanObserver) -> PlanObserver:
        old[f"per_{rng.random()}"] = observer.id
        return replace(
            observer,
            id=list(old)[-1],
            mentor=observer.mentor and new_host[observer.mentor],
            manager=observer.manager and new_host[observer.manager],
            needs=tuple(rng.sample(observer.needs, len(observer.needs))),
        )

    pairs = [
        replace(pair, observer=observer_order.index(pair.observer), call=call_order.index(pair.call))
        for pair in problem.pairs
    ]
    return replace(
        problem,
        calls=tuple(renamed_call(problem.calls[i]) for i in call_order),
        observers=tuple(renamed_observer(problem.observers[i]) for i in observer_order),
        pairs=tuple(rng.sample(pairs, len(pairs))),
        dropped=tuple((observer_order.index(o), call_order.index(c)) for o, c in reversed(problem.dropped)),
        hosts={new_host[host]: load for host, load in reversed(list(problem.hosts.items()))},
        strengths={new_host[host]: levels for host, levels in reversed(list(problem.strengths.items()))},
    ), old
