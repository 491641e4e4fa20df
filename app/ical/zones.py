"""Writes time zones (RFC 5545 section 3.6.5) as every calendar reads them: what holds now, one yearly rule per change.

`icalendar` lists past changes one by one and adds comments; Outlook reads rules and offsets only, and libical refuses
the comments in messages. What holds now stands in the last line of a zone's file, its footer (RFC 8536 section 3.3).
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

_NAME = r"<[^>]+>|[A-Za-z]+"
_FOOTER = re.compile(
    rf"(?P<standard>{_NAME})(?P<standard_at>[-+0-9:]+)"
    rf"(?:(?P<daylight>{_NAME})(?P<daylight_at>[-+0-9:]*),(?P<starts>[^,]+),(?P<ends>[^,]+))?"
)
_CHANGE = re.compile(r"M(?P<month>\d+)\.(?P<week>\d)\.(?P<weekday>\d)(?:/(?P<time>[-+0-9:]+))?")
_WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
_HOUR, _DAY, _SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
_MINUTE, _NONE = timedelta(minutes=1), timedelta(0)
_ALWAYS = 1970
"""The year in which every rule begins to hold, long before any entry."""
_UNRULED = range(2025, 2040)
"""The years in which changes without a rule are written."""


@cache
def vtimezone(name: str) -> bytes:
    """Return the VTIMEZONE of an IANA zone. The same bytes for as long as the zone keeps its rules."""
    ZoneInfo(name)  # refuses what is no zone, and paths that leave the folder
    footer = _FOOTER.fullmatch(_footer(name))
    if footer is None:
        raise ValueError(f"the file of {name} does not say what holds now")
    standard = -_length(footer["standard_at"])  # POSIX counts westward
    if footer["daylight"] is None:
        always = datetime(_ALWAYS, 1, 1, tzinfo=UTC)
        observances = _observance("STANDARD", footer["standard"], standard, standard, always) + _unruled(name)
    else:
        daylight = -_length(footer["daylight_at"]) if footer["daylight_at"] else standard + _HOUR
        observances = _change(footer["daylight"], footer["starts"], standard, daylight)
        observances += _change(footer["standard"], footer["ends"], daylight, standard)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}", *observances, "END:VTIMEZONE", ""]
    return "\r\n".join(lines).encode()


def keeps_its_clock(wall: datetime, length: timedelta, time_zone: str) -> bool:
    """Whether what begins at a wall time and lasts so long has one start and one end by the clock of an IANA zone.

    Not so when the clock changes meanwhile, or skips or repeats one of them. RFC 5545 says which instants are meant
    (sections 3.3.5 and 3.8.5.3), but of a series some calendars take the other one of two, some the hour before a gap,
    and most keep the length that the clock shows and not the one that passes.
    """
    zone = ZoneInfo(time_zone)
    ends = (wall, wall + length)
    return len({at.replace(tzinfo=zone, fold=fold).utcoffset() for at in ends for fold in (0, 1)}) == 1


def _footer(name: str) -> str:
    found = next((path for folder in TZPATH if (path := Path(folder, name)).is_file()), None)
    source = found or resources.files("tzdata") / "zoneinfo" / name  # as zoneinfo looks for it
    return source.read_bytes().decode("ascii", "replace").rstrip("\n").rpartition("\n")[2]


def _change(name: str, when: str, before: timedelta, after: timedelta) -> list[str]:
    """Write the change to the offset `after`, on the n-th weekday of a month; n = 5 is the last (POSIX TZ, "Mm.w.d").

    The time of day may lie outside of it, by which the weekday moves.
    """
    change = _CHANGE.fullmatch(when)
    if change is None:
        raise ValueError(f"no change of the clock on {when}")
    month, week, weekday = int(change["month"]), int(change["week"]), int(change["weekday"])
    time = _length(change["time"]) if change["time"] else 2 * _HOUR
    if time == _DAY:  # the last second of the day, lest the last Thursday of October at 24:00 lies in November
        time -= _SECOND
    days = time // _DAY
    first = (monthrange(_ALWAYS, month)[1] - 6 if week == 5 else 7 * week - 6) + days
    if days:
        on = f"BYMONTHDAY={','.join(str(first + n) for n in range(7))};BYDAY={_WEEKDAYS[(weekday + days) % 7]}"
    else:
        on = f"BYDAY={-1 if week == 5 else week}{_WEEKDAYS[weekday]}"
    fits = next(
        day for n in range(7) if (day := date(_ALWAYS, month, first + n)).isoweekday() % 7 == (weekday + days) % 7
    )
    begins = datetime(fits.year, fits.month, fits.day, tzinfo=UTC) + time % _DAY
    # Dublin calls its summer standard and its winter daylight saving; calendars go by which is which on the clock.
    kind = "DAYLIGHT" if after > before else "STANDARD"
    return _observance(kind, name, before, after, begins, f"RRULE:FREQ=YEARLY;BYMONTH={month};{on}")


def _unruled(name: str) -> list[str]:
    """Write one by one the changes that no rule foretells, such as Morocco's around each Ramadan. Costs 3 ms."""
    zone = ZoneInfo(name)
    day, lines = datetime(_UNRULED.start, 1, 1, tzinfo=UTC), []
    while day.year < _UNRULED.stop:
        before, after = (at.astimezone(zone).utcoffset() or _NONE for at in (day, day + _DAY))
        if before != after:
            minutes = (day + n * _MINUTE for n in range(1, 24 * 60 + 1))
            at = next(minute for minute in minutes if minute.astimezone(zone).utcoffset() != before)
            kind = "DAYLIGHT" if after > before else "STANDARD"
            lines += _observance(kind, at.astimezone(zone).tzname() or "", before, after, at + before)
        day += _DAY
    return lines


def _observance(kind: str, name: str, before: timedelta, after: timedelta, begins: datetime, *rule: str) -> list[str]:
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{begins:%Y%m%dT%H%M%S}",
        *rule,
        f"TZNAME:{name.strip('<>')}",
        f"TZOFFSETFROM:{_offset(before)}",
        f"TZOFFSETTO:{_offset(after)}",
        f"END:{kind}",
    ]


def _length(text: str) -> timedelta:
    """Read [+-]h[:mm[:ss]]."""
    hours, minutes, seconds = [*map(int, text.lstrip("+-").split(":")), 0, 0][:3]
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -length if text.startswith("-") else length


def _offset(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}{minutes % 60:02}"
