"""Whether the service lives, and whether it can work."""

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text

from app.errors import Unavailable
from app.routers.dependencies import ReadDb, Route
from app.routers.problems import refusals

router = APIRouter(tags=["operations"], route_class=Route)


class HealthRead(BaseModel):
    """All is well."""

    status: str


@router.get("/healthz", operation_id="health_live", responses=refusals())
def live() -> HealthRead:
    """Say that the process answers."""
    return HealthRead(status="ok")


@router.get("/readyz", operation_id="health_ready", responses=refusals(Unavailable))
def ready(db: ReadDb) -> HealthRead:
    """Say that the database answers too."""
    db.execute(text("SELECT 1"))
    return HealthRead(status="ok")
