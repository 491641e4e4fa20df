"""What mail somebody wants, as it travels."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.availability import Start
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Language, YesNo

_SETTINGS: dict[str, Any] = {
    "reminders": True,
    "digest": False,
    "quiet_hours": {"from": "20:00", "to": "07:00"},
    "language": "pt-BR",
}


class QuietHours(Body):
    """Wall time where they live, half-open; over midnight when it ends earlier than it begins."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SETTINGS["quiet_hours"]]})

    begin: Annotated[Start, Field(alias="from")]
    end: Annotated[Start, Field(alias="to")]


class PatchMailSettings(Body):
    """What changes about the mail that somebody wants: absent keeps, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"digest": False, "quiet_hours": None}]})

    reminders: Annotated[YesNo, Field(description="A day and ten minutes before what they take part in.")] = absent()
    digest: Annotated[YesNo, Field(description="What their day holds, each morning on which it holds something.")] = (
        absent()
    )
    quiet_hours: Annotated[
        QuietHours | None,
        Field(description="When no reminder and no digest comes: it comes afterwards, if it is still of use."),
    ] = None
    language: Annotated[
        Language | None, Field(description="The words that they read first; where there are none, English.")
    ] = None

    def changes(self) -> dict[str, Any]:
        """Return what was given; quiet hours as their two wall times."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if self.quiet_hours is not None:
            given["quiet_hours"] = (self.quiet_hours.begin, self.quiet_hours.end)
        return given


class MailSettingsRead(Read):
    """What mail somebody wants. Version 0 is what holds for everybody who has chosen nothing."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    **_SETTINGS,
                    "version": 2,
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    person_id: str
    reminders: bool
    digest: bool
    quiet_hours: QuietHours | None
    language: str | None
    version: int
    updated_at: datetime | None

    @classmethod
    def of(cls, row: Any) -> "MailSettingsRead":
        """Build from what a query says of somebody's settings."""
        fixed = {name: getattr(row, name) for name in cls.model_fields if name != "quiet_hours"}
        quiet = {"from": row.quiet_from, "to": row.quiet_to}
        return cls(**fixed, quiet_hours=QuietHours(**quiet) if row.quiet_from else None)
