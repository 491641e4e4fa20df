"""Recurrence rules that others wrote, all of RFC 5545 section 3.3.10 but for FREQ=MINUTELY and SECONDLY.

Wall times in, wall times out: zones are applied by whoever asks. We walk the periods ourselves, from the one before the
window on: `dateutil` begins at DTSTART whatever is asked for, and looks until the year 9999 for the 30th of February.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import IntEnum

from app.ical.read import Budget, Property, Reason, Unreadable
from app.ical.times import When, ZoneOf, when

MOST_A_DAY = 24
"""Times that BYHOUR × BYMINUTE × BYSECOND may come to."""

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NTH_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,10}", re.ASCII)


class MalformedRule(ValueError):
    """What a rule says cannot be understood."""


class Frequency(IntEnum):
    """How long a period is."""

    HOURLY = 1
    DAILY = 2
    WEEKLY = 3
    MONTHLY = 4
    YEARLY = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, with what it leaves to DTSTART filled in."""

    frequency: Frequency
    interval: int
    count: int | None
    until: When | None
    """The last that may be, if it is one. Of a day, all of it."""
    months: frozenset[int]
    week_numbers: frozenset[int]
    """As in ISO 8601, but for the day with which weeks begin; negative from the end of the year."""
    year_days: frozenset[int]
    month_days: frozenset[int]
    weekdays: frozenset[tuple[int, int]]
    """(weekday, 0 = Monday; n): the n-th of its month or year, from the end when negative; n = 0 is every one."""
    hours: tuple[int, ...]
    times: tuple[time, ...]
    """Of the day; of each hour, where the period is one: then only minutes and seconds count."""
    positions: tuple[int, ...]
    week_start: int

    def unit(self, wall: datetime) -> int:
        """Return the number of the period that a time lies in. Consecutive ones differ by one."""
        if self.frequency is Frequency.YEARLY:
            return wall.year
        if self.frequency is Frequency.MONTHLY:
            return wall.year * 12 + wall.month - 1
        ordinal = wall.toordinal()
        if self.frequency is Frequency.WEEKLY:
            return (ordinal - 1 - self.week_start) // 7  # day 1 was a Monday
        return ordinal if self.frequency is Frequency.DAILY else ordinal * 24 + wall.hour

    def steady(self) -> int:
        """Return how many occurrences every whole period has; 0 when that varies."""
        if self.positions or self.months or self.week_numbers or self.year_days or self.month_days or self.hours:
            return 0
        if self.frequency is Frequency.WEEKLY:
            return len(self.weekdays) * len(self.times)
        return len(self.times) if self.frequency <= Frequency.DAILY and not self.weekdays else 0

    def most(self) -> int:
        """Return a number of occurrences that no period exceeds."""
        days = {Frequency.WEEKLY: 7, Frequency.MONTHLY: 31, Frequency.YEARLY: 366}.get(self.frequency, 1)
        return self.steady() or len(self.positions) or days * len(self.times)


def rule_of(text: str, start: datetime, zone_of: ZoneOf) -> Rule:
    """Read the value of an RRULE of something that starts at this wall time.

    Raises MalformedRule for what cannot be understood, Unreadable for what repeats too often to be somebody's time.
    """
    parts = _parts(text)
    if parts.get("FREQ") in ("MINUTELY", "SECONDLY"):
        raise Unreadable(Reason.TOO_FREQUENT)
    try:
        frequency = Frequency[parts.get("FREQ", "")]
    except KeyError as error:
        raise MalformedRule("FREQ") from error
    months, month_days = _numbers(parts, "BYMONTH", 1, 12), _numbers(parts, "BYMONTHDAY", -31, 31)
    year_days, week_numbers = _numbers(parts, "BYYEARDAY", -366, 366), _numbers(parts, "BYWEEKNO", -53, 53)
    weekdays = frozenset(_nth_day(one) for one in parts["BYDAY"].split(",")) if "BYDAY" in parts else frozenset()
    if frequency < Frequency.MONTHLY or week_numbers:
        weekdays = frozenset((weekday, 0) for weekday, _ in weekdays)  # there is nothing to count them in
    # What the rule leaves open is as in DTSTART.
    if not (weekdays or month_days or year_days):
        if frequency is Frequency.WEEKLY or week_numbers:
            weekdays = frozenset([(start.weekday(), 0)])
        elif frequency >= Frequency.MONTHLY:
            month_days = frozenset([start.day])
            if frequency is Frequency.YEARLY:
                months = months or frozenset([start.month])
    hours = tuple(sorted(_numbers(parts, "BYHOUR", 0, 23)))
    hourly = frequency is Frequency.HOURLY
    return Rule(
        frequency=frequency,
        interval=_number("INTERVAL", parts.get("INTERVAL", "1"), 1),
        count=_number("COUNT", parts["COUNT"], 1) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"], zone_of) if "UNTIL" in parts else None,
        months=months,
        week_numbers=week_numbers,
        year_days=year_days,
        month_days=month_days,
        weekdays=weekdays,
        hours=hours if hourly else (),
        times=_times(parts, (0,) if hourly else hours or (start.hour,), start),
        positions=tuple(sorted(_numbers(parts, "BYSETPOS", -366, 366))),
        week_start=_nth_day(parts.get("WKST", "MO"))[0],
    )


