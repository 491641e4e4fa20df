"""Matching: the product's exact solver against the bare library call on the same arrays, and against greedy.

With --instance it solves one file of arrays and, with --solution, writes the mentor of each mentee (-1 = unmatched).
Without, it solves what the demo's companies ask, from mentees and mentors to scores, terms and reasons, and a pool of
500 × 150 (--large: 5,000 × 1,000 too), made of the same people many times over: twins tie, which is hard to solve.
"""

import argparse
from dataclasses import replace
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
from app.operations.match_settings import Wanted
from app.queries.matching import match_problem
from app.rules.access import SYSTEM
from app.rules.matching.assign import Pool, banded, solve_pool
from app.rules.matching.columns import Ints
from app.rules.matching.problem import MatchProblem, Mentee, Mentor, Objective
from app.rules.matching.solve import scored, solve
from app.vocabulary import Objective as Word
from benchmarks.databases import copies, demo_company
from benchmarks.figures import Figure, peak_mebibytes, spent_on
from tests.harness import NOW

_POOLS = ((500, 150, 0.5), (5_000, 1_000, 5.0))
"""Mentees, mentors and the most seconds of CPU, end to end (matching.md)."""
_REPEATS = 3
_MOST_TIMES_BARE, _FROM_MENTEES = 1.3, 500
"""The target for the solve alone; on small pools, both sides take less than a millisecond."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--instance", type=Path, help="an .npz of arrays")
    parser.add_argument("--objective", choices=("total", "util", "lex"), default="util")
    parser.add_argument("--solution", type=Path, help="where to write the answer, with --instance")
    parser.add_argument("--large", action="store_true", help="5,000 × 1,000 too: a few minutes, most of them the peers")


def run(options: argparse.Namespace) -> list[Figure]:
    """Solve the instance, or the demo's companies."""
    if options.instance is None:
        return _of_demo(options.objective, large=options.large)
    mentor, figures = _compared(options.instance.stem, _loaded(options.instance), options.objective)
    if options.solution is not None:
        np.savez(options.solution, mentor=mentor)
    return figures


def _compared(name: str, pool: Pool, objective: Objective) -> tuple[Ints, list[Figure]]:
    """Solve, then let the peers solve the same; return the product's answer."""
    tries = [spent_on(partial(solve_pool, pool, objective)) for _ in range(_REPEATS)]
    peak, mentor = peak_mebibytes(), tries[0][1]
    worst = _worst(pool, mentor)
    # In `lex`, the peers solve what is left of the pool above the worst pair, which is one such solve of several.
    open_pool = _open(pool, worst if objective == "lex" else 0)
    graph, owner = _graph(open_pool, objective)
    bare = [spent_on(partial(min_weight_full_bipartite_matching, graph)) for _ in range(_REPEATS)]
    column = bare[0][1][1]
    exact = np.where(column < len(owner), np.append(owner, -1)[np.minimum(column, len(owner))], pool.pin)
    _, greedy = spent_on(partial(_greedy, pool, objective))
    points, bound = _worth(pool, mentor, objective), _worth(pool, exact, objective)
    unmatched = int((exact < 0).sum())
    figures = [
        Figure(
            f"{name}: solve",
            median(spent.cpu for spent, _ in tries),
            "s CPU",
            median(spent.cpu for spent, _ in bare),
            "bare scipy call",
            _MOST_TIMES_BARE if len(pool.pin) >= _FROM_MENTEES and objective != "lex" else None,
        ),
        Figure(f"{name}: solve", median(spent.wall for spent, _ in tries), "s wall"),
        Figure(f"{name}: peak memory", peak, "MiB"),
        Figure(f"{name}: unmatched", int((mentor < 0).sum()), "", unmatched, "bare scipy call"),
        Figure(f"{name}: objective", points, "points", bound, "bound"),
        Figure(f"{name}: gap", 100 * (bound - points) / max(abs(bound), 1), "%", at_most=0),
        Figure(f"{name}: worst pair", worst, "points", _worst(pool, greedy), "greedy"),
        Figure(f"{name}: objective of greedy", _worth(pool, greedy, objective), "points", bound, "bound"),
        Figure(f"{name}: unmatched by greedy", int((greedy < 0).sum()), ""),
    ]
    if objective == "lex":
        figures.append(Figure(f"{name}: more unmatched if no pair were as low as the worst", _lost(pool, worst), ""))
    return mentor, figures


