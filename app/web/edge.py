"""Outside of everything that answers people: what pages may load and do, and refusals as pages.

Routes refuse with a Problem and know nothing of browsers. Here `application/problem+json` on its way to somebody who
reads HTML becomes a page, so there is one way to refuse, and even a failure without a database gets its page.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web import themes
from app.web.html import fragment, page
from app.web.places import own_place, sign_in_for

_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types frag"
    ),
    # Not no-referrer: that would make the Origin of our own forms null.
    "Referrer-Policy": "same-origin",
}
"""Where a page says otherwise than every answer does (`app.routers.gate`)."""
_KEPT = ("allow", "retry-after", "connection", "set-cookie", "x-request-id")


@dataclass(frozen=True, slots=True)
class _Words:
    """What a refusal says to people: what happened, what to do, and a way on."""

    happened: str
    next_step: str
    href: str = ""
    """Empty: to the floor, or for who is not signed in, to the door."""
    link: str = ""
    asks_for_address: bool = False
    """Whether a new sign-in link can be asked for there and then."""


_BY_CODE = {
    "link_used": _Words(
        "This sign-in link is used up",
        "A link works once, for 15 minutes. A new one takes a moment, and works in this browser.",
        "/login",
        "Other ways to sign in",
        asks_for_address=True,
    ),
    "link_elsewhere": _Words(
        "This link belongs to another browser",
        "It works only where it was asked for, and still does. Open it there, or have a new one sent for this browser.",
        "/login",
        "Other ways to sign in",
        asks_for_address=True,
    ),
    "sign_in_interrupted": _Words(
        "That took too long, or began elsewhere",
        "Nothing has happened. Begin again in this browser.",
        "/login",
        "Sign in",
    ),
    "sign_in_failed": _Words(
        "That did not work",
        "Your company account did not say who you are. Begin again, or have a link sent to you.",
        "/login",
        "Sign in",
    ),
    "nobody_here": _Words(
        "Nobody here has this account",
        "Ask an admin whether you are in Earshot, and with which address. Or use a link, and connect the account then.",
        "/login",
        "Other ways to sign in",
    ),
    "identity_taken": _Words(
        "This account signs somebody else in",
        "Nothing has changed. Sign in with it to see whose it is, or connect another one.",
        "/me/security",
        "Back",
    ),
    "on_behalf": _Words(
        "Nobody does this for somebody else",
        "You act on somebody's behalf. Stop that first: the button is on top of every page.",
    ),
    "cannot_act_for": _Words(
        "You can't act for them",
        "Admins act on behalf of reps and managers who are here, one at a time. Nothing has happened.",
        "/me/security",
        "Back",
    ),
    "foreign_form": _Words(
        "This did not come from one of our pages",
        "Nothing has happened. Open the page in Earshot itself, then press its button again.",
    ),
}
_BY_STATUS = {
    400: _Words("We could not read that", "Go back and try again."),
    403: _Words("That is not allowed", "Go back. If it should be allowed, ask an admin."),
    404: _Words("There is nothing here", "Check the address. What was here may have moved, or is not yours to see."),
    405: _Words("That does not work here", "Go back and use the buttons on the page."),
    409: _Words("Somebody was quicker", "Go back, look again, then choose."),
    410: _Words("This is no longer valid", "Ask for a new one."),
    413: _Words("That is too large", "Send something smaller."),
    422: _Words("Something is not right yet", "Go back, mend it, then send it again."),
    429: _Words("Too fast", "That was more than we take at once. Nothing is lost."),
    500: _Words("Something broke on our side", "Try again. If it stays, give your admin the request id below."),
    503: _Words("Busy just now", "It passes by itself. Nothing is lost."),
}
_SIGNS = {
    403: ("lock", ""),
    404: ("search", ""),
    409: ("swap", ""),
    410: ("clock", ""),
    413: ("import", ""),
    429: ("clock", "wait"),
    500: ("warn", "bad"),
    503: ("clock", "wait"),
}
"""What is drawn above a refusal, and in which colours."""
_ON = {True: ("/", "Go to the floor"), False: ("/login", "Sign in")}
"""Where a refusal leads who is signed in, as far as a browser says without a look at the database, and who is not."""
_PASSES = (429, 500, 503)
"""What may be another time: the same page can be asked for again."""


class PageEdge:
    """ASGI middleware. Add it after `Edge`, so that what that one refuses becomes a page too."""

    def __init__(self, app: ASGIApp, *, signed_in_by: str) -> None:
        self.app = app
        self._signed_in_by = signed_in_by

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and dress its answer."""
        if scope["type"] != "http" or scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        cookies = HTTPConnection(scope).cookies
        themes.choose(cookies.get(themes.COOKIE))
        with fragment(Headers(scope=scope).get("x-fragment", "")):
            await self.app(scope, receive, _Dressed(scope, send, signed_in=bool(cookies.get(self._signed_in_by))))


