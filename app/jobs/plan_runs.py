"""Work on plan runs: gather in a short read, solve in a child with no transaction open, record in a short write; and
book what a plan says.
"""

from dataclasses import replace
from functools import partial

from app.child import ChildFailed
from app.db import transaction
from app.jobs.context import JobContext
from app.jobs.solving import fail, solved
from app.operations import plan_publishing, plan_runs
from app.queries import planning, runs
from app.rules.access import SYSTEM, Actor
from app.rules.digest import digest
from app.rules.planning.problem import ContradictoryPin, PlanAnswer, PlanProblem, PlanQuestion
from app.vocabulary import Role

_AROUND_THE_SEARCH_SECONDS = 20
"""Of a solver's time, what it needs to start, to build its model and to explain what it found."""


def plan_run(job: JobContext) -> None:
    """Solve a plan run and keep its draft: the best plan, or the best that was found in time with its gap. A pin that
    no longer can hold fails the run, naming the seat.
    """
    run_id = job.payload["run_id"]
    job.progress(5)
    with transaction(job.engine, writes=False) as reading:
        run = runs.plan_run_by_id(reading, run_id, actor=SYSTEM)
    try:
        with transaction(job.engine, writes=False) as reading:
            problem = planning.plan_problem(reading, run, now=job.clock())
        job.progress(20)
        answer = _answer(job, problem)
    except ContradictoryPin as pin:
        named = f"{pin.observer} on {pin.call}: {_code(job, pin)}"
        fail(job, run.operation_id, "contradictory_pins", f"These pins can't hold: {named}.")
        return
    except ChildFailed as why:
        fail(job, run.operation_id, "solver_stopped", str(why))
        return
    job.progress(80)
    inputs_hash = digest(problem)
    job.write(
        lambda db: plan_runs.keep_draft(db, run_id=run_id, answer=answer, inputs_hash=inputs_hash, now=job.clock())
    )


def _answer(job: JobContext, problem: PlanProblem) -> PlanAnswer:
    """Return the best plan; when the solver dies over it, for want of memory say, what greedy rounds find."""
    question = PlanQuestion(problem, time_limit_seconds=job.settings.solver_seconds - _AROUND_THE_SEARCH_SECONDS)
    try:
        return solved(job, "app.rules.planning.solve:answer", question, PlanAnswer)
    except ChildFailed:
        return replace(solved(job, "app.rules.planning.solve:greedy", problem, PlanAnswer), timed_out=True)


def _code(job: JobContext, pin: ContradictoryPin) -> str:
    """Return what keeps a pin from holding: a limit of the plan, the code of booking, or that it is not in the plan."""
    if pin.limit:
        return pin.limit
    with transaction(job.engine, writes=False) as reading:
        why = planning.rehearsed(reading, [(pin.observer, pin.call)], now=job.clock())[pin.observer, pin.call]
    return why.code if why else plan_runs.NotInPlan.code


def plan_publish(job: JobContext) -> None:
    """Book the seats of a plan, those of one call in one transaction; what was tried before is left alone.

    They are booked by whoever published it, who acts for those whom the plan seats, and in this for nobody else.
    """
    run_id, by = job.payload["run_id"], job.payload
    with transaction(job.engine, writes=False) as reading:
        planned = runs.plan_seats(reading, run_id)
    who = Actor(by["credential_id"], Role(by["role"]), by["person_id"], behind=by["behind"])
    actor = plan_publishing.acting_for(who, planned)
    calls = list(dict.fromkeys(one.call_id for one in planned))
    for number, call_id in enumerate(calls):
        job.write(partial(plan_publishing.book_planned, run_id=run_id, call_id=call_id, actor=actor, now=job.clock()))
        if number % 20 == 0:
            job.progress(100 * number // len(calls))
    job.write(lambda db: plan_publishing.finish_publishing(db, run_id=run_id, actor=actor, now=job.clock()))
