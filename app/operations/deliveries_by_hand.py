"""What an admin does to deliveries: try an endpoint, send one again, or all of a while, begin anew with an endpoint."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update

from app import ids
from app.db import DbSession
from app.errors import Conflict
from app.models import WebhookEndpoint
from app.models.tables import delivery, delivery_attempt, event, webhook_endpoint
from app.operations import deliveries
from app.operations.changes import check_admin
from app.operations.events import Told, tell
from app.operations.jobs import enqueue
from app.queries.rows import first_row, row_for_update
from app.rules.access import Actor
from app.rules.published import PUBLISHED, TESTED, listens
from app.vocabulary import DeliveryStatus, EndpointStatus

_AT_ONCE = 200


class EndpointDisabled(Conflict):
    """Nothing is sent to this endpoint."""

    code = "endpoint_disabled"
    title = "This endpoint is disabled"


def try_endpoint(db: DbSession, *, endpoint_id: str, actor: Actor, now: datetime) -> Any:
    """Tell of an event that this endpoint alone hears of, and return it. Refused as `endpoint_disabled`. Locks the
    endpoint, and ends its rest.
    """
    check_admin(actor)
    to = _woken(db, endpoint_id)
    tell(db, TESTED, to.id, version=to.version, actor=actor, now=now)
    mine = event.c.object_id == to.id, event.c.act == TESTED
    return db.execute(select(event).where(*mine).order_by(event.c.sequence.desc()).limit(1)).one()


def resend(db: DbSession, *, delivery_id: str, actor: Actor, now: datetime) -> Any:
    """Send a delivery again, whatever became of it, as if it had never been tried; return its row. Refused as
    `endpoint_disabled`. Locks the endpoint, and ends its rest.
    """
    check_admin(actor)
    this = delivery.c.id == delivery_id
    to = _woken(db, first_row(db, select(delivery.c.endpoint_id).where(this)).endpoint_id)
    _send_again(db, this, now=now)
    deliveries.queue_pump(db, to, due_at=now, now=now)
    tell(db, "delivery.resent", delivery_id, version=1, actor=actor, now=now)
    return first_row(db, select(delivery).where(this))


def resend_failed(db: DbSession, *, endpoint_id: str, actor: Actor, now: datetime) -> None:
    """Send all again that was given up on the way to an endpoint. Refused as `endpoint_disabled`. Locks the endpoint,
    and ends its rest.
    """
    check_admin(actor)
    to = _woken(db, endpoint_id)
    _send_again(db, delivery.c.endpoint_id == to.id, delivery.c.status == DeliveryStatus.FAILED, now=now)
    deliveries.queue_pump(db, to, due_at=now, now=now)
    tell(db, "webhook_endpoint.replayed", to.id, version=to.version, actor=actor, now=now)


def replay(
    db: DbSession, *, endpoint_id: str, since: datetime, acts: Collection[str] = (), actor: Actor, now: datetime
) -> int:
    """Have an endpoint told again of what happened at `since` or later and it listens to, of just these acts if any are
    named; also of what it was never told, as from the time before it was there. Return how many events that are: a job
    goes through them. Refused as `endpoint_disabled`. Locks the endpoint, and ends its rest.
    """
    check_admin(actor)
    to = _woken(db, endpoint_id)
    wanted = [act for act in PUBLISHED if act != TESTED and listens(to.acts, act) and listens(acts, act)]
    found = select(func.count(), func.min(event.c.sequence), func.max(event.c.sequence))
    # The key finds where to begin; ids are made when events are told, to the millisecond.
    since_then = event.c.id >= ids.earliest("evt", since), event.c.at >= since, event.c.announced.is_(True)
    number, first, last = db.execute(found.where(*since_then, event.c.act.in_(wanted))).one()
    if number:
        payload = {"endpoint_id": to.id, "acts": wanted, "after": first - 1, "until": last, "asked_at": now.isoformat()}
        enqueue(db, "webhook_replay", payload, now=now)
    tell(db, "webhook_endpoint.replayed", to.id, version=to.version, actor=actor, now=now)
    return int(number)


def replay_some(
    db: DbSession,
    *,
    endpoint_id: str,
    acts: Sequence[str],
    after: int,
    until: int,
    asked_at: datetime,
    now: datetime,
) -> int | None:
    """Do the next part of a replay, of the events with sequences in (after, until]; return where it ended, None when
    there is no more. What was sent since it was asked for is not sent again.
    """
    enabled = webhook_endpoint.c.id == endpoint_id, webhook_endpoint.c.status == EndpointStatus.ENABLED
    to = db.execute(select(webhook_endpoint).where(*enabled)).first()
    some = select(*(event.c[name] for name in Told.__slots__))
    some = some.where(event.c.sequence > after, event.c.sequence <= until, event.c.act.in_(acts))
    told = [Told(*row) for row in db.execute(some.order_by(event.c.sequence).limit(_AT_ONCE))]
    if to is None or not told:
        return None
    there = delivery.c.endpoint_id == endpoint_id, delivery.c.event_id.in_([one.id for one in told])
    known = set(db.execute(select(delivery.c.event_id).where(*there)).scalars())
    _send_again(db, *there, delivery.c.updated_at <= asked_at, now=now)
    deliveries.write(db, [(to, [one for one in told if one.id not in known])], now=now)
    deliveries.queue_pump(db, to, due_at=now, now=now)
    return told[-1].sequence


def begin_anew(db: DbSession, endpoint_id: str, *, now: datetime) -> None:
    """Forget that an endpoint failed, for it was enabled or has another URL, and send it all that waits."""
    well = {"failures": 0, "failing_since": None, "paused_until": None, "slow": False}
    db.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id).values(**well))
    deliveries.make_all_due(db, endpoint_id, now=now)
    deliveries.wake(db, endpoint_id, now=now)


def forget_endpoint(db: DbSession, endpoint_id: str) -> None:
    """Delete what was sent to an endpoint, or waits, and how that went."""
    of_it = delivery.c.endpoint_id == endpoint_id
    db.execute(delete(delivery_attempt).where(delivery_attempt.c.delivery_id.in_(select(delivery.c.id).where(of_it))))
    db.execute(delete(delivery).where(of_it))


def _woken(db: DbSession, endpoint_id: str) -> WebhookEndpoint:
    """Lock and return an endpoint that somebody wants something sent to now, however long it meant to rest."""
    found = row_for_update(db, WebhookEndpoint, endpoint_id)
    if found.status is not EndpointStatus.ENABLED:
        raise EndpointDisabled("Enable it first.")
    found.paused_until = None
    db.flush()
    return found


def _send_again(db: DbSession, *which: ColumnElement[bool], now: datetime) -> None:
    waiting = {"status": DeliveryStatus.WAITING, "attempts": 0, "due_at": now, "updated_at": now}
    db.execute(update(delivery).where(*which).values(**waiting))
