"""Matches as they travel."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from app.schemas.shapes import Read
from app.vocabulary import MatchStatus

_MATCH: dict[str, Any] = {
    "id": "mat_01jd6x0000e8r9sv4kz2m7n5qf",
    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
    "run_id": None,
    "mentee_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "mentor_id": "per_01jd6x0000e8r9sv4kz2m7n5qb",
    "status": "active",
    "score": 8123,
    "terms": {"skill": 4200, "co_availability": 1900, "segment": 1500, "overlap": 523},
    "pinned": False,
    "version": 2,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:04Z",
}


class MatchRead(Read):
    """A mentee and a mentor over time."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_MATCH]})

    id: str
    program_id: str
    run_id: str | None
    mentee_id: str
    mentor_id: str
    status: MatchStatus
    score: int
    terms: dict[str, int]
    pinned: bool
    version: int
    created_at: datetime
    updated_at: datetime
