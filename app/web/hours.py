"""Working hours as a form has them: for each weekday whether it is one, and its ranges of wall time. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from zoneinfo import available_timezones

from app.web.filled import Misfilled, one

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MIDNIGHT = 24 * 60
_LEAST = 2
"""Ranges of each day that the form has room for: before and after lunch."""
_OLD = ("Etc/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/", "SystemV/")
"""Names that the IANA keeps for old data alone, or that are no places."""

Weekly = list[tuple[int, int, int]]
"""Weekday (1 is Monday), start and end in minutes after midnight."""


@dataclass(frozen=True, slots=True)
class Between:
    """Two fields of wall time, and what they are called."""

    start: str
    end: str
    names: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Workday:
    """A weekday in the form."""

    number: int
    name: str
    is_on: bool
    ranges: tuple[Between, ...]


def workdays(weekly: Sequence[Sequence[int]]) -> list[Workday]:
    """Return what holds as the form shows it, with room for one more range on days that have two."""
    return [_workday(number, [(a, b) for on, a, b in weekly if on == number]) for number in range(1, 8)]


def sent_workdays(form: Mapping[str, tuple[str, ...]]) -> list[Workday]:
    """Return what was sent as the form shows it again."""
    on = form.get("day", ())
    return [
        Workday(
            number,
            WEEKDAYS[number - 1],
            str(number) in on,
            tuple(Between(one(form, a), one(form, b), (a, b)) for a, b in _names(number, form)),
        )
        for number in range(1, 8)
    ]


def read_weekly(form: Mapping[str, tuple[str, ...]]) -> tuple[Weekly, list[str]]:
    """Return the hours that were sent, and of each range the name of its first field. Raises Misfilled. A day that is
    not ticked has none, whatever its fields say; an end at 00:00 is the midnight at its end.
    """
    weekly: Weekly = []
    fields: list[str] = []
    errors: dict[str, str] = {}
    for day in sent_workdays(form):
        filled = [between for between in day.ranges if day.is_on and (between.start or between.end)]
        if day.is_on and not filled:
            errors[day.ranges[0].names[0]] = f"Say from when to when you work on {day.name}s, or untick the day."
        for between in filled:
            start, end = minute(between.start), minute(between.end)
            if start is None or end is None:
                errors[between.names[start is not None]] = f"{day.name} needs two times, such as 09:00 and 17:30."
            else:
                weekly.append((day.number, start, end or _MIDNIGHT))
                fields.append(between.names[0])
    if errors:
        raise Misfilled(errors)
    return weekly, fields


def minute(text: str) -> int | None:
    """Return the minutes after midnight of `09:30`, as browsers send it; None for anything else."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        return None
    return int(hours) * 60 + int(minutes) if int(hours) < 24 and int(minutes) < 60 else None


def clock(at: int) -> str:
    """Return a minute after midnight as a field of time has it: the midnight at the end of a day is 00:00, too."""
    return f"{at // 60 % 24:02}:{at % 60:02}"


def in_words(ranges: Iterable[tuple[int, int]]) -> str:
    """Return ranges of one day: `09:00 to 12:30 and 13:30 to 17:00`; empty for none."""
    return " and ".join(f"{clock(start)} to {clock(end)}" for start, end in sorted(ranges))


def days(first: date, last: date) -> str:
    """Return days in words, the last one included: `Mon 21 December to Sun 3 January 2027`."""
    return f"{' to '.join(f'{one:%a} {one.day} {one:%B}' for one in dict.fromkeys((first, last)))} {last.year}"


@cache
def zones() -> tuple[str, ...]:
    """Return the zones that people live in, and UTC."""
    return ("UTC", *sorted(one for one in available_timezones() if "/" in one and not one.startswith(_OLD)))


def _workday(number: int, ranges: Sequence[tuple[int, int]]) -> Workday:
    room = max(_LEAST, len(ranges) + 1 if len(ranges) >= _LEAST else 0)
    shown = [(clock(start), clock(end)) for start, end in ranges] + [("", "")] * (room - len(ranges))
    betweens = (Between(start, end, _name(number, nth)) for nth, (start, end) in enumerate(shown))
    return Workday(number, WEEKDAYS[number - 1], bool(ranges), tuple(betweens))


def _names(number: int, form: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    sent = sum(name.startswith(f"from-{number}-") for name in form)
    return [_name(number, nth) for nth in range(max(_LEAST, min(sent, 24)))]


def _name(number: int, nth: int) -> tuple[str, str]:
    return f"from-{number}-{nth}", f"to-{number}-{nth}"
