"""Matching: the product's exact solver against the bare library call on the same arrays, and against greedy.

With --instance it solves one file of arrays and, with --solution, writes the mentor of each mentee (-1 = unmatched).
Without, it solves what the demo's companies ask, from mentees and mentors to scores, terms and reasons, and a pool of
500 × 150 (--large: 5,000 × 1,000 too), made of the same people many times over: twins tie, which is hard to solve.
"""

import argparse
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from sqlalchemy import Engine

from app.db import make_engine, transaction
from app.demo.company import Size
from app.operations.match_runs import start_match_run
from app.queries.matching import match_problem
from app.rules.access import SYSTEM
from app.rules.matching.columns import Ints
from app.rules.matching.constraints import exclusions, shared_minutes
from app.rules.matching.problem import MatchProblem, Mentee, Mentor, Objective
from app.rules.matching.score import terms
from app.rules.matching.solve import banded, solve, solve_edges
from app.vocabulary import Objective as Word
from benchmarks.databases import copies, demo_company
from benchmarks.figures import Figure, peak_mebibytes, spent_on
from tests.harness import NOW

_POOLS = ((500, 150, 0.5), (5_000, 1_000, 5.0))
"""Mentees, mentors and the most seconds of CPU, end to end (matching.md)."""
_REPEATS = 3
_MOST_TIMES_BARE, _FROM_MENTEES = 1.3, 500
"""The target for the solve alone; on small pools, both sides take less than a millisecond."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Feasible pairs by index with their scores; `current` and `pin` hold a mentor or -1."""

    nj: int
    cap: Ints
    edge_j: Ints
    edge_m: Ints
    score: Ints
    current: Ints
    pin: Ints
    objective: Objective

    def gain(self) -> Ints:
        """Return what each pair adds to the objective."""
        kept = self.current[self.edge_j] == self.edge_m
        return banded(self.score, kept) if self.objective == "util" else self.score

    def worth(self, mentor: Ints) -> int:
        """Return the objective of an assignment."""
        return int(self.gain()[mentor[self.edge_j] == self.edge_m].sum())

    def left(self) -> Ints:
        """Return each mentor's places beside the pins."""
        return self.cap - np.bincount(self.pin[self.pin >= 0], minlength=len(self.cap))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--instance", type=Path, help="an .npz of arrays")
    parser.add_argument("--objective", choices=("total", "util"), default="util")
    parser.add_argument("--solution", type=Path, help="where to write the answer, with --instance")
    parser.add_argument("--large", action="store_true", help="5,000 × 1,000 too: a minute or two")


def run(options: argparse.Namespace) -> list[Figure]:
    """Solve the instance, or the demo's companies."""
    if options.instance is None:
        return _of_demo(options.objective, large=options.large)
    pool = _loaded(options.instance, options.objective)
    mentor, figures = _compared(options.instance.stem, pool)
    if options.solution is not None:
        np.savez(options.solution, mentor=mentor)
    return figures


def _compared(name: str, pool: Pool) -> tuple[Ints, list[Figure]]:
    """Solve, then let the peers solve the same; return the product's answer."""
    tries = [spent_on(partial(_ours, pool)) for _ in range(_REPEATS)]
    peak, mentor = peak_mebibytes(), tries[0][1]
    graph, owner = _graph(pool)
    bare = [spent_on(partial(min_weight_full_bipartite_matching, graph)) for _ in range(_REPEATS)]
    column = bare[0][1][1]
    exact = np.where(column < len(owner), np.append(owner, -1)[np.minimum(column, len(owner))], pool.pin)
    best_pair_first = spent_on(partial(_greedy, pool))
    objective, bound = pool.worth(mentor), pool.worth(exact)
    unmatched = int((exact < 0).sum())
    cpu = median(spent.cpu for spent, _ in tries)
    return mentor, [
        Figure(
            f"{name}: solve",
            cpu,
            "s CPU",
            median(spent.cpu for spent, _ in bare),
            "bare scipy call",
            _MOST_TIMES_BARE if pool.nj >= _FROM_MENTEES else None,
        ),
        Figure(f"{name}: solve", median(spent.wall for spent, _ in tries), "s wall"),
        Figure(f"{name}: peak memory", peak, "MiB"),
        Figure(f"{name}: unmatched", int((mentor < 0).sum()), "", unmatched, "bare scipy call"),
        Figure(f"{name}: objective", objective, "points", bound, "bound"),
        Figure(f"{name}: gap", 100 * (bound - objective) / max(bound, 1), "%", at_most=0),
        Figure(f"{name}: objective of greedy", pool.worth(best_pair_first[1]), "points", bound, "bound"),
        Figure(f"{name}: unmatched by greedy", int((best_pair_first[1] < 0).sum()), ""),
    ]


def _ours(pool: Pool) -> Ints:
    return solve_edges(pool.nj, pool.cap, pool.edge_j, pool.edge_m, pool.score, pool.current, pool.pin, pool.objective)


