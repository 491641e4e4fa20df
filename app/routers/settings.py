"""The rules of the house."""

from fastapi import APIRouter

from app.errors import Forbidden, Stale
from app.operations import settings as operations
from app.queries.house_rules import house_rules
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.settings import PatchSettings, SettingsRead

router = APIRouter(prefix="/v1/settings", tags=["settings"], route_class=Route)


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
