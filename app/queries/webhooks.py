"""Read webhook endpoints, the events that they may hear of, and what was sent to them: for who sees everything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from app import ids
from app.db import DbSession
from app.errors import NotFound
from app.models.tables import delivery, delivery_attempt, event, webhook_endpoint
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.queries.sealed import shown
from app.rules.access import Actor, sees_the_house
from app.rules.published import PUBLISHED, listens
from app.vocabulary import DeliveryStatus, EndpointStatus

_EVENT = tuple(column for column in event.c if column is not event.c.announced)
_IN_SHORT = tuple(column for column in delivery.c if column is not delivery.c.body)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: all that is given is required. `acts` are acts or `object.*`."""

    sequence_gt: int | None = None
    acts: tuple[str, ...] = ()
    object_type: tuple[str, ...] = ()
    object_id: tuple[str, ...] = ()
    at_gte: datetime | None = None
    at_lt: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries: all that is given is required."""

    endpoint_id: tuple[str, ...] = ()
    event_id: tuple[str, ...] = ()
    status: tuple[DeliveryStatus, ...] = ()
    acts: tuple[str, ...] = ()


def endpoint_by_id(db: DbSession, endpoint_id: str, *, actor: Actor) -> Any:
    """Return one endpoint's row. Raises NotFound when absent or not for this actor."""
    _check_sees(actor)
    return first_row(db, select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id))


def url_of(db: DbSession, row: Any) -> str | None:
    """Return where an endpoint is; None when the key of that is missing."""
    return shown(db, webhook_endpoint.c.url, row.id, row.url)


def list_endpoints(
    db: DbSession, page: PageRequest, *, status: tuple[EndpointStatus, ...] = (), actor: Actor
) -> PageOf[Any]:
    """Return a page of endpoints, oldest first. One statement."""
    _check_sees(actor)
    query = _of(select(webhook_endpoint), webhook_endpoint.c.status, status)
    return fetch(db, query, page, Order(webhook_endpoint.c.id, webhook_endpoint.c.id))


def outcomes(
    db: DbSession, endpoint_ids: Iterable[str], *, since: datetime
) -> Mapping[str, Mapping[DeliveryStatus, int]]:
    """Return what became of that which endpoints were to be told since then: by endpoint, how many of each status. One
    statement. Ask first whether they may be seen.
    """
    columns = delivery.c.endpoint_id, delivery.c.status
    # The key finds where to begin: ids are made when deliveries are written, to the millisecond.
    lately = delivery.c.endpoint_id.in_(list(endpoint_ids)), delivery.c.id >= ids.earliest("dlv", since)
    found: dict[str, dict[DeliveryStatus, int]] = {}
    for endpoint_id, status, number in db.execute(select(*columns, func.count()).where(*lately).group_by(*columns)):
        found.setdefault(endpoint_id, {})[status] = number
    return found


def event_by_id(db: DbSession, event_id: str, *, actor: Actor) -> Any:
    """Return one published event. Raises NotFound when absent or not for this actor."""
    _check_sees(actor)
    return first_row(db, select(*_EVENT).where(event.c.id == event_id, event.c.act.in_(PUBLISHED)))


def list_events(
    db: DbSession, wanted: EventFilter, page: PageRequest, *, descending: bool, actor: Actor
) -> PageOf[Any]:
    """Return a page of published events in their order, or the other way round. One statement."""
    _check_sees(actor)
    query = select(*_EVENT).where(event.c.act.in_(_named(wanted.acts)))
    query = _of(query, event.c.object_type, wanted.object_type)
    query = _of(query, event.c.object_id, wanted.object_id)
    if wanted.sequence_gt is not None:
        query = query.where(event.c.sequence > wanted.sequence_gt)
    if wanted.at_gte:
        query = query.where(event.c.at >= wanted.at_gte)
    if wanted.at_lt:
        query = query.where(event.c.at < wanted.at_lt)
    return fetch(db, query, page, Order(event.c.sequence, event.c.sequence, descending))


def delivery_by_id(db: DbSession, delivery_id: str, *, actor: Actor) -> Any:
    """Return one delivery with its body. Raises NotFound when absent or not for this actor."""
    _check_sees(actor)
    return first_row(db, select(delivery).where(delivery.c.id == delivery_id))


def attempts_of(db: DbSession, delivery_id: str) -> list[Any]:
    """Return how each try of a delivery went, in order."""
    query = select(delivery_attempt).where(delivery_attempt.c.delivery_id == delivery_id)
    return list(db.execute(query.order_by(delivery_attempt.c.at, delivery_attempt.c.id)))


def list_deliveries(db: DbSession, wanted: DeliveryFilter, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of deliveries without their bodies, newest first. One statement."""
    _check_sees(actor)
    query = _of(select(*_IN_SHORT), delivery.c.endpoint_id, wanted.endpoint_id)
    query = _of(query, delivery.c.event_id, wanted.event_id)
    query = _of(query, delivery.c.status, wanted.status)
    if wanted.acts:
        query = query.where(delivery.c.act.in_(_named(wanted.acts)))
    return fetch(db, query, page, Order(delivery.c.id, delivery.c.id, descending=True))


def _check_sees(actor: Actor) -> None:
    if not sees_the_house(actor):
        raise NotFound


def _named(acts: tuple[str, ...]) -> list[str]:
    return [act for act in PUBLISHED if listens(acts, act)]


def _of(query: Select[Any], column: Any, values: tuple[str, ...]) -> Select[Any]:
    return query.where(column.in_(values)) if values else query
