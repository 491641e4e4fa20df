"""Recurrence rules as we walk them, against dateutil and recurring-ical-events, and whatever the window."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from dateutil.rrule import rrulestr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.ical.expand import busy_times
from app.ical.read import Budget
from app.ical.recur import rule_of, walls
from tests.ical.foreign_calendars import a_calendar, an_event
from tests.worlds import worlds

BEGINNING = datetime(2019, 12, 28)  # noqa: DTZ001 - wall time
DAYS = st.sets(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1).map(sorted)
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
Part = tuple[str, ...]


def listed(name: str, numbers: st.SearchStrategy[int], most: int = 4) -> st.SearchStrategy[Part]:
    return st.sets(numbers, min_size=1, max_size=most).map(
        lambda some: (f"{name}=" + ",".join(map(str, sorted(some))),)
    )


def or_none(part: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    return st.one_of(st.just(()), part)


def signed(most: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(1, most), st.integers(-most, -1))


def together(*parts: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    return st.tuples(*parts).map(lambda some: sum(some, ()))


WEEKDAYS = DAYS.map(lambda days: ("BYDAY=" + ",".join(days),))
NTH_DAYS = st.tuples(signed(5), DAYS).map(lambda nth: ("BYDAY=" + ",".join(f"{nth[0]:+}{day}" for day in nth[1]),))
MONTHS = listed("BYMONTH", st.integers(1, 12))
MONTH_DAYS = listed("BYMONTHDAY", signed(28))
TIMES = together(or_none(listed("BYHOUR", st.integers(5, 20), 3)), or_none(listed("BYMINUTE", st.integers(0, 59), 3)))
POSITIONS = or_none(listed("BYSETPOS", signed(3), 2))


def freq(name: str, most: int) -> st.SearchStrategy[Part]:
    return st.integers(1, most).map(lambda n: (f"FREQ={name}",) if n == 1 else (f"FREQ={name}", f"INTERVAL={n}"))


RULES = st.one_of(
    together(freq("HOURLY", 30), or_none(WEEKDAYS), or_none(listed("BYMINUTE", st.integers(0, 59), 3))),
    together(freq("DAILY", 12), or_none(MONTHS), or_none(WEEKDAYS), TIMES),
    together(freq("DAILY", 3), MONTH_DAYS),
    together(freq("WEEKLY", 5), or_none(WEEKDAYS), TIMES, st.sampled_from([(), ("WKST=SU",), ("WKST=WE",)])),
    together(freq("WEEKLY", 2), WEEKDAYS, or_none(MONTHS)),
    together(freq("MONTHLY", 7), or_none(st.one_of(MONTH_DAYS, WEEKDAYS, NTH_DAYS)), TIMES),
    together(freq("MONTHLY", 2), st.one_of(WEEKDAYS, MONTH_DAYS), POSITIONS),
    together(freq("MONTHLY", 1), MONTH_DAYS, WEEKDAYS),
    together(freq("YEARLY", 3), or_none(MONTHS), or_none(st.one_of(MONTH_DAYS, NTH_DAYS)), TIMES),
    together(freq("YEARLY", 2), listed("BYYEARDAY", signed(366)), POSITIONS),
    together(freq("YEARLY", 1), st.sampled_from([(f"BYDAY={n}MO",) for n in (1, 20, 52, -1, -30)]), POSITIONS),
    together(
        freq("YEARLY", 1),
        listed("BYWEEKNO", st.integers(2, 51)),
        WEEKDAYS,
        st.sampled_from([(), ("WKST=SU",), ("WKST=TH",)]),
    ),
).map(";".join)
ENDS = st.one_of(st.just(""), st.integers(1, 60).map(lambda count: f";COUNT={count}"))


def first_of(rule: str, start: datetime) -> datetime | None:
    """The first time that the rule itself gives, with which a series ought to begin."""
    found = rrulestr(rule, dtstart=start)
    return next(iter(found), None) if found else None


@settings(max_examples=worlds(200))
@given(
    rule=RULES, end=ENDS, minutes=st.integers(0, 400 * 24 * 60), after=st.integers(-400, 2000), days=st.integers(0, 400)
)
@example("FREQ=MONTHLY", "", 44640, 0, 400)  # on the 28th, and on the 31st
@example("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "", 0, 0, 400)
@example("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;WKST=SU", ";COUNT=9", 0, 0, 400)
def test_rules_give_what_dateutil_finds(rule: str, end: str, minutes: int, after: int, days: int) -> None:
    start = first_of(rule, BEGINNING + timedelta(minutes=minutes))
    assume(start is not None and start.year < 2026)
    assert start is not None
    first = start + timedelta(days=after)
    last = first + timedelta(days=days)

    found = list(walls(rule_of(rule + end, start, lambda _: UTC), start, first, last, Budget(100_000)))

    theirs = rrulestr(rule + end, dtstart=start)
    assert found == [*takewhile(lambda at: at < last, theirs.xafter(first, inc=True))]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # dateutil finds nothing for the first, and all days of the week for the next
        (
            "FREQ=MONTHLY;BYDAY=MO,2TH",
            ["2027-01-04", "2027-01-11", "2027-01-14", "2027-01-18", "2027-01-25", "2027-02-01"],
        ),
        ("FREQ=YEARLY;BYWEEKNO=1", ["2027-01-04", "2028-01-03", "2029-01-01", "2029-12-31", "2030-12-30"]),
        ("FREQ=YEARLY;BYWEEKNO=-1", ["2027-01-04", "2027-12-27", "2028-12-25", "2029-12-24"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", ["2027-01-04", "2027-05-17", "2028-05-15"]),
        # dateutil misses days of the last week that lie in the next year
        ("FREQ=YEARLY;BYWEEKNO=52;BYDAY=SA", ["2027-01-04", "2028-01-01", "2028-12-30"]),
        # dateutil counts the days of the first week from DTSTART on
        ("FREQ=WEEKLY;BYDAY=SU,MO,TU;BYSETPOS=2;WKST=SU", ["2027-01-04", "2027-01-11", "2027-01-18"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=-1", ["2027-01-04", "2027-01-08", "2027-01-15"]),
        # RFC 5545 section 3.8.5.3
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ["2027-01-04", "2027-08-13", "2028-10-13"]),
        ("FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", ["2027-01-04", "2027-01-09", "2027-02-13"]),
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            ["2027-01-04", "2027-11-02", "2031-11-04"],
        ),
        ("FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3", ["2027-01-04", "2027-01-07", "2027-02-04"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", ["2027-01-04", "2027-01-28", "2027-02-25"]),
        (
            "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
            ["2027-01-04", "2027-01-15", "2027-01-30", "2027-02-15", "2027-03-15"],
        ),
        ("FREQ=YEARLY;INTERVAL=3;BYYEARDAY=1,100,200", ["2027-01-04", "2027-04-10", "2027-07-19", "2030-01-01"]),
        ("FREQ=YEARLY;BYDAY=20MO", ["2027-01-04", "2027-05-17", "2028-05-15"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", ["2027-01-04"]),
        ("FREQ=DAILY;BYMONTH=6;BYMONTHDAY=31", ["2027-01-04"]),
        ("freq=weekly;interval=3;wkst=mo", ["2027-01-04", "2027-01-25", "2027-02-15"]),
    ],
)
def test_rules_that_others_read_differently_are_read_as_the_rfc_has_them(rule: str, expected: list[str]) -> None:
    start = datetime(2027, 1, 4, 9)  # noqa: DTZ001 - wall time

    found = walls(rule_of(rule, start, lambda _: UTC), start, start, datetime(2035, 1, 1), Budget(20_000))  # noqa: DTZ001

    assert [str(at.date()) for at in islice(found, len(expected))] == expected


@settings(max_examples=worlds(80))
@given(
    rule=RULES,
    end=ENDS,
    hours=st.integers(0, 400 * 24),
    days=st.integers(0, 1500),
    cut=st.integers(0, 60),
    length=st.sampled_from(["PT30M", "PT26H", "P3D"]),
)
def test_what_is_found_in_a_window_is_what_a_larger_one_shows_there(
    rule: str, end: str, hours: int, days: int, cut: int, length: str
) -> None:
    start = BEGINNING + timedelta(hours=hours)
    content = a_calendar(
        an_event(
            f"RRULE:{rule}{end}", start=f"DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}", end=f"DURATION:{length}"
        )
    )
    first = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(days=days)
    middle, last = first + timedelta(days=cut), first + timedelta(days=60)

    whole, left, right = (
        set(busy_times(content, start=begins, end=ends, owner_zone="UTC").occurrences)
        for begins, ends in ((first, last), (first, middle), (middle, last))
    )

    assert whole == left | right
    assert left == {one for one in whole if max(one.start, first) < min(one.end, middle)}


@settings(max_examples=worlds(60))
@given(
    rule=RULES,
    end=ENDS,
    day=st.integers(0, 400),
    hour=st.integers(5, 20),
    zone=ZONES,
    left_out=st.sets(st.integers(0, 9), max_size=3),
    moved=st.dictionaries(st.integers(0, 9), st.integers(-40, 40), max_size=3),
    days=st.integers(-30, 300),
)
def test_series_are_where_an_independent_reader_finds_them(
    rule: str,
    end: str,
    day: int,
    hour: int,
    zone: str,
    left_out: set[int],
    moved: dict[int, int],
    days: int,
) -> None:
    assume("HOURLY" not in rule)  # walks through hours that clocks skip, where readers differ
    start = first_of(rule, BEGINNING + timedelta(days=day, hours=hour))
    assume(start is not None and start.year < 2026)
    assert start is not None
    slots = dict(enumerate(islice(rrulestr(rule + end, dtstart=start), 10)))
    once_a_day = "BYHOUR" not in rule and "BYMINUTE" not in rule  # of more, that reader drops others too
    exdates = [_at("EXDATE", zone, slots[n]) for n in left_out - moved.keys() if n in slots and once_a_day]
    singles = [
        an_event(_at("RECURRENCE-ID", zone, slots[n]), start=_at("DTSTART", zone, slots[n] + timedelta(hours=shift)))
        for n, shift in moved.items()
        if n in slots and once_a_day and (slots[n] + timedelta(hours=shift)).hour >= 4
    ]
    content = a_calendar(an_event(f"RRULE:{rule}{end}", *exdates, start=_at("DTSTART", zone, start)), *singles)
    first = start.replace(tzinfo=UTC) + timedelta(days=days)
    last = first + timedelta(days=200)

    found = busy_times(content, start=first, end=last, owner_zone="UTC").occurrences

    theirs = recurring_ical_events.of(icalendar.Calendar.from_ical(content)).between(first, last)
    assert [(one.start, one.end) for one in found] == sorted(
        (one["DTSTART"].dt.astimezone(UTC), one["DTEND"].dt.astimezone(UTC)) for one in theirs
    )


@settings(max_examples=worlds(60))
@given(
    rule=st.sampled_from(["DAILY", "WEEKLY;BYDAY=MO,SA", "MONTHLY", "YEARLY"]),
    start=st.dates(date(2019, 1, 1), date(2090, 1, 1)),
    zone=ZONES,
)
def test_whole_days_are_whole_days_of_the_owner(rule: str, start: date, zone: str) -> None:
    first = datetime.combine(start, datetime.min.time(), UTC)
    content = a_calendar(an_event(f"RRULE:FREQ={rule}", start=f"DTSTART;VALUE=DATE:{start:%Y%m%d}", end=""))

    found = busy_times(content, start=first, end=first + timedelta(days=400), owner_zone=zone).occurrences

    for one in found:
        begins, ends = (at.astimezone(ZoneInfo(zone)) for at in (one.start, one.end))
        assert begins.time() == ends.time() == datetime.min.time()
        assert ends.date() - begins.date() == timedelta(days=1)


def _at(name: str, zone: str, at: datetime) -> str:
    return f"{name}:{at:%Y%m%dT%H%M%S}Z" if zone == "UTC" else f"{name};TZID={zone}:{at:%Y%m%dT%H%M%S}"
