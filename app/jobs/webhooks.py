"""Send webhooks: load one, talk, record it; one endpoint at a time is sent one at a time, in order."""

import json
import time
from datetime import datetime, timedelta
from functools import partial

from app.adapters.webhooks import post, signed
from app.db import DbSession, transaction
from app.jobs.context import JobContext, Later
from app.operations import deliveries, deliveries_by_hand
from app.operations.deliveries import Sending
from app.rules import chat
from app.rules.deliveries import FAST_LANE, SLOW_LANE, Attempt
from app.vault import WontOpen
from app.vocabulary import WebhookFormat

_SECONDS, _DELIVERIES = 0.2, 20
"""After so long, or so many, others have their turn: where more endpoints are busy than pumps may run, that is how long
one waits for another. A turn costs about what a delivery does.
"""


_LOCKED = timedelta(minutes=5)
"""How long to let an endpoint be whose address or secret can't be opened: somebody has to bring its key."""


def pump(context: JobContext) -> None:
    """Send what is due to an endpoint that answers quickly. At least once: unrecorded, it is sent again."""
    _pump(context, FAST_LANE)


def pump_slowly(context: JobContext) -> None:
    """Send what is due to an endpoint that takes its time."""
    _pump(context, SLOW_LANE)


def replay(context: JobContext) -> None:
    """Have an endpoint told again of what happened once, part by part. Safe to repeat."""
    given = context.payload
    after: int | None = given["after"]
    while after is not None and not context.over.is_set():
        some = partial(
            deliveries_by_hand.replay_some,
            endpoint_id=given["endpoint_id"],
            acts=given["acts"],
            after=after,
            until=given["until"],
            asked_at=datetime.fromisoformat(given["asked_at"]),
            now=context.clock(),
        )
        after = context.write(some)


def _pump(context: JobContext, lane: str) -> None:
    endpoint_id: str = context.payload["endpoint_id"]
    ends_at, left = time.monotonic() + _SECONDS, _DELIVERIES
    try:
        with transaction(context.engine, writes=False) as db:
            sending = deliveries.next_due(db, endpoint_id, lane=lane, now=context.clock())
    except WontOpen as why:
        raise Later(context.clock() + _LOCKED, why.detail) from why
    if sending is None:
        context.write(lambda db: deliveries.wake(db, endpoint_id, now=context.clock()))
    while sending is not None:
        attempt = _send(context, sending)
        left -= 1
        go_on = left > 0 and time.monotonic() < ends_at and not context.over.is_set()
        sending = context.write(
            partial(_record, sent=sending, attempt=attempt, context=context, lane=lane, go_on=go_on)
        )


def _send(context: JobContext, sending: Sending) -> Attempt:
    now, body, headers = context.clock(), sending.body, dict[str, str]()
    if sending.form is WebhookFormat.STANDARD:
        headers = signed(sending.secrets, event_id=sending.event_id, body=body, now=now)
    else:
        happening = chat.read(json.loads(body))
        said = chat.message(sending.form, sending.act, happening, public_url=context.settings.public_url)
        body = json.dumps(said).encode()
    return post(context.outside.outbound, sending.url, headers=headers, body=body, now=now)


def _record(
    db: DbSession, *, sent: Sending, attempt: Attempt, context: JobContext, lane: str, go_on: bool
) -> Sending | None:
    """Write down how it went and return what to send next, to go on; else see to it that somebody does later. One
    transaction from one to the next, and none after the last: each waits for the disk, and SQLite has one writer.
    """
    endpoint_id: str = context.payload["endpoint_id"]
    now = context.clock()
    deliveries.record(db, sent, attempt, endpoint_id=endpoint_id, now=now)
    following = deliveries.next_due(db, endpoint_id, lane=lane, now=now) if go_on else None
    if following is None:
        deliveries.wake(db, endpoint_id, now=now)
    return following
