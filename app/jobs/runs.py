"""Work on runs: gather in a short read, solve in a child with no transaction open, record in a short write."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TypeVar

from app.db import transaction
from app.jobs.child import ChildFailed, run_limited
from app.jobs.context import JobContext
from app.operations import match_runs, operations, plan_runs
from app.queries import matching, planning, runs
from app.rules.access import SYSTEM, Actor
from app.rules.matching.problem import ContradictoryPins, MatchAnswer, MatchProblem
from app.rules.planning.problem import PlanAnswer, PlanProblem
from app.vocabulary import Role

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def match_run(job: JobContext) -> None:
    """Solve a match run and keep its draft. A pin that no longer can hold fails the run, naming the pair."""
    run_id = job.payload["run_id"]
    job.progress(5)
    with transaction(job.engine, writes=False) as reading:
        run = runs.match_run_by_id(reading, run_id, actor=SYSTEM)
        problem, person_of = matching.match_problem(reading, run, now=job.clock())
    job.progress(20)
    try:
        answer = _solved(job, _match, problem)
    except (ContradictoryPins, ChildFailed) as why:
        code = "contradictory_pins" if isinstance(why, ContradictoryPins) else "solver_stopped"
        _failed(job, run.operation_id, code, str(why))
        return
    job.progress(80)
    inputs = _bytes(problem)
    job.write(
        lambda db: match_runs.keep_draft(
            db, run_id=run_id, answer=answer, person_of=person_of, inputs=inputs, now=job.clock()
        )
    )


def plan_run(job: JobContext) -> None:
    """Solve a plan run and keep its draft."""
    run_id = job.payload["run_id"]
    job.progress(5)
    with transaction(job.engine, writes=False) as reading:
        run = runs.plan_run_by_id(reading, run_id, actor=SYSTEM)
        problem = planning.plan_problem(reading, run, now=job.clock())
    job.progress(20)
    try:
        answer = _solved(job, _plan, problem)
    except ChildFailed as why:
        _failed(job, run.operation_id, "solver_stopped", str(why))
        return
    job.progress(80)
    inputs = _bytes(problem)
    job.write(lambda db: plan_runs.keep_draft(db, run_id=run_id, answer=answer, inputs=inputs, now=job.clock()))


def plan_publish(job: JobContext) -> None:
    """Book the seats of a plan, one transaction each; one that was tried before is left alone."""
    run_id = job.payload["run_id"]
    actor = Actor(job.payload["credential_id"], Role.ADMIN, job.payload["person_id"])
    with transaction(job.engine, writes=False) as reading:
        planned = runs.plan_seats(reading, run_id)
    for number, one in enumerate(planned):
        job.write(partial(plan_runs.book_planned, plan_seat_id=one.id, actor=actor, now=job.clock()))
        if number % 20 == 0:
            job.progress(100 * number // len(planned))
    job.write(lambda db: plan_runs.finish_publishing(db, run_id=run_id, actor=actor, now=job.clock()))


def _match(problem: MatchProblem) -> MatchAnswer:
    from app.rules.matching.solve import solve  # noqa: PLC0415 - numpy and scipy stay in the child

    return solve(problem)


def _plan(problem: PlanProblem) -> PlanAnswer:
    from app.rules.planning.solve import solve  # noqa: PLC0415 - numpy and highspy stay in the child

    return solve(problem)


def _solved(job: JobContext, solve: Callable[[Question], Answer], problem: Question) -> Answer:
    return run_limited(solve, problem, seconds=job.settings.solver_seconds, mebibytes=job.settings.solver_mebibytes)


def _failed(job: JobContext, operation_id: str, code: str, detail: str) -> None:
    job.write(lambda db: operations.fail(db, operation_id, code=code, detail=detail, now=job.clock()))


def _bytes(problem: MatchProblem | PlanProblem) -> bytes:
    """Return the inputs of a run in one canonical form, to be digested."""
    return json.dumps(asdict(problem), default=sorted, sort_keys=True).encode()
