"""The operations that carry long work."""

from fastapi import APIRouter

from app.errors import NotFound
from app.queries import runs
from app.routers.dependencies import Answer, CurrentActor, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.runs import OperationRead
from app.vocabulary import WorkStatus

router = APIRouter(prefix="/v1", route_class=Route)


@router.get(
    "/operations/{operation_id}", tags=["operations"], operation_id="operations_get", responses=refusals(NotFound)
)
def get_operation(operation_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> OperationRead:
    """See how far long work has come."""
    found = runs.operation_by_id(db, operation_id, actor=actor)
    if found.status in (WorkStatus.QUEUED, WorkStatus.RUNNING):
        answer.response.headers["Retry-After"] = "1"
    return OperationRead.model_validate(found)
