"""Post one webhook and say what came of it (Standard Webhooks 1.0)."""

import time
from collections.abc import Mapping
from datetime import datetime

from app.adapters.http import NoAnswer, Outbound
from app.credentials import webhook_signature
from app.rules.deliveries import Attempt, retry_at

_DEADLINE_SECONDS, _AT_MOST_BYTES = 15.0, 64 * 1024
_WHY, _ANSWER = 300, 512


def post(outbound: Outbound, url: str, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Attempt:
    """Post JSON and wait for an answer, 15 seconds at most. Redirects are not followed. Never raises for what the other
    side does: that is what an attempt tells.
    """
    started = time.monotonic()
    try:
        answer = outbound.send(
            "POST",
            url,
            headers={"Content-Type": "application/json", **headers},
            content=body,
            deadline_seconds=_DEADLINE_SECONDS,
            at_most_bytes=_AT_MOST_BYTES,
        )
    except NoAnswer as why:
        return Attempt(now, _ms_since(started), status_code=None, why=str(why)[:_WHY])
    return Attempt(
        now,
        _ms_since(started),
        status_code=answer.status,
        answer=_clean(answer.body.decode(errors="replace"))[:_ANSWER] or None,
        retry_at=retry_at(answer.headers.get("retry-after"), now=now),
    )


def signed(secrets: tuple[str, ...], *, event_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers that prove who sent this event, and when: a signature for each secret that the receiver may
    know. However often an event is sent, its id stays.
    """
    sent_at = int(now.timestamp())
    signatures = (webhook_signature(secret, message_id=event_id, sent_at=sent_at, body=body) for secret in secrets)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(signatures),
    }


def _clean(text: str) -> str:
    """Return text as it can be stored and shown: no control characters, nothing that turns lines around."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text.strip())


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
