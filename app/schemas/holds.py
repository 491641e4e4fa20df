"""Holds as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.schemas.seats import Id
from app.schemas.sessions import PLAN, Minutes, TakesPart
from app.schemas.shapes import Body, Read
from app.vocabulary import CALL_KINDS, Minute, SessionKind, ZoneName

_EXAMPLE: dict[str, Any] = {
    "id": "hold_01jd6x0000e8r9sv4kz2m7n5qm",
    "token": "6w0g8t5yq2m4x7c1v9k3hd0fb5n8zr2s4j6e1pa7ty0gw3q",
    "session_id": "ses_01jd6x0000e8r9sv4kz2m7n5qe",
    "expires_at": "2026-11-21T09:05:00Z",
}
_SEAT: dict[str, Any] = {
    "call_id": "call_01jd6x0000e8r9sv4kz2m7n5qc",
    "observer_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
}


class CreateHold(Body):
    """What to keep for a few minutes: a seat on a call for an observer, or time of several people who are free then."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SEAT, PLAN]})

    call_id: Id | None = None
    observer_id: Id | None = None
    kind: Annotated[SessionKind, Field(description="Of the session that is going to be booked.")] = SessionKind.SHADOW
    participants: Annotated[list[TakesPart], Field(min_length=2, max_length=20)] | None = None
    starts_at: Minute | None = None
    duration_minutes: Minutes | None = None
    time_zone: ZoneName | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "CreateHold":
        of_seat = (self.call_id, self.observer_id)
        of_time = (self.participants, self.starts_at, self.duration_minutes)
        if self.kind is SessionKind.DROP_IN:
            raise PydanticCustomError("kind_mismatch", "Nobody holds a seat on a call that is under way: take it")
        wanted, other = (of_seat, (*of_time, self.time_zone)) if self.kind in CALL_KINDS else (of_time, of_seat)
        if None in wanted or any(value is not None for value in other):
            raise PydanticCustomError(
                "kind_mismatch",
                "A seat is held by call_id and observer_id; time by another kind, participants, starts_at and "
                "duration_minutes",
            )
        named = [one.person_id for one in self.participants or ()]
        if len(set(named)) != len(named):
            raise PydanticCustomError("kind_mismatch", "Somebody is named twice")
        if self.kind is SessionKind.ONE_ON_ONE and len(named) > 2:
            raise PydanticCustomError("kind_mismatch", "A one-on-one is between two people")
        return self


class HoldIssued(Read):
    """What is kept, with the token that books it. The token is shown only now."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    token: str
    session_id: str
    expires_at: datetime
