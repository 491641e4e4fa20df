"""Seats as they travel."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, Read
from app.vocabulary import SeatStatus, SessionKind

_EXAMPLE: dict[str, Any] = {
    "id": "seat_01jd6x0000e8r9sv4kz2m7n5qd",
    "kind": "shadow",
    "call_id": "call_01jd6x0000e8r9sv4kz2m7n5qc",
    "observer_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "session_id": "ses_01jd6x0000e8r9sv4kz2m7n5qe",
    "status": "confirmed",
    "seat_no": 1,
    "version": 1,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}


class BookSeat(Body):
    """Who will listen."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"observer_id": _EXAMPLE["observer_id"]}]})

    observer_id: Annotated[str, Field(max_length=48)]
    waitlist: Annotated[Literal[False], Field(description="There is no waitlist yet: a full call refuses.")] = False


class SeatRead(Read):
    """A place for one observer on one call."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    kind: SessionKind
    call_id: str
    observer_id: str
    session_id: str
    status: SeatStatus
    seat_no: int
    version: int
    created_at: datetime
    updated_at: datetime
