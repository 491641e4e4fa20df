"""Who comes how often, and what every answer to a key says about it (draft-ietf-httpapi-ratelimit-headers-10)."""

from datetime import datetime

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooMany
from app.limits import Limits, nanoseconds
from app.operations.api_keys import NOTED_EVERY
from app.rules.rates import Rate, Turn, full_in, network, of_a_key

_NOTES = Rate("noted_uses", limit=1, seconds=int(NOTED_EVERY.total_seconds()), burst=1)
"""How often one process notes that a key is in use: of requests side by side, one does."""


def limits_of(request: Request) -> Limits:
    """Return who came how often to this service."""
    found: Limits = request.app.state.limits
    return found


def count_key(request: Request, key_id: str, per_minute: int, *, at: datetime) -> None:
    """Count a request with this key. Raises TooMany, and has the answer say how many are left either way."""
    rate = of_a_key(per_minute)
    turn = limits_of(request).turn(rate, key_id, at=at)
    request.state.rate_headers = _headers(rate, turn, at=at)
    if turn.retry_after is not None:
        raise TooMany(turn.retry_after)


def count_stranger(request: Request, rate: Rate, *, at: datetime) -> None:
    """Count somebody whom nothing lets in, by the network that they come from. Raises TooMany. What is right is let in
    however many were wrong: whoever shares an address with somebody careless is not shut out.
    """
    address = request.client.host if request.client else ""
    wait = limits_of(request).take(rate, network(address), at=at)
    if wait is not None:
        raise TooMany(wait)


def is_to_note(request: Request, key_id: str, *, at: datetime) -> bool:
    """Whether it is time to note that a key is in use."""
    return limits_of(request).take(_NOTES, key_id, at=at) is None


class RateHeaders:
    """ASGI middleware behind `Edge`: answers and refusals alike say what the rate of their key is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to what comes back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def answer(message: Message) -> None:
            said = state.get("rate_headers")
            if said and message["type"] == "http.response.start":
                MutableHeaders(raw=message.setdefault("headers", [])).update(said)
            await send(message)

        await self.app(scope, receive, answer)


def _headers(rate: Rate, turn: Turn, *, at: datetime) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{rate.name}";q={rate.limit};w={rate.seconds}',
        "RateLimit": f'"{rate.name}";r={turn.left};t={turn.retry_after or full_in(turn, now=nanoseconds(at))}',
    }
