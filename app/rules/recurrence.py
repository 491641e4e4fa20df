"""Series: from a recurrence rule and a wall time to the instants of its occurrences, and how a series is cut in two.

A subset of RFC 5545 section 3.3.10 that always ends and says everything a team plans: every n days, weeks or months, on
weekdays, on days of the month, on the n-th of those. We walk the days ourselves: `dateutil` looks for the next
occurrence up to the year 9999 when a rule has none, cannot be told to stop earlier, and finds nothing for BYDAY=MO,2TH.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Frequency = Literal["DAILY", "WEEKLY", "MONTHLY"]
Scope = Literal["this", "following", "all"]

MOST = 104
"""Occurrences in one series: two years of weeks."""
LONGEST = timedelta(days=3 * 366)
"""From the first day of a series to its last; bounds the walk whatever the rule."""

_DAY = timedelta(days=1)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES: tuple[Frequency, ...] = ("DAILY", "WEEKLY", "MONTHLY")
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "WKST")
_NTH_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,3}")
_LONGEST_TEXT = 300
_LAST_DAY = re.compile(r"[0-9]{8}")
_LAST_INSTANT = re.compile(r"[0-9]{8}T[0-9]{6}Z")


class RuleRefused(ValueError):
    """The rule says nothing that can be planned; the message says what would work."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that ends: by `count` occurrences, or with the last one at or before `until`."""

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    """UTC."""
    days: tuple[tuple[int, int], ...] = ()
    """(n, weekday 0 = Monday): the n-th such day of its month, from the end when negative; n = 0 is every one."""
    month_days: tuple[int, ...] = ()
    """1..31, or -1..-31 from the end."""
    positions: tuple[int, ...] = ()
    """Which of a month's days count; negative from the end."""
    week_start: int = 0

    def __str__(self) -> str:
        """Write it as RFC 5545 does. UNTIL is in UTC, as section 3.3.10 wants next to a start with a zone."""
        parts = [f"FREQ={self.frequency}"]
        if self.interval != 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.days:
            parts.append("BYDAY=" + ",".join(f"{n or ''}{_WEEKDAYS[weekday]}" for n, weekday in self.days))
        if self.month_days:
            parts.append("BYMONTHDAY=" + ",".join(map(str, self.month_days)))
        if self.positions:
            parts.append("BYSETPOS=" + ",".join(map(str, self.positions)))
        if self.week_start:
            parts.append(f"WKST={_WEEKDAYS[self.week_start]}")
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%dT%H%M%SZ}")
        return ";".join(parts)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a series happens: its rule, the wall time of the first occurrence in which zone, and how long each takes."""

    rule: Rule
    time_zone: str
    """IANA name."""
    local_start: datetime
    """Naive wall time."""
    duration_minutes: int


class Occurrence(NamedTuple):
    """One of a series. `wall` is the naive local time that the rule gives; `[starts_at, ends_at)` in UTC."""

    wall: datetime
    starts_at: datetime
    ends_at: datetime


def rule_of(text: str, time_zone: str) -> Rule:
    """Read the value of an RRULE. An UNTIL that is a date lasts to the end of that day in the zone.

    Raises RuleRefused for what is malformed, unbounded, or outside our subset.
    """
    given = _parts(text)
    frequency = next((known for known in _FREQUENCIES if known == given.get("FREQ")), None)
    if frequency is None:
        raise RuleRefused("FREQ must be DAILY, WEEKLY or MONTHLY.")
    if ("COUNT" in given) == ("UNTIL" in given):
        raise RuleRefused("Say either COUNT or UNTIL, so that the series ends.")
    days = tuple(dict.fromkeys(map(_nth_day, given["BYDAY"].split(",")))) if "BYDAY" in given else ()
    rule = Rule(
        frequency=frequency,
        interval=_number("INTERVAL", given.get("INTERVAL", "1"), 1, 99),
        count=_number("COUNT", given["COUNT"], 1, MOST) if "COUNT" in given else None,
        until=_until(given["UNTIL"], time_zone) if "UNTIL" in given else None,
        days=days,
        month_days=_numbers("BYMONTHDAY", given, 31),
        positions=_numbers("BYSETPOS", given, 31),
        week_start=_weekday(given.get("WKST", "MO")),
    )
    if frequency != "MONTHLY" and (rule.positions or any(n for n, _ in rule.days)):
        raise RuleRefused("BYSETPOS and the n-th weekday such as 2TU need FREQ=MONTHLY.")
    if frequency == "WEEKLY" and rule.month_days:
        raise RuleRefused("BYMONTHDAY needs FREQ=MONTHLY or DAILY.")
    if rule.positions and not (rule.days or rule.month_days):
        raise RuleRefused("BYSETPOS chooses among the days of BYDAY or BYMONTHDAY: give one of these.")
    return rule


def occurrences(series: Recurrence) -> list[Occurrence]:
    """Return every occurrence, in order: at most `MOST`, within `LONGEST` of the first.

    Each has the wall time of the first. A time that the clock skips is read with the offset before the change, so it
    moves forward; of a time that comes twice the first is meant (RFC 5545 section 3.3.5). Raises RuleRefused when the
    rule goes on for longer, or when the first time is none of its own (the RFC leaves open what that would mean).
    Visits each day once: O(days).
    """
    zone, rule = ZoneInfo(series.time_zone), series.rule
    duration = timedelta(minutes=series.duration_minutes)
    first, time_of_day = series.local_start.date(), series.local_start.time().replace(fold=0)
    found: list[Occurrence] = []
    for day in _days(rule, first, first + LONGEST):
        wall = datetime.combine(day, time_of_day)
        starts_at = wall.replace(tzinfo=zone).astimezone(UTC)
        if rule.until is not None and starts_at > rule.until:
            break
        if len(found) == MOST:
            raise RuleRefused(f"A series has at most {MOST} occurrences: end it earlier.")
        found.append(Occurrence(wall, starts_at, starts_at + duration))
        if len(found) == rule.count:
            break
    else:
        if rule.until is None or rule.until > (series.local_start + LONGEST).replace(tzinfo=zone):
            raise RuleRefused(f"A series ends within {LONGEST.days} days of its start: end it earlier.")
    if not found:
        raise RuleRefused("Nothing happens by this rule before it ends.")
    if found[0].wall != series.local_start:
        raise RuleRefused(f"The first time does not fit the rule: start on {found[0].wall:%Y-%m-%d} instead.")
    return found


def scope(starts: Sequence[datetime], at: datetime, which: Scope) -> tuple[datetime, ...]:
    """Return which occurrences of a series, known by the instants that its rule gives, an act on that `at` is about:
    `this` one, this and the `following`, or `all`. The one answer for claims, calendar entries and events.
    """
    if which == "all":
        return tuple(starts)
    return tuple(start for start in starts if start == at or (which == "following" and start > at))


def cut(series: Recurrence, at: datetime) -> tuple[Recurrence | None, Recurrence]:
    """Cut a series before the occurrence `at`: what comes before ends by UNTIL, None when nothing does, and the rest is
    a series of its own. Together they have the occurrences of the whole. ValueError when none is `at`.
    """
    whole = occurrences(series)
    place = [one.starts_at for one in whole].index(at)
    count = None if series.rule.count is None else len(whole) - place
    rest = replace(series, rule=replace(series.rule, count=count), local_start=whole[place].wall)
    if place == 0:
        return None, rest
    return replace(series, rule=replace(series.rule, count=None, until=whole[place - 1].starts_at)), rest


def moved(series: Recurrence, local_start: datetime, duration_minutes: int) -> Recurrence:
    """Return the series with its first occurrence at another wall time and every other as far from its own.

    Raises RuleRefused when no rule says that, as for the second Tuesday of each month put on a Wednesday.
    """
    before, by = occurrences(series), local_start - series.local_start
    turn = (local_start.date() - series.local_start.date()).days
    rule = replace(
        series.rule,
        days=tuple((n, (weekday + turn) % 7) for n, weekday in series.rule.days),
        month_days=tuple(day + turn for day in series.rule.month_days),
        count=len(before),
        until=None,
    )
    after = replace(series, rule=rule, local_start=local_start, duration_minutes=duration_minutes)
    try:
        fits = [one.wall for one in occurrences(after)] == [one.wall + by for one in before]
    except RuleRefused:
        fits = False
    if not fits:
        raise RuleRefused("Its rule cannot follow to that day. Cancel these, and book a new series.")
    return after


def _parts(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    if len(text) > _LONGEST_TEXT:
        raise RuleRefused(f"A rule has at most {_LONGEST_TEXT} characters.")
    for part in text.strip().upper().removesuffix(";").split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS:
            raise RuleRefused(f"Use {', '.join(_PARTS)}, as in FREQ=WEEKLY;BYDAY=TU;COUNT=10.")
        if not value or name in given:
            raise RuleRefused(f"Give {name} once, with a value.")
        given[name] = value
    return given


def _number(name: str, text: str, low: int, high: int) -> int:
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise RuleRefused(f"{name} must be a number from {low} to {high}.")
    return int(text)


def _numbers(name: str, given: dict[str, str], high: int) -> tuple[int, ...]:
    if name not in given:
        return ()
    numbers = tuple(dict.fromkeys(_number(name, text, -high, high) for text in given[name].split(",")))
    if 0 in numbers:
        raise RuleRefused(f"{name} counts from 1, or from -1 backwards.")
    return numbers


def _nth_day(text: str) -> tuple[int, int]:
    match = _NTH_DAY.fullmatch(text)
    if match is None:
        raise RuleRefused("BYDAY takes MO, TU, WE, TH, FR, SA and SU, or the n-th of a month such as 2TU and -1FR.")
    return int(match[1] or 0), _WEEKDAYS.index(match[2])


def _weekday(text: str) -> int:
    if text not in _WEEKDAYS:
        raise RuleRefused("WKST must be MO, TU, WE, TH, FR, SA or SU.")
    return _WEEKDAYS.index(text)


def _until(text: str, time_zone: str) -> datetime:
    try:
        if _LAST_INSTANT.fullmatch(text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if _LAST_DAY.fullmatch(text):
            day = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 a date has no zone
            return datetime.combine(day, time(23, 59, 59), ZoneInfo(time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RuleRefused("UNTIL must be a day such as 20261224 or an instant in UTC such as 20261224T170000Z.")


def _days(rule: Rule, first: date, last: date) -> Iterator[date]:
    """Yield the days of the rule in `[first, last]`; by default that of `first` in its week or month."""
    if not rule.days and not rule.month_days:
        if rule.frequency == "WEEKLY":
            rule = replace(rule, days=((0, first.weekday()),))
        elif rule.frequency == "MONTHLY":
            rule = replace(rule, month_days=(first.day,))
    for period in _periods(rule, first, last):
        fitting = [day for day in period if _fits(rule, day)]
        chosen = {(p - 1 if p > 0 else len(fitting) + p) for p in rule.positions}
        for place, day in enumerate(fitting):
            if first <= day <= last and (place in chosen or not chosen):
                yield day


def _periods(rule: Rule, first: date, last: date) -> Iterator[list[date]]:
    """Yield the days of every `interval`-th day, week or month, from that of `first` to that of `last`."""
    if rule.frequency == "MONTHLY":
        month = first.replace(day=1)
        while month <= last:
            yield [month + n * _DAY for n in range(_length(month))]
            months = month.year * 12 + month.month - 1 + rule.interval
            month = date(months // 12, months % 12 + 1, 1)
        return
    length = 7 if rule.frequency == "WEEKLY" else 1
    start = first - (first.weekday() - rule.week_start) % 7 * _DAY if length == 7 else first
    while start <= last:
        yield [start + n * _DAY for n in range(length)]
        start += length * rule.interval * _DAY


def _fits(rule: Rule, day: date) -> bool:
    left = _length(day) - day.day
    if rule.month_days and day.day not in rule.month_days and -left - 1 not in rule.month_days:
        return False
    if not rule.days:
        return True
    nth, nth_from_end = (day.day - 1) // 7 + 1, -(left // 7) - 1
    return any(weekday == day.weekday() and n in (0, nth, nth_from_end) for n, weekday in rule.days)


def _length(day: date) -> int:
    """Return the days of its month."""
    return ((day.replace(day=28) + 4 * _DAY).replace(day=1) - _DAY).day
