"""Work on match runs: gather in a short read, solve in a child with no transaction open, record in a short write."""

from functools import partial

from app.child import ChildFailed
from app.db import transaction
from app.jobs.context import Hopeless, JobContext, Later
from app.jobs.solving import fail, solved
from app.operations import match_runs
from app.operations.match_simulations import named
from app.operations.runs import WAITING
from app.operations.runs import ContradictoryPins as Refused
from app.queries import matching, runs
from app.rules.access import SYSTEM
from app.rules.digest import digest
from app.rules.matching.problem import ContradictoryPins, MatchAnswer
from app.vocabulary import RunCause


def match_run(job: JobContext) -> None:
    """Solve a match run and keep its draft. A pin that no longer can hold fails the run, naming the pair."""
    run_id = job.payload["run_id"]
    job.progress(5)
    with transaction(job.engine, writes=False) as reading:
        run = runs.match_run_by_id(reading, run_id, actor=SYSTEM)
        gathered = matching.match_problem(reading, run, now=job.clock())
    problem, person_of = gathered.problem, gathered.person_of
    job.progress(20)
    try:
        answer = solved(job, "app.rules.matching.solve:solve", problem, MatchAnswer)
    except ContradictoryPins as why:
        pins = named(why, person_of)
        fail(job, run.operation_id, "contradictory_pins", f"These pins can't hold: {pins}.")
        return
    except ChildFailed as why:
        fail(job, run.operation_id, "solver_stopped", str(why))
        return
    job.progress(80)
    keep = partial(
        match_runs.keep_draft,
        run_id=run_id,
        answer=answer,
        person_of=person_of,
        by_rule=gathered.by_rule,
        inputs_hash=digest(problem),
    )
    job.write(lambda db: keep(db, now=job.clock()))


def rematch(job: JobContext) -> None:
    """Start a run that disturbs as little as can be when somebody in the program waits for a mentor."""
    program_id, cause = job.payload["program_id"], RunCause(job.payload["cause"])
    with transaction(job.engine, writes=False) as reading:
        last = runs.automatic_run(reading, program_id)
        if last is not None and last.status in WAITING:  # it may have looked before what caused this one
            raise Later(job.clock() + match_runs.SETTLING, "a run is on its way")
        try:
            asked = match_runs.automatic(reading, program_id, now=job.clock())
        except Refused as why:
            raise Hopeless(f"{why.title}: {why.extra}") from why
        problem = matching.match_problem(reading, asked, now=job.clock()).problem
    if all(mentee.current_mentor for mentee in problem.mentees):
        return
    start = partial(match_runs.start_automatic_run, asked=asked, cause=cause, inputs_hash=digest(problem))
    job.write(lambda db: start(db, now=job.clock()))
