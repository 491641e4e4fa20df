"""Seats as they travel."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.schemas.shapes import Body, Read
from app.vocabulary import SeatStatus, SessionKind, Whole, YesNo

Id = Annotated[str, Field(max_length=48)]
HoldToken = Annotated[str, StringConstraints(min_length=1, max_length=100)]
SeatKind = Literal[SessionKind.SHADOW, SessionKind.REVERSE_SHADOW, SessionKind.RIDE_ALONG, SessionKind.DROP_IN]

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
    """Who will listen, and how."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"observer_id": _EXAMPLE["observer_id"], "debrief_minutes": 15}]}
    )

    observer_id: Id
    kind: SeatKind = SessionKind.SHADOW
    waitlist: Annotated[YesNo, Field(description="Wait for a seat when the call is full: answered by 202.")] = False
    debrief_minutes: Annotated[
        Annotated[Whole, Field(ge=5, le=60)] | None,
        Field(description="Book a debrief with the host too, at the first time after the call when both are free."),
    ] = None
    hold_token: Annotated[HoldToken | None, Field(description="Of the hold that keeps this seat.")] = None

    @model_validator(mode="after")
    def _waits_only_to_listen(self) -> "BookSeat":
        if self.waitlist and (self.kind is not SessionKind.SHADOW or self.debrief_minutes or self.hold_token):
            raise PydanticCustomError(
                "waitlist_alone", "Who waits is offered a seat as observer: leave out kind, debrief_minutes, hold_token"
            )
        return self


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
