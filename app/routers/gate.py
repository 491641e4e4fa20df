"""The gate before everything: from whom a request is, whether it is for us, and what every answer carries."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import Settings
from app.errors import Malformed, Problem
from app.routers.edges import request_id_of
from app.routers.problems import refuse
from app.rules import proxies

EVERY_ANSWER = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What an answer carries that says nothing else; pages say more (`app.web.edge`)."""
_TLS_ALONE = (b"strict-transport-security", b"max-age=31536000")
HEALTH = ("/healthz", "/readyz")
"""Asked by machines that know an address and no name."""


class Misdirected(Problem):
    """The request is for a name that is not ours (RFC 9110 section 15.5.20). A page of somebody else whose name is made
    to mean our address sends such.
    """

    status = 421
    code = "misdirected"
    title = "The service does not answer to this name"


class Gate:
    """ASGI middleware, the outermost of all."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._hosts = settings.hosts
        self._proxies = settings.trusted_proxies
        self._is_forwarded = settings.proxy_header == "forwarded"
        self._headers = (*EVERY_ANSWER, _TLS_ALONE) if settings.public_url.startswith("https:") else EVERY_ANSWER

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, as the client made it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(message, self._headers)
            await send(message)

        try:
            scope = self._as_sent(scope)
            self._check_host(scope)
        except Problem as problem:
            refusal = refuse(problem, request_id=request_id_of(Headers(scope=scope)))
            await refusal(scope, receive, guarded)
        else:
            await self.app(scope, receive, guarded)

    def _as_sent(self, scope: Scope) -> Scope:
        """Return the request as the client sent it to the first proxy that is trusted."""
        if not self._proxies or scope["client"] is None:
            return scope
        if self._is_forwarded:
            hops = proxies.forwarded(_all(scope, b"forwarded"))
        else:
            names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
            hops = proxies.x_forwarded(*(_all(scope, name) for name in names))
        who = proxies.seen_from_here(scope["client"][0], hops, trusted=self._proxies)
        headers = scope["headers"]
        if who.host:
            headers = [(name, value) for name, value in headers if name != b"host"]
            headers.append((b"host", who.host.encode("latin-1")))
        scheme = who.scheme.lower() if who.scheme.lower() in ("http", "https") else scope["scheme"]
        return {**scope, "client": (who.address, 0), "scheme": scheme, "headers": headers}

    def _check_host(self, scope: Scope) -> None:
        found = [value for name, value in scope["headers"] if name == b"host"]
        if len(found) != 1:
            raise Malformed("A request names one Host (RFC 9112 section 3.2).")
        if scope["path"] not in HEALTH and proxies.host_name(found[0].decode("latin-1")) not in self._hosts:
            raise Misdirected("It answers to those in EARSHOT_PUBLIC_URL and EARSHOT_ALLOWED_HOSTS.")


def _all(scope: Scope, wanted: bytes) -> str:
    """Return what a header says, however many times it stands there (RFC 9110 section 5.3)."""
    return ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


def _complete(start: Message, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Add what the answer leaves unsaid. What says nothing of caches is kept by none, or where it has a tag, by the
    browser alone, which asks each time.
    """
    said = {name.lower() for name, _ in start["headers"]}
    added = [(name, value) for name, value in headers if name not in said]
    if b"cache-control" not in said:
        added.append((b"cache-control", b"private, no-cache" if b"etag" in said else b"no-store"))
    start["headers"] = [*start["headers"], *added]
