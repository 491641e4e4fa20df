"""People as they travel."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Atomic, Body, ExternalRef, ExternalUpdatedAt, ItemByItem, Read, absent
from app.vocabulary import (
    Capacity,
    Day,
    Door,
    Email,
    Language,
    Name,
    PersonRole,
    PersonStatus,
    Role,
    SeatApproval,
    Tag,
    Whole,
    YesNo,
    ZoneName,
)

Languages = Annotated[list[Language], Field(max_length=20)]
Tags = Annotated[list[Tag], Field(max_length=50)]
Limit = Annotated[Whole, Field(ge=0, le=100)]
SessionLimit = Annotated[Limit | None, Field(description="Sessions without a call; null sets no limit.")]
Approval = Annotated[SeatApproval, Field(description="Who lets observers onto their calls; `none` takes nobody.")]
Gap = Annotated[Whole, Field(ge=0, le=480, description="Least time between two of their calls with observers.")]
DoorDefault = Annotated[Door, Field(description="How the door of each call they host is when it begins.")]
Shortcuts = Annotated[YesNo, Field(description="Whether single keys do something on pages.")]
Grade = Annotated[
    Whole | None, Field(ge=0, le=20, description="Rung of the ladder, higher is more senior; null is unknown.")
]
Id = Annotated[str, Field(max_length=48)]

_EXAMPLE: dict[str, Any] = {
    "name": "Aisha Bello",
    "email": "aisha.bello@earshot.example",
    "time_zone": "America/Phoenix",
    "languages": ["en"],
    "segments": ["mid_market"],
    "started_on": "2026-09-01",
    "grade": 2,
}


class CreatePerson(Body):
    """Somebody new."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    email: Email
    time_zone: ZoneName
    role: PersonRole = Role.REP
    status: PersonStatus = PersonStatus.ACTIVE
    team_id: Id | None = None
    manager_id: Id | None = None
    started_on: Day | None = None
    grade: Grade = None
    languages: Languages = ["en"]
    segments: Tags = []
    products: Tags = []
    regions: Tags = []
    seat_capacity: Annotated[Capacity | None, Field(description="Seats on each call they host.")] = None
    observe_per_day: Limit = 3
    observe_per_week: Limit = 8
    host_per_day: Limit = 4
    host_per_week: Limit = 12
    seat_approval: Approval = SeatApproval.AUTO
    host_gap_minutes: Gap = 0
    sessions_per_day: SessionLimit = None
    sessions_per_week: SessionLimit = None
    door_default: DoorDefault = Door.CLOSED
    shortcuts: Shortcuts = True
    external: Annotated[list[ExternalRef], Field(max_length=20)] = []


class PatchPerson(Body):
    """What changes about somebody: absent keeps, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"time_zone": "Europe/Berlin"}]})

    name: Name = absent()
    email: Email = absent()
    time_zone: ZoneName = absent()
    role: PersonRole = absent()
    status: PersonStatus = absent()
    team_id: Id | None = None
    manager_id: Id | None = None
    started_on: Day | None = None
    grade: Grade = None
    languages: Languages = absent()
    segments: Tags = absent()
    products: Tags = absent()
    regions: Tags = absent()
    seat_capacity: Capacity | None = None
    observe_per_day: Limit = absent()
    observe_per_week: Limit = absent()
    host_per_day: Limit = absent()
    host_per_week: Limit = absent()
    seat_approval: Approval = absent()
    host_gap_minutes: Gap = absent()
    sessions_per_day: SessionLimit = None
    sessions_per_week: SessionLimit = None
    door_default: DoorDefault = absent()
    shortcuts: Shortcuts = absent()


class UpsertPerson(PatchPerson):
    """A person as another system has them. Somebody new needs name, email and time_zone; absent fields are kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    external_updated_at: ExternalUpdatedAt = None


class UpsertPersonItem(UpsertPerson):
    """One person of a batch, with the name that the other system has for them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"external": {"source": "hubspot:42", "id": "123"}, **_EXAMPLE}]}
    )

    external: ExternalRef


class UpsertPeople(Body):
    """Up to 200 people."""

    items: Annotated[list[Annotated[UpsertPersonItem, ItemByItem]], Field(min_length=1, max_length=200)]
    atomic: Atomic = False


class PersonRead(Read):
    """A person."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    **_EXAMPLE,
                    "role": "rep",
                    "status": "active",
                    "team_id": None,
                    "manager_id": None,
                    "products": [],
                    "regions": [],
                    "seat_capacity": None,
                    "observe_per_day": 3,
                    "observe_per_week": 8,
                    "host_per_day": 4,
                    "host_per_week": 12,
                    "seat_approval": "auto",
                    "host_gap_minutes": 0,
                    "sessions_per_day": None,
                    "sessions_per_week": None,
                    "door_default": "closed",
                    "shortcuts": True,
                    "external": [{"source": "hubspot:42", "id": "123"}],
                    "version": 3,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: str
    name: str
    email: str
    time_zone: str
    role: Role
    status: PersonStatus
    team_id: str | None
    manager_id: str | None
    started_on: date | None
    grade: int | None
    languages: list[str]
    segments: list[str]
    products: list[str]
    regions: list[str]
    seat_capacity: int | None
    observe_per_day: int
    observe_per_week: int
    host_per_day: int
    host_per_week: int
    seat_approval: SeatApproval
    host_gap_minutes: int
    sessions_per_day: int | None
    sessions_per_week: int | None
    door_default: Door
    shortcuts: bool
    external: list[ExternalRef]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, external: list[tuple[str, str]]) -> "PersonRead":
        """Build from a row of `person` and its external identities."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "external"}
        return cls(**values, external=[ExternalRef(source=source, id=id_) for source, id_ in external])
