"""Privacy: everything about one person, their erasure, the monitoring notice, and how long things are kept."""

from fastapi import APIRouter

from app.erasures import ErasureList
from app.errors import Forbidden, NotFound, Stale
from app.operations import privacy as operations
from app.operations import retention
from app.queries import jobs, personal, runs
from app.queries.house_rules import house_rules
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route, TheHouse
from app.routers.private_reads import private
from app.routers.problems import refusals
from app.rules.personal import NOTICE
from app.schemas.privacy import (
    ErasePerson,
    MonitoringNotice,
    PatchPrivacySettings,
    PatchRetention,
    PersonExport,
    PrivacySettingsRead,
    RetentionRead,
)
from app.schemas.runs import OperationRead
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1", tags=["privacy"], route_class=Route)


@router.get(
    "/people/{person_id}/export",
    operation_id="people_export",
    responses=refusals(NotFound),
    dependencies=[private("person")],
)
def export_person(person_id: str, db: ReadDb, now: Now, actor: CurrentActor) -> PersonExport:
    """Read everything that is kept about one person, by table: yourself, or as an admin anybody."""
    tables = personal.everything_about(db, person_id, actor=actor)
    return PersonExport.of(person_id, tables, at=now)


@router.post(
    "/people/{person_id}/erase",
    status_code=202,
    operation_id="people_erase",
    responses=refusals(NotFound, Forbidden, operations.NotConfirmed),
)
def erase_person(
    person_id: str, body: ErasePerson, db: Db, now: Now, actor: CurrentActor, the: TheHouse, answer: Answer
) -> OperationRead:
    """Erase one person: they leave, what is only about them is deleted, and counts stay without their name. What others
    wrote about them is searched by the operation that this begins. It can't be undone.
    """
    listed = ErasureList(the.settings.dir)
    operation_id = operations.erase_person(
        db, person_id=person_id, confirm=body.confirm, listed=listed, actor=actor, now=now
    )
    begun = runs.operation_by_id(db, operation_id, actor=actor)
    return answer.watched(operation_id, 1, OperationRead.model_validate(begun))


@router.get("/monitoring-notice", operation_id="monitoring_notice_get", responses=refusals())
def get_monitoring_notice(db: ReadDb, _actor: CurrentActor) -> MonitoringNotice:
    """Read what everybody here is told about being listened to, and whether figures about one person are shown."""
    found = house_rules(db)
    return MonitoringNotice(text=found.monitoring_notice or NOTICE, person_insights=found.person_insights)


@router.get("/settings/privacy", operation_id="settings_privacy_get", responses=refusals())
def get_privacy_settings(db: ReadDb, _actor: CurrentActor, answer: Answer) -> PrivacySettingsRead:
    """Read the monitoring notice in the house's own words, and whether figures about one person are shown."""
    found = house_rules(db)
    return answer.version(found.version, PrivacySettingsRead.model_validate(found))


@router.patch("/settings/privacy", operation_id="settings_privacy_patch", responses=refusals(Forbidden, Stale))
def patch_privacy_settings(
    body: PatchPrivacySettings, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PrivacySettingsRead:
    """Change the notice, or switch figures about one person off or on (JSON Merge Patch)."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_privacy(db, changes=changes, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, PrivacySettingsRead.model_validate(found))


@router.get("/settings/retention", operation_id="settings_retention_get", responses=refusals())
def get_retention(db: ReadDb, _actor: CurrentActor, answer: Answer) -> RetentionRead:
    """Read how long each kind of record is kept, and between which bounds you may choose."""
    found = house_rules(db)
    return answer.version(found.version, RetentionRead.of(found.retention_days, version=found.version))


@router.patch(
    "/settings/retention",
    operation_id="settings_retention_patch",
    responses=refusals(Forbidden, Stale, retention.OutOfBounds),
)
def patch_retention(
    body: PatchRetention, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> RetentionRead:
    """Choose how long kinds of record are kept; null is as it ships. Within the hour what is older is deleted."""
    found = retention.patch_retention(db, days=body.days, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, RetentionRead.of(found.retention_days, version=found.version))


@router.get("/retention/report", operation_id="retention_purges_list", responses=refusals(NotFound))
def list_purges(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[OperationRead]:
    """List what was deleted since it was kept long enough, newest first: `result.deleted` counts each kind."""
    found = jobs.list_operations(db, page, status=(), kind=(retention.REPORT,), actor=actor)
    return answer.page(found, [OperationRead.model_validate(row) for row in found.rows])
