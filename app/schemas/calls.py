"""Calls as they travel."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.shapes import Atomic, Body, ExternalRef, ExternalUpdatedAt, ItemByItem, Read, absent
from app.vocabulary import CallStatus, Door, HttpUrl, Instant, Language, Name, Slug, Tag, Whole, YesNo

Id = Annotated[str, Field(max_length=48)]
Seats = Annotated[Whole, Field(ge=0, le=50)]
Colleagues = Annotated[Whole, Field(ge=0, le=50, description="Our people on the call besides host and observers.")]

_EXAMPLE: dict[str, Any] = {
    "title": "Northwind Freight: discovery call",
    "host_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "account_id": "acc_01jd6x0000e8r9sv4kz2m7n5qb",
    "starts_at": "2026-11-24T15:00:00Z",
    "ends_at": "2026-11-24T15:30:00Z",
    "stage": "discovery",
    "meeting_url": "https://meet.earshot.example/northwind",
}
_MOVED = {"starts_at": "2026-11-24T16:00:00Z", "ends_at": "2026-11-24T16:30:00Z"}


_READ: dict[str, Any] = {
    "id": "call_01jd6x0000e8r9sv4kz2m7n5qc",
    "title": _EXAMPLE["title"],
    "type": "discovery",
    "status": "scheduled",
    "host_id": _EXAMPLE["host_id"],
    "account": {"id": _EXAMPLE["account_id"], "name": "Northwind Freight", "segment": "mid_market"},
    "starts_at": _EXAMPLE["starts_at"],
    "ends_at": _EXAMPLE["ends_at"],
    "language": "en",
    "stage": "discovery",
    "product": None,
    "region": None,
    "sensitive": False,
    "skills": ["discovery.questioning"],
    "colleagues_invited": 0,
    "seat_capacity": 2,
    "seats_taken": 1,
    "joinable": True,
    "door": "closed",
    "began_at": None,
    "ended_at": None,
    "meeting_url": _EXAMPLE["meeting_url"],
    "external": [{"source": "salesforce:00D", "id": "00U1"}],
    "version": 2,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}
_REPLACEMENT: dict[str, Any] = {
    "id": "call_01jd6x0000e8r9sv4kz2m7n5qf",
    "host_id": _EXAMPLE["host_id"],
    "starts_at": "2026-11-24T14:00:00Z",
    "ends_at": "2026-11-24T14:30:00Z",
}
_REPLACEMENTS: dict[str, Any] = {"observer_id": "per_01jd6x0000e8r9sv4kz2m7n5qa", "calls": [_REPLACEMENT]}


class CreateCall(Body):
    """A live customer call. Without a type it is classified by its title and stage."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    title: Name
    type: Slug | None = None
    host_id: Id
    account_id: Id | None = None
    starts_at: Instant
    ends_at: Instant
    language: Language = "en"
    stage: Tag | None = None
    product: Tag | None = None
    region: Tag | None = None
    sensitive: YesNo = False
    meeting_url: HttpUrl | None = None
    colleagues_invited: Colleagues = 0
    seat_capacity: Annotated[Seats | None, Field(description="Overrides what account, host and type give.")] = None
    external: Annotated[list[ExternalRef], Field(max_length=20)] = []


class PatchCall(Body):
    """What changes about a call: absent keeps, null clears. A null type is classified again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"starts_at": "2026-11-24T16:00:00Z", "ends_at": "2026-11-24T16:30:00Z"}]}
    )

    title: Name = absent()
    type: Slug | None = None
    host_id: Id = absent()
    account_id: Id | None = None
    starts_at: Instant = absent()
    ends_at: Instant = absent()
    language: Language = absent()
    stage: Tag | None = None
    product: Tag | None = None
    region: Tag | None = None
    sensitive: YesNo = absent()
    meeting_url: HttpUrl | None = None
    colleagues_invited: Colleagues = absent()
    seat_capacity: Seats | None = None


class UpsertCall(PatchCall):
    """A call as another system has it. A new one needs title, host_id, starts_at, ends_at; absent fields are kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    status: Annotated[
        Literal[CallStatus.SCHEDULED, CallStatus.CANCELLED],
        Field(description="`cancelled` cancels the call and its seats; `scheduled` puts it on again, without them."),
    ] = absent()
    external_updated_at: ExternalUpdatedAt = None


class UpsertCallItem(UpsertCall):
    """One call of a batch, with the name that the other system has for it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"external": {"source": "salesforce:00D", "id": "00U1"}, **_EXAMPLE}]}
    )

    external: ExternalRef


class UpsertCalls(Body):
    """Up to 200 calls."""

    items: Annotated[list[Annotated[UpsertCallItem, ItemByItem]], Field(min_length=1, max_length=200)]
    atomic: Atomic = False


class CallAccount(Read):
    """The account of a call, in short."""

    id: str
    name: str
    segment: str | None


class CallRead(Read):
    """A call, its seats, and whether anybody can still take one."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_READ]})

    id: str
    title: str
    type: str
    status: CallStatus
    host_id: str
    account: CallAccount | None
    starts_at: datetime
    ends_at: datetime
    language: str
    stage: str | None
    product: str | None
    region: str | None
    sensitive: bool
    skills: list[str]
    colleagues_invited: int
    seat_capacity: int
    seats_taken: int
    joinable: bool
    door: Door
    began_at: datetime | None
    ended_at: datetime | None
    meeting_url: str | None
    external: list[ExternalRef]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(
        cls, row: Any, *, joinable: bool, door: Door, skills: list[str], external: list[tuple[str, str]]
    ) -> "CallRead":
        """Build from a row of `call` with its account's name and segment; `door` is as it stands now."""
        made = {"account", "skills", "joinable", "door", "external"}
        values = {name: getattr(row, name) for name in CallRead.model_fields if name not in made}
        account = (
            CallAccount(id=row.account_id, name=row.account_name, segment=row.account_segment)
            if row.account_id
            else None
        )
        refs = [ExternalRef(source=source, id=id_) for source, id_ in external]
        return CallRead(**values, account=account, skills=skills, joinable=joinable, door=door, external=refs)


class ReplacementRead(Read):
    """A call of the same type that somebody could join instead."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_REPLACEMENT]})

    id: str
    host_id: str
    starts_at: datetime
    ends_at: datetime


class ReplacementsRead(Read):
    """Up to three calls for an observer whose call did not take place."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_REPLACEMENTS]})

    observer_id: str
    calls: list[ReplacementRead]


class MissedCallRead(CallRead):
    """A call to which the prospect did not come, and what those who sat in could join instead."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [{**_READ, "status": "no_show", "joinable": False, "replacements": [_REPLACEMENTS]}]
        },
    )

    replacements: list[ReplacementsRead]

    @classmethod
    def with_replacements(cls, missed: CallRead, calls: Mapping[str, Iterable[Any]]) -> "MissedCallRead":
        """Build from the call and, by observer, the rows of calls that they could join."""
        return cls(
            **dict(missed),
            replacements=[
                ReplacementsRead(
                    observer_id=observer_id, calls=[ReplacementRead.model_validate(row) for row in joinable]
                )
                for observer_id, joinable in calls.items()
            ],
        )
