"""Calls as they travel to somebody who would like to sit in."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from app.schemas.calls import CallRead
from app.schemas.shapes import Read

_CALL: dict[str, Any] = CallRead.model_json_schema()["examples"][0]
_REFUSAL: dict[str, Any] = {
    "code": "slot_taken",
    "detail": "The observer is taken at that time.",
    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qd",
    "blocking_starts_at": "2026-11-24T14:45:00Z",
    "blocking_ends_at": "2026-11-24T15:15:00Z",
}


class RefusalRead(Read):
    """Why booking a seat would be refused: the code, whom it is about, and the time in the way."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_REFUSAL]})

    code: str
    detail: str
    person_id: str | None
    blocking_starts_at: datetime | None
    blocking_ends_at: datetime | None

    @classmethod
    def of(cls, why: Any) -> "RefusalRead":
        """Build from what the rule says."""
        starts_at, ends_at = why.blocking or (None, None)
        return cls(
            code=why.code,
            detail=why.detail,
            person_id=why.person_id,
            blocking_starts_at=starts_at,
            blocking_ends_at=ends_at,
        )


class CallForObserver(CallRead):
    """A call, and why somebody could not take a seat on it now; null when they could."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [{**_CALL, "refusal": _REFUSAL}]})

    refusal: RefusalRead | None

    @classmethod
    def with_refusal(cls, call: CallRead, why: Any) -> "CallForObserver":
        """Build from the call as everybody reads it."""
        return cls(**dict(call), refusal=None if why is None else RefusalRead.of(why))
