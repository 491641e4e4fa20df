"""Connected calendars as they travel. What opens them goes in, and never comes out again."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from app.schemas.shapes import Body, Read, absent
from app.vocabulary import CalendarHealth, CalendarKind, CalendarUse, Name

_URL = (
    "Of a file (`https:`, `webcal:`), or of a CalDAV calendar or account. Public, and https; else named in"
    " EARSHOT_OUTBOUND_ALLOW."
)
_TITLE = "Only events whose title holds this become calls; absent: all with somebody from outside."
_CONNECT: dict[str, Any] = {
    "kind": "ics",
    "url": "https://calendar.example/private/mara.ics",
    "name": "Work",
    "use": "busy",
}
_CALENDAR: dict[str, Any] = {
    "id": "cal_01jd6x0000e8r9sv4kz2m7n5qa",
    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "name": "Work",
    "kind": "ics",
    "host": "calendar.example",
    "use": "busy",
    "title_contains": None,
    "health": "degraded",
    "why": "calendar.example: There is no calendar at this address (404).",
    "failures": 1,
    "due_at": "2026-11-22T09:00:00Z",
    "checked_at": "2026-11-21T09:00:00Z",
    "read_at": "2026-11-20T17:00:00Z",
    "version": 1,
    "created_at": "2026-11-20T09:00:00Z",
    "updated_at": "2026-11-20T09:00:00Z",
}


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line without control characters")
    return value


_Line = AfterValidator(_printable)
_Username = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern="^[^:]+$"), _Line]
_Password = Annotated[str, StringConstraints(min_length=1, max_length=500), _Line]
_Title = Annotated[Name | None, Field(description=_TITLE)]


class ConnectCalendar(Body):
    """A calendar elsewhere, and what opens it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CONNECT]})

    kind: CalendarKind
    url: Annotated[str, Field(max_length=2000, description=_URL)]
    name: Name
    username: _Username | None = None
    password: _Password | None = None
    use: CalendarUse = CalendarUse.BUSY
    title_contains: _Title = None


class PatchCalendar(Body):
    """What changes about a connected calendar: absent keeps, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"use": "calls", "title_contains": "demo"}]})

    name: Name = absent()
    username: _Username | None = None
    password: _Password | None = None
    use: CalendarUse = absent()
    title_contains: _Title = None


class ConnectedCalendarRead(Read):
    """A connected calendar and how it does: `failures` in a row and `why`; what was read at `read_at` counts."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALENDAR]})

    id: str
    person_id: str
    name: str
    kind: CalendarKind
    host: Annotated[str | None, Field(description="Null when the key of its address is missing: connect it again.")]
    use: CalendarUse
    title_contains: str | None
    health: CalendarHealth
    why: str | None
    failures: int
    due_at: datetime
    checked_at: datetime | None
    read_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, *, host: str | None) -> Self:
        """Build from a row, of whose address only the host is shown."""
        told = {name: getattr(row, name) for name in cls.model_fields if name != "host"}
        return cls(host=host, **told)
