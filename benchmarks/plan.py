"""Planning: the product's solver with its proven gap, against greedy rounds and HiGHS alone on the same programme.

With --instance it solves one file of arrays, with --week a random week in the form of those files (--write keeps it);
--solution writes the chosen edges. HiGHS alone is left out there, for on the larger ones it takes minutes. Without
either it plans next week for the demo's companies.
"""

import argparse
from dataclasses import fields
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from app.db import make_engine, transaction
from app.demo.company import Size
from app.operations.plan_runs import start_plan_run
from app.queries.planning import plan_problem
from app.queries.pool import next_monday
from app.rules.access import SYSTEM
from app.rules.planning.arrays import WeekArrays, week_model
from app.rules.planning.greedy import rounds
from app.rules.planning.limits import seat_model
from app.rules.planning.mip import maximise
from app.rules.planning.model import worth
from app.rules.planning.problem import PlanProblem
from app.rules.planning.score import pair_terms
from app.rules.planning.solve import TIME_LIMIT_SECONDS, greedy, solve, solve_arrays
from benchmarks.databases import copies, demo_company
from benchmarks.figures import Figure, peak_mebibytes, spent_on
from benchmarks.weeks import SIZES, as_instance, random_week
from tests.harness import NOW

_NOTHING = np.zeros(0, dtype=np.int64)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--instance", type=Path, help="an .npz of arrays")
    parser.add_argument("--week", choices=sorted(SIZES), help="juniors of a random week")
    parser.add_argument("--seed", type=int, default=1, help="which random week")
    parser.add_argument("--pairs-each", type=int, default=60, help="calls that each junior of it may hear")
    parser.add_argument("--write", type=Path, help="where to write the random week")
    parser.add_argument("--solution", type=Path, help="where to write the answer, with --instance or --week")
    parser.add_argument("--org", action="store_true", help="plan for the demo's largest company too: minutes")
    parser.add_argument("--seconds", type=float, default=TIME_LIMIT_SECONDS, help="when to stop with the best so far")


def run(options: argparse.Namespace) -> list[Figure]:
    """Solve the instance or the random week, or plan for the demo's companies."""
    if options.instance is not None:
        name, week = options.instance.stem, _loaded(options.instance)
    elif options.week is not None:
        name = f"{options.week} juniors, seed {options.seed}, {options.pairs_each} pairs each"
        week = random_week(*SIZES[options.week], pairs_each=options.pairs_each, seed=options.seed)
    else:
        sizes: tuple[Size, ...] = ("demo", "team", "org") if options.org else ("demo", "team")
        return [figure for size in sizes for figure in _of_demo(size, options.seconds)]
    if options.write is not None:
        np.savez_compressed(options.write, **as_instance(week))
    spent, found = spent_on(partial(solve_arrays, week, time_limit_seconds=options.seconds))
    peak = peak_mebibytes()
    if options.solution is not None:
        np.savez(options.solution, edge=found.edges)
    model = week_model(week)
    quick, by_rounds = spent_on(partial(rounds, model, _NOTHING))
    learning = worth(model, found.edges).learning
    return [
        Figure(f"{name}: solve", spent.cpu, "s CPU", at_most=_most_seconds(len(week.quota))),
        Figure(f"{name}: solve", spent.wall, "s wall"),
        Figure(f"{name}: peak memory", peak, "MiB"),
        *_quality(name, len(week.quota), found.objective, found.bound, learning, timed_out=found.timed_out),
        Figure(f"{name}: objective of greedy rounds", worth(model, by_rounds).total, "points", found.bound, "bound"),
        Figure(f"{name}: greedy rounds", quick.cpu, "s CPU"),
    ]


def _of_demo(size: Size, seconds: float) -> list[Figure]:
    with copies("sqlite", partial(demo_company, size=size)) as (_, copy):
        gathering, problem = spent_on(partial(_gathered, make_engine(copy())))
    spent, answer = spent_on(partial(solve, problem, time_limit_seconds=seconds))
    peak = peak_mebibytes()
    quick, by_rounds = spent_on(partial(greedy, problem))
    name = f"{size} ({len(problem.observers)} juniors, {len(problem.calls)} calls, {len(problem.pairs)} pairs)"
    figures = [
        Figure(f"{name}: gathered from the database", gathering.cpu, "s CPU"),
        Figure(f"{size}: values, solve, explanations", spent.cpu, "s CPU"),
        Figure(f"{size}: values, solve, explanations", spent.wall, "s wall"),
        Figure(f"{size}: peak memory", peak, "MiB"),
        *_quality(
            size, len(problem.observers), answer.objective, answer.bound, answer.learning, timed_out=answer.timed_out
        ),
        Figure(f"{size}: objective of greedy rounds", by_rounds.objective, "points", answer.bound, "bound"),
        Figure(f"{size}: greedy rounds", quick.cpu, "s CPU"),
    ]
    if size == "org":
        return figures  # HiGHS alone takes many minutes
    model = seat_model(problem, pair_terms(problem).sum(axis=1))
    bare = partial(maximise, model, start=_NOTHING, pinned=_NOTHING, time_limit_seconds=seconds)
    alone, cold = spent_on(bare)
    return [
        *figures,
        Figure(f"{size}: the same", spent.cpu, "s CPU", alone.cpu, "HiGHS alone, to the optimum"),
        Figure(f"{size}: objective of HiGHS alone", worth(model, cold.edges).total, "points", answer.bound, "bound"),
    ]


def _quality(name: str, juniors: int, objective: int, bound: int, learning: int, *, timed_out: bool) -> list[Figure]:
    behind = 100 * (bound - objective)
    return [
        Figure(f"{name}: objective", objective, "points", bound, "bound"),
        Figure(f"{name}: gap", behind / max(objective, 1), "%", at_most=0.05 if juniors <= 1_000 else 1),
        Figure(f"{name}: gap on the learning alone", behind / max(learning, 1), "%"),
        Figure(f"{name}: stopped by the clock", int(timed_out), "", at_most=0),
    ]


def _most_seconds(juniors: int) -> float:
    """Return the target of matching.md for a week of this size."""
    return 1.5 if juniors <= 200 else 25 if juniors <= 1_000 else 180


def _loaded(path: Path) -> WeekArrays:
    with np.load(path) as arrays:
        given: dict[str, Any] = {field.name: arrays[field.name] for field in fields(WeekArrays)}
    return WeekArrays(**given)


def _gathered(engine: Engine) -> PlanProblem:
    monday = datetime.combine(next_monday(NOW), time(), NOW.tzinfo)
    with transaction(engine, writes=True) as db:
        run = start_plan_run(
            db,
            from_at=monday,
            to_at=monday + timedelta(weeks=1),
            team_id=None,
            program_id=None,
            actor=SYSTEM,
            now=NOW,
        )
        return plan_problem(db, run, now=NOW)