class _Dressed:
    """Sends the answer, a refusal as a page. A refusal is one body message: see `routers.problems.refuse`."""

    def __init__(self, scope: Scope, send: Send, *, signed_in: bool) -> None:
        self._send = send
        self._signed_in = signed_in
        self._scope = scope
        self._reads_html = "text/html" in Headers(scope=scope).get("accept", "")
        self._refusal: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = MutableHeaders(raw=message["headers"]).get("content-type", "")
            if kind == "application/problem+json" and self._reads_html:
                self._refusal = message
                return
            if kind.startswith("text/html"):
                _protect(MutableHeaders(raw=message["headers"]))
        elif self._refusal is not None:
            start, self._refusal = self._refusal, None
            answer = _as_page(
                json.loads(message["body"]), Headers(raw=start["headers"]), self._scope, signed_in=self._signed_in
            )
            _protect(answer.headers)
            await self._send({**start, "status": answer.status_code, "headers": answer.raw_headers})
            message = {**message, "body": answer.body}
        await self._send(message)


def _as_page(problem: dict[str, Any], given: Headers, scope: Scope, *, signed_in: bool) -> Response:
    if problem["status"] == 401:
        answer: Response = RedirectResponse(sign_in_for(scope["method"], scope["path"], scope["query_string"]), 303)
    else:
        by_status = _BY_STATUS.get(problem["status"], _Words(problem["title"], problem["detail"]))
        words = _BY_CODE.get(problem["code"], by_status)
        answer = page(
            "problem.html",
            status=problem["status"],
            code=problem["status"],
            words=words,
            way=(words.href, words.link) if words.href else _ON[signed_in],
            sign=_SIGNS.get(problem["status"], ("warn", "")),
            wait=_wait(given.get("retry-after", "")),
            again=_again(problem["status"], scope),
            back=_back(scope),
            request_id=problem["request_id"],
        )
    for name in _KEPT:
        if name in given:
            answer.headers[name] = given[name]
    return answer


def _wait(told: str) -> str:
    """Return how long to wait, in words, of what Retry-After says in seconds; empty when it says nothing."""
    if not told.isdecimal():
        return ""
    seconds = int(told)
    if seconds < _A_MINUTE:
        return f"{max(seconds, 1)} {'second' if seconds <= 1 else 'seconds'}"
    minutes = -(-seconds // _A_MINUTE)
    return f"{minutes} {'minute' if minutes == 1 else 'minutes'}"


_A_MINUTE = 60


def _again(status: int, scope: Scope) -> str:
    """Return the address that can be asked for again; empty when that would change something, or nothing at all."""
    if status not in _PASSES or scope["method"] not in ("GET", "HEAD"):
        return ""
    return _ours(scope["path"], scope["query_string"].decode("latin-1"))


def _back(scope: Scope) -> str:
    """Return the page of ours whose button or link was pressed; empty when it was none, or this one itself."""
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site") != "same-origin":
        return ""
    came_from = urlsplit(headers.get("referer", ""))
    is_here = scope["method"] in ("GET", "HEAD") and came_from.path == scope["path"]
    return "" if is_here else _ours(came_from.path, came_from.query)


def _ours(path: str, query: str) -> str:
    """Return an address of ours; empty for what is none."""
    place = f"{path}?{query}" if query else path
    return place if own_place(place) == place else ""


def _protect(headers: MutableHeaders) -> None:
    for name, value in _PAGE_HEADERS.items():
        headers.setdefault(name, value)
    headers.add_vary_header("X-Fragment")
