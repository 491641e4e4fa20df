"""Webhook endpoints, the events that they hear of, and what was sent to them, as they travel."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, Read, absent
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus, Instant, Name, WebhookFormat

_ACTS = "Such as `seat.booked` or `session.*`; empty: all that are published. A chat hears of its own few."
Acts = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=100, description=_ACTS)]

Url = Annotated[str, Field(max_length=2000, description="Public, and https; else named in EARSHOT_OUTBOUND_ALLOW.")]

_EXAMPLE: dict[str, Any] = {
    "name": "CRM",
    "url": "https://crm.example/hooks/earshot",
    "format": "standard",
    "acts": ["seat.*", "session.booked", "session.cancelled"],
}
_STAMPS: dict[str, Any] = {"created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:00Z"}
_ENDPOINT: dict[str, Any] = {
    "id": "whe_01jd6x0000e8r9sv4kz2m7n5qa",
    **_EXAMPLE,
    "status": "enabled",
    "disabled_because": None,
    "failures": 0,
    "failing_since": None,
    "paused_until": None,
    "previous_secret_until": None,
    "version": 1,
    **_STAMPS,
}
_EVENT: dict[str, Any] = {
    "id": "evt_01jd6x0000e8r9sv4kz2m7n5qb",
    "sequence": 4711,
    "act": "seat.booked",
    "at": "2026-11-21T09:00:00Z",
    "actor": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "object_type": "seat",
    "object_id": "seat_01jd6x0000e8r9sv4kz2m7n5qd",
    "version": 1,
}
_DELIVERY: dict[str, Any] = {
    "id": "dlv_01jd6x0000e8r9sv4kz2m7n5qc",
    "endpoint_id": _ENDPOINT["id"],
    "event_id": _EVENT["id"],
    "act": "seat.booked",
    "sequence": 4711,
    "status": "waiting",
    "attempts": 1,
    "due_at": "2026-11-21T09:00:05Z",
    **_STAMPS,
}
_ATTEMPT: dict[str, Any] = {
    "id": "att_01jd6x0000e8r9sv4kz2m7n5qe",
    "at": "2026-11-21T09:00:00Z",
    "elapsed_ms": 231,
    "status_code": 503,
    "why": None,
    "answer": "try again later",
}


class CreateWebhookEndpoint(Body):
    """A URL that is told of events from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    url: Url
    format: WebhookFormat = WebhookFormat.STANDARD
    acts: Acts = []


class PatchWebhookEndpoint(Body):
    """What changes about an endpoint: absent keeps."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"acts": ["session.*"], "status": "enabled"}]})

    name: Name = absent()
    url: Url = absent()
    format: WebhookFormat = absent()
    acts: Acts = absent()
    status: EndpointStatus = absent()


class ReplayEvents(Body):
    """Since when, and of what: of just these acts if any are named."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-11-21T09:00:00Z", "acts": ["seat.*"]}]})

    since: Instant
    acts: Acts = []


class WebhookEndpointRead(Read):
    """An endpoint, and how it does: `failures` in a row since `failing_since`; it rests until `paused_until`."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ENDPOINT]})

    id: str
    name: str
    url: Annotated[str | None, Field(description="Null in webhooks, and when its key is missing: give it again.")]
    format: WebhookFormat
    acts: list[str]
    status: EndpointStatus
    disabled_because: DisabledBecause | None
    failures: int
    failing_since: datetime | None
    paused_until: datetime | None
    previous_secret_until: Annotated[datetime | None, Field(description="Until then the secret before signs, too.")]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, *, url: str | None = None, **more: str) -> Self:
        """Build from a row, in which secrets are sealed, and what of them is shown."""
        told = {name: getattr(row, name) for name in WebhookEndpointRead.model_fields if name != "url"}
        return cls(url=url, **told, **more)


class WebhookEndpointIssued(WebhookEndpointRead):
    """An endpoint with the secret that signs what it is sent, which is shown this once. Chats are sent no signature."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{**_ENDPOINT, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw8cBvdfRXf0o="}]},
    )

    secret: str


class ReplayRead(Read):
    """How many events an endpoint is told of again. They follow one after the other, in order."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [{"events": 42}]})

    events: int


class EventRead(Read):
    """Who did what to which version of what. A webhook has its id, and its act as `type`."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EVENT]})

    id: str
    sequence: int
    act: str
    at: datetime
    actor: Annotated[str, Field(description="The person, else the key, or `system`.")]
    object_type: str
    object_id: str
    version: int


class DeliveryRead(Read):
    """One event on its way to one endpoint: how often it was tried, and when it is tried next while it waits."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_DELIVERY]})

    id: str
    endpoint_id: str
    event_id: str
    act: str
    sequence: int
    status: DeliveryStatus
    attempts: Annotated[int, Field(description="Since it was last queued; resending begins anew.")]
    due_at: datetime
    created_at: datetime
    updated_at: datetime


class AttemptRead(Read):
    """One try: the status that came back, or why there was none, and how the answer began."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ATTEMPT]})

    id: str
    at: datetime
    elapsed_ms: int
    status_code: int | None
    why: str | None
    answer: str | None


class DeliveryWithAttempts(DeliveryRead):
    """A delivery with what is sent and every try so far, the first one first."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [{**_DELIVERY, "body": '{"type":"seat.booked","sequence":4711,…}', "log": [_ATTEMPT]}]
        },
    )

    body: Annotated[str, Field(description="The bytes that are signed; for a chat, the facts to post.")]
    log: list[AttemptRead]

    @classmethod
    def of(cls, row: Any, attempts: list[Any]) -> "DeliveryWithAttempts":
        """Build from a row of `delivery` and the rows of its attempts."""
        known = DeliveryRead.model_validate(row).model_dump()
        log = [AttemptRead.model_validate(one) for one in attempts]
        return cls(**known, body=row.body.decode(), log=log)


class DeletedObject(Read):
    """What a webhook says of an object that is not there any more."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "team_01jd6x0000e8r9sv4kz2m7n5qa", "version": 4, "deleted": True}]}
    )

    id: str
    version: int
    deleted: Literal[True]
