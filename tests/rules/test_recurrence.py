"""Rules of series: what is refused, what the days are by two independent readings, and wall time over clock changes."""

import re
import time
from calendar import monthrange
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.rules.recurrence import (
    LONGEST,
    MOST,
    Occurrence,
    Recurrence,
    Rule,
    RuleRefused,
    cut,
    moved,
    occurrences,
    rule_of,
    scope,
)
from tests.worlds import worlds

ZONES = (
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Phoenix",
    "America/New_York",
    "Europe/London",
    "Australia/Sydney",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/Nuuk",
    "UTC",
)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def wall(text: str) -> datetime:
    """Wall time, of no zone."""
    return datetime.fromisoformat(text)


TUESDAY = wall("2026-11-24 10:00")


def a_series(
    rrule: str, *, local_start: datetime = TUESDAY, time_zone: str = "Europe/London", minutes: int = 30
) -> Recurrence:
    return Recurrence(rule_of(rrule, time_zone), time_zone, local_start, minutes)


def days_of(rrule: str, local_start: datetime = TUESDAY) -> list[str]:
    return [f"{one.wall:%a %d %b}" for one in occurrences(a_series(rrule, local_start=local_start))]


@pytest.mark.parametrize(
    ("rrule", "advice"),
    [
        ("", "as in FREQ=WEEKLY;BYDAY=TU;COUNT=10"),
        ("RRULE:FREQ=DAILY;COUNT=2", "as in FREQ=WEEKLY"),
        ("COUNT=2", "FREQ must be DAILY, WEEKLY or MONTHLY"),
        ("FREQ=SECONDLY;COUNT=2", "FREQ must be"),
        ("FREQ=YEARLY;COUNT=2", "FREQ must be"),
        ("FREQ=DAILY;BYHOUR=1,2,3;COUNT=9", "Use FREQ"),
        ("FREQ=DAILY;X-A=1;COUNT=9", "Use FREQ"),
        ("FREQ=DAILY;COUNT=2;COUNT=3", "Give COUNT once"),
        ("FREQ=DAILY;COUNT=", "Give COUNT once, with a value"),
        ("FREQ=DAILY", "either COUNT or UNTIL"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "either COUNT or UNTIL"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be a number from 1 to 104"),
        ("FREQ=DAILY;COUNT=105", "COUNT must be a number from 1 to 104"),
        ("FREQ=DAILY;COUNT=1e3", "COUNT must be a number"),
        ("FREQ=DAILY;COUNT=٣", "COUNT must be a number"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=2", "INTERVAL must be a number from 1 to 99"),
        ("FREQ=DAILY;INTERVAL=-1;COUNT=2", "INTERVAL must be"),
        ("FREQ=DAILY;UNTIL=2027-01-01", "UNTIL must be a day such as"),
        ("FREQ=DAILY;UNTIL=20270101T100000", "an instant in UTC"),
        ("FREQ=DAILY;UNTIL=20270231", "UNTIL must be"),
        ("FREQ=DAILY;UNTIL=00000101", "UNTIL must be"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=2", "BYDAY takes MO"),
        ("FREQ=WEEKLY;BYDAY=2TU;COUNT=2", "need FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYDAY=TU;BYSETPOS=1;COUNT=2", "need FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=2;COUNT=2", "BYMONTHDAY needs"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=2", "counts from 1"),
        ("FREQ=MONTHLY;BYMONTHDAY=32;COUNT=2", "BYMONTHDAY must be"),
        ("FREQ=MONTHLY;BYSETPOS=1;COUNT=2", "give one of these"),
        ("FREQ=WEEKLY;WKST=XX;COUNT=2", "WKST must be"),
        ("FREQ=MONTHLY;BYMONTHDAY=" + ",".join(["1"] * 200) + ";COUNT=2", "at most 300 characters"),
    ],
)
def test_a_rule_outside_the_subset_is_refused_and_the_refusal_says_what_works(rrule: str, advice: str) -> None:
    with pytest.raises(RuleRefused, match=re.escape(advice)):
        rule_of(rrule, "Europe/London")


@pytest.mark.parametrize(
    ("rrule", "advice"),
    [
        ("FREQ=WEEKLY;BYDAY=WE;COUNT=2", "start on 2026-11-25 instead"),
        ("FREQ=DAILY;UNTIL=20261101", "Nothing happens"),
        ("FREQ=DAILY;UNTIL=20270701", "at most 104"),
        ("FREQ=WEEKLY;UNTIL=99991231", "at most 104"),
        ("FREQ=MONTHLY;COUNT=104", "within 1098 days"),
        ("FREQ=MONTHLY;UNTIL=20400101", "within 1098 days"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=2", "within 1098 days"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31;COUNT=2", "within 1098 days"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=MO;BYSETPOS=2;COUNT=2", "within 1098 days"),
    ],
)
def test_a_series_that_never_happens_or_never_ends_is_refused_at_once(rrule: str, advice: str, soak: bool) -> None:
    series = a_series(rrule)

    began = time.thread_time()
    with pytest.raises(RuleRefused, match=re.escape(advice)):
        occurrences(series)

    assert time.thread_time() - began < (0.5 if soak else 2.0)


def test_days_of_the_rules_that_teams_use() -> None:
    assert days_of("FREQ=WEEKLY;COUNT=3") == ["Tue 24 Nov", "Tue 01 Dec", "Tue 08 Dec"]
    assert days_of("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;COUNT=4") == [
        "Tue 24 Nov",
        "Thu 26 Nov",
        "Tue 08 Dec",
        "Thu 10 Dec",
    ]
    assert days_of("FREQ=MONTHLY;BYDAY=4TU;COUNT=3") == ["Tue 24 Nov", "Tue 22 Dec", "Tue 26 Jan"]
    assert days_of("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3", wall("2026-11-30 09:00")) == [
        "Mon 30 Nov",
        "Thu 31 Dec",
        "Fri 29 Jan",
    ]
    assert days_of("FREQ=MONTHLY;COUNT=3", wall("2026-12-31 09:00")) == ["Thu 31 Dec", "Sun 31 Jan", "Wed 31 Mar"]
    assert days_of("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;UNTIL=20261130") == [
        "Tue 24 Nov",
        "Wed 25 Nov",
        "Thu 26 Nov",
        "Fri 27 Nov",
        "Mon 30 Nov",
    ]


def test_until_is_a_whole_day_where_the_series_is_or_the_very_instant() -> None:
    in_phoenix = [a_series(f"FREQ=DAILY;UNTIL={until}", time_zone="America/Phoenix") for until in
                  ("20261125", "20261125T170000Z", "20261125T165959Z")]  # fmt: skip

    assert [len(occurrences(series)) for series in in_phoenix] == [2, 2, 1]


def test_a_time_that_the_clock_skips_moves_forward_and_of_a_repeated_one_the_first_is_meant() -> None:
    spring = a_series("FREQ=DAILY;COUNT=3", local_start=wall("2027-03-13 02:30"), time_zone="America/New_York")
    autumn = replace(spring, local_start=wall("2026-10-31 01:30"))

    assert [
        one.starts_at.astimezone(ZoneInfo("America/New_York")).strftime("%d %H:%M") for one in occurrences(spring)
    ] == [
        "13 02:30",
        "14 03:30",
        "15 02:30",
    ]
    second_pass = replace(autumn, local_start=autumn.local_start.replace(fold=1))
    for series in (autumn, second_pass):
        assert [f"{one.starts_at:%d %H:%M}" for one in occurrences(series)] == ["31 05:30", "01 05:30", "02 06:30"]


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule of the subset whose first day is in it more often than not."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 4))}"]
    weekdays = draw(st.lists(st.sampled_from(WEEKDAYS), unique=True, max_size=5))
    if frequency == "MONTHLY":
        nth = st.sampled_from(["", "", "1", "2", "4", "5", "-1", "-2", "-5"])
        weekdays = [draw(nth) + day for day in weekdays]
        month_days = draw(st.lists(st.sampled_from([1, 2, 15, 28, 29, 30, 31, -1, -2, -31]), unique=True, max_size=3))
        if month_days:
            parts.append(f"BYMONTHDAY={','.join(map(str, month_days))}")
        if (weekdays or month_days) and draw(st.booleans()):
            parts.append(f"BYSETPOS={draw(st.sampled_from(['1', '-1', '2', '1,-1', '-3']))}")
    if weekdays:
        parts.append(f"BYDAY={','.join(weekdays)}")
    parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    parts.append(f"COUNT={draw(st.integers(1, 40))}")
    return ";".join(parts)


starts = st.datetimes(wall("2026-01-01 00:00"), wall("2028-12-31 00:00")).map(
    lambda at: at.replace(second=0, microsecond=0)
)
zones = st.sampled_from(ZONES)


def planned(rrule: str, local_start: datetime, time_zone: str) -> tuple[Recurrence, list[Occurrence]]:
    """The series from the first day at or after `local_start` that its rule has."""
    series = a_series(rrule, local_start=local_start, time_zone=time_zone)
    try:
        return series, occurrences(series)
    except RuleRefused as refused:
        instead = re.search(r"start on (\S+) instead", str(refused))
        assume(instead is not None)
        assert instead is not None
        series = replace(series, local_start=datetime.combine(date.fromisoformat(instead[1]), local_start.time()))
    try:
        return series, occurrences(series)
    except RuleRefused:  # from there on its period is another
        assume(False)
        raise


def by_the_letter(rrule: str, first: date, count: int) -> list[date]:
    """Ask each day on its own whether RFC 5545 puts an occurrence there."""
    parts = dict(part.split("=") for part in rrule.split(";"))
    interval, week_start = int(parts["INTERVAL"]), WEEKDAYS.index(parts["WKST"])
    weekdays = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    month_days = [int(n) for n in parts["BYMONTHDAY"].split(",")] if "BYMONTHDAY" in parts else []
    if not weekdays and not month_days:
        weekdays = [WEEKDAYS[first.weekday()]] if parts["FREQ"] == "WEEKLY" else []
        month_days = [first.day] if parts["FREQ"] == "MONTHLY" else []

    def week(day: date) -> int:
        return (day.toordinal() - 1 - week_start) // 7

    def in_period(day: date) -> bool:
        apart = {
            "DAILY": (day - first).days,
            "WEEKLY": week(day) - week(first),
            "MONTHLY": (day.year - first.year) * 12 + day.month - first.month,
        }[parts["FREQ"]]
        return apart % interval == 0

    def named(day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        same = [d for d in range(1, length + 1) if date(day.year, day.month, d).weekday() == day.weekday()]
        names = {WEEKDAYS[day.weekday()]}
        names |= {f"{same.index(day.day) + 1}{WEEKDAYS[day.weekday()]}"}
        names |= {f"{same.index(day.day) - len(same)}{WEEKDAYS[day.weekday()]}"}
        return (not weekdays or not names.isdisjoint(weekdays)) and (
            not month_days or day.day in month_days or day.day - length - 1 in month_days
        )

    def chosen(day: date) -> bool:
        if "BYSETPOS" not in parts:
            return True
        length = monthrange(day.year, day.month)[1]
        month = [d for d in range(1, length + 1) if named(day.replace(day=d))]
        places = [int(p) for p in parts["BYSETPOS"].split(",")]
        return any(month[p - 1 if p > 0 else p] == day.day for p in places if abs(p) <= len(month))

    found: list[date] = []
    day = first
    while len(found) < count and day <= first + LONGEST:
        if in_period(day) and named(day) and chosen(day):
            found.append(day)
        day += timedelta(days=1)
    return found


@settings(max_examples=worlds(200))
@given(rrule=rules(), local_start=starts, time_zone=zones)
def test_two_independent_readings_of_the_rule_find_the_same_days(
    rrule: str, local_start: datetime, time_zone: str
) -> None:
    series, found = planned(rrule, local_start, time_zone)

    walls = [one.wall for one in found]
    assert [at.date() for at in walls] == by_the_letter(rrule, series.local_start.date(), len(walls))
    if len({n == 0 for n, _ in series.rule.days}) < 2:  # dateutil wants a day to be both, if a rule names both
        assert walls == list(rrulestr(rrule, dtstart=series.local_start))


@settings(max_examples=worlds(200))
@given(rrule=rules(), local_start=starts, time_zone=zones, minutes=st.integers(5, 480))
def test_a_series_keeps_its_wall_time_whatever_the_clock_does(
    rrule: str, local_start: datetime, time_zone: str, minutes: int
) -> None:
    series, found = planned(rrule, local_start, time_zone)
    found = occurrences(replace(series, duration_minutes=minutes))

    zone = ZoneInfo(time_zone)
    for at, starts_at, ends_at in found:
        assert at.time() == local_start.time()
        shown = starts_at.astimezone(zone).replace(tzinfo=None)
        assert shown == at or timedelta(0) < shown - at <= timedelta(hours=1)  # skipped by the clock
        assert not any((starts_at - timedelta(minutes=n)).astimezone(zone).replace(tzinfo=None) == at
                       for n in (30, 60))  # fmt: skip
        assert ends_at - starts_at == timedelta(minutes=minutes)
        assert starts_at.tzinfo is UTC
    assert [one.starts_at for one in found] == sorted({one.starts_at for one in found})
    assert len(found) <= MOST


@settings(max_examples=worlds(200))
@given(rrule=rules(), local_start=starts, time_zone=zones, place=st.integers(0, 39), by_until=st.booleans())
def test_what_comes_before_a_cut_and_the_rest_are_the_whole(
    rrule: str, local_start: datetime, time_zone: str, place: int, by_until: bool
) -> None:
    series, whole = planned(rrule, local_start, time_zone)
    if by_until:
        series = replace(series, rule=replace(series.rule, count=None, until=whole[-1].starts_at))
    place %= len(whole)

    before, rest = cut(series, whole[place].starts_at)

    assert [*(occurrences(before) if before else []), *occurrences(rest)] == whole
    assert occurrences(rest)[0] == whole[place]
    assert (before is None) == (place == 0)
    if before:
        assert before.rule.count is None
        assert before.local_start == series.local_start


@settings(max_examples=worlds(100))
@given(rrule=rules(), local_start=starts, time_zone=zones)
def test_a_rule_is_written_so_that_it_is_read_as_the_same(rrule: str, local_start: datetime, time_zone: str) -> None:
    series, whole = planned(rrule, local_start, time_zone)
    before, _ = cut(series, whole[-1].starts_at)

    for one in filter(None, (series, before)):
        assert rule_of(str(one.rule), "Pacific/Auckland") == one.rule
        assert str(rule_of(str(one.rule), time_zone)) == str(one.rule)


@settings(max_examples=worlds(100))
@given(rrule=rules(), local_start=starts, time_zone=zones, days=st.integers(-8, 8), minutes=st.integers(-600, 600))
def test_a_moved_series_has_every_occurrence_moved_as_far_or_is_refused(
    rrule: str, local_start: datetime, time_zone: str, days: int, minutes: int
) -> None:
    series, whole = planned(rrule, local_start, time_zone)
    by = timedelta(days=days, minutes=minutes)

    try:
        after = occurrences(moved(series, series.local_start + by, 45))
    except RuleRefused:
        after = []

    if after or (series.local_start + by).date() == series.local_start.date():
        assert [one.wall for one in after] == [one.wall + by for one in whole]
        assert all(one.ends_at - one.starts_at == timedelta(minutes=45) for one in after)


def test_a_weekly_series_moves_to_another_weekday_and_the_second_tuesday_stays_a_tuesday() -> None:
    weekly = a_series("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20270201")
    monthly = a_series("FREQ=MONTHLY;BYDAY=4TU;COUNT=12")

    assert str(moved(weekly, wall("2026-11-26 15:00"), 30).rule) == "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH;COUNT=5"
    assert str(moved(monthly, wall("2026-11-24 15:00"), 30).rule) == "FREQ=MONTHLY;BYDAY=4TU;COUNT=12"
    with pytest.raises(RuleRefused, match="book a new series"):
        moved(monthly, wall("2026-11-25 15:00"), 30)


def test_scope_names_the_occurrences_that_an_act_is_about() -> None:
    first, second, third = (one.starts_at for one in occurrences(a_series("FREQ=WEEKLY;COUNT=3")))

    assert scope([first, second, third], second, "this") == (second,)
    assert scope([first, second, third], second, "following") == (second, third)
    assert scope([first, second, third], second, "all") == (first, second, third)
    assert scope([first, third], second, "following") == (third,)  # the second one was cancelled before
    assert scope([first, third], second, "this") == ()


def test_a_cut_where_nothing_happens_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not in list"):
        cut(a_series("FREQ=WEEKLY;COUNT=3"), datetime(2026, 11, 25, 10, tzinfo=UTC))


def test_a_default_rule_is_one_every_period() -> None:
    assert str(Rule("WEEKLY", count=2)) == "FREQ=WEEKLY;COUNT=2"
