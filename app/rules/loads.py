"""Count what starts on whose local days and in whose local weeks: what load limits are held against."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.rules.seating import Load, Week, week_of

_NO_LIMIT = 1 << 30


def load(time_zone: str, per_day: int | None, per_week: int | None, starts: Iterable[int]) -> Load:
    """Return the load of somebody for whom something starts in each of these seconds since 1970. None is no limit.
    O(starts).
    """
    days = Counter(_day_at(second, time_zone) for second in starts)
    weeks: Counter[Week] = Counter()
    for day, number in days.items():
        weeks[week_of(day)] += number
    return Load(
        time_zone=time_zone,
        per_day=_NO_LIMIT if per_day is None else per_day,
        per_week=_NO_LIMIT if per_week is None else per_week,
        on_day=days,
        in_week=weeks,
    )


def takes_more(load: Load, second: int) -> bool:
    """Whether one more fits on the day, and in the week, of an instant within this second. As `Load.left`, for many."""
    day = _day_at(second, load.time_zone)
    return load.on_day.get(day, 0) < load.per_day and load.in_week.get(week_of(day), 0) < load.per_week


def one_more(load: Load, second: int) -> Load:
    """Return the load of somebody for whom something more starts within this second."""
    day = _day_at(second, load.time_zone)
    week = week_of(day)
    return replace(
        load,
        on_day={**load.on_day, day: load.on_day.get(day, 0) + 1},
        in_week={**load.in_week, week: load.in_week.get(week, 0) + 1},
    )


@lru_cache(maxsize=1 << 14)
def _day_at(second: int, time_zone: str) -> date:
    """Return the local date of any instant within this second since 1970: no clock changes within one.

    Calls start on few different seconds, mostly quarter hours, so that each is looked up once for all of them.
    """
    return datetime.fromtimestamp(second, ZoneInfo(time_zone)).date()
