"""Plan runs."""

from typing import Any

from fastapi import APIRouter

from app.db import DbSession
from app.errors import Forbidden, NotFound
from app.models.tables import plan_run
from app.operations import plan_publishing, plan_runs
from app.operations.changes import UnknownReference
from app.operations.refused import Past
from app.operations.runs import NotADraft
from app.queries import runs
from app.routers.dependencies import Answer, CurrentActor, Db, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.plan_runs import PlanRunRead, StartPlanRun
from app.schemas.runs import RunRead
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1", route_class=Route)


@router.post(
    "/plan-runs",
    status_code=202,
    tags=["planning"],
    operation_id="plan_runs_start",
    responses=refusals(Forbidden, NotFound, UnknownReference, plan_runs.BadRange, Past),
)
def start_plan_run(body: StartPlanRun, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> PlanRunRead:
    """Plan who sits in on which call, with a proven bound, as a draft. Watch the operation in `Location`."""
    run = plan_runs.start_plan_run(
        db,
        from_at=body.from_at,
        to_at=body.to_at,
        team_id=body.team_id,
        program_id=body.program_id,
        actor=actor,
        now=now,
    )
    return answer.watched(run.operation_id, run.version, PlanRunRead.of(run, []))


@router.get("/plan-runs", tags=["planning"], operation_id="plan_runs_list", responses=refusals(NotFound))
def list_plan_runs(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[RunRead]:
    """List plan runs in short, newest first."""
    found = runs.runs(db, plan_run, page, actor=actor)
    data = [RunRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.get("/plan-runs/{run_id}", tags=["planning"], operation_id="plan_runs_get", responses=refusals(NotFound))
def get_plan_run(run_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> PlanRunRead:
    """Read a plan run: its seats with the parts of their values, its bound, and the needs left open and why."""
    run = runs.plan_run_by_id(db, run_id, actor=actor)
    return answer.version(run.version, _plan_run(db, run))


@router.post(
    "/plan-runs/{run_id}/publish",
    status_code=202,
    tags=["planning"],
    operation_id="plan_runs_publish",
    responses=refusals(NotFound, NotADraft),
)
def publish_plan_run(run_id: str, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> PlanRunRead:
    """Book the planned seats one by one, the ordinary way. The run then says of each seat what became of it."""
    run = plan_publishing.start_publishing(db, run_id=run_id, actor=actor, now=now)
    return answer.watched(run.operation_id, run.version, _plan_run(db, run))


def _plan_run(db: DbSession, run: Any) -> PlanRunRead:
    return PlanRunRead.of(run, runs.plan_seats(db, run.id))