def walls(rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget) -> Iterator[datetime]:
    """Return the occurrences in [after, before) of a rule that starts at `start`, sorted. UNTIL is not looked at.

    `start` is always the first, even if the rule would not give it (RFC 5545 section 3.3.10, COUNT). A step of the
    budget for each period and each candidate in it. The time is linear in the periods of the window, and of those since
    the start only where COUNT has to be counted and periods vary.
    """
    unit, left = rule.unit(start), rule.count
    begun = [wall for wall in _period(rule, unit, budget) if wall >= start]
    if start not in begun:
        left = left and left - 1
        if after <= start < before:
            yield start
    first, last = rule.unit(max(after, start)), rule.unit(before)
    skipped = max(0, (first - unit) // rule.interval)
    if left is not None:
        if (skipped + (last - first) // rule.interval + 2) * rule.most() <= left:
            left = None  # more than there can be
        elif not (each := rule.steady()):
            skipped = 0
        elif skipped:
            left -= len(begun) + (skipped - 1) * each
    unit += skipped * rule.interval
    while unit <= last and (left is None or left > 0):
        budget.spend()
        for wall in _period(rule, unit, budget):
            if wall < start:
                continue
            if wall >= before or left == 0:
                return
            if left is not None:
                left -= 1
            if wall >= after:
                yield wall
        unit += rule.interval


def _period(rule: Rule, unit: int, budget: Budget) -> list[datetime]:
    """Return the occurrences of one period, sorted."""
    if rule.frequency is Frequency.HOURLY:
        ordinal, hour = divmod(unit, 24)
        if rule.hours and hour not in rule.hours:
            return []
        times = [one.replace(hour=hour) for one in rule.times]
        ordinals: list[int] = [ordinal]
    else:
        times = list(rule.times)
        ordinals = _ordinals(rule, unit)
    budget.spend(len(ordinals) * len(times))
    days = [date.fromordinal(one) for one in ordinals]
    if _filtered(rule):
        days = [day for day in days if _fits(rule, day)]
    found = [datetime.combine(day, one) for day in days for one in times]
    if rule.positions:
        size = len(found)
        chosen = {position - 1 if position > 0 else size + position for position in rule.positions}
        found = [found[at] for at in sorted(chosen) if 0 <= at < size]
    return found


def _ordinals(rule: Rule, unit: int) -> list[int]:
    """Return the days of a period of a day or more on which it may happen, sorted: `_fits` says which do."""
    if rule.frequency is Frequency.DAILY:
        return [unit]
    if rule.frequency is Frequency.WEEKLY:
        begins = unit * 7 + 1 + rule.week_start
        if not rule.weekdays:
            return list(range(begins, begins + 7))
        return sorted(begins + (weekday - rule.week_start) % 7 for weekday, _ in rule.weekdays)
    if rule.frequency is Frequency.MONTHLY:
        year, month = divmod(unit, 12)
        return sorted(_of_month(rule, year, month + 1))
    return sorted(_of_year(rule, unit))


def _of_year(rule: Rule, year: int) -> set[int]:
    """Return the days of a year by the narrowest part of the rule."""
    begins, size = date(year, 1, 1).toordinal(), 365 + isleap(year)
    if rule.year_days:
        return {begins + (n - 1 if n > 0 else size + n) for n in rule.year_days if abs(n) <= size}
    if rule.week_numbers:
        weeks = (week for of in (year - 1, year, year + 1) for week in _weeks(rule, of))  # they reach over its ends
        return {day for week in weeks for day in range(week, week + 7) if begins <= day < begins + size}
    if rule.month_days or rule.months:
        return {day for month in rule.months or range(1, 13) for day in _of_month(rule, year, month)}
    return {begins + at for at in _nth_days(rule, (begins - 1) % 7, size)}


def _of_month(rule: Rule, year: int, month: int) -> set[int]:
    """Return the days of a month by BYMONTHDAY, else by BYDAY, else all."""
    begins = date(year, month, 1).toordinal()
    weekday, size = monthrange(year, month)
    if rule.month_days:
        return {begins + (n - 1 if n > 0 else size + n) for n in rule.month_days if abs(n) <= size}
    return {begins + at for at in (_nth_days(rule, weekday, size) if rule.weekdays else range(size))}


def _nth_days(rule: Rule, first_weekday: int, size: int) -> Iterator[int]:
    """Return the weekdays of a month or year of `size` days, counted from 0."""
    for weekday, n in rule.weekdays:
        first = (weekday - first_weekday) % 7
        last = first + (size - 1 - first) // 7 * 7
        if n == 0:
            yield from range(first, size, 7)
        elif 0 <= (at := first + 7 * (n - 1) if n > 0 else last + 7 * (n + 1)) < size:
            yield at


def _filtered(rule: Rule) -> bool:
    """Whether days that `_ordinals` gives may have to go."""
    others = rule.months or rule.week_numbers or rule.year_days or rule.month_days
    if rule.frequency is Frequency.WEEKLY:
        return bool(others)
    return rule.frequency >= Frequency.MONTHLY or bool(others or rule.weekdays)


def _fits(rule: Rule, day: date) -> bool:
    """Whether a day is what every part of the rule wants."""
    if rule.months and day.month not in rule.months:
        return False
    days_of_month = monthrange(day.year, day.month)[1]
    if rule.month_days and rule.month_days.isdisjoint((day.day, day.day - days_of_month - 1)):
        return False
    of_year, days_of_year = day.toordinal() - date(day.year, 1, 1).toordinal(), 365 + isleap(day.year)
    if rule.year_days and rule.year_days.isdisjoint((of_year + 1, of_year - days_of_year)):
        return False
    if rule.week_numbers and rule.week_numbers.isdisjoint(_week_numbers(day, rule.week_start)):
        return False
    by_year = rule.frequency is Frequency.YEARLY and not rule.months
    at, size = (of_year, days_of_year) if by_year else (day.day - 1, days_of_month)
    nth = (0, at // 7 + 1, -((size - 1 - at) // 7) - 1)
    return not rule.weekdays or any((day.weekday(), n) in rule.weekdays for n in nth)


def _weeks(rule: Rule, year: int) -> Iterator[int]:
    """Return the first days of the weeks of a year that BYWEEKNO names."""
    first, after = _first_week(year, rule.week_start), _first_week(year + 1, rule.week_start)
    weeks = (first + 7 * (n - 1) if n > 0 else after + 7 * n for n in rule.week_numbers)
    return (week for week in weeks if first <= week < after)


def _first_week(year: int, week_start: int) -> int:
    """Return the day, an ordinal, with which the first week of a year begins: the one that holds the 4th of January."""
    fourth = date(year, 1, 4)
    return fourth.toordinal() - (fourth.weekday() - week_start) % 7


def _week_numbers(day: date, week_start: int) -> tuple[int, int]:
    """Return the number of a day's week from the beginning and from the end of the year that the week is of."""
    ordinal, year = day.toordinal(), day.year
    if ordinal < _first_week(year, week_start):
        year -= 1
    elif ordinal >= _first_week(year + 1, week_start):
        year += 1
    weeks = (ordinal - _first_week(year, week_start)) // 7
    return weeks + 1, weeks - (_first_week(year + 1, week_start) - _first_week(year, week_start)) // 7


def _parts(text: str) -> dict[str, str]:
    """Part a rule at its semicolons. Each part once, and those that mean nothing to us are refused."""
    parts: dict[str, str] = {}
    for part in filter(None, text.strip().upper().rstrip(";").split(";")):
        name, _, value = part.partition("=")
        if name in parts or not value:
            raise MalformedRule(name)
        parts[name] = value
    return parts


def _times(parts: Mapping[str, str], hours: tuple[int, ...], start: datetime) -> tuple[time, ...]:
    minutes = _numbers(parts, "BYMINUTE", 0, 59) or {start.minute}
    seconds = {min(second, 59) for second in _numbers(parts, "BYSECOND", 0, 60)} or {start.second}
    if len(parts.get("BYHOUR", "0").split(",")) * len(minutes) * len(seconds) > MOST_A_DAY:
        raise Unreadable(Reason.TOO_FREQUENT)
    return tuple(sorted(time(hour, minute, second) for hour in hours for minute in minutes for second in seconds))


def _until(value: str, zone_of: ZoneOf) -> When:
    until = when(Property(value, {}), zone_of)
    if until is None:
        raise MalformedRule("UNTIL")
    return until


def _nth_day(value: str) -> tuple[int, int]:
    found = _NTH_DAY.fullmatch(value.strip())
    if found is None:
        raise MalformedRule("BYDAY")
    return _WEEKDAYS.index(found[2]), int(found[1] or 0)


def _numbers(parts: Mapping[str, str], name: str, least: int, most: int) -> frozenset[int]:
    """Read a list of numbers; where negative ones count from the end, none is 0."""
    if name not in parts:
        return frozenset()
    numbers = frozenset(_number(name, one, least) for one in parts[name].split(","))
    if max(numbers) > most or (least < 0 and 0 in numbers):
        raise MalformedRule(name)
    return numbers


def _number(name: str, value: str, least: int) -> int:
    if not _NUMBER.fullmatch(value.strip()) or (number := int(value)) < least:
        raise MalformedRule(name)
    return number
