"""What mail people want beside invites."""

from fastapi import APIRouter

from app.errors import NotFound, Stale
from app.operations import mail_settings as operations
from app.queries.mail_settings import mail_settings_of
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, ReadDb, Route
from app.routers.private_reads import private
from app.routers.problems import refusals
from app.schemas.mail_settings import MailSettingsRead, PatchMailSettings

router = APIRouter(
    prefix="/v1/people/{person_id}/mail-settings",
    tags=["people"],
    route_class=Route,
    dependencies=[private("mail_settings")],
)


@router.get("", operation_id="mail_settings_get", responses=refusals(NotFound))
def get_mail_settings(person_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> MailSettingsRead:
    """Read which reminders and digests you want, or anybody does as an admin. Invites always come."""
    found = mail_settings_of(db, person_id, actor=actor)
    return answer.version(found.version, MailSettingsRead.of(found))


@router.patch("", operation_id="mail_settings_patch", responses=refusals(NotFound, Stale, operations.QuietAllDay))
def patch_mail_settings(
    person_id: str, body: PatchMailSettings, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> MailSettingsRead:
    """Choose which reminders and digests you want, and when none should come (JSON Merge Patch): absent keeps, null
    clears.

    It holds for what is not sent yet. Quiet hours are local to where you live; what falls into them comes when they
    end, if that is early enough to be of use.
    """
    operations.change_mail_settings(
        db, person_id=person_id, changes=body.changes(), expected_version=if_match, actor=actor, now=now
    )
    found = mail_settings_of(db, person_id, actor=actor)
    return answer.version(found.version, MailSettingsRead.of(found))
