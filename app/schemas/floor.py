"""The floor as it travels: calls that are on, who listens, raised hands, and who is there."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.joinable import RefusalRead
from app.schemas.shapes import Body, Read
from app.vocabulary import CallStatus, Door, Instant, Presence, Remark, SessionKind

_HOST, _OBSERVER = "per_01jd6x0000e8r9sv4kz2m7n5qa", "per_01jd6x0000e8r9sv4kz2m7n5qd"
_CALL_ID, _SEAT_ID = "call_01jd6x0000e8r9sv4kz2m7n5qc", "seat_01jd6x0000e8r9sv4kz2m7n5qe"
_HAND: dict[str, Any] = {
    "call_id": _CALL_ID,
    "person_id": _HOST,
    "why": "They are about to talk price",
    "raised_at": "2026-11-24T15:12:00Z",
}
_LISTENER: dict[str, Any] = {
    "person_id": _OBSERVER,
    "name": "Aisha Bello",
    "seat_id": _SEAT_ID,
    "kind": "drop_in",
    "since": "2026-11-24T15:04:00Z",
}
_CALL: dict[str, Any] = {
    "id": _CALL_ID,
    "host_id": _HOST,
    "host_name": "Mara Okafor",
    "account_name": "Northwind Freight",
    "type_name": "Discovery",
    "starts_at": "2026-11-24T15:00:00Z",
    "ends_at": "2026-11-24T15:30:00Z",
    "since": "2026-11-24T15:01:00Z",
    "status": "live",
    "door": "open",
    "seats_taken": 1,
    "seat_capacity": 2,
    "listeners": [_LISTENER],
    "others": 0,
    "hand": _HAND["why"],
    "hands": 1,
    "my_hand": False,
    "my_seat_id": _SEAT_ID,
    "is_for_me": True,
    "drops_in": False,
    "why_not": None,
    "meeting_url": "https://meet.earshot.example/northwind",
}
_PRESENCE: dict[str, Any] = {
    "person_id": _HOST,
    "name": "Mara Okafor",
    "presence": "dialling",
    "until": "2026-11-24T16:00:00Z",
    "is_on_call": True,
}
_FLOOR: dict[str, Any] = {
    "as_of": "2026-11-24T15:13:00Z",
    "calls": [_CALL],
    "next_calls": [],
    "presences": [_PRESENCE],
    "mine": None,
}


class SetDoor(Body):
    """How the door is from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"door": "open"}]})

    door: Door


class RaiseHand(Body):
    """What to listen to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"why": _HAND["why"]}]})

    why: Remark | None = None


class SetPresence(Body):
    """How somebody works now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"presence": "heads_down", "until": _PRESENCE["until"]}]})

    presence: Presence
    until: Annotated[Instant | None, Field(description="Up to when; from then on they are open.")] = None


class HandRead(Read):
    """A raised hand: listen to this one."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_HAND]})

    call_id: str
    person_id: str
    why: str | None
    raised_at: datetime


class FloorListenerRead(Read):
    """Somebody who listens to a call."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_LISTENER]})

    person_id: str
    name: str
    seat_id: str
    kind: SessionKind
    since: datetime


class FloorCallRead(Read):
    """A call that is on, or comes next. `others` have a seat, too, without your seeing who they are."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_CALL]})

    id: str
    host_id: str
    host_name: str
    account_name: str | None
    type_name: str
    starts_at: datetime
    ends_at: datetime
    since: datetime
    status: CallStatus
    door: Door
    seats_taken: int
    seat_capacity: int
    listeners: list[FloorListenerRead]
    others: int
    hand: str | None
    hands: int
    my_hand: bool
    my_seat_id: str | None
    is_for_me: bool
    drops_in: bool
    why_not: RefusalRead | None
    meeting_url: str | None

    @classmethod
    def of(cls, call: Any) -> "FloorCallRead":
        """Build from a call of the floor."""
        made = {"listeners", "why_not"}
        values = {name: getattr(call, name) for name in cls.model_fields if name not in made}
        listeners = [FloorListenerRead.model_validate(one) for one in call.listeners]
        return cls(**values, listeners=listeners, why_not=call.why_not and RefusalRead.of(call.why_not))


class PresenceRead(Read):
    """How somebody works now, and whether they host a call that is on, whatever they said."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_PRESENCE]})

    person_id: str
    name: str
    presence: Presence
    until: datetime | None
    is_on_call: bool


class FloorRead(Read):
    """The floor at an instant, as you may see it: `mine` is your own presence."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_FLOOR]})

    as_of: datetime
    calls: list[FloorCallRead]
    next_calls: list[FloorCallRead]
    presences: list[PresenceRead]
    mine: PresenceRead | None

    @classmethod
    def of(cls, floor: Any) -> "FloorRead":
        """Build from the floor."""
        return cls(
            as_of=floor.as_of,
            calls=[FloorCallRead.of(call) for call in floor.calls],
            next_calls=[FloorCallRead.of(call) for call in floor.next_calls],
            presences=[PresenceRead.model_validate(one) for one in floor.presences],
            mine=floor.mine and PresenceRead.model_validate(floor.mine),
        )
