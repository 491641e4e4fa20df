"""How values are written: constrained types that schemas, rules and models share."""

import re
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict, StringConstraints

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_HAS_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ZONES = frozenset(available_timezones())
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def zone(name: str) -> str:
    """Return the IANA zone name, or raise ValueError."""
    if name not in _ZONES:
        raise ValueError("is not an IANA time zone such as Europe/Berlin")
    ZoneInfo(name)
    return name


def _email(value: str) -> str:
    value = value.strip()
    if len(value) > 254 or not _EMAIL.fullmatch(value):
        raise ValueError("is not an e-mail address")
    return value.lower()


def _written_with_offset(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _HAS_OFFSET.fullmatch(value):
        raise ValueError("is not a time with an offset, such as 2026-11-23T09:00:00Z (RFC 3339; + in a URL is %2B)")
    return value


def _utc(value: datetime) -> datetime:
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside 1970 to 2100") from None
    if not _FIRST <= instant < _LAST:
        raise ValueError("lies outside 1970 to 2100")
    return instant


def _whole_minute(value: datetime) -> datetime:
    if value.second or value.microsecond:
        raise ValueError("must be a whole minute")
    return value


def _written_as_day(value: object) -> object:
    written = isinstance(value, str) and _DAY.fullmatch(value)
    if not written and not isinstance(value, date):
        raise ValueError("is not a date such as 2026-11-23")
    return value


def _in_our_time(value: date) -> date:
    if not _FIRST.date() <= value < _LAST.date():
        raise ValueError("lies outside 1970 to 2100")
    return value


def _one_line(value: str) -> str:
    if any(ord(c) < 32 or c in "\x7f\u2028\u2029" for c in value):
        raise ValueError("must be one line without control characters")
    return value


ZoneName = Annotated[str, StringConstraints(max_length=64), AfterValidator(zone)]
Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written_with_offset), AfterValidator(_utc)]
"""RFC 3339 with an offset in; an aware UTC instant inside 1970 to 2100 in our hands."""
Minute = Annotated[Instant, AfterValidator(_whole_minute)]
"""An instant without seconds: what people plan, calendars show to the minute."""
Day = Annotated[date, BeforeValidator(_written_as_day), AfterValidator(_in_our_time)]
"""A calendar day such as 2026-11-23; numbers and times of day are refused."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Remark = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=140), AfterValidator(_one_line)
]
"""A short line in somebody's own words."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=64)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
"""A short lower-case word such as a segment or a stage."""
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
"""A language tag such as en or pt-BR (RFC 5646)."""
HttpUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$", max_length=2000), AfterValidator(_one_line)
]
Source = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=64)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_one_line)]
Whole = Annotated[int, Strict(), Field(ge=-(2**31), le=2**31 - 1)]
"""A whole number; text, true and 1.0 are refused."""
YesNo = Annotated[bool, Strict()]
Level = Annotated[int, Strict(), Field(ge=0, le=4)]
"""0 no evidence, 1 knows it, 2 does it with help, 3 does it alone, 4 can teach."""
Wish = Annotated[int, Strict(), Field(ge=0, le=5)]
"""How much somebody wants to learn a skill: 0 not at all, 5 first of all."""
Capacity = Annotated[int, Strict(), Field(ge=0, le=50)]