def _gain(pool: Pool, objective: Objective) -> Ints:
    """What each pair adds to the objective."""
    return (banded(pool.score, pool.kept()) if objective == "util" else pool.score).astype(np.int64)


def _taken(pool: Pool, mentor: Ints) -> Ints:
    """The pairs of an assignment."""
    return np.flatnonzero(pool.mentor == np.repeat(mentor, np.diff(pool.start)))


def _worth(pool: Pool, mentor: Ints, objective: Objective) -> int:
    """Return the objective of an assignment; of `lex`, the sum that comes after its worst pair."""
    return int(_gain(pool, objective)[_taken(pool, mentor)].sum())


def _worst(pool: Pool, mentor: Ints) -> int:
    """Return the lowest score of a pair that is not pinned."""
    return int(pool.score[_taken(pool, np.where(pool.pin < 0, mentor, -1))].min(initial=2**31 - 1))


def _open(pool: Pool, least: int) -> Pool:
    """Return the pool without the pinned, and without pairs that score less."""
    left = pool.cap - np.bincount(pool.pin[pool.pin >= 0], minlength=len(pool.cap))
    free = np.repeat(pool.pin < 0, np.diff(pool.start))
    return replace(pool.only(free & (pool.score >= least)), cap=left, pin=np.full(len(pool.pin), -1))


def _lost(pool: Pool, worst: int) -> int:
    """Return how many fewer would be matched without the pairs as low as the worst: 0 would refute the answer."""
    fewer = [int((solve_pool(_open(pool, least), "total")[pool.pin < 0] >= 0).sum()) for least in (worst, worst + 1)]
    return fewer[0] - fewer[1]


def _graph(pool: Pool, objective: Objective) -> tuple[csr_array, Ints]:
    """Return the whole assignment as one matrix, and the mentor behind each of its first columns.

    A mentor has one column per place; a mentee's own last column is dearer than any way of matching everybody.
    """
    nj, gain, mentor = len(pool.pin), _gain(pool, objective), pool.mentor.astype(np.int64)
    cost = gain.max(initial=0) - gain + 1
    width = pool.cap[mentor]
    first = np.cumsum(pool.cap) - pool.cap
    nth = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
    row = np.repeat(np.arange(nj), np.diff(pool.start))
    rows = np.concatenate([np.repeat(row, width), np.arange(nj)])
    columns = np.concatenate([np.repeat(first[mentor], width) + nth, pool.cap.sum() + np.arange(nj)])
    unmatched = np.full(nj, nj * cost.max(initial=0) + 1)
    costs = np.concatenate([np.repeat(cost, width), unmatched]).astype(np.float64)
    shape = (nj, int(pool.cap.sum()) + nj)
    return csr_array((costs, (rows, columns)), shape=shape), np.repeat(np.arange(len(pool.cap)), pool.cap)


def _greedy(pool: Pool, objective: Objective) -> Ints:
    """The best pair first, then the next that still fits."""
    left, mentor = _open(pool, 0).cap, pool.pin.copy()
    row = np.repeat(np.arange(len(mentor)), np.diff(pool.start))
    for edge in np.argsort(-_gain(pool, objective), kind="stable").tolist():
        j, m = row[edge], pool.mentor[edge]
        if mentor[j] < 0 and left[m] > 0:
            mentor[j], left[m] = m, left[m] - 1
    return mentor


def _loaded(path: Path) -> Pool:
    with np.load(path) as file:
        names = ("cap", "edge_j", "edge_m", "score", "current", "pin")
        return Pool.of(int(file["nj"]), *(file[name].astype(np.int64) for name in names))


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
    pool = scored(problem).pool
    mentor, figures = _compared(name, pool, problem.objective)
    assert _worth(pool, mentor, problem.objective) == answer.value
    return [whole, *figures]


def _gathered(engine: Engine, objective: Objective) -> MatchProblem:
    with transaction(engine, writes=True) as db:
        run = start_match_run(db, Wanted(objective=Word(objective)), actor=SYSTEM, now=NOW)
        return match_problem(db, run, now=NOW).problem


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
