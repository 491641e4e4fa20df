"""Places in line as they travel."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from app.schemas.shapes import Read
from app.vocabulary import WaitlistStatus

_EXAMPLE: dict[str, Any] = {
    "id": "wle_01jd6x0000e8r9sv4kz2m7n5qk",
    "call_id": "call_01jd6x0000e8r9sv4kz2m7n5qc",
    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "status": "offered",
    "seat_id": "seat_01jd6x0000e8r9sv4kz2m7n5qd",
    "offered_until": "2026-11-23T09:00:00Z",
    "version": 2,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-23T08:00:00Z",
}


class WaitlistEntryRead(Read):
    """Somebody's place in the order for a full call, and the seat that is kept for them until `offered_until`."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    call_id: str
    person_id: str
    status: WaitlistStatus
    seat_id: str | None
    offered_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class WaitlistRead(Read):
    """Who waits for a call, in the order in which seats are offered."""

    data: list[WaitlistEntryRead]
