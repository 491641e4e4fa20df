"""The edge of the service, behind `Gate`: request ids, bounded bodies, strict JSON, media types, and one more try for
transactions that the database asks to run again. Everything behind it may trust what it is given.
"""

import asyncio
import random
import re
import secrets
from contextlib import closing, suppress
from tempfile import SpooledTemporaryFile
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db import Retryable
from app.errors import Malformed, NotAcceptable, Problem, TooLarge, Unavailable, UnsupportedMedia
from app.routers import strict_json
from app.routers.problems import refuse

log = structlog.get_logger("earshot.http")

MEBIBYTE = 1024 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_RETRIES = 3
_BODY_SECONDS = 60
_PATIENCE_SECONDS = 8
"""For a body that does not come; every KiB that comes adds a second."""
_MOST_HELD = 64 * MEBIBYTE
"""Of all bodies that are read at the same time."""
_DRAIN_SECONDS = 5
_LONGEST_QUERY = 16 * 1024  # bytes; more values than that would not fit into one statement
_NOT_JSON = ("/v1/imports", "/v1/bounces", "/v1/itip")  # they look themselves at what they are sent


class Edge:
    """ASGI middleware; the first thing that a request to a route meets."""

    def __init__(self, app: ASGIApp, *, body_seconds: float = _BODY_SECONDS) -> None:
        self.app = app
        self._body_seconds = body_seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request and pass it on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers)
        answer = _Answer(send, request_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id), closing(_Body()) as body:
            try:
                _check_target(scope, headers)
                await self._read(body, receive, headers, limit=_limit(scope["path"]))
                whole = body.whole()
                await _check_body(scope["path"], headers, whole)
                await self._run(scope, whole, receive, answer, request_id)
            except TooLarge as problem:
                await _refuse_unread(refuse(problem, request_id=request_id), scope, receive, answer)
            except Problem as problem:
                await refuse(problem, request_id=request_id)(scope, receive, answer)
            except Exception:
                log.exception("failed", method=scope["method"], path=_safe_path(scope["path"]))
                if answer.started:
                    raise
                await refuse(Problem("Tell us the request id."), request_id=request_id)(scope, receive, answer)
            finally:
                self._held -= body.size

    async def _read(self, body: "_Body", receive: Receive, headers: Headers, *, limit: int) -> None:
        """Collect the body, counting while it streams: nothing beyond the limit is held, no line is kept for ever, and
        all lines together hold no more than this process can bear.
        """
        hang_up = {"Connection": "close"}
        too_large = TooLarge(f"At most {limit // MEBIBYTE} MiB are read here.", headers=hang_up)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise Malformed("Content-Length is not a number.")
        if int(length[:20]) > limit:
            raise too_large
        begun_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(_PATIENCE_SECONDS, self._body_seconds)) as patience:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Malformed("The body ended early.")
                    part = message.get("body", b"")
                    self._held += len(part)
                    body.add(part)
                    if body.size > limit:
                        raise too_large
                    if self._held > _MOST_HELD:
                        raise Unavailable("Many large bodies come in just now.")
                    if not message.get("more_body", False):
                        return
                    earned = _PATIENCE_SECONDS + body.size / 1024
                    patience.reschedule(begun_at + min(earned, self._body_seconds))
        except TimeoutError:
            raise Malformed("The body came too slowly.", headers=hang_up) from None

    async def _run(self, scope: Scope, body: bytes, receive: Receive, answer: "_Answer", request_id: str) -> None:
        for attempt in range(_RETRIES + 1):
            # The router writes into the scope: each try gets its own. HEAD is a GET whose body the server keeps back.
            again = dict(scope, state={**scope.get("state", {}), "request_id": request_id, "body": body})
            again["method"] = "GET" if scope["method"] == "HEAD" else scope["method"]
            try:
                await self.app(again, _replay(body, receive), answer)
            except Retryable as lost:
                if answer.started or attempt == _RETRIES:
                    raise lost.refusal from None
                await asyncio.sleep((attempt + 1) * random.uniform(0.005, 0.025))  # noqa: S311 - spreads rivals
            else:
                return


class _Body:
    """A body while it comes in. More than a mebibyte waits in a file without a name: memory that one large body took
    is seldom given back.
    """

    def __init__(self) -> None:
        self.size = 0
        self._file = SpooledTemporaryFile(max_size=MEBIBYTE)  # noqa: SIM115 - see `close`

    def add(self, part: bytes) -> None:
        """Keep what came. Raises Unavailable when there is no room."""
        self.size += len(part)
        try:
            self._file.write(part)
        except OSError:
            raise Unavailable("There is no room for large bodies just now.") from None

    def whole(self) -> bytes:
        """Return all of it."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Forget it."""
        with suppress(OSError):  # what there was no room for is tried once more
            self._file.close()


def request_id_of(headers: Headers) -> str:
    """Return the id that the client gave its request, or a fresh one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)


class _Answer:
    """Sends with our headers on top, and knows whether anything was sent."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.started = False
        self._send = send
        self._request_id = request_id

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["X-Request-Id"] = self._request_id
        await self._send(message)


def _limit(path: str) -> int:
    return 10 * MEBIBYTE if path == "/import" or path.startswith("/v1/imports") else MEBIBYTE


def _check_target(scope: Scope, headers: Headers) -> None:
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise UnsupportedMedia("Transfer-Encoding can be `chunked` alone.")
    if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
        raise Malformed("The address holds a NUL.")
    if "\n" in scope["path"]:  # which no pattern of a route goes beyond
        raise Malformed("The address holds a line break.")
    if len(scope["query_string"]) > _LONGEST_QUERY:
        raise Malformed(f"At most {_LONGEST_QUERY // 1024} KiB are read after the question mark.")
    if not scope["path"].startswith("/v1/") or scope["path"].endswith((".ics", ".csv", "/stream")):
        return
    accept = ",".join(headers.getlist("accept")).replace(" ", "").split(",")
    kinds = {part.split(";")[0].lower() for part in accept}
    if not kinds & {"", "*/*", "application/*", "application/json", "application/problem+json"}:
        raise NotAcceptable("Answers here are application/json.")


async def _refuse_unread(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse at once, but close only when the sender has finished: closing earlier would reset the line, and the
    refusal would be lost with it.
    """

    async def unfinished(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await refusal(scope, receive, unfinished)
    await _drain(receive)
    await send({"type": "http.response.body"})


async def _drain(receive: Receive) -> None:
    """Let the sender finish, keeping nothing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return


async def _check_body(path: str, headers: Headers, body: bytes) -> None:
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMedia("Send it without Content-Encoding.")
    if not body or not path.startswith("/v1/") or path.startswith(_NOT_JSON):
        return
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMedia("Send application/json.")
    if len(body) > MEBIBYTE // 16:
        await asyncio.to_thread(strict_json.check, body)  # long ones must not hold up the event loop
    else:
        strict_json.check(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def messages() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return messages


def _safe_path(path: str) -> str:
    """Keep capability secrets out of the logs."""
    return re.sub(r"^/(feeds|login/t|r)/[^/]+", r"/\1/…", path)
