"""Which zone a TZID of other people means: a name of IANA or Windows, a vendor's path, or a zone of the file itself."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from app.ical.read import Budget, Component, plain
from app.ical.recur import MalformedRule, rule_of, walls
from app.ical.times import wall_time, when, whens

_FIRST, _LAST = datetime(1970, 1, 1), datetime(2101, 1, 1)  # noqa: DTZ001 - wall time
"""Between these the changes of the file's own zones are worked out."""
_NONE = timedelta(0)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)(?::?(\d\d))?", re.ASCII)
_NAMED_OFFSET = re.compile(r"\(?(?:UTC|GMT) ?([+-])(\d\d?)(?::?([0-5]\d))?(?:\)|\Z)", re.IGNORECASE | re.ASCII)
_MOST = timedelta(hours=18)
"""No zone is farther from UTC."""


class Zones:
    """The zones of one calendar; for what has none, such as whole days, the owner's.

    Looked for in this order: IANA's name, Windows' name, `/vendor/…/Region/City`, the file's VTIMEZONE, an offset that
    is the name, X-WR-TIMEZONE, the owner's zone. IANA's knows more than the file: VTIMEZONEs are often cut down to what
    holds now. Names that nothing explains are kept in `unknown`.
    """

    def __init__(self, calendar: Component, owner_zone: str, budget: Budget) -> None:
        self.unknown: set[str] = set()
        self._own = ZoneInfo(owner_zone)
        self._budget = budget
        self._written = {_tzid(child): child for child in calendar.children if child.name == "VTIMEZONE"}
        told = calendar.first("X-WR-TIMEZONE")
        self._told = _by_name(told.value.strip()) if told else None
        self._found: dict[str | None, tzinfo] = {None: self._own}

    def __call__(self, tzid: str | None) -> tzinfo:
        """Return the zone that a TZID means."""
        zone = self._found.get(tzid)
        if zone is None:
            zone = self._found[tzid] = self._look_for((tzid or "").strip())
        return zone

    def _look_for(self, tzid: str) -> tzinfo:
        zone = _by_name(tzid) or self._of_file(plain(tzid)) or _by_offset(tzid)
        if zone is None:
            self.unknown.add(tzid)
        return zone or self._told or self._own

    def _of_file(self, tzid: str) -> tzinfo | None:
        written = self._written.get(tzid)
        return file_zone(written, self._budget) if written else None


def _tzid(vtimezone: Component) -> str:
    found = vtimezone.first("TZID")
    return plain(found.value).strip() if found else ""


def _by_name(tzid: str) -> tzinfo | None:
    """Look a name up: IANA's in any case, Windows', the city at the end of a vendor's path."""
    if tzid.upper() in ("UTC", "Z"):
        return UTC
    name = _names().get(tzid.casefold()) or WINDOWS_TO_OLSON.get(tzid)
    if name is None and tzid.startswith("/"):
        parts = tzid.split("/")
        name = _names().get("/".join(parts[-3:]).casefold()) or _names().get("/".join(parts[-2:]).casefold())
    return ZoneInfo(name) if name else None


@cache
def _names() -> dict[str, str]:
    """Return IANA's names as they are written, by what they are in any case.

    Nothing else is ever looked for on the disk: a file may ask for `../../etc/passwd`.
    """
    names = (resources.files("tzdata") / "zones").read_text(encoding="ascii").split()
    return {name.casefold(): name for name in names}


def _by_offset(tzid: str) -> tzinfo | None:
    """Read names such as "(GMT +01:00)" and "UTC-5", also in front of cities as Outlook shows its zones."""
    found = _NAMED_OFFSET.match(tzid)
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-offset if found[1] == "-" else offset) if offset <= _MOST else None


class _Change(NamedTuple):
    """A change of the clock at an instant: naive, UTC."""

    at: datetime
    before: timedelta
    after: timedelta


class FileZone(tzinfo):
    """A zone as a VTIMEZONE describes it. Looking up is logarithmic in its changes."""

    def __init__(self, changes: Iterable[_Change]) -> None:
        self._changes = sorted(changes)
        self._offsets = [self._changes[0].before, *(change.after for change in self._changes)]
        self._instants = [change.at for change in self._changes]
        # What the clock shows once the change is over for good: a time in a gap, and the first of two that look alike,
        # still have the offset before it.
        self._shown = [change.at + max(change.before, change.after) for change in self._changes]

    def utcoffset(self, at: datetime | None, /) -> timedelta:
        """Return the offset at a wall time."""
        return self._offsets[bisect_right(self._shown, at.replace(tzinfo=None))] if at else _NONE

    def dst(self, _at: datetime | None, /) -> timedelta:
        """Return nothing of interest; tzinfo wants it."""
        return _NONE

    def tzname(self, _at: datetime | None, /) -> str | None:
        """Return no name: nobody is shown one."""
        return None

    def fromutc(self, at: datetime, /) -> datetime:
        """Return the wall time at an instant that is given as if the zone were UTC, as tzinfo has it."""
        return at + self._offsets[bisect_right(self._instants, at.replace(tzinfo=None))]


def file_zone(vtimezone: Component, budget: Budget) -> tzinfo | None:
    """Read a VTIMEZONE (RFC 5545 section 3.6.5); None when nothing in it can be understood."""
    changes = [change for child in vtimezone.children for change in _observance(child, budget)]
    return FileZone(changes) if changes else None


def _observance(observance: Component, budget: Budget) -> Iterable[_Change]:
    """Return the changes by which a STANDARD or DAYLIGHT begins, the first of all and those until 2100.

    Its times are in the offset before the change; a TZID in here would have the zone explain itself and is passed over.
    """
    begins = observance.first("DTSTART")
    before, after = _offset(observance, "TZOFFSETFROM"), _offset(observance, "TZOFFSETTO")
    if begins is None or before is None or after is None:
        return
    zone = timezone(before)
    first = when(begins, lambda _: zone)
    if first is None:
        return
    starts = {first.wall}
    for rdate in observance.all("RDATE"):
        starts.update(one.wall for one in whens(rdate, lambda _: zone) if one)
    for rrule in observance.all("RRULE"):
        try:
            rule = rule_of(rrule.value, first.wall, lambda _: zone)
        except MalformedRule:
            continue
        last = min(_LAST, wall_time(rule.until.at(), zone)) if rule.until else _LAST
        starts.update(walls(rule, first.wall, _FIRST, last + timedelta(seconds=1), budget))
    budget.spend(2 * len(starts))
    for start in starts:
        yield _Change(start - before, before, after)


def _offset(observance: Component, name: str) -> timedelta | None:
    found = observance.first(name)
    given = _OFFSET.fullmatch(found.value.strip()) if found else None
    if given is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in given.groups()[1:])
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if offset > _MOST:
        return None
    return -offset if given[1] == "-" else offset
