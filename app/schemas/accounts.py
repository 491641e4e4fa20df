"""Accounts as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Atomic, Body, ExternalRef, ExternalUpdatedAt, ItemByItem, Read, absent
from app.vocabulary import Capacity, Name, Tag, Whole, YesNo

Seats = Annotated[Capacity | None, Field(description="Seats on each of its calls; null leaves it to host and type.")]

Ceiling = Annotated[
    Annotated[Whole, Field(ge=1, le=51)] | None,
    Field(description="How many of our faces they see on one call at most, host and colleagues counted."),
]

_EXAMPLE: dict[str, Any] = {
    "name": "Northwind Analytics",
    "segment": "mid_market",
    "observers_allowed": True,
    "seat_capacity": None,
    "own_side_ceiling": 3,
}


class CreateAccount(Body):
    """A new account."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    segment: Tag | None = None
    observers_allowed: YesNo = True
    seat_capacity: Seats = None
    own_side_ceiling: Ceiling = None
    external: Annotated[list[ExternalRef], Field(max_length=20)] = []


class PatchAccount(Body):
    """What changes about an account: absent keeps, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"observers_allowed": False}]})

    name: Name = absent()
    segment: Tag | None = None
    observers_allowed: YesNo = absent()
    seat_capacity: Seats = None
    own_side_ceiling: Ceiling = None


class UpsertAccount(PatchAccount):
    """An account as another system has it. A new one needs a name; absent fields are kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    external_updated_at: ExternalUpdatedAt = None


class UpsertAccountItem(UpsertAccount):
    """One account of a batch, with the name that the other system has for it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"external": {"source": "hubspot:42", "id": "9001"}, **_EXAMPLE}]}
    )

    external: ExternalRef


class UpsertAccounts(Body):
    """Up to 200 accounts."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{"external": {"source": "hubspot:42", "id": "9001"}, **_EXAMPLE}]}]}
    )

    items: Annotated[list[Annotated[UpsertAccountItem, ItemByItem]], Field(min_length=1, max_length=200)]
    atomic: Atomic = False


class AccountRead(Read):
    """An account."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "acc_01jd6x0000e8r9sv4kz2m7n5qa",
                    **_EXAMPLE,
                    "external": [{"source": "hubspot:42", "id": "9001"}],
                    "version": 1,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: str
    name: str
    segment: str | None
    observers_allowed: bool
    seat_capacity: int | None
    own_side_ceiling: int | None
    external: list[ExternalRef]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, external: list[tuple[str, str]]) -> "AccountRead":
        """Build from a row of `account` and its external identities."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "external"}
        return cls(**values, external=[ExternalRef(source=source, id=id_) for source, id_ in external])
