"""Change what mail somebody wants."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.db import DbSession
from app.errors import Fault, Invalid
from app.models import MailSetting
from app.operations.availability import owned_person
from app.operations.changes import amend, check_version, differing
from app.rules.access import Actor


class QuietAllDay(Invalid):
    """Quiet hours end when they begin: that is all day, or never."""

    code = "quiet_all_day"
    title = "Quiet hours end at another time than they begin"


def change_mail_settings(
    db: DbSession,
    *,
    person_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Change what mail somebody wants: `reminders`, `digest`, `language`, and `quiet_hours` as two wall times or None.
    Refused as `quiet_all_day`. What is not sent yet heeds it. Repeating it changes nothing. Locks the person.
    """
    owned_person(db, person_id, actor=actor)
    row = db.get(MailSetting, person_id) or MailSetting(person_id=person_id, version=0, updated_at=now)
    check_version(row, expected_version)
    values = {name: value for name, value in changes.items() if name != "quiet_hours"}
    if "quiet_hours" in changes:
        values["quiet_from"], values["quiet_to"] = changes["quiet_hours"] or (None, None)
    if values.get("quiet_from") is not None and values["quiet_from"] == values["quiet_to"]:
        fault = Fault("/quiet_hours/to", "same_as_from", "must be another time than `from`")
        raise QuietAllDay(
            "To have no quiet hours, send null for them. To get nothing at any hour, switch reminders and digest off.",
            faults=(fault,),
        )
    if differing(row, values):
        db.add(row)
        amend(db, row, values, act="mail_setting.changed", object_id=person_id, actor=actor, now=now)
