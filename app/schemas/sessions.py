"""Sessions as they travel."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Read
from app.vocabulary import Part, Response, SessionKind, SessionStatus

_EXAMPLE: dict[str, Any] = {
    "id": "ses_01jd6x0000e8r9sv4kz2m7n5qe",
    "uid": "ses_01jd6x0000e8r9sv4kz2m7n5qe@4t7wq0m8zc1x.earshot",
    "kind": "shadow",
    "status": "confirmed",
    "call_id": "call_01jd6x0000e8r9sv4kz2m7n5qc",
    "starts_at": "2026-11-23T10:00:00Z",
    "ends_at": "2026-11-23T10:30:00Z",
    "time_zone": "Europe/London",
    "sequence": 0,
    "participants": [
        {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qb", "as": "host", "response": "needs_action"},
        {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa", "as": "observer", "response": "needs_action"},
    ],
    "version": 1,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}


class ParticipantRead(Read):
    """Somebody in a session, in which part, and what they answered to the invite."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    person_id: str
    part: Part = Field(alias="as")
    response: Response


class SessionRead(Read):
    """A planned learning meeting. `sequence` is that of the invite; `uid` is the same there and in every feed."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    uid: str
    kind: SessionKind
    status: SessionStatus
    call_id: str | None
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    sequence: int
    participants: list[ParticipantRead]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, participants: Iterable[Any]) -> "SessionRead":
        """Build from a row of `session` and those of its participants."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "participants"}
        return cls(**values, participants=[ParticipantRead.model_validate(one) for one in participants])
