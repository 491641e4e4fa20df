"""What is known about one person, and what becomes of it, as it travels."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.rules.retention import KINDS, kept
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Email, Whole, YesNo


class PersonExport(Read):
    """Everything that is kept about one person."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qd",
                    "exported_at": "2026-11-21T09:00:00Z",
                    "tables": {
                        "pause": [
                            {
                                "id": "pau_01jd6x0000e8r9sv4kz2m7n5qe",
                                "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qd",
                                "starts_on": "2027-08-02",
                                "ends_on": "2027-08-20",
                                "created_at": "2026-11-21T09:00:00Z",
                            }
                        ]
                    },
                }
            ]
        }
    )

    person_id: str
    exported_at: datetime
    tables: Annotated[
        dict[str, list[dict[str, Any]]],
        Field(description="Table to its rows about them. Secrets, and what others alone decided, are left out."),
    ]

    @classmethod
    def of(cls, person_id: str, tables: Mapping[str, Sequence[Mapping[str, Any]]], *, at: datetime) -> "PersonExport":
        """Return rows as JSON takes them: bytes as text, or in base 64 if they are none."""
        told = {
            table: [
                {name: _text(value) if isinstance(value, bytes) else value for name, value in row.items()}
                for row in rows
            ]
            for table, rows in tables.items()
        }
        return cls(person_id=person_id, exported_at=at, tables=told)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


class ErasePerson(Body):
    """The last word before somebody is erased."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"confirm": "aisha.bello@earshot.example"}]})

    confirm: Annotated[Email, Field(description="The e-mail address of the person, to be sure that it is them.")]


class MonitoringNotice(Read):
    """What staff are told about being listened to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "Colleagues may listen to your customer calls to learn.", "person_insights": True}]
        }
    )

    text: str
    person_insights: Annotated[
        bool, Field(description="Whether anybody but themselves is shown figures about one person.")
    ]


class PrivacySettingsRead(Read):
    """What the house says and shows about its people."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{"monitoring_notice": None, "person_insights": True, "version": 3}]},
    )

    monitoring_notice: Annotated[str | None, Field(description="The house's own words; null says ours.")]
    person_insights: bool
    version: int


class PatchPrivacySettings(Body):
    """What changes: absent keeps, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"person_insights": False}]})

    monitoring_notice: Annotated[str, Field(min_length=1, max_length=5000)] | None = absent()
    person_insights: YesNo = absent()


class RetentionKindRead(Read):
    """How long one kind of record is kept, counted from when it was over."""

    kind: str
    says: str
    days: int
    shipped_days: int
    least_days: int
    most_days: int


class RetentionRead(Read):
    """How long each kind of record is kept."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kinds": [
                        {
                            "kind": "notices",
                            "says": "Mails that were sent or dropped.",
                            "days": 90,
                            "shipped_days": 90,
                            "least_days": 7,
                            "most_days": 730,
                        }
                    ],
                    "version": 3,
                }
            ]
        }
    )

    kinds: list[RetentionKindRead]
    version: int

    @classmethod
    def of(cls, chosen: Mapping[str, int], *, version: int) -> "RetentionRead":
        """Build from what the house chose."""
        kinds = [
            RetentionKindRead(
                kind=name,
                says=KINDS[name].says,
                days=for_so_long.days,
                shipped_days=KINDS[name].days,
                least_days=KINDS[name].least,
                most_days=KINDS[name].most,
            )
            for name, for_so_long in kept(chosen).items()
        ]
        return cls(kinds=kinds, version=version)


class PatchRetention(Body):
    """How long kinds of record are kept: absent keeps what holds, null is as it ships."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"days": {"notices": 30}}]})

    days: Annotated[dict[str, Whole | None], Field(max_length=50)]
