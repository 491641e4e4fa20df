"""Read the cells of the files that a team imports: each column has one reader, which returns a value or refuses."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from app.vocabulary import (
    PERSON_ROLES,
    Day,
    Email,
    ExternalId,
    HttpUrl,
    Instant,
    Language,
    Name,
    PersonRole,
    Side,
    Slug,
    Tag,
    ZoneName,
)

WeeklyHours = tuple[tuple[int, int, int], ...]
"""(ISO weekday, start minute, end minute), half-open and sorted."""
Reader = Callable[[str], Any]
"""Takes a cell without white space around it, never an empty one. Raises BadCell."""


class BadCell(Exception):
    """A cell that can't be read: a stable code, and the rest of a sentence that begins with the column's name."""

    def __init__(self, code: str, detail: str, *, column: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail, self.column = code, detail, column


def _a(kind: Any, detail: str) -> Reader:
    """Return the reader of one of the vocabulary's types."""
    adapter = TypeAdapter[Any](kind)

    def read(cell: str) -> Any:
        try:
            return adapter.validate_python(cell)
        except ValidationError:
            raise BadCell("invalid", detail) from None

    return read


def _lower(read: Reader) -> Reader:
    return lambda cell: read(cell.lower())


def _whole(least: int, most: int) -> Reader:
    def read(cell: str) -> int:
        if not re.fullmatch("[0-9]{1,4}", cell) or not least <= int(cell) <= most:
            raise BadCell("invalid", f"must be a whole number from {least} to {most}")
        return int(cell)

    return read


def _list(read: Reader) -> Reader:
    """Return the reader of a list: items between `;` or `,`, each kept once."""

    def read_all(cell: str) -> tuple[Any, ...]:
        found = tuple(dict.fromkeys(read(item) for item in _split(cell)))
        if len(found) > 50:
            raise BadCell("invalid", "lists more than 50")
        return found

    return read_all


def _split(cell: str) -> list[str]:
    return [item.strip() for item in re.split("[;,]", cell) if item.strip()]


def _rated(most: int) -> Reader:
    """Return the reader of `skill=number` items, each skill once."""
    slug, number = _lower(_a(Slug, "must list skills such as discovery.questioning=2")), _whole(0, most)

    def read(item: str) -> tuple[str, int]:
        name, _, value = item.partition("=")
        return slug(name.strip()), number(value.strip())

    def read_all(cell: str) -> tuple[tuple[str, int], ...]:
        found: tuple[tuple[str, int], ...] = _list(read)(cell)
        if len(dict(found)) < len(found):
            raise BadCell("duplicate", "rates a skill twice")
        return found

    return read_all


_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ON = "|".join(_WEEKDAYS)
_HOURS = re.compile(rf"({_ON})(?:-({_ON}))? +([0-9]{{1,2}}):([0-9]{{2}})-([0-9]{{1,2}}):([0-9]{{2}})", re.IGNORECASE)


def _weekly(cell: str) -> WeeklyHours:
    """Read `Mon-Thu 08:00-16:00; Fri 08:00-12:00`; 24:00 ends a day, and a night shift is two groups that meet."""
    found = sorted(hours for group in _split(cell) for hours in _group(group))
    if any(day == next_day and start < end for (day, _, end), (next_day, start, _) in pairwise(found)):
        raise BadCell("overlap", "has hours that overlap")
    return tuple(found)


def _group(group: str) -> list[tuple[int, int, int]]:
    match = _HOURS.fullmatch(group)
    if not match:
        raise BadCell("invalid", "must be hours such as `Mon-Thu 08:00-16:00; Fri 08:00-12:00`")
    first = _WEEKDAYS.index(match[1].lower())
    last = _WEEKDAYS.index(match[2].lower()) if match[2] else first
    start, end = _minute(match[3], match[4]), _minute(match[5], match[6])
    if last < first:
        raise BadCell("invalid", "has days that run backwards; a week begins on Mon")
    if end <= start:
        raise BadCell(
            "night_shift", "has hours that run backwards; write a night as `Mon 22:00-24:00; Tue 00:00-06:00`"
        )
    return [(day + 1, start, end) for day in range(first, last + 1)]


def _minute(hours: str, minutes: str) -> int:
    found = 60 * int(hours) + int(minutes)
    if int(minutes) > 59 or found > 24 * 60:
        raise BadCell("invalid", "has a time that is not between 00:00 and 24:00")
    return found


_MOMENT = "must be a time with an offset, such as 2026-11-23T09:00:00Z, between 1970 and 2100"
_LOCAL = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_instant = _a(Instant, _MOMENT)


def _moment(cell: str) -> datetime:
    """Read an aware instant, or a naive local time, which the row's zone turns into one (`settled`)."""
    if not _LOCAL.fullmatch(cell):
        found: datetime = _instant(cell)
        return found
    try:
        local = datetime.fromisoformat(cell)
    except ValueError:
        raise BadCell("invalid", _MOMENT) from None
    if not 1970 <= local.year < 2100:  # further out a zone's offset could leave the calendar
        raise BadCell("invalid", _MOMENT)
    return local


def settled(given: datetime, time_zone: str | None, *, column: str) -> datetime:
    """Return the instant of a time that may be local to the row's zone. Of an hour that comes twice the first is
    meant; a time that the clock skips is refused.
    """
    if given.tzinfo is not None:
        return given
    if time_zone is None:
        detail = "needs an offset such as Z or +01:00, or a `time_zone` in this row"
        raise BadCell("naive_time", detail, column=column)
    zone = ZoneInfo(time_zone)
    found = given.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) != given:
        detail = "does not exist in that time zone: the clock skips it"
        raise BadCell("nonexistent_local_time", detail, column=column)
    return found


_email = _a(Email, "must be an e-mail address")
_external_id = _a(ExternalId, "must be one line of at most 512 characters")
_language = _a(Language, "must be a language tag such as en or pt-BR")
_line = _a(Name, "must be one line of at most 200 characters")
_skill = _lower(_a(Slug, "must list skills such as discovery.questioning"))
_word = _lower(_a(Tag, "must be a word of letters, digits, - and _"))
_zone = _a(ZoneName, "must be an IANA time zone such as Europe/Berlin")

PEOPLE: dict[str, Reader] = {
    "external_id": _external_id,
    "name": _line,
    "email": _email,
    "time_zone": _zone,
    "role": _lower(_a(PersonRole, f"must be one of {', '.join(PERSON_ROLES)}")),
    "team": _line,
    "manager_email": _email,
    "started_on": _a(Day, "must be a date such as 2026-09-01, between 1970 and 2100"),
    "grade": _whole(0, 20),
    "languages": _list(_language),
    "segments": _list(_word),
    "as": _lower(_a(Side, f"must be one of {', '.join(Side)}")),
    "capacity": _whole(0, 50),
    "skills": _rated(4),
    "wants": _rated(5),
    "teaches": _list(_skill),
    "working_hours": _weekly,
}
"""The columns of a file of people, in the order in which we name them."""

CALLS: dict[str, Reader] = {
    "external_id": _external_id,
    "title": _line,
    "type": _lower(_a(Slug, "must be a call type such as discovery")),
    "host_email": _email,
    "starts_at": _moment,
    "ends_at": _moment,
    "duration_minutes": _whole(1, 24 * 60),
    "time_zone": _zone,
    "account": _line,
    "account_segment": _word,
    "language": _language,
    "stage": _word,
    "meeting_url": _a(HttpUrl, "must be an address that begins with https:// or http://"),
    "seats": _whole(0, 50),
}
"""The columns of a file of calls."""
