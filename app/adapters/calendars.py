"""Fetch calendars: from an address (RFC 5545 files over HTTP), and from a CalDAV server (RFC 4791)."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from app.adapters import multistatus
from app.adapters.http import Answer, NoAnswer, NotAllowed, Outbound
from app.adapters.multistatus import CALDAV, DAV, Answered, NoMultistatus
from app.ical.read import LARGEST
from app.rules.deliveries import retry_at
from app.rules.destinations import Destination, Misaddressed, destination, redirected

SECONDS = 20.0
"""For all of it: every request, every hop, every byte."""
_LARGEST_XML = 2 * LARGEST  # around the same calendars, and with `&` and `<` written out
_MOST_COLLECTIONS = 20
_LASTING = {
    401: "The server wants another user name or password (401).",
    403: "The server does not let us read this calendar (403).",
    404: "There is no calendar at this address (404).",
    405: "This address does not answer as a calendar (405).",
    410: "The calendar is gone for good (410).",
}
_PASSING = {429: "The server wants to be asked less often (429)."}

_PROPS = """<?xml version="1.0" encoding="utf-8"?>
<D:propfind xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop>
<D:resourcetype/><D:current-user-principal/><C:calendar-home-set/><C:supported-calendar-component-set/>
</D:prop></D:propfind>"""
# Not free-busy-query, which would be shorter: it doesn't tell events of ours from others.
_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>
</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"""


class NotFetched(Exception):
    """There is no calendar to be had now. The message is a sentence for its owner; it names the host and no path.

    `lasting`: only its owner can mend that. `retry_at`: when the other side wants to be asked again.
    """

    def __init__(self, why: str, *, lasting: bool = False, retry_at: datetime | None = None) -> None:
        super().__init__(why)
        self.lasting = lasting
        self.retry_at = retry_at


