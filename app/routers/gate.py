"""The gate before everything: what every answer carries, whoever made it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERY_ANSWER = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What an answer carries that says nothing else; pages say more (`app.web.edge`)."""
_TLS_ALONE = (b"strict-transport-security", b"max-age=31536000")


class Gate:
    """ASGI middleware, the outermost of all."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self.app = app
        self._headers = (*EVERY_ANSWER, _TLS_ALONE) if tls else EVERY_ANSWER

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(message, self._headers)
            await send(message)

        await self.app(scope, receive, guarded)


def _complete(start: Message, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Add what the answer leaves unsaid. What says nothing of caches is kept by none, or where it has a tag, by the
    browser alone, which asks each time.
    """
    said = {name.lower(): value for name, value in start["headers"]}
    added = [(name, value) for name, value in headers if name not in said]
    if b"cache-control" not in said:
        added.append((b"cache-control", b"private, no-cache" if b"etag" in said else b"no-store"))
    start["headers"] = [*start["headers"], *added]
