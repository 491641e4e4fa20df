"""Series of other people's calendars: what is left out, moved, added, and when they end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.ical.expand import busy_times
from tests.ical.foreign_calendars import a_calendar, an_event, berlin_as_outlook_has_it

MONDAY = datetime(2027, 3, 1, tzinfo=UTC)
BERLIN = "DTSTART;TZID=Europe/Berlin:20270301T090000"
DAILY = "RRULE:FREQ=DAILY;COUNT=5"


def starts(*parts: str, **asked: Any) -> list[str]:
    """Day and hour, in UTC, of what takes time in the first three weeks of March 2027, or when asked."""
    window = {"start": MONDAY, "end": MONDAY + timedelta(days=21), "owner_zone": "Europe/Berlin"}
    found = busy_times(a_calendar(*parts), **{**window, **asked}).occurrences
    return [f"{one.start:%d.%H}" for one in found]


@pytest.mark.parametrize(
    ("exdate", "expected"),
    [
        ("EXDATE;TZID=Europe/Berlin:20270302T090000", ["01.08", "03.08", "04.08", "05.08"]),
        ("EXDATE:20270302T080000Z", ["01.08", "03.08", "04.08", "05.08"]),
        ("EXDATE;TZID=Asia/Kolkata:20270302T133000", ["01.08", "03.08", "04.08", "05.08"]),
        ("EXDATE:20270302T090000", ["01.08", "03.08", "04.08", "05.08"]),
        ("EXDATE;VALUE=DATE:20270302,20270304", ["01.08", "03.08", "05.08"]),
        ("EXDATE:20270301T080000Z", ["02.08", "03.08", "04.08", "05.08"]),
        ("EXDATE;TZID=Europe/Berlin:20270302T100000", ["01.08", "02.08", "03.08", "04.08", "05.08"]),
        ("EXDATE:", ["01.08", "02.08", "03.08", "04.08", "05.08"]),
    ],
)
def test_times_are_left_out_by_instant_or_by_day_and_still_counted(exdate: str, expected: list[str]) -> None:
    assert starts(an_event(DAILY, exdate, start=BERLIN)) == expected


@pytest.mark.parametrize(
    "exdate",
    ["EXDATE;VALUE=DATE:20270303", "EXDATE;TZID=Asia/Tokyo:20270303T000000", "EXDATE:20270302T230000Z"],
)
def test_days_are_left_out_however_they_are_written(exdate: str) -> None:
    days = an_event(DAILY, exdate, start="DTSTART;VALUE=DATE:20270302", end="")

    assert starts(days) == ["01.23", "03.23", "04.23", "05.23"]


def test_a_moved_occurrence_leaves_its_slot_and_counts_where_it_is() -> None:
    moved = an_event("RECURRENCE-ID;TZID=Europe/Berlin:20270302T090000", start="DTSTART:20270310T150000Z")

    assert starts(an_event(DAILY, start=BERLIN), moved) == ["01.08", "03.08", "04.08", "05.08", "10.15"]
    assert starts(moved, an_event(DAILY, start=BERLIN)) == ["01.08", "03.08", "04.08", "05.08", "10.15"]


def test_an_occurrence_that_moved_out_of_the_window_is_gone_and_one_that_moved_in_is_there() -> None:
    series = an_event("RRULE:FREQ=WEEKLY", start=BERLIN)
    out = an_event("RECURRENCE-ID:20270308T080000Z", start="DTSTART:20270501T080000Z")
    into = an_event("RECURRENCE-ID:20270503T070000Z", start="DTSTART:20270309T120000Z")

    assert starts(series, out, into) == ["01.08", "09.12", "15.08"]


def test_an_occurrence_is_replaced_by_its_day_when_it_is_named_by_one() -> None:
    moved = an_event("RECURRENCE-ID;VALUE=DATE:20270302", start="DTSTART:20270302T150000Z")

    assert starts(an_event(DAILY, start=BERLIN), moved) == ["01.08", "02.15", "03.08", "04.08", "05.08"]


def test_what_replaces_nothing_counts_alone() -> None:
    assert starts(an_event("RECURRENCE-ID:20270201T080000Z", start="DTSTART:20270302T150000Z")) == ["02.15"]
    assert starts(an_event("RECURRENCE-ID;RANGE=THISANDFUTURE:20270201T080000Z")) == ["01.09"]
    assert starts(an_event(DAILY), an_event("RECURRENCE-ID:20270302T120000Z", start="DTSTART:20270306T150000Z")) == [
        "01.09",
        "02.09",
        "03.09",
        "04.09",
        "05.09",
        "06.15",
    ]


def test_a_cancelled_or_declined_occurrence_frees_its_slot() -> None:
    cancelled = an_event("RECURRENCE-ID:20270302T090000Z", "STATUS:CANCELLED", start="DTSTART:20270302T090000Z")
    declined = an_event(
        "RECURRENCE-ID:20270303T090000Z",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:me@earshot.example",
        start="DTSTART:20270303T090000Z",
    )

    assert starts(an_event(DAILY), cancelled, declined, addresses=["me@earshot.example"]) == ["01.09", "04.09", "05.09"]


def test_the_newest_replacement_of_an_occurrence_counts() -> None:
    newest = an_event("RECURRENCE-ID:20270302T090000Z", "SEQUENCE:5", start="DTSTART:20270302T150000Z")
    older = an_event("RECURRENCE-ID:20270302T090000Z", "SEQUENCE:2", start="DTSTART:20270302T110000Z")

    assert starts(an_event("RRULE:FREQ=DAILY;COUNT=2"), newest, older) == ["01.09", "02.15"]


def test_this_and_future_moves_all_later_ones_until_the_next() -> None:
    series = an_event("RRULE:FREQ=DAILY;COUNT=8")
    later = an_event("RECURRENCE-ID;RANGE=THISANDFUTURE:20270303T090000Z", start="DTSTART:20270303T110000Z")
    latest = an_event("RECURRENCE-ID;RANGE=THISANDFUTURE:20270306T090000Z", start="DTSTART:20270307T090000Z")
    single = an_event("RECURRENCE-ID:20270304T090000Z", start="DTSTART:20270304T200000Z")

    assert starts(series, latest, single, later) == [
        *("01.09", "02.09", "03.11", "04.20", "05.11"),
        *("07.09", "08.09", "09.09"),
    ]


def test_this_and_future_keeps_the_wall_time_over_a_change_of_the_clock() -> None:
    series = an_event("RRULE:FREQ=WEEKLY", start=BERLIN)
    later = an_event(
        "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20270308T090000",
        start="DTSTART;TZID=Europe/Berlin:20270309T100000",
    )

    found = starts(series, later, end=MONDAY + timedelta(days=40))

    assert found == ["01.08", "09.09", "16.09", "23.09", "30.08", "06.08"]


def test_this_and_future_reaches_into_the_window_from_far_away_and_may_be_longer_or_cancelled() -> None:
    series = an_event("RRULE:FREQ=WEEKLY", start="DTSTART:20260105T090000Z")
    longer = an_event(
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20260112T090000Z", start="DTSTART:20260212T090000Z", end="DURATION:P3D"
    )
    cancelled = an_event(
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20270208T090000Z", "STATUS:CANCELLED", start="DTSTART:20270208T090000Z"
    )

    assert starts(series, longer, start=MONDAY + timedelta(days=6, hours=6)) == ["04.09", "11.09", "18.09"]
    assert starts(series, longer, cancelled) == ["04.09"]


@pytest.mark.parametrize(
    ("rdate", "expected"),
    [
        ("RDATE:20270305T120000Z", ["01.09", "02.09", "05.12"]),
        ("RDATE:20270302T090000Z", ["01.09", "02.09"]),
        ("RDATE;TZID=Europe/Berlin:20270305T120000,20270306T120000", ["01.09", "02.09", "05.11", "06.11"]),
        ("RDATE;VALUE=DATE:20270305", ["01.09", "02.09", "05.09"]),
        (
            "RDATE;VALUE=PERIOD:20270305T120000Z/PT5M,20270306T120000Z/20270306T130000Z",
            ["01.09", "02.09", "05.12", "06.12"],
        ),
        ("RDATE:", ["01.09", "02.09"]),
    ],
)
def test_listed_times_are_added_once(rdate: str, expected: list[str]) -> None:
    assert starts(an_event("RRULE:FREQ=DAILY;COUNT=2", rdate)) == expected


def test_a_listed_period_has_its_own_length_however_long_ago_it_began() -> None:
    content = a_calendar(an_event("RDATE;VALUE=PERIOD:20261201T000000Z/P100D", "EXDATE:20270301T090000Z"))

    (one,) = busy_times(content, start=MONDAY, end=MONDAY + timedelta(days=1), owner_zone="UTC").occurrences

    assert one.end - one.start == timedelta(days=100)


def test_listed_times_may_be_left_out_and_moved_too() -> None:
    event = an_event("RDATE:20270305T120000Z,20270306T120000Z", "EXDATE:20270305T120000Z")
    moved = an_event("RECURRENCE-ID:20270306T120000Z", start="DTSTART:20270307T120000Z")

    assert starts(event, moved) == ["01.09", "07.12"]


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("20270303T080000Z", ["01.08", "02.08", "03.08"]),
        ("20270303T075959Z", ["01.08", "02.08"]),
        ("20270303T090000", ["01.08", "02.08", "03.08"]),  # against the RFC, but meant in the zone of the series
        ("20270303T085959", ["01.08", "02.08"]),
        ("20270303", ["01.08", "02.08", "03.08"]),
        ("20270201", []),  # Google writes this for "all from the first on are deleted"
    ],
)
def test_the_last_is_at_or_before_until(until: str, expected: list[str]) -> None:
    assert starts(an_event(f"RRULE:FREQ=DAILY;UNTIL={until}", start=BERLIN)) == expected


@pytest.mark.parametrize("until", ["20270303", "20270302T230000Z", "20270303T170000Z", "20270303T120000"])
def test_the_last_day_is_the_owners_day_of_until(until: str) -> None:
    days = an_event(f"RRULE:FREQ=DAILY;UNTIL={until}", start="DTSTART;VALUE=DATE:20270302", end="")

    assert starts(days) == ["01.23", "02.23"]


def test_wall_time_is_kept_when_the_clocks_change() -> None:
    expected = ["22.08", "29.07", "05.07"]
    window = {"start": MONDAY + timedelta(days=20), "end": MONDAY + timedelta(days=40)}

    assert starts(an_event("RRULE:FREQ=WEEKLY", start=BERLIN), **window) == expected
    own = [berlin_as_outlook_has_it("Own"), an_event("RRULE:FREQ=WEEKLY", start=BERLIN.replace("Europe/Berlin", "Own"))]
    assert starts(*own, **window) == expected


def test_an_occurrence_that_the_clock_skips_comes_later_and_one_that_it_shows_twice_is_the_first() -> None:
    night = an_event("RRULE:FREQ=DAILY", start="DTSTART;TZID=Europe/Berlin:20270301T023000")

    spring = busy_times(
        a_calendar(night),
        start=datetime(2027, 3, 27, tzinfo=UTC),
        end=datetime(2027, 3, 30, tzinfo=UTC),
        owner_zone="UTC",
    )
    autumn = starts(night, start=datetime(2027, 10, 30, tzinfo=UTC), end=datetime(2027, 11, 2, tzinfo=UTC))

    assert [f"{one.start:%d.%H:%M}" for one in spring.occurrences] == ["27.01:30", "28.01:30", "29.00:30"]
    assert autumn == ["30.00", "31.00", "01.01"]


@pytest.mark.parametrize(
    ("end", "ends"),
    [
        ("DTEND;TZID=Europe/Berlin:20270322T090000", "2027-03-28T07:00Z"),  # one day on the wall: 23 hours
        ("DURATION:P1D", "2027-03-28T07:00Z"),
        ("DURATION:PT24H", "2027-03-28T08:00Z"),
        ("DTEND:20270322T080000Z", "2027-03-28T08:00Z"),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them_and_hours_are_hours(end: str, ends: str) -> None:
    series = a_calendar(
        an_event("RRULE:FREQ=WEEKLY;BYDAY=SU,SA", start="DTSTART;TZID=Europe/Berlin:20270321T090000", end=end)
    )

    found = busy_times(
        series, start=datetime(2027, 3, 27, 9, tzinfo=UTC), end=datetime(2027, 3, 28, 3, tzinfo=UTC), owner_zone="UTC"
    ).occurrences

    assert [one.end for one in found] == [datetime.fromisoformat(ends)]


def test_the_first_time_counts_even_where_its_rule_would_not_have_it() -> None:
    assert starts(an_event("RRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=3")) == ["01.09", "05.09", "12.09"]
    assert starts(an_event("RRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=3", "EXDATE:20270301T090000Z")) == ["05.09", "12.09"]


def test_a_series_that_began_long_ago_is_found() -> None:
    birthday = an_event("RRULE:FREQ=YEARLY", start="DTSTART;VALUE=DATE:16040302", end="")

    assert starts(birthday) == ["01.23"]
