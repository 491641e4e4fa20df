"""Diallers that say when calls start and end, and how their messages are read, as they travel."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from app.schemas.shapes import Body, Read, absent
from app.vocabulary import DiallerStatus, Name

_MAPPING: dict[str, Any] = {
    "event": "/event",
    "started": ["call.answered"],
    "ended": ["call.ended"],
    "call": "/data/id",
    "host_email": "/data/user/email",
    "started_at": "/data/answered_at",
    "ended_at": "/data/ended_at",
    "account": "/data/contact/company_name",
}
_STAMPS: dict[str, Any] = {"created_at": "2026-11-22T09:00:00Z", "updated_at": "2026-11-22T09:00:00Z"}
_CONNECTION: dict[str, Any] = {
    "id": "dlr_01jd6x0000e8r9sv4kz2m7n5qa",
    "name": "Our dialler",
    "mapping": {**_MAPPING, "title": None},
    "status": "active",
    "last_heard_at": "2026-11-22T09:41:07Z",
    "last_error": None,
    "version": 1,
    **_STAMPS,
}


def _speakable(value: str) -> str:
    if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise ValueError("must be without control characters")
    return value


Pointer = Annotated[str, StringConstraints(pattern=r"^(/([^/~]|~[01])*)+$", max_length=200), AfterValidator(_speakable)]
"""Where a message has a value (RFC 6901), such as `/data/id`."""
_Word = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_speakable)]
_Words = Annotated[list[_Word], Field(min_length=1, max_length=20)]


class DiallerMapping(Body):
    """Where a dialler's messages say what, as JSON pointers, and by which words they say that a call starts or ends.

    Times are RFC 3339 with an offset, or seconds or milliseconds since 1970.
    """

    model_config = ConfigDict(extra="forbid", from_attributes=True, json_schema_extra={"examples": [_MAPPING]})

    event: Annotated[Pointer, Field(description="What happened: one of the words of `started` or `ended`, or neither.")]
    started: Annotated[_Words, Field(description="What `event` says when a call starts.")]
    ended: Annotated[_Words, Field(description="What it says when a call ends.")]
    call: Annotated[Pointer, Field(description="The dialler's own id of the call.")]
    host_email: Annotated[Pointer, Field(description="The e-mail address of who runs the call.")]
    started_at: Annotated[Pointer, Field(description="When it started: best where messages of its end say so, too.")]
    ended_at: Annotated[Pointer, Field(description="When it ended.")]
    title: Annotated[Pointer | None, Field(description="How a call is called that nobody planned.")] = None
    account: Annotated[Pointer | None, Field(description="The name of an account, for a call that nobody planned.")] = (
        None
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if not set(self.started).isdisjoint(self.ended):
            raise ValueError("has a word that means both that a call starts and that it ends")
        return self


class CreateDiallerConnection(Body):
    """A dialler that is listened to from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Our dialler", "mapping": _MAPPING}]})

    name: Name
    mapping: DiallerMapping


class PatchDiallerConnection(Body):
    """What changes about a dialler: absent keeps. A mapping is given whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "paused"}]})

    name: Name = absent()
    mapping: DiallerMapping = absent()
    status: DiallerStatus = absent()


class DiallerConnectionRead(Read):
    """A dialler, and how it does: when it was heard last, and why its last message was not understood, if it wasn't."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_CONNECTION]})

    id: str
    name: str
    mapping: DiallerMapping
    status: DiallerStatus
    last_heard_at: datetime | None
    last_error: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class DiallerConnectionIssued(DiallerConnectionRead):
    """A dialler with the secret by which it signs what it sends, which is shown this once."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{**_CONNECTION, "secret": f"whsec_{'0' * 43}="}]},
    )

    secret: str

    @classmethod
    def of(cls, row: Any, *, secret: str) -> Self:
        """Build from a row, in which the secret is sealed, and the secret in clear."""
        told = {name: getattr(row, name) for name in DiallerConnectionRead.model_fields}
        return cls(**told, secret=secret)
