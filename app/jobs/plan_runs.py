"""Work on plan runs: gather in a short read, solve in a child with no transaction open, record in a short write; and
book what a plan says.
"""

from functools import partial

from app.child import ChildFailed
from app.db import transaction
from app.jobs.context import JobContext
from app.jobs.solving import canonical, fail, solved
from app.operations import plan_runs
from app.queries import planning, runs
from app.rules.access import SYSTEM, Actor
from app.rules.planning.problem import PlanAnswer, PlanQuestion
from app.vocabulary import Role

_AROUND_THE_SEARCH_SECONDS = 20
"""Of a solver's time, what it needs to start, to build its model and to explain what it found."""


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
        answer = solved(job, "app.rules.planning.solve:answer", question, PlanAnswer)
    except ChildFailed as why:
        fail(job, run.operation_id, "solver_stopped", str(why))
        return
    job.progress(80)
    inputs = canonical(problem)
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
