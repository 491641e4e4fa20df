"""Refusals: a Problem has a stable code, an HTTP family and a sentence that says what would work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: a JSON pointer (RFC 6901), a stable code, a sentence without the input."""

    pointer: str
    code: str
    detail: str


Extra = str | int | bool | None | datetime | Sequence["Extra"] | Mapping[str, "Extra"]
"""What a refusal may say besides, as deep as it likes; instants are written down where it is rendered."""
_TAKEN = frozenset({"type", "title", "status", "detail", "instance", "code", "request_id", "errors"})
"""Members that every refusal has (RFC 9457 section 3.1, and ours)."""


class Problem(Exception):
    """A refusal that a client sees as `application/problem+json` (RFC 9457). `extra` is what this one says besides.

    `by` is the credential that was shown, where a known one was: for the audit alone.
    """

    noted: ClassVar[bool] = False
    """Whether the audit has a line about it: what nobody comes upon who only does what our pages and keys let them."""
    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: str = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        faults: tuple[Fault, ...] = (),
        extra: Mapping[str, Extra] | None = None,
        headers: Mapping[str, str] | None = None,
        by: str | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        if extra and not _TAKEN.isdisjoint(extra):
            raise ValueError(f"every problem has these, so none can add them: {sorted(_TAKEN.intersection(extra))}")
        self.detail = detail or self.title
        self.code = code or type(self).code
        self.faults = faults
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        self.by = by


class Malformed(Problem):
    """The request can't be read."""

    status = 400
    code = "malformed"
    title = "The request can't be read"


class Unauthenticated(Problem):
    """Nobody known is asking."""

    status = 401
    code = "unauthenticated"
    title = "A valid API key is needed"

    def __init__(
        self, detail: str = "Send a valid key as `Authorization: Bearer es_live_…`.", *, by: str | None = None
    ) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="earshot"'}, by=by)


class Forbidden(Problem):
    """Somebody known may not do this, and may know that it exists."""

    status = 403
    code = "forbidden"
    title = "This credential may not do that"


class NotFound(Problem):
    """Absent, or not for these eyes."""

    status = 404
    code = "not_found"
    title = "There is nothing here"


class MethodNotAllowed(Problem):
    """The path exists; this method does not."""

    status = 405
    code = "method_not_allowed"
    title = "This path does not know that method: see `Allow`"


class Conflict(Problem):
    """The state of things does not allow it now."""

    status = 409
    code = "conflict"
    title = "The current state does not allow this"


class Gone(Problem):
    """It was here and is used up."""

    status = 410
    code = "gone"
    title = "This is no longer valid"


class Stale(Problem):
    """The client saw an older version."""

    status = 412
    code = "stale"
    title = "It has changed since you read it"


class TooLarge(Problem):
    """The body is longer than accepted."""

    status = 413
    code = "too_large"
    title = "The body is too large"


class UnsupportedMedia(Problem):
    """The body is of a kind that this path does not read."""

    status = 415
    code = "unsupported_media_type"
    title = "This media type is not read here"


class NotAcceptable(Problem):
    """The client accepts nothing that this path can say."""

    status = 406
    code = "not_acceptable"
    title = "The answer comes in none of the accepted media types"


class Invalid(Problem):
    """The request is readable and against a rule."""

    status = 422
    code = "invalid"
    title = "The request is against a rule"


class TooMany(Problem):
    """They came too often: the same request will work after a while."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Come again in {retry_after} seconds.", headers={"Retry-After": str(retry_after)})


class Unavailable(Problem):
    """Too much at once, or the database is away: the same request will work in a moment."""

    status = 503
    code = "unavailable"
    title = "Busy just now"

    def __init__(self, detail: str = "Try the same request again in a moment.") -> None:
        super().__init__(detail, headers={"Retry-After": "1"})
