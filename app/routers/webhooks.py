"""Webhook endpoints, the events that they hear of, and what was sent to them."""

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.operations import deliveries_by_hand
from app.operations import webhooks as operations
from app.operations.deliveries_by_hand import EndpointDisabled
from app.operations.webhooks import DeliveriesWaiting, UnknownAct, UrlRefused
from app.queries import webhooks
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Reply, Route, TheHouse
from app.routers.problems import refusals
from app.schemas.shapes import Listing
from app.schemas.webhooks import (
    CreateWebhookEndpoint,
    DeliveryRead,
    DeliveryWithAttempts,
    EventRead,
    PatchWebhookEndpoint,
    ReplayEvents,
    ReplayRead,
    WebhookEndpointIssued,
    WebhookEndpointRead,
)
from app.vocabulary import DeliveryStatus, EndpointStatus, Instant

router = APIRouter(prefix="/v1", tags=["webhooks"], route_class=Route)

_Acts = Annotated[list[str], Query(description="Such as `seat.booked` or `session.*`.")]
_ENDPOINT = "/webhook-endpoints/{endpoint_id}"


@router.get("/webhook-endpoints", operation_id="webhook_endpoints_list", responses=refusals(NotFound))
def list_endpoints(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    status: Annotated[list[EndpointStatus], Query()] = [],
) -> Listing[WebhookEndpointRead]:
    """List the URLs that are told of events, oldest first."""
    found = webhooks.list_endpoints(db, page, status=tuple(status), actor=actor)
    return answer.page(found, [_shown(db, row) for row in found.rows])


@router.post(
    "/webhook-endpoints",
    status_code=201,
    operation_id="webhook_endpoints_create",
    responses=refusals(Forbidden, UrlRefused, UnknownAct),
)
def create_endpoint(
    body: CreateWebhookEndpoint, db: Db, now: Now, actor: CurrentActor, answer: Answer, the: TheHouse
) -> WebhookEndpointIssued:
    """Have a URL told of events from now on. The secret that signs them is shown only now."""
    made = operations.create_endpoint(
        db,
        name=body.name,
        url=body.url,
        form=body.format,
        acts=body.acts,
        allowed=the.settings.outbound_allow,
        actor=actor,
        now=now,
    )
    issued = WebhookEndpointIssued.of(made.endpoint, url=body.url, secret=made.secret)
    return answer.created(f"/v1/webhook-endpoints/{made.endpoint.id}", made.endpoint.version, issued)


