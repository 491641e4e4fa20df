"""Calendars at their secret addresses, which clients poll all day: most of all requests, so they get a lane of their
own and are made once for each state.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

import structlog
from fastapi import Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db import Retryable, transaction
from app.errors import NotFound, Problem, TooMany
from app.house import House
from app.ical import write
from app.ical.text import one_line
from app.limits import Limits
from app.operations import feeds as operations
from app.queries import feeds
from app.queries.entries import Desk, Fragment
from app.queries.feeds import FeedState
from app.routers import conditional
from app.routers.edges import request_id_of
from app.rules.rates import of_a_feed
from app.vocabulary import FeedKind

log = structlog.get_logger("earshot.feeds")

_ADDRESS = re.compile(r"/feeds/([\w-]+)\.ics", re.ASCII)
_OF_A_BODY = (b"content-length", b"transfer-encoding")
_MOST_KEPT = 32 * 1024 * 1024  # bytes
_PRIVATE = {
    "Cache-Control": "private, max-age=300",
    "Vary": "Accept-Encoding",
    "X-Robots-Tag": "noindex",
}


class Subscriptions:
    """Answers whoever fetches a calendar. The database says at each fetch whether there is one and in which state; the
    bytes of a state are kept, as they are and compressed, so they are joined and compressed once in each process.
    """

    def __init__(self, the: House, limits: Limits) -> None:
        self._the = the
        self._limits = limits
        self._rate = of_a_feed(the.settings.feed_requests_per_hour)
        self._desk = Desk.of(the.settings)
        self._lookout = feeds.Lookout(the.engine, self._desk)
        self._kept = _Kept(_MOST_KEPT)

    def answer(self, secret: str, request: Request) -> Response:
        """Return the calendar behind an address, or that the client has it. Raises NotFound, the same for an address
        that is unknown, was revoked, or belongs to somebody who has left; TooMany when it is fetched too often.
        """
        now = self._the.clock()
        try:
            with transaction(self._the.engine, writes=False) as db:
                state = feeds.feed_state(db, secret=secret, desk=self._desk, now=now)
        except NotFound:
            raise NotFound(headers=_PRIVATE) from None
        self._count(state, now=now)
        return self._answer(secret, state, request, now=now)

    def quick_answer(self, secret: str, request: Request) -> Response | None:
        """Do the same at a third of the cost; None where a refusal is due. Other errors may be the driver's own."""
        now = self._the.clock()
        state = self._lookout.state(secret=secret, now=now)
        if state is None:
            return None
        self._count(state, now=now)
        if state.kind is not FeedKind.PERSONAL:
            with transaction(self._the.engine, writes=False) as db:
                state = feeds.in_full(db, state, now=now)
        return self._answer(secret, state, request, now=now)

    def _count(self, state: FeedState, *, now: datetime) -> None:
        """Count a fetch, also of what the client turns out to have. Raises TooMany."""
        wait = self._limits.take(self._rate, state.id, at=now)
        if wait is not None:
            raise TooMany(wait)

    def _answer(self, secret: str, state: FeedState, request: Request, *, now: datetime) -> Response:
        etag, headers, changed_at = conditional.tag(state.digest), _PRIVATE, None
        if state.changed_at is not None:
            changed_at = conditional.rounded_up(state.changed_at)
            headers = _PRIVATE | {"Last-Modified": conditional.last_modified(changed_at, now=now)}
        drawn: Sequence[Fragment] = ()
        if known := conditional.seen(request, etag, changed_at):
            answer = conditional.unchanged(known, headers)
        else:
            zipped = conditional.wants_gzip(request)
            content = self._kept.get(etag, zipped=zipped)
            if content is None:
                plain, drawn = self._made(secret, state, now=now)
                content = self._kept.keep(etag, plain, zipped=zipped)
            answer = conditional.ready(content, etag, headers, zipped=zipped)
        if drawn or state.last_fetched_at is None or state.last_fetched_at <= now - operations.NOTED:
            self._note(state.id, request, drawn, now=now)
        return answer

    def _made(self, secret: str, state: FeedState, *, now: datetime) -> tuple[bytes, list[Fragment]]:
        """Return the calendar in this state, and what had to be drawn. Raises Retryable when there is a later one: on
        PostgreSQL each statement sees what was committed before it.
        """
        with transaction(self._the.engine, writes=False) as db:
            fragments, drawn = feeds.feed_fragments(db, state, desk=self._desk)
            if feeds.feed_state(db, secret=secret, desk=self._desk, now=now).digest != state.digest:
                raise Retryable("the calendar changed while it was read")
        return write.feed(fragments, name=state.title, time_zone=state.time_zone), drawn

    def _note(self, feed_id: str, request: Request, drawn: Sequence[Fragment], *, now: datetime) -> None:
        """Write down that somebody fetched it. The calendar is read already: that the database is busy does not matter
        to them.
        """
        by = one_line(request.headers.get("user-agent", ""))[:200]
        try:
            with transaction(self._the.engine, writes=True) as db:
                operations.note_fetch(db, feed_id=feed_id, by=by, fragments=drawn, desk=self._desk, now=now)
        except (Problem, Retryable, SQLAlchemyError):
            log.info("fetch not noted", feed_id=feed_id, exc_info=True)


class Lane:
    """ASGI middleware, right behind `Gate`: a fetch of a calendar goes to its answer at once, in one hop to a thread.

    On the usual way, checks of what a plain fetch does not have and the search for its route cost more than the answer.
    Whatever it can't answer goes that way all the same, so refusals are made in one place.
    """

    def __init__(self, app: ASGIApp, subscriptions: Subscriptions) -> None:
        self.app = app
        self._subscriptions = subscriptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain fetch: one without parameters, which are refused, and without a body, which is counted."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not (secret := _plainly_asked(scope)):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        request_id = request_id_of(request.headers)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                response = await run_in_threadpool(self._subscriptions.quick_answer, secret, request)
            except Exception:
                response = None
        if response is None:
            await self.app(scope, receive, send)
            return
        response.headers["X-Request-Id"] = request_id
        await response(scope, receive, send)


def _plainly_asked(scope: Scope) -> str | None:
    address = _ADDRESS.fullmatch(scope["path"])
    if address is None or scope["query_string"]:
        return None
    return None if any(name in _OF_A_BODY for name, _ in scope["headers"]) else address[1]


class _Kept:
    """Bytes of calendars by the ETag of their state, up to so many in all; the longest unasked for go first.

    An ETag stands for one sequence of bytes whoever made it, so what other processes keep or change never matters.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._guard = threading.Lock()
        self._contents: OrderedDict[tuple[str, bool], bytes] = OrderedDict()

    def get(self, etag: str, *, zipped: bool) -> bytes | None:
        """Return what is kept under this ETag."""
        with self._guard:
            if found := self._contents.get((etag, zipped)):
                self._contents.move_to_end((etag, zipped))
            return found

    def keep(self, etag: str, plain: bytes, *, zipped: bool) -> bytes:
        """Keep the calendar in the wanted form and return that."""
        content = conditional.compressed(plain) if zipped else plain
        with self._guard:
            self._size += len(content) - len(self._contents.pop((etag, zipped), b""))
            self._contents[etag, zipped] = content
            while self._size > self._most:
                self._size -= len(self._contents.popitem(last=False)[1])
        return content
