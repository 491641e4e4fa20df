"""Match runs, from the question to matches."""

from typing import Any

from fastapi import APIRouter

from app.db import DbSession
from app.errors import Forbidden, NotFound
from app.models.tables import match_run
from app.operations import match_runs
from app.operations.match_feasibility import InfeasiblePair
from app.operations.match_settings import NotEnrolled
from app.operations.programs import WeightsAllZero
from app.operations.runs import ContradictoryPins, NotADraft
from app.queries import runs
from app.routers.dependencies import Answer, CurrentActor, Db, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.match_runs import MatchRunRead, StartMatchRun
from app.schemas.runs import RunRead
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1", route_class=Route)


@router.post(
    "/match-runs",
    status_code=202,
    tags=["matching"],
    operation_id="match_runs_start",
    responses=refusals(Forbidden, NotFound, ContradictoryPins, NotEnrolled, WeightsAllZero),
)
def start_match_run(body: StartMatchRun, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> MatchRunRead:
    """Match mentees with mentors: an exact optimum, as a draft. Watch the operation in `Location`."""
    run = match_runs.start_match_run(
        db,
        program_id=body.program_id,
        objective=body.objective,
        weights=body.weights.model_dump(exclude_unset=True),
        constraints=body.constraints.model_dump(),
        pins=[(pair.mentee_id, pair.mentor_id) for pair in body.pins],
        forbidden=[(pair.mentee_id, pair.mentor_id) for pair in body.forbidden],
        actor=actor,
        now=now,
    )
    return answer.watched(run.operation_id, run.version, MatchRunRead.of(run, []))


@router.get("/match-runs", tags=["matching"], operation_id="match_runs_list", responses=refusals(NotFound))
def list_match_runs(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[RunRead]:
    """List match runs in short, newest first."""
    found = runs.runs(db, match_run, page, actor=actor)
    data = [RunRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.get("/match-runs/{run_id}", tags=["matching"], operation_id="match_runs_get", responses=refusals(NotFound))
def get_match_run(run_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> MatchRunRead:
    """Read a match run: its pairs with the parts of their scores, and who is left and why."""
    run = runs.match_run_by_id(db, run_id, actor=actor)
    return answer.version(run.version, _match_run(db, run))


@router.post(
    "/match-runs/{run_id}/publish",
    tags=["matching"],
    operation_id="match_runs_publish",
    responses=refusals(NotFound, NotADraft, InfeasiblePair),
)
def publish_match_run(run_id: str, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> MatchRunRead:
    """Make the proposed pairs active matches. Refused only for what has become impossible since the run."""
    run = match_runs.publish_match_run(db, run_id=run_id, actor=actor, now=now)
    return answer.version(run.version, _match_run(db, run))


def _match_run(db: DbSession, run: Any) -> MatchRunRead:
    return MatchRunRead.of(run, runs.proposed_matches(db, run.id))
