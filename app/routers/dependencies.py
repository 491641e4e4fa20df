"""What routes are given: the database, the time, who is asking, a page of a list, and how to answer.

What touches the database is plain `def`, and runs in a thread; what only looks at the request is `async def`, and
saves the hop (0.13 ms each).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, TypeVar, get_origin

from fastapi import Depends, Query, Request, Response, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from app import credentials, db
from app.db import DbSession
from app.errors import Fault, Invalid, Malformed, Stale, Unauthenticated, Unavailable
from app.house import House
from app.operations import idempotency
from app.operations.api_keys import note_key_use
from app.operations.browser_sessions import NOTED_EVERY, note_use
from app.queries.access import acting_for, browser_in_use
from app.queries.api_keys import key_in_use
from app.queries.pages import PageOf, PageRequest
from app.routers.areas import check_scope
from app.routers.figures import discreet
from app.routers.problems import NotModified, Replay
from app.routers.rates import count_key, count_stranger, is_to_note
from app.rules.access import Actor
from app.rules.origins import is_our_own
from app.rules.rates import of_failed_keys
from app.schemas.shapes import Listing

T = TypeVar("T")
_ETAG = re.compile(r'"v(\d{1,9})(?:-[0-9a-z]{1,20})?"')
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PERSON = re.compile(r"per_[0-9a-z]{26}")
_KEPT_HEADERS = ("location", "etag", "content-type", "retry-after")


class UnknownParameter(Invalid):
    """The query names a parameter that this operation does not have."""

    code = "unknown_parameter"
    title = "The query has a parameter that is unknown here"


class RepeatedParameter(Invalid):
    """The query gives a parameter several values that takes one: neither is the one that was meant."""

    code = "repeated_parameter"
    title = "The query names a parameter more than once that takes one value"


class Route(APIRoute):
    """A route that refuses query parameters it does not know, or that are given more than once and are no list, and
    keeps its answer for the idempotency record.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, discreet(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with all that around it."""
        handle = super().get_route_handler()
        queries = [p for p in get_flat_params(self.dependant) if isinstance(p.field_info, params.Query)]
        known = frozenset(p.alias for p in queries)
        lists = frozenset(p.alias for p in queries if get_origin(p.field_info.annotation) is list)

        async def strict(request: Request) -> Response:
            given = Counter(name for name, _ in request.query_params.multi_items())
            if not given.keys() <= known:
                names = ", ".join(sorted(known)) or "none"
                raise UnknownParameter(f"Unknown query parameter. Known here: {names}.")
            if repeated := sorted(name for name, times in given.items() if times > 1 and name not in lists):
                faults = tuple(Fault(f"query:{name}", "repeated", "takes one value") for name in repeated)
                raise RepeatedParameter("Name it once.", faults=faults)
            response = await handle(request)
            request.state.answer = response
            return response

        return strict


async def house(request: Request) -> House:
    """Return the app's settings, engine and clock."""
    found: House = request.app.state.house
    return found


TheHouse = Annotated[House, Depends(house)]


async def now(the: TheHouse) -> datetime:
    """Return the instant of this request; one request has one."""
    return the.clock()


Now = Annotated[datetime, Depends(now)]


def current_actor(request: Request, the: TheHouse, now: Now) -> Actor:
    """Return who is asking, by their bearer key, which must be let in here and not come too often; as somebody else
    where `On-Behalf-Of` says so. Looked up before any write begins: strangers wait for no lock.

    One of our own pages may ask without a key, as who is signed in. Beside a key, a cookie is not even looked at.
    """
    if "authorization" not in request.headers and (shown := _session_shown(request, the)):
        return _let_browser_in(request, the, shown, now)
    try:
        actor = _let_in(request, the, now)
    except Unauthenticated:
        if "authorization" in request.headers:
            count_stranger(request, of_failed_keys(the.settings.failed_keys_per_minute), at=now)
        raise
    if is_to_note(request, actor.credential_id, at=now):
        with suppress(Unavailable):  # a busy database is no reason to answer nothing
            db.written(the.engine, partial(note_key_use, key_id=actor.credential_id, now=now))
    return actor


def _let_in(request: Request, the: House, now: datetime) -> Actor:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    presented = credentials.read_api_key(key.strip()) if scheme.lower() == "bearer" else None
    if presented is None:
        raise Unauthenticated
    with db.transaction(the.engine, writes=False) as reading:
        found = key_in_use(reading, presented, now=now)
        often = found.requests_per_minute or the.settings.requests_per_minute
        count_key(request, presented.key_id, often, at=now)
        check_scope(request, found.actor)
        return _as_asked(reading, request, found.actor)


def _let_browser_in(request: Request, the: House, secret: str, now: datetime) -> Actor:
    with db.transaction(the.engine, writes=False) as reading:
        found = browser_in_use(reading, secret, now=now)
        if found is None:
            raise Unauthenticated
        actor, seen_at = found
        count_key(request, actor.credential_id, the.settings.requests_per_minute, at=now)
        actor = _as_asked(reading, request, actor)
    if seen_at <= now - NOTED_EVERY:
        with suppress(Unavailable):
            db.written(the.engine, partial(note_use, secret=secret, now=now))
    return actor


def _session_shown(request: Request, the: House) -> str | None:
    """Return the browser session that one of our own pages shows; None for whatever another site makes a browser send,
    reads too.
    """
    ours = is_our_own(
        site=request.headers.get("sec-fetch-site"),
        origin=request.headers.get("origin"),
        public_url=the.settings.public_url,
        here=f"{request.url.scheme}://{request.headers.get('host', '')}",
    )
    return request.cookies.get(the.settings.cookie_name("sid")) if ours else None


def _as_asked(reading: DbSession, request: Request, actor: Actor) -> Actor:
    behalf = request.headers.get("on-behalf-of")
    if behalf is None:
        return actor
    if not _PERSON.fullmatch(behalf):
        raise Malformed("On-Behalf-Of holds the id of a person.")
    return acting_for(reading, actor, behalf)


CurrentActor = Annotated[Actor, Depends(current_actor)]


def read_db(the: TheHouse) -> Iterator[DbSession]:
    """Open a read transaction for the length of the route."""
    with db.transaction(the.engine, writes=False) as session:
        yield session


def write_db(request: Request, the: TheHouse, actor: CurrentActor, now: Now) -> Iterator[DbSession]:
    """Open the one write transaction of the request; it commits before the answer is sent.

    A keyed request (Idempotency-Key) is recorded in this transaction, so its effect and the memory of its
    answer stand or fall together. Refusals roll back and are not recorded.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Malformed("Idempotency-Key holds 1 to 255 visible ASCII characters.")
    with db.transaction(the.engine, writes=True) as session:
        if key is None:
            yield session
            return
        kept = idempotency.begin(
            session, credential=actor.credential_id, key=key, fingerprint=_fingerprint(request), now=now
        )
        if kept is not None:
            raise Replay(kept.status, kept.headers, kept.body)
        yield session
        answer: Response = request.state.answer
        idempotency.keep(
            session,
            credential=actor.credential_id,
            key=key,
            status=answer.status_code,
            headers={name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS},
            body=bytes(answer.body),
        )


ReadDb = Annotated[DbSession, Depends(read_db, scope="function")]
Db = Annotated[DbSession, Depends(write_db, scope="function")]


def _fingerprint(request: Request) -> str:
    body: bytes = request.state.body
    parts = [request.method.encode(), request.url.path.encode(), request.url.query.encode(), body]
    if behalf := request.headers.get("on-behalf-of"):  # as somebody else it is another request
        parts.append(behalf.encode())
    return hashlib.sha256(b"\n".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


async def page_request(
    the: TheHouse,
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")] = None,
) -> PageRequest:
    """Read `limit` and `cursor`. A cursor belongs to one path, filter and sort."""
    filters = sorted(
        (name, value) for name, value in request.query_params.multi_items() if name not in ("limit", "cursor")
    )
    return PageRequest(
        limit=limit,
        cursor=cursor,
        filters=repr((request.url.path, filters)),
        secret_key=the.settings.secret_key.get_secret_value(),
    )


Page = Annotated[PageRequest, Depends(page_request)]


async def expected_version(request: Request) -> int | None:
    """Read `If-Match`: the version that the client saw, or None when any will do."""
    given = request.headers.get("if-match", "*").strip()
    if given == "*":
        return None
    found = _ETAG.fullmatch(given)
    if not found:
        raise Stale('If-Match holds one ETag as it was sent, such as "v7".')
    return int(found[1])


IfMatch = Annotated[int | None, Depends(expected_version)]


class Reply:
    """How to answer with a version, a place, or `nothing new`."""

    def __init__(self, request: Request, response: Response) -> None:
        self.request = request
        self.response = response

    def version(self, version: int, body: T, *, shows: str = "") -> T:
        """Send the body with its ETag; a GET whose client has this version gets 304 instead.

        `shows` names what the answer says beyond the object's own version, such as whether it is open by the clock:
        it tells answers apart, and `If-Match` looks past it.
        """
        etag = f'"v{version}-{shows}"' if shows else f'"v{version}"'
        seen = {tag.strip().removeprefix("W/") for tag in self.request.headers.get("if-none-match", "").split(",")}
        if self.request.method == "GET" and (etag in seen or "*" in seen):
            raise NotModified(etag)
        self.response.headers["ETag"] = etag
        return body

    def created(self, place: str, version: int, body: T) -> T:
        """Send the body of something new with its ETag and `Location`."""
        self.response.headers["Location"] = place
        return self.version(version, body)

    def watched(self, operation_id: str, version: int, body: T) -> T:
        """Send the body of long work that has begun; its `Location` is the operation to watch."""
        self.response.headers["Retry-After"] = "1"
        return self.created(f"/v1/operations/{operation_id}", version, body)

    def page(self, found: PageOf[Any], data: list[T]) -> Listing[T]:
        """Send a page of a list, with `Link: rel="next"` when there is more."""
        cursor = found.next_cursor
        if cursor:
            url = self.request.url.include_query_params(cursor=cursor)
            self.response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return Listing(data=data, has_more=cursor is not None, next_cursor=cursor)


async def reply(request: Request, response: Response) -> Reply:
    """Return what answers this request."""
    return Reply(request, response)


Answer = Annotated[Reply, Depends(reply)]
