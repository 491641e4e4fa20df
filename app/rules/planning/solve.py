"""Solve a plan run: exactly, with a proven bound; or in greedy rounds. Runs in a child process, never in the server."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from time import monotonic
from typing import TypeVar

import numpy as np

from app.rules.planning.arrays import WeekArrays, week_model
from app.rules.planning.explain import planned_seats, unmet_needs
from app.rules.planning.greedy import rounds
from app.rules.planning.large import by_prices
from app.rules.planning.limits import pinned_edges, seat_model
from app.rules.planning.mip import Optimum, SolverFailed, maximise, plain_bound
from app.rules.planning.model import IntArray, SeatModel, worth
from app.rules.planning.problem import PlanAnswer, PlanCall, PlanObserver, PlanPair, PlanProblem, PlanQuestion
from app.rules.planning.score import pair_terms

EXACT_UP_TO_EDGES = 4_000

TIME_LIMIT_SECONDS = 600.0
"""A safety net far beyond what ten thousand juniors take; a plan that it cut short says so."""

Keyed = TypeVar("Keyed", PlanCall, PlanObserver)


@dataclass(frozen=True, slots=True)
class ArraysAnswer:
    """Chosen edges, ascending, their worth, and what no choice can exceed."""

    edges: IntArray
    objective: int
    bound: int
    timed_out: bool

    @property
    def gap_percent(self) -> float:
        """How far the choice can be from the best one, in percent of its worth."""
        return 100 * (self.bound - self.objective) / max(self.objective, 1)


def solve(problem: PlanProblem, *, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> PlanAnswer:
    """The best plan: proven best up to 4,000 pairs, with a small proven gap above.

    The same seats whatever the order of calls, observers, pairs and pins, and whatever their ids: ties go by key.
    Raises ContradictoryPin when the pins cannot all be kept, ValueError when two calls or two observers share a key.
    """
    return _answer(problem, lambda model, pinned: _best(model, pinned, time_limit_seconds))


def answer(question: PlanQuestion) -> PlanAnswer:
    """What `solve` finds within the question's time: the best plan, or the best so far with its gap."""
    return solve(question.problem, time_limit_seconds=question.time_limit_seconds)


def greedy(problem: PlanProblem) -> PlanAnswer:
    """The plan by rounds, the loneliest first: at once, and never better than `solve`; `bound` is a trivial one."""
    return _answer(problem, lambda model, pinned: Optimum(rounds(model, pinned), plain_bound(model), timed_out=False))


def solve_arrays(week: WeekArrays, *, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> ArraysAnswer:
    """The best choice of edges for a week given as arrays, to the same gap as `solve`."""
    model = week_model(week)
    found = _best(model, np.zeros(0, dtype=np.int64), time_limit_seconds)
    return ArraysAnswer(found.edges, worth(model, found.edges).total, found.bound, found.timed_out)


def _answer(problem: PlanProblem, run: Callable[[SeatModel, IntArray], Optimum]) -> PlanAnswer:
    """Bring the problem into its canonical order, run, and explain."""
    problem = _canonical(problem)
    terms = pair_terms(problem)
    model = seat_model(problem, terms.sum(axis=1))
    found = run(model, pinned_edges(problem, model))
    points = worth(model, found.edges)
    return PlanAnswer(
        seats=planned_seats(problem, terms, found.edges),
        unmet=unmet_needs(problem, model, found.edges),
        fairness=points.fairness,
        learning=points.learning,
        bound=found.bound,
        timed_out=found.timed_out,
    )


def _best(model: SeatModel, pinned: IntArray, time_limit_seconds: float) -> Optimum:
    """Rounds for a start, HiGHS for the best and its proof, rounds again: a gap can leave a seat that still fits."""
    start = rounds(model, pinned)
    if not len(start):
        return Optimum(start, bound=0, timed_out=False)  # no edge fits alone, so none fits at all
    if len(model.value) > EXACT_UP_TO_EDGES:
        ends = monotonic() + time_limit_seconds
        return by_prices(model, pinned, start, seconds_left=lambda: ends - monotonic())
    try:
        found = maximise(model, start=start, pinned=pinned, time_limit_seconds=time_limit_seconds)
    except SolverFailed:
        return Optimum(start, plain_bound(model), timed_out=True)
    edges = rounds(model, max(start, found.edges, key=lambda chosen: worth(model, chosen).total))
    return replace(found, edges=edges)


def _canonical(problem: PlanProblem) -> PlanProblem:
    """The same problem, calls and observers in the order of their keys, pairs and pins in the order of those."""
    observers, observer_at = _by_key(problem.observers)
    calls, call_at = _by_key(problem.calls)
    pairs = {
        (observer_at[pair.observer], call_at[pair.call]): PlanPair(
            observer_at[pair.observer], call_at[pair.call], day=pair.day, week=pair.week
        )
        for pair in problem.pairs
    }
    return replace(
        problem,
        calls=calls,
        observers=observers,
        pairs=tuple(pairs[place] for place in sorted(pairs)),
        pins=_moved(problem.pins, observer_at, call_at),
        dropped=_moved(problem.dropped, observer_at, call_at),
    )


def _moved(
    places: tuple[tuple[int, int], ...], observer_at: dict[int, int], call_at: dict[int, int]
) -> tuple[tuple[int, int], ...]:
    """The pairs under their new indices, each once, in order."""
    return tuple(sorted({(observer_at[observer], call_at[call]) for observer, call in places}))


def _by_key(things: tuple[Keyed, ...]) -> tuple[tuple[Keyed, ...], dict[int, int]]:
    """The things in the order of their keys, and the new index of each old one."""
    order = sorted(range(len(things)), key=lambda index: things[index].key)
    keys = [things[index].key for index in order]
    if twice := next((a for a, b in pairwise(keys) if a == b), None):
        raise ValueError(f"two entries share the key {twice!r}: their order would be arbitrary")
    return tuple(things[index] for index in order), {old: new for new, old in enumerate(order)}
