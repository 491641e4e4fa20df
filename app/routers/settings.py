"""The rules of the house, and which setting holds where."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from app.errors import Forbidden, NotFound, Stale
from app.operations import settings as operations
from app.queries.effective_settings import effective_settings
from app.queries.house_rules import house_rules
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.settings import EffectiveRead, EffectiveSettingsRead, PatchSettings, SettingsRead

router = APIRouter(prefix="/v1/settings", tags=["settings"], route_class=Route)

Id = Annotated[str, Field(max_length=64)]


@router.get("", operation_id="settings_get", responses=refusals())
def get_settings(db: ReadDb, _actor: CurrentActor, answer: Answer) -> SettingsRead:
    """Read the rules of the house."""
    found = house_rules(db)
    return answer.version(found.version, SettingsRead.model_validate(found))


@router.patch("", operation_id="settings_patch", responses=refusals(Forbidden, Stale))
def patch_settings(
    body: PatchSettings, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SettingsRead:
    """Change rules of the house (JSON Merge Patch): absent keeps, null clears. Nobody who has a seat loses it."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_settings(db, changes=changes, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, SettingsRead.model_validate(found))


@router.get("/effective", operation_id="settings_effective", responses=refusals(NotFound))
def get_effective_settings(
    db: ReadDb,
    actor: CurrentActor,
    call_id: Annotated[Id | None, Query(description="Brings its type, account and host with it.")] = None,
    person_id: Annotated[Id | None, Query(description="Who listens; without a call, who hosts.")] = None,
    program_id: Annotated[Id | None, Query(description="The default program unless named.")] = None,
    call_type: Annotated[Id | None, Query(description="Of a call that is yet to be.")] = None,
) -> EffectiveSettingsRead:
    """See which value of each setting holds for a call, a person or a program, who says so, and what the others say."""
    found = effective_settings(
        db, call_id=call_id, person_id=person_id, program_id=program_id, call_type=call_type, actor=actor
    )
    return EffectiveSettingsRead(data=[EffectiveRead.model_validate(one) for one in found])