def _graph(pool: Pool) -> tuple[csr_array, Ints]:
    """Return the whole assignment as one matrix, and the mentor behind each of its first columns.

    A mentor has one column per place; a mentee's own last column is dearer than any way of matching everybody.
    """
    left = pool.left()
    free = pool.pin[pool.edge_j] < 0
    edge_j, edge_m, gain = pool.edge_j[free], pool.edge_m[free], pool.gain()[free]
    cost = gain.max(initial=0) - gain + 1
    width = left[edge_m]
    first = np.cumsum(left) - left
    nth = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
    rows = np.concatenate([np.repeat(edge_j, width), np.arange(pool.nj)])
    columns = np.concatenate([np.repeat(first[edge_m], width) + nth, left.sum() + np.arange(pool.nj)])
    unmatched = np.full(pool.nj, pool.nj * cost.max(initial=0) + 1)
    costs = np.concatenate([np.repeat(cost, width), unmatched]).astype(np.float64)
    shape = (pool.nj, int(left.sum()) + pool.nj)
    return csr_array((costs, (rows, columns)), shape=shape), np.repeat(np.arange(len(left)), left)


def _greedy(pool: Pool) -> Ints:
    """The best pair first, then the next that still fits."""
    left, mentor = pool.left(), pool.pin.copy()
    for edge in np.argsort(-pool.gain(), kind="stable"):
        j, m = pool.edge_j[edge], pool.edge_m[edge]
        if mentor[j] < 0 and left[m] > 0:
            mentor[j], left[m] = m, left[m] - 1
    return mentor


def _loaded(path: Path, objective: Objective) -> Pool:
    with np.load(path) as file:
        names = ("cap", "edge_j", "edge_m", "score", "current", "pin")
        cap, edge_j, edge_m, score, current, pin = (file[name].astype(np.int64) for name in names)
        return Pool(int(file["nj"]), cap, edge_j, edge_m, score, current, pin, objective)


# --- the demo's companies --------------------------------------------------------------------------------------------


def _of_demo(objective: Objective, *, large: bool) -> list[Figure]:
    figures = []
    sizes: tuple[Size, ...] = ("demo", "team")
    for size in sizes:
        with copies("sqlite", partial(demo_company, size=size)) as (_, copy):
            gathering, problem = spent_on(partial(_gathered, make_engine(copy()), objective))
        figures.append(Figure(f"{size}: gathered from the database", gathering.cpu, "s CPU"))
        figures += _end_to_end(size, problem, at_most=None)
    for mentees, mentors, seconds in _POOLS if large else _POOLS[:1]:
        many = _many(problem, mentees, mentors)
        figures += _end_to_end(f"{mentees} × {mentors}", many, at_most=seconds)
    return figures


def _end_to_end(name: str, problem: MatchProblem, *, at_most: float | None) -> list[Figure]:
    """Solve with scores, terms and reasons; then the arrays alone beside the peers."""
    spent, answer = spent_on(partial(solve, problem))
    whole = Figure(f"{name}: scores, solve, terms, reasons", spent.cpu, "s CPU", at_most=at_most)
    pool = _pool(problem)
    mentor, figures = _compared(name, pool)
    assert pool.worth(mentor) == answer.value
    return [whole, *figures]


def _gathered(engine: Engine, objective: Objective) -> MatchProblem:
    with transaction(engine, writes=True) as db:
        run = start_match_run(
            db,
            program_id=None,
            objective=Word(objective),
            weights={},
            constraints={},
            pins=(),
            forbidden=(),
            actor=SYSTEM,
            now=NOW,
        )
        return match_problem(db, run, now=NOW).problem


def _pool(problem: MatchProblem) -> Pool:
    """Return the arrays that the solver makes of a problem without pins."""
    mentees = sorted(problem.mentees, key=lambda mentee: mentee.key)
    mentors = sorted(problem.mentors, key=lambda mentor: mentor.key)
    column = {mentor.key: m for m, mentor in enumerate(mentors)}
    shared = shared_minutes(mentees, mentors)
    excluded = exclusions(mentees, mentors, problem.constraints, problem.forbidden, shared)
    edge_j, edge_m = np.nonzero(~np.logical_or.reduce(list(excluded.values())))
    points = terms(mentees, mentors, problem.weights, shared, edge_j, edge_m)
    return Pool(
        nj=len(mentees),
        cap=np.array([max(mentor.capacity, 0) for mentor in mentors], np.int64),
        edge_j=edge_j,
        edge_m=edge_m,
        score=np.sum(list(points.values()), axis=0, dtype=np.int64),
        current=np.array([column.get(mentee.current_mentor or "", -1) for mentee in mentees], np.int64),
        pin=np.full(len(mentees), -1, np.int64),
        objective=problem.objective,
    )


def _many(problem: MatchProblem, mentees: int, mentors: int) -> MatchProblem:
    """Return the same people so many times over, each time under other names. Capacities suffice just so."""
    enough = -(-mentees // mentors)

    def again(number: int, one: Mentee) -> Mentee:
        return replace(one, key=f"{number} {one.key}", person=f"{number} {one.person}")

    def mentor_again(number: int, one: Mentor) -> Mentor:
        return replace(one, key=f"{number} {one.key}", person=f"{number} {one.person}", capacity=enough)

    return replace(
        problem,
        mentees=tuple(islice((again(n, one) for n in range(mentees) for one in problem.mentees), mentees)),
        mentors=tuple(islice((mentor_again(n, one) for n in range(mentors) for one in problem.mentors), mentors)),
    )
