"""Whom people would like as a mentor or mentee."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.db import DbSession
from app.errors import Forbidden, NotFound
from app.operations import preferences as operations
from app.operations.match_settings import NotEnrolled
from app.queries import preferences, runs
from app.routers.dependencies import CurrentActor, Db, Now, ReadDb, Route
from app.routers.private_reads import private
from app.routers.problems import refusals
from app.schemas.preferences import PreferencesRead, SetPreferences
from app.vocabulary import Side

router = APIRouter(
    prefix="/v1/people/{person_id}/preferences",
    tags=["matching"],
    route_class=Route,
    dependencies=[private("preferences")],
)

ProgramId = Annotated[str | None, Query(max_length=48, description="The default program unless named.")]
As = Annotated[
    Side,
    Query(alias="as", description="On which side they are; whom they prefer is on the other.", examples=["mentee"]),
]


@router.get("", operation_id="preferences_get", responses=refusals(NotFound))
def get_preferences(
    person_id: str, db: ReadDb, actor: CurrentActor, side: As, program_id: ProgramId = None
) -> PreferencesRead:
    """Read whom a person would like, best first: your own, or of a program that you run."""
    program = runs.program_for_run(db, program_id)
    preferences.check_private(db, person_id, program.id, actor=actor)
    return _preferences(db, person_id, side, program.id)


@router.put("", operation_id="preferences_put", responses=refusals(Forbidden, NotFound, NotEnrolled))
def put_preferences(
    person_id: str,
    body: SetPreferences,
    db: Db,
    now: Now,
    actor: CurrentActor,
    side: As,
    program_id: ProgramId = None,
) -> PreferencesRead:
    """Replace whom a person would like. Match runs count it as `affinity`; nobody whom it names gets to know."""
    operations.set_preferences(
        db, person_id=person_id, program_id=program_id, side=side, preferred=body.preferred, actor=actor, now=now
    )
    return _preferences(db, person_id, side, program_id)


def _preferences(db: DbSession, person_id: str, side: Side, program_id: str | None) -> PreferencesRead:
    program = runs.program_for_run(db, program_id)
    preferred = preferences.preferred(db, program.id, person_id, side)
    return PreferencesRead(person_id=person_id, program_id=program.id, side=side, preferred=preferred)
