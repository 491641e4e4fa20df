"""Work on match runs: gather in a short read, solve in a child with no transaction open, record in a short write."""

from app.child import ChildFailed
from app.db import transaction
from app.jobs.context import JobContext
from app.jobs.solving import fail, solved
from app.operations import match_runs
from app.queries import matching, runs
from app.rules.access import SYSTEM
from app.rules.digest import digest
from app.rules.matching.problem import ContradictoryPins, MatchAnswer


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
        named = "; ".join(
            f"{person_of.get(mentee, mentee)} with {person_of.get(mentor, mentor)}: {rule}"
            for mentee, mentor, rule in why.pairs
        )
        fail(job, run.operation_id, "contradictory_pins", f"These pins can't hold: {named}.")
        return
    except ChildFailed as why:
        fail(job, run.operation_id, "solver_stopped", str(why))
        return
    job.progress(80)
    inputs_hash = digest(problem)
    job.write(
        lambda db: match_runs.keep_draft(
            db, run_id=run_id, answer=answer, person_of=person_of, inputs_hash=inputs_hash, now=job.clock()
        )
    )
