"""What may be asked about match runs: what one would say, what it changes, why not another mentor, and who waits."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.db import transaction
from app.errors import NotFound, Problem
from app.operations import match_simulations
from app.operations.runs import ContradictoryPins
from app.queries import match_changes, unmatched
from app.routers.dependencies import Answer, CurrentActor, Now, Page, ReadDb, Route, TheHouse
from app.routers.match_runs import STARTING, wanted
from app.routers.problems import refusals
from app.schemas.match_questions import ChangesRead, SimulationRead, WaitingRead, WhyNotRead
from app.schemas.match_runs import StartMatchRun
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1", tags=["matching"], route_class=Route)

_SOLVING: tuple[type[Problem], ...] = (match_simulations.TooManyPairs, match_simulations.SolverStopped)


@router.post("/match-runs/simulate", operation_id="match_runs_simulate", responses=refusals(*STARTING, *_SOLVING))
def simulate_match_run(body: StartMatchRun, the: TheHouse, now: Now, actor: CurrentActor) -> SimulationRead:
    """See at once what a run would say and change, without one: nothing is kept. Large pools need a run."""
    with transaction(the.engine, writes=False) as reading:
        given = match_simulations.simulation(reading, wanted(body), actor=actor, now=now)
    answer, found = match_simulations.simulated(given, the.settings)
    return SimulationRead.of(given.asked, answer, given.gathered.person_of, found)


@router.get(
    "/match-runs/{run_id}/diff",
    operation_id="match_runs_diff",
    responses=refusals(NotFound, match_changes.NoAnswerYet, match_changes.OtherProgram),
)
def diff_match_run(
    run_id: str,
    db: ReadDb,
    actor: CurrentActor,
    against: Annotated[
        str, Query(max_length=48, description="`standing`: the matches that stand; or another run of the program.")
    ] = match_changes.STANDING,
) -> ChangesRead:
    """See what publishing a run would make of the matches that stand, or what it says differently from another run."""
    return ChangesRead.of(match_changes.changes(db, run_id, against, actor=actor))


@router.get(
    "/match-runs/{run_id}/why-not",
    operation_id="match_runs_why_not",
    responses=refusals(NotFound, match_changes.NoAnswerYet, match_simulations.NotInRun, ContradictoryPins, *_SOLVING),
)
def why_not(
    run_id: str,
    the: TheHouse,
    now: Now,
    actor: CurrentActor,
    mentee_id: Annotated[str, Query(max_length=48, examples=["per_01jd6x0000e8r9sv4kz2m7n5qa"])],
    mentor_id: Annotated[str, Query(max_length=48, examples=["per_01jd6x0000e8r9sv4kz2m7n5qb"])],
) -> WhyNotRead:
    """See why a run does not give a mentee this mentor, who would lose what, and what would have to change.

    Asked of people as they are now; `inputs_changed` says whether the run saw others.
    """
    with transaction(the.engine, writes=False) as reading:
        given = match_simulations.explanation(
            reading, run_id, mentee_id=mentee_id, mentor_id=mentor_id, actor=actor, now=now
        )
    why = match_simulations.explained(given, the.settings)
    return WhyNotRead.of(run_id, why, given.gathered.person_of, inputs_changed=given.inputs_changed)


@router.get("/programs/{program_id}/unmatched", operation_id="programs_unmatched_list", responses=refusals(NotFound))
def list_unmatched(
    program_id: str, db: ReadDb, now: Now, actor: CurrentActor, page: Page, answer: Answer
) -> Listing[WaitingRead]:
    """List the mentees of a program without a match, and why as far as is known."""
    found = unmatched.list_unmatched(db, program_id, page, actor=actor, now=now)
    return answer.page(found, [WaitingRead.model_validate(one) for one in found.rows])
