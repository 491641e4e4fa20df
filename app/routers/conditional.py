"""Files that clients fetch again and again: a strong ETag of their own, 304 when nothing changed (RFC 9110)."""

import gzip
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import Request, Response

CALENDAR = "text/calendar; charset=utf-8"
_SECOND = timedelta(seconds=1)


def tag(content: bytes) -> str:
    """Return the strong ETag of what these bytes are, or stand for."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def twin(etag: str) -> str:
    """Return the ETag of the same thing under gzip: other bytes, so another strong tag."""
    return f'{etag[:-1]}-gzip"'


def wants_gzip(request: Request) -> bool:
    """Whether the client accepts gzip (RFC 9110 section 12.5.3)."""
    for coding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";")
        if name in ("gzip", "x-gzip", "*"):
            return weight.removeprefix("q=") not in ("0", "0.0", "0.00", "0.000")
    return False


def seen(request: Request, etag: str, changed_at: datetime | None) -> str | None:
    """Return the ETag under which the client has the current state already; None when it has not.

    `changed_at` is in whole seconds, rounded up; None: no date tells. If-None-Match decides alone where
    it is given (section 13.2.2).
    """
    given = request.headers.get("if-none-match")
    if given is not None:
        known = {one.strip().removeprefix("W/") for one in given.split(",")}
        return next((mine for mine in (etag, twin(etag)) if mine in known or "*" in known), None)
    since = _http_date(request.headers.get("if-modified-since", ""))
    return etag if since is not None and changed_at is not None and changed_at <= since else None


def last_modified(changed_at: datetime, *, now: datetime) -> str:
    """Return the date to send: never the running second, in which more may change, and never the future.

    `changed_at` as in `seen`. A client that gets an earlier date than that only fetches once more.
    """
    return format_datetime(min(changed_at, now.replace(microsecond=0) - _SECOND), usegmt=True)


def rounded_up(instant: datetime) -> datetime:
    """Return the instant in whole seconds, not earlier."""
    return instant if not instant.microsecond else instant.replace(microsecond=0) + _SECOND


def unchanged(etag: str, headers: Mapping[str, str]) -> Response:
    """Say that the client has it: 304 with the headers that 200 would have had."""
    return Response(status_code=304, headers={**headers, "ETag": etag})


def calendar(request: Request, content: bytes, etag: str, headers: Mapping[str, str]) -> Response:
    """Send a calendar, compressed where that is understood."""
    zipped = wants_gzip(request)
    return ready(compressed(content) if zipped else content, etag, headers, zipped=zipped)


def ready(content: bytes, etag: str, headers: Mapping[str, str], *, zipped: bool) -> Response:
    """Send a calendar in the form in which it is."""
    sent = {**headers, "Content-Type": CALENDAR, "ETag": etag}
    if zipped:
        sent |= {"Content-Encoding": "gzip", "ETag": twin(etag)}
    return Response(content, headers=sent)


def compressed(content: bytes) -> bytes:
    """Return the content under gzip. The same content compresses to the same bytes."""
    return gzip.compress(content, mtime=0)


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