@dataclass(frozen=True, slots=True)
class Place:
    """Where a calendar is, and what opens it. A password goes to the origin of the URL and where that points to."""

    url: str = field(repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """Return what every request carries (RFC 7617)."""
        if self.username is None:
            return {}
        pair = f"{self.username}:{self.password or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


@dataclass(frozen=True, slots=True)
class Unchanged:
    """It is what it was."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of a calendar, whatever they are, and what tells the next time whether they changed."""

    content: bytes = field(repr=False)
    etag: str | None = None
    last_modified: str | None = None


def fetch_ics(
    outbound: Outbound, place: Place, *, etag: str | None, last_modified: str | None, now: datetime
) -> Unchanged | Fetched:
    """Fetch a file, unless it is what `etag` or `last_modified` say. Raises NotFetched. Follows three redirects."""
    headers = {"Accept": "text/calendar, */*;q=0.1", **place.headers()}
    if etag:
        headers["If-None-Match"] = etag
    elif last_modified:
        headers["If-Modified-Since"] = last_modified
    there = _Server(outbound, headers, now)
    answer = there.ask("GET", place.url, at_most_bytes=LARGEST)
    if answer.status == 304 and (etag or last_modified):
        return Unchanged()
    if answer.status != 200:
        raise there.refusal(answer)
    told = answer.headers
    return Fetched(_whole(answer), _short(told.get("etag"), 500), _short(told.get("last-modified"), 100))


def fetch_caldav(outbound: Outbound, place: Place, *, start: datetime, end: datetime, now: datetime) -> Fetched:
    """Fetch the events of [start, end) from a calendar, or from all calendars of a principal or of its home, one
    VCALENDAR after the other. Raises NotFetched.
    """
    there = _Server(outbound, {"Content-Type": "application/xml; charset=utf-8", **place.headers()}, now)
    query = _QUERY.format(start=start.astimezone(UTC), end=end.astimezone(UTC)).encode()
    parts: list[bytes] = []
    for url in _collections(there, place.url):
        for one in there.report(url, "REPORT", query, depth="1"):
            if one.status is not None and one.status // 100 != 2 and one.status != 404:
                raise NotFetched(f"{there.host}: The server left out a part of the calendar ({one.status}).")
            parts += (text.encode() for text in one.texts(CALDAV + "calendar-data"))
    # A calendar without events has nothing to say, and is one.
    return Fetched(b"\r\n".join(sorted(parts)) or b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")


def _collections(there: "_Server", url: str) -> list[str]:
    """Return the URLs of the calendars at a URL, which is one, or leads to the home of several (RFC 6764 section 6)."""
    here = there.properties(url, depth="0")
    if any(_is_calendar(one) for one in here):
        return [url]
    home = _first(here, CALDAV + "calendar-home-set")
    if home is None and (principal := _first(here, DAV + "current-user-principal")):
        url = _resolved(url, principal)
        home = _first(there.properties(url, depth="0"), CALDAV + "calendar-home-set")
    if home is not None:
        url = _resolved(url, home)
    found = [_resolved(url, one.href) for one in there.properties(url, depth="1") if _is_calendar(one) and one.href]
    if not found:
        raise NotFetched(f"{there.host}: There is no calendar at this address.", lasting=True)
    if len(found) > _MOST_COLLECTIONS:
        raise NotFetched(
            f"{there.host}: There are more than {_MOST_COLLECTIONS} calendars: give the address of one.", lasting=True
        )
    return found


class _Server:
    """One conversation, with one deadline."""

    def __init__(self, outbound: Outbound, headers: Mapping[str, str], now: datetime) -> None:
        self._outbound = outbound
        self._headers = headers
        self._now = now
        self._ends_at = time.monotonic() + SECONDS
        self.host = ""

    def ask(
        self, method: str, url: str, *, at_most_bytes: int, content: bytes | None = None, depth: str | None = None
    ) -> Answer:
        """Send a request; never two at once."""
        headers = {**self._headers, **({"Depth": depth} if depth else {})}
        seconds = self._ends_at - time.monotonic()
        redirects: Literal[3] = 3
        try:
            self.host = destination(url).host
            if seconds <= 0:
                raise NotFetched(f"{self.host}: No whole answer within {SECONDS:g} seconds.")
            return self._outbound.send(
                method,
                url,
                headers=headers,
                content=content,
                deadline_seconds=seconds,
                at_most_bytes=at_most_bytes,
                redirects=redirects,
            )
        except (NotAllowed, Misaddressed) as why:
            raise NotFetched(str(why), lasting=True) from None
        except NoAnswer as why:
            raise NotFetched(str(why)) from None
        except ValueError:  # a header can't be sent as it is
            raise NotFetched("This user name or password can't be sent.", lasting=True) from None

    def properties(self, url: str, *, depth: Literal["0", "1"]) -> list[Answered]:
        """Ask what is at a URL (RFC 4918 section 9.1)."""
        return self.report(url, "PROPFIND", _PROPS.encode(), depth=depth)

    def report(self, url: str, method: str, content: bytes, *, depth: Literal["0", "1"]) -> list[Answered]:
        """Ask for a multistatus."""
        answer = self.ask(method, url, content=content, at_most_bytes=_LARGEST_XML, depth=depth)
        if answer.status != 207:
            raise self.refusal(answer)
        try:
            return multistatus.read(_whole(answer))
        except NoMultistatus:
            raise NotFetched(f"{self.host}: What came back is not an answer of CalDAV.") from None

    def refusal(self, answer: Answer) -> NotFetched:
        """Return what a status means that is none of those hoped for."""
        code = answer.status
        later = retry_at(answer.headers.get("retry-after"), now=self._now)
        if code in _LASTING:
            return NotFetched(f"{self.host}: {_LASTING[code]}", lasting=True, retry_at=later)
        why = _PASSING.get(code, f"The server answers with {code} in place of a calendar.")
        return NotFetched(f"{self.host}: {why}", retry_at=later)


def _whole(answer: Answer) -> bytes:
    if answer.cut:
        raise NotFetched("The calendar is larger than 5 MB.")
    return answer.body


def _is_calendar(one: Answered) -> bool:
    """Whether a resource is a calendar that holds events (RFC 4791 sections 4.2 and 5.2.3)."""
    if not one.has(DAV + "resourcetype", CALDAV + "calendar"):
        return False
    kinds = [
        kind.attributes.get("name", "").upper()
        for prop in one.props
        for kind in prop.all(CALDAV + "supported-calendar-component-set", CALDAV + "comp")
    ]
    return not kinds or "VEVENT" in kinds


def _first(found: list[Answered], name: str) -> str | None:
    return next((href for one in found for href in one.texts(name, DAV + "href") if href), None)


def _resolved(base: str, href: str) -> str:
    """Return the URL that a server points to. It may be another host (iCloud's are many): who points there knows the
    password already. It never leads from https to http, and the wall stands before each request.
    """
    try:
        return _url(redirected(destination(base), href))
    except Misaddressed:
        raise NotFetched("The server points to an address that is not followed.", lasting=True) from None


def _url(there: Destination) -> str:
    return f"{there.scheme}://{there.authority}{there.target}"


def _short(value: str | None, length: int) -> str | None:
    """Return a validator that can be sent back; a longer one is none."""
    return value if value and len(value) <= length and value.isascii() and value.isprintable() else None
