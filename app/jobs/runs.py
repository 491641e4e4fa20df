"""Work on runs: gather in a short read, solve in a child with no transaction open, record in a short write."""

import json
from dataclasses import asdict
from functools import partial
from typing import TypeVar

from app.child import ChildFailed, run_limited
from app.db import transaction
from app.jobs.context import JobContext
from app.operations import match_runs, operations, plan_runs
from app.queries import matching, planning, runs
from app.rules.access import SYSTEM, Actor
from app.rules.matching.problem import ContradictoryPins, MatchAnswer, MatchProblem
from app.rules.planning.problem import PlanAnswer, PlanProblem, PlanQuestion
from app.vocabulary import Role

Answer = TypeVar("Answer")

_AROUND_THE_SEARCH_SECONDS = 20
"""Of a solver's time, what it needs to start, to build its model and to explain what it found."""


def match_run(job: JobContext) -> None:
    """Solve a match run and keep its draft. A pin that no longer can hold fails the run, naming the pair."""
    run_id = job.payload["run_id"]
    job.progress(5)
    with transaction(job.engine, writes=False) as reading:
        run = runs.match_run_by_id(reading, run_id, actor=SYSTEM)
        problem, person_of = matching.match_problem(reading, run, now=job.clock())
    job.progress(20)
    try:
        answer = _solved(job, "app.rules.matching.solve:solve", problem, MatchAnswer)
    except ContradictoryPins as why:
        named = "; ".join(f"{person_of[mentee]} with {person_of[mentor]}: {rule}" for mentee, mentor, rule in why.pairs)
        _failed(job, run.operation_id, "contradictory_pins", f"These pins can't hold: {named}.")
        return
    except ChildFailed as why:
        _failed(job, run.operation_id, "solver_stopped", str(why))
        return
    job.progress(80)
    inputs = _bytes(problem)
    job.write(
        lambda db: match_runs.keep_draft(
            db, run_id=run_id, answer=answer, person_of=person_of, inputs=inputs, now=job.clock()
        )
    )


def plan_run(job: JobContext) -> None:
    """Solve a plan run and keep its draft: the best plan, or the best that was found in time with its gap."""
    run_id = job.payload["run_id"]
    job.progress(5)
    with transaction(job.engine, writes=False) as reading:
        run = runs.plan_run_by_id(reading, run_id, actor=SYSTEM)
        problem = planning.plan_problem(reading, run, now=job.clock())
    job.progress(20)
    question = PlanQuestion(problem, time_limit_seconds=job.settings.solver_seconds - _AROUND_THE_SEARCH_SECONDS)
    try:
        answer = _solved(job, "app.rules.planning.solve:answer", question, PlanAnswer)
    except ChildFailed as why:
        _failed(job, run.operation_id, "solver_stopped", str(why))
        return
    job.progress(80)
    inputs = _bytes(problem)
    job.write(lambda db: plan_runs.keep_draft(db, run_id=run_id, answer=answer, inputs=inputs, now=job.clock()))


def plan_publish(job: JobContext) -> None:
    """Book the seats of a plan, those of one call in one transaction; what was tried before is left alone."""
    run_id = job.payload["run_id"]
    actor = Actor(job.payload["credential_id"], Role.ADMIN, job.payload["person_id"])
    with transaction(job.engine, writes=False) as reading:
        calls = list(dict.fromkeys(one.call_id for one in runs.plan_seats(reading, run_id)))
    for number, call_id in enumerate(calls):
        job.write(partial(plan_runs.book_planned, run_id=run_id, call_id=call_id, actor=actor, now=job.clock()))
        if number % 20 == 0:
            job.progress(100 * number // len(calls))
    job.write(lambda db: plan_runs.finish_publishing(db, run_id=run_id, actor=actor, now=job.clock()))


def _solved(job: JobContext, solver: str, question: object, answer: type[Answer]) -> Answer:
    limits = job.settings
    return run_limited(
        solver,
        question,
        answer=answer,
        seconds=limits.solver_seconds,
        mebibytes=limits.solver_mebibytes,
        over=job.over,
    )


def _failed(job: JobContext, operation_id: str, code: str, detail: str) -> None:
    job.write(lambda db: operations.fail(db, operation_id, code=code, detail=detail, now=job.clock()))


def _bytes(problem: MatchProblem | PlanProblem) -> bytes:
    """Return the inputs of a run in one canonical form, to be digested."""
    return json.dumps(asdict(problem), default=sorted, sort_keys=True).encode()
