"""Bring events to webhook endpoints: who is told, what is due, how it went.

One pump at a time sends to an endpoint (its jobs share a singleton key), one delivery after the other. What is written
here about an endpoint's health is no change of it that anybody made: its version stays.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from app import ids
from app.db import DbSession
from app.models.tables import delivery, delivery_attempt, webhook_endpoint
from app.operations.events import Told, tell
from app.operations.jobs import enqueue
from app.queries import announced, chats
from app.queries.sealed import opened
from app.rules import chat
from app.rules import deliveries as rules
from app.rules.access import SYSTEM
from app.rules.chat import Happening
from app.rules.deliveries import Attempt
from app.rules.published import PUBLISHED, TESTED, listens
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus, WebhookFormat

# Written out, not bound: else no planner may use the index that holds only these rows.
_WAITING = text("delivery.status = 'waiting'")
_ENABLED = webhook_endpoint.c.status == EndpointStatus.ENABLED


@dataclass(frozen=True, slots=True)
class Sending:
    """A delivery that is due, where to send it, and the secrets with which to sign it."""

    delivery_id: str
    event_id: str
    act: str
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    form: WebhookFormat
    secrets: tuple[str, ...] = field(repr=False)


def deliver(db: DbSession, told: Sequence[Told], *, now: datetime) -> None:
    """Write down a delivery for each endpoint that hears of each of these events, and wake who sends them. Once:
    repeating it adds nothing. Nothing is kept for endpoints that are disabled meanwhile; a replay makes up for it.
    """
    # In the order of their ids: two who wake the same endpoints never wait for each other.
    endpoints = db.execute(select(webhook_endpoint).where(_ENABLED).order_by(webhook_endpoint.c.id)).all()
    wanted = [(to, [one for one in told if _hears(to, one)]) for to in endpoints]
    write(db, [(to, heard) for to, heard in wanted if heard], now=now)


def write(db: DbSession, wanted: Sequence[tuple[Any, Sequence[Told]]], *, now: datetime) -> None:
    """Write down these events for these endpoints, given by their rows, as far as they don't have them, and wake who
    sends them. What an event says of its object is what holds now. Each object is read once.
    """
    bodies: dict[WebhookFormat, dict[str, bytes]] = {}
    for form in {to.format for to, _ in wanted}:
        told = {one.id: one for to, heard in wanted if to.format is form for one in heard}
        bodies[form] = _bodies(db, form, list(told.values()), now=now)
    rows = [_row(to.id, one, bodies[to.format][one.id], now=now) for to, heard in wanted for one in heard]
    if not rows:
        return
    made = postgresql.insert(delivery) if db.get_bind().dialect.name == "postgresql" else sqlite.insert(delivery)
    db.execute(made.on_conflict_do_nothing(index_elements=["endpoint_id", "event_id"]), rows)
    for to, _ in wanted:
        queue_pump(db, to, due_at=now, now=now)


def body_for(form: WebhookFormat, one: Told, data: Mapping[str, Any] | None) -> bytes:
    """Return what is kept of an event whose object is `data`, None once it is deleted; the bytes that are sent. Of what
    a chat is told just the facts are kept: it is put into words when it is sent. Pure.
    """
    if form is not WebhookFormat.STANDARD:
        return _json(data or chat.written(Happening()))
    told = {
        "type": one.act,
        "timestamp": one.at.isoformat().replace("+00:00", "Z"),
        "sequence": one.sequence,
        "data": data or {"id": one.object_id, "version": one.version, "deleted": True},
    }
    return _json(told)


def next_due(db: DbSession, endpoint_id: str, *, lane: str, now: datetime) -> Sending | None:
    """Return the first delivery that is due, by the sequence of events. None when there is none, or the endpoint is
    gone, disabled, resting, or became too slow for this lane. Raises WontOpen. Two statements.
    """
    to = db.execute(select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id, _ENABLED)).first()
    too_slow = to is not None and to.slow and lane == rules.FAST_LANE
    if to is None or too_slow or (to.paused_until is not None and to.paused_until > now):
        return None
    due = select(delivery.c.id, delivery.c.event_id, delivery.c.act, delivery.c.body)
    due = due.where(delivery.c.endpoint_id == endpoint_id, _WAITING, delivery.c.due_at <= now)
    one = db.execute(due.order_by(delivery.c.sequence).limit(1)).first()
    if one is None:
        return None
    url = opened(db, webhook_endpoint.c.url, to.id, to.url)
    return Sending(one.id, one.event_id, one.act, one.body, url, to.format, _secrets(db, to, now=now))


def record(db: DbSession, sent: Sending, attempt: Attempt, *, endpoint_id: str, now: datetime) -> None:
    """Write down how a try went, for the delivery and its endpoint. What was deleted meanwhile stays so. Locks the
    endpoint.
    """
    locked = select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id).with_for_update(key_share=True)
    to = db.execute(locked).first()
    if to is None:
        return
    made = {
        "id": ids.new("att", attempt.at),
        "delivery_id": sent.delivery_id,
        "at": attempt.at,
        "elapsed_ms": attempt.elapsed_ms,
        "status_code": attempt.status_code,
        "why": attempt.why,
        "answer": attempt.answer,
    }
    db.execute(insert(delivery_attempt), [made])
    if attempt.arrived:
        _arrived(db, sent, attempt, to, now=now)
    else:
        _failed(db, sent, attempt, to, now=now)


def wake(db: DbSession, endpoint_id: str, *, now: datetime) -> None:
    """See to it that what waits for an endpoint is sent when it is due. Does nothing for one that is disabled."""
    to = db.execute(select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id, _ENABLED)).first()
    if to is None:
        return
    waits = delivery.c.endpoint_id == endpoint_id, _WAITING
    # Mostly one of the first is due by the time the endpoint has rested. Else all that waits is looked at.
    soon = select(delivery.c.due_at).where(*waits, delivery.c.due_at <= max(now, to.paused_until or now)).limit(1)
    first = select(func.min(delivery.c.due_at)).where(*waits)
    due_at = db.execute(soon).scalar() or db.execute(first).scalar()
    if due_at is not None:
        queue_pump(db, to, due_at=due_at, now=now)


def wake_all(db: DbSession, *, now: datetime) -> None:
    """Do so for every endpoint. For the case that a pump was lost: nothing that waits depends on a single job."""
    enabled = select(webhook_endpoint.c.id).where(_ENABLED).order_by(webhook_endpoint.c.id)
    for endpoint_id in db.execute(enabled).scalars().all():
        wake(db, endpoint_id, now=now)


def make_all_due(db: DbSession, endpoint_id: str, *, now: datetime) -> None:
    """Let all that waits for an endpoint be due now."""
    later = delivery.c.endpoint_id == endpoint_id, _WAITING, delivery.c.due_at > now
    db.execute(update(delivery).where(*later).values(due_at=now))


def queue_pump(db: DbSession, to: Any, *, due_at: datetime, now: datetime) -> None:
    """Have somebody send to this endpoint, given by its row, at that time; no sooner than it has rested. What is due
    already queues up behind others: an endpoint for which much waits must not go before them again and again.
    """
    due_at = max(due_at, to.paused_until or now, now)
    kind, payload = rules.lane(slow=to.slow), {"endpoint_id": to.id}
    enqueue(db, kind, payload, due_at=due_at, singleton=f"webhooks:{to.id}", now=now)


def _hears(to: Any, one: Told) -> bool:
    """Whether an endpoint is told of an event."""
    if one.act not in PUBLISHED or one.at < to.created_at:
        return False
    if one.act == TESTED:
        return bool(one.object_id == to.id)
    return listens(to.acts, one.act) and (to.format is WebhookFormat.STANDARD or one.act in chat.ACTS)


def _bodies(db: DbSession, form: WebhookFormat, told: Sequence[Told], *, now: datetime) -> dict[str, bytes]:
    """Return by event what is kept of it in this format."""
    if form is WebhookFormat.STANDARD:
        about: dict[str, set[str]] = {}
        for one in told:
            about.setdefault(one.object_type, set()).add(one.object_id)
        found = announced.read_models(db, about, now=now)
    else:
        said = chats.happenings(db, (one.object_id for one in told))
        found = {object_id: chat.written(happening) for object_id, happening in said.items()}
    return {one.id: body_for(form, one, found.get(one.object_id)) for one in told}


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":"), allow_nan=False).encode()


def _row(endpoint_id: str, one: Told, body: bytes, *, now: datetime) -> dict[str, Any]:
    return {
        "id": ids.new("dlv", now),
        "endpoint_id": endpoint_id,
        "event_id": one.id,
        "act": one.act,
        "sequence": one.sequence,
        "body": body,
        "status": DeliveryStatus.WAITING,
        "attempts": 0,
        "due_at": now,
        "created_at": now,
        "updated_at": now,
    }


def _secrets(db: DbSession, to: Any, *, now: datetime) -> tuple[str, ...]:
    secret = opened(db, webhook_endpoint.c.secret, to.id, to.secret)
    if to.previous_secret is not None and to.previous_secret_until > now:
        return secret, opened(db, webhook_endpoint.c.previous_secret, to.id, to.previous_secret)
    return (secret,)


def _arrived(db: DbSession, sent: Sending, attempt: Attempt, to: Any, *, now: datetime) -> None:
    this = update(delivery).where(delivery.c.id == sent.delivery_id)
    this = this.values(status=DeliveryStatus.DELIVERED, attempts=delivery.c.attempts + 1, updated_at=now)
    db.execute(this)
    well = {"failures": 0, "failing_since": None, "paused_until": None, "slow": attempt.slow}
    if to.failing_since is not None and now - to.failing_since >= rules.OUTAGE:
        make_all_due(db, to.id, now=now)
    if any(getattr(to, name) != value for name, value in well.items()):
        db.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == to.id).values(**well))


def _failed(db: DbSession, sent: Sending, attempt: Attempt, to: Any, *, now: datetime) -> None:
    # Not what somebody else delivered meanwhile: a job may be taken over from a worker that was only thought dead.
    this = update(delivery).where(delivery.c.id == sent.delivery_id, _WAITING)
    tried = this.values(attempts=delivery.c.attempts + 1, updated_at=now).returning(delivery.c.attempts)
    if (attempts := db.execute(tried).scalar()) is not None:
        spread = random.random()  # noqa: S311 - spreads rivals, no secret
        again_at = rules.next_attempt_at(attempts, failed=attempt, spread=spread, now=now)
        db.execute(this.values(due_at=again_at) if again_at else this.values(status=DeliveryStatus.FAILED))
    failing = {
        "failures": to.failures + 1,
        "failing_since": to.failing_since or now,
        "paused_until": rules.rests_until(to.failures + 1, failed=attempt, now=now),
        "slow": attempt.slow,
    }
    db.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == to.id).values(**failing))
    if to.status is EndpointStatus.ENABLED:
        if attempt.gone:
            _disable(db, to, DisabledBecause.GONE, now=now)
        elif now - failing["failing_since"] >= rules.FAILS_NO_LONGER_THAN:
            _disable(db, to, DisabledBecause.FAILING, now=now)


def _disable(db: DbSession, to: Any, because: DisabledBecause, *, now: datetime) -> None:
    values = {"status": EndpointStatus.DISABLED, "disabled_because": because, "updated_at": now}
    this = update(webhook_endpoint).where(webhook_endpoint.c.id == to.id)
    db.execute(this.values(**values, version=to.version + 1))
    tell(db, "webhook_endpoint.disabled", to.id, version=to.version + 1, actor=SYSTEM, now=now)
