"""API keys as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Instant, Name, Role, Scope, Whole

Scopes = Annotated[
    list[Scope] | None,
    Field(
        min_length=1,
        max_length=40,
        description="What it is let into, such as `calls:read`; null: all that its role may.",
        examples=[["calls:write", "seats:read"]],
    ),
]
PerMinute = Annotated[
    Annotated[Whole, Field(ge=1, le=1_000_000)] | None,
    Field(description="Requests in a minute at most, set by admins; null: as many as the house lets any key."),
]
Expiry = Annotated[Instant | None, Field(description="Works until then; null: until it is revoked.")]

_SECRET = "es_live_01jd6x0000e8r9sv4kz2m7n5qk…"  # noqa: S105 - an example of one
_EXAMPLE: dict[str, Any] = {
    "id": "key_01jd6x0000e8r9sv4kz2m7n5qk",
    "name": "CRM sync",
    "role": "integration",
    "person_id": None,
    "scopes": ["calls:write", "seats:read"],
    "requests_per_minute": None,
    "expires_at": "2027-11-21T09:00:00Z",
    "previous_until": None,
    "last_used_at": None,
    "revoked_at": None,
    "version": 1,
    "created_at": "2026-11-21T09:00:00Z",
}


class CreateApiKey(Body):
    """A key for somebody, or for a program: that one has no person, and a role."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "CRM sync", "role": "integration", "scopes": ["calls:write", "seats:read"]}]
        }
    )

    name: Name
    role: Annotated[
        Role | None,
        Field(
            description="With a person: `rep`, or theirs, which is what null means. "
            "Without: `integration`, `auditor` or `admin`."
        ),
    ] = None
    person_id: Annotated[str | None, Field(max_length=48, description="Whom it acts as.")] = None
    scopes: Scopes = None
    requests_per_minute: PerMinute = None
    expires_at: Expiry = None


class PatchApiKey(Body):
    """What changes about a key: absent keeps, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scopes": ["calls:read"]}]})

    name: Name = absent()
    scopes: Scopes = None
    requests_per_minute: PerMinute = None
    expires_at: Expiry = None


class RotateApiKey(Body):
    """How long the secret before works beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: Annotated[Whole, Field(ge=0, le=168)] = 24


class ApiKeyRead(Read):
    """A key without what it holds."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    name: str
    role: Role
    person_id: str | None
    scopes: list[str] | None
    requests_per_minute: int | None
    expires_at: datetime | None
    previous_until: Annotated[datetime | None, Field(description="Until when the secret before works too.")]
    last_used_at: Annotated[datetime | None, Field(description="To the minute.")]
    revoked_at: datetime | None
    version: int
    created_at: datetime


class ApiKeyIssued(ApiKeyRead):
    """A key with what it holds, which is shown this once."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [{**_EXAMPLE, "secret": _SECRET}]})

    secret: str

    @classmethod
    def of(cls, row: Any, *, secret: str) -> "ApiKeyIssued":
        """Build from a row of `api_key` and what it holds."""
        return cls(**{name: getattr(row, name) for name in ApiKeyRead.model_fields}, secret=secret)