@router.get(_ENDPOINT, operation_id="webhook_endpoints_get", responses=refusals(NotFound))
def get_endpoint(endpoint_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> WebhookEndpointRead:
    """Read one endpoint: what it hears of, and how it does. Its secret is not shown again."""
    return _answered(db, answer, webhooks.endpoint_by_id(db, endpoint_id, actor=actor))


@router.patch(
    _ENDPOINT,
    operation_id="webhook_endpoints_patch",
    responses=refusals(Forbidden, NotFound, Stale, UrlRefused, UnknownAct, DeliveriesWaiting),
)
def patch_endpoint(
    endpoint_id: str,
    body: PatchWebhookEndpoint,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
    the: TheHouse,
) -> WebhookEndpointRead:
    """Change an endpoint (JSON Merge Patch): absent keeps.

    One that is enabled again, or gets another URL, is sent at once all that waits for it. What happened while it was
    disabled was kept for nobody: replay it.
    """
    found = operations.patch_endpoint(
        db,
        endpoint_id=endpoint_id,
        changes=body.model_dump(exclude_unset=True),
        allowed=the.settings.outbound_allow,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return _answered(db, answer, found)


@router.delete(
    _ENDPOINT,
    status_code=204,
    operation_id="webhook_endpoints_delete",
    responses=refusals(Forbidden, NotFound, Stale),
)
def delete_endpoint(endpoint_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Delete an endpoint with its deliveries. What waits for it is never sent."""
    operations.delete_endpoint(db, endpoint_id=endpoint_id, expected_version=if_match, actor=actor, now=now)


@router.post(
    f"{_ENDPOINT}/rotate-secret",
    operation_id="webhook_endpoints_rotate_secret",
    responses=refusals(Forbidden, NotFound, Stale),
)
def rotate_secret(
    endpoint_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> WebhookEndpointIssued:
    """Give an endpoint another secret, shown only now. For 24 hours the one before signs as well; any other does not.

    Where a secret has leaked, rotate twice.
    """
    made = operations.rotate_secret(db, endpoint_id=endpoint_id, expected_version=if_match, actor=actor, now=now)
    found = made.endpoint
    issued = WebhookEndpointIssued.of(found, url=webhooks.url_of(db, found), secret=made.secret)
    return answer.version(found.version, issued, shows=_health(found))


@router.post(
    f"{_ENDPOINT}/test",
    status_code=202,
    operation_id="webhook_endpoints_test",
    responses=refusals(Forbidden, NotFound, EndpointDisabled),
)
def try_endpoint(endpoint_id: str, db: Db, now: Now, actor: CurrentActor) -> EventRead:
    """Send a `webhook_endpoint.tested` event to this endpoint alone, at once though it rests.

    Its delivery shows how that went.
    """
    return EventRead.model_validate(deliveries_by_hand.try_endpoint(db, endpoint_id=endpoint_id, actor=actor, now=now))


@router.post(
    f"{_ENDPOINT}/replay",
    status_code=202,
    operation_id="webhook_endpoints_replay",
    responses=refusals(Forbidden, NotFound, UnknownAct, EndpointDisabled),
)
def replay_events(endpoint_id: str, body: ReplayEvents, db: Db, now: Now, actor: CurrentActor) -> ReplayRead:
    """Tell an endpoint again what happened since then, of what it listens to.

    What it was never told is among it, also from before it was there. Ids are those of the first time; `data` is what
    holds now where it was never told, and what it was told otherwise.
    """
    operations.check_acts(body.acts)
    events = deliveries_by_hand.replay(
        db, endpoint_id=endpoint_id, since=body.since, acts=body.acts, actor=actor, now=now
    )
    return ReplayRead(events=events)


@router.get("/events", operation_id="events_list", responses=refusals(NotFound))
def list_events(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    sequence_gt: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="After this one.")] = None,
    act: _Acts = [],
    object_type: Annotated[list[str], Query()] = [],
    object_id: Annotated[list[str], Query()] = [],
    at_gte: Annotated[Instant | None, Query()] = None,
    at_lt: Annotated[Instant | None, Query()] = None,
    sort: Literal["sequence", "-sequence"] = "sequence",
) -> Listing[EventRead]:
    """List what happened, in order: the events that webhooks are made of.

    A number may appear after a higher one: whoever reads on from where they were looks back a minute.
    """
    wanted = webhooks.EventFilter(sequence_gt, tuple(act), tuple(object_type), tuple(object_id), at_gte, at_lt)
    found = webhooks.list_events(db, wanted, page, descending=sort.startswith("-"), actor=actor)
    return answer.page(found, [EventRead.model_validate(row) for row in found.rows])


@router.get("/events/{event_id}", operation_id="events_get", responses=refusals(NotFound))
def get_event(event_id: str, db: ReadDb, actor: CurrentActor) -> EventRead:
    """Read one event: who did what to which version of what."""
    return EventRead.model_validate(webhooks.event_by_id(db, event_id, actor=actor))


@router.get("/deliveries", operation_id="deliveries_list", responses=refusals(NotFound))
def list_deliveries(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    endpoint_id: Annotated[list[str], Query()] = [],
    event_id: Annotated[list[str], Query()] = [],
    status: Annotated[list[DeliveryStatus], Query()] = [],
    act: _Acts = [],
) -> Listing[DeliveryRead]:
    """List what was sent to endpoints, or waits, newest first. What has ended is kept for 30 days."""
    wanted = webhooks.DeliveryFilter(tuple(endpoint_id), tuple(event_id), tuple(status), tuple(act))
    found = webhooks.list_deliveries(db, wanted, page, actor=actor)
    return answer.page(found, [DeliveryRead.model_validate(row) for row in found.rows])


@router.get("/deliveries/{delivery_id}", operation_id="deliveries_get", responses=refusals(NotFound))
def get_delivery(delivery_id: str, db: ReadDb, actor: CurrentActor) -> DeliveryWithAttempts:
    """Read one delivery: what is sent, and how every try went."""
    found = webhooks.delivery_by_id(db, delivery_id, actor=actor)
    return DeliveryWithAttempts.of(found, webhooks.attempts_of(db, delivery_id))


@router.post(
    "/deliveries/{delivery_id}/resend",
    status_code=202,
    operation_id="deliveries_resend",
    responses=refusals(Forbidden, NotFound, EndpointDisabled),
)
def resend_delivery(delivery_id: str, db: Db, now: Now, actor: CurrentActor) -> DeliveryRead:
    """Send a delivery again, under the same id and whatever became of it, at once though its endpoint rests."""
    found = deliveries_by_hand.resend(db, delivery_id=delivery_id, actor=actor, now=now)
    return DeliveryRead.model_validate(found)


def _answered(db: DbSession, answer: Reply, found: Any) -> WebhookEndpointRead:
    return answer.version(found.version, _shown(db, found), shows=_health(found))


def _shown(db: DbSession, found: Any) -> WebhookEndpointRead:
    return WebhookEndpointRead.of(found, url=webhooks.url_of(db, found))


def _health(found: Any) -> str:
    """Tell states of an endpoint apart that nobody changed: how it answers is no version of it."""
    health = (found.failures, found.failing_since, found.paused_until)
    return hashlib.sha256(repr(health).encode()).hexdigest()[:12] if any(health) else ""
