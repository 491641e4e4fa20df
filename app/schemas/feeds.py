"""Calendar subscriptions as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, Read
from app.vocabulary import FeedKind, FeedPrivacy

_EXAMPLE: dict[str, Any] = {
    "id": "feed_01jd6x0000e8r9sv4kz2m7n5qf",
    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "kind": "personal",
    "team_id": None,
    "privacy": "full",
    "last_fetched_at": None,
    "last_fetched_by": None,
    "revoked_at": None,
    "version": 1,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}


class CreateFeed(Body):
    """Whose calendar, and how much of it the address tells."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"person_id": _EXAMPLE["person_id"], "kind": "personal", "privacy": "busy_only"}]
        }
    )

    person_id: Annotated[str, Field(max_length=48)]
    kind: FeedKind
    team_id: Annotated[str | None, Field(max_length=48, description="Of `team` alone: whose calendar it is.")] = None
    privacy: FeedPrivacy = FeedPrivacy.FULL


class FeedRead(Read):
    """A calendar subscription, and who fetched it last."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    person_id: str
    kind: FeedKind
    team_id: str | None
    privacy: FeedPrivacy
    last_fetched_at: datetime | None
    last_fetched_by: str | None
    revoked_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class FeedIssued(FeedRead):
    """A subscription with its address. Whoever has the address can read the calendar, so it is shown this once."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [{**_EXAMPLE, "url": "https://earshot.example/feeds/0f3k….ics", "secret": "0f3k…"}]
        },
    )

    url: str
    secret: str

    @classmethod
    def of(cls, row: Any, *, secret: str, public_url: str) -> "FeedIssued":
        """Build from a row of `feed`, its secret, and where people reach the service."""
        values = {name: getattr(row, name) for name in FeedRead.model_fields}
        return cls(**values, url=f"{public_url.rstrip('/')}/feeds/{secret}.ics", secret=secret)
