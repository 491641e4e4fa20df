"""What of other people's calendars takes their owner's time, and what does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.ical.entries import EntryStatus
from app.ical.events import Skipped, Why
from app.ical.expand import Reading, busy_times
from tests.ical.foreign_calendars import CRLF, a_calendar, an_event

MONDAY = datetime(2027, 3, 1, tzinfo=UTC)
NINE, TEN = MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=10)


def reading(*parts: str, **asked: Any) -> Reading:
    around = {"start": MONDAY, "end": MONDAY + timedelta(days=7), "owner_zone": "Europe/Berlin"}
    return busy_times(a_calendar(*parts), **{**around, **asked})


def busy(*parts: str, **asked: Any) -> list[tuple[datetime, datetime]]:
    return [(one.start, one.end) for one in reading(*parts, **asked).occurrences]


def a_free_busy(*lines: str) -> str:
    return CRLF.join(["BEGIN:VFREEBUSY", "UID:1", *lines, "END:VFREEBUSY"])


def asked(address: str, answer: str) -> str:
    return f"ATTENDEE;PARTSTAT={answer}:mailto:{address}"


@pytest.mark.parametrize(
    "line",
    [
        "TRANSP:TRANSPARENT",
        "transp:transparent",
        "STATUS:CANCELLED",
        "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",
        asked("Priya@Earshot.example", "DECLINED"),
        "ATTENDEE;EMAIL=priya@earshot.example;PARTSTAT=declined:/aMjMz/principal/",
    ],
)
def test_what_does_not_take_time_is_free_but_found_when_everything_is_asked_for(line: str) -> None:
    mine = {"addresses": ["PRIYA@earshot.example"]}

    assert busy(an_event(line), **mine) == []
    assert busy(an_event(line), raw=True, **mine) == [(NINE, TEN)]


@pytest.mark.parametrize(
    "line",
    [
        "TRANSP:OPAQUE",
        "STATUS:WHATEVER",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        asked("somebody@else.example", "DECLINED"),
        asked("priya@earshot.example", "ACCEPTED"),
    ],
)
def test_what_takes_time_is_firm(line: str) -> None:
    (one,) = reading(an_event(line), addresses=["priya@earshot.example"]).occurrences

    assert (one.start, one.end, one.tentative) == (NINE, TEN, False)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("STATUS:TENTATIVE", EntryStatus.TENTATIVE),
        ("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE", EntryStatus.CONFIRMED),
        (asked("priya@earshot.example", "TENTATIVE"), EntryStatus.CONFIRMED),
        (asked("priya@earshot.example", "NEEDS-ACTION"), EntryStatus.CONFIRMED),
        ("ATTENDEE:mailto:priya@earshot.example", EntryStatus.CONFIRMED),
    ],
)
def test_what_is_unsure_or_unanswered_is_tentative(line: str, status: EntryStatus) -> None:
    (one,) = reading(an_event(line), addresses=["priya@earshot.example"]).occurrences

    assert (one.tentative, one.status) == (True, status)


def test_our_own_entries_are_left_out_even_when_everything_is_asked_for() -> None:
    parts = [an_event(uid="ses_1@inst-1"), an_event(uid="ses_1@inst-12"), an_event(uid="inst-1")]

    assert [one.uid for one in reading(*parts, own_domain="inst-1", raw=True).occurrences] == [
        "inst-1",
        "ses_1@inst-12",
    ]


@pytest.mark.parametrize(
    ("start", "end", "begins", "ends"),
    [
        ("DTSTART;VALUE=DATE:20270302", "DTEND;VALUE=DATE:20270304", "2027-03-01T23:00Z", "2027-03-03T23:00Z"),
        ("DTSTART;VALUE=DATE:20270302", "", "2027-03-01T23:00Z", "2027-03-02T23:00Z"),
        ("DTSTART:20270302", "DTEND:20270302", "2027-03-01T23:00Z", "2027-03-02T23:00Z"),
        ("DTSTART;VALUE=DATE:20270302", "DURATION:P2D", "2027-03-01T23:00Z", "2027-03-03T23:00Z"),
        ("DTSTART;VALUE=DATE:20270302T150000", "DURATION:P1D", "2027-03-01T23:00Z", "2027-03-02T23:00Z"),
        ("DTSTART:20270302T080000", "DURATION:PT1H30M", "2027-03-02T07:00Z", "2027-03-02T08:30Z"),
        ("DTSTART:20270302T080000Z", "DTEND;VALUE=DATE:20270303", "2027-03-02T08:00Z", "2027-03-02T23:00Z"),
        (
            "DTSTART;TZID=America/New_York:20270302T080000",
            "DTEND:20270302T140000Z",
            "2027-03-02T13:00Z",
            "2027-03-02T14:00Z",
        ),
        ("DTSTART:19990101T000000Z", "DTEND:99991231T235959Z", "1999-01-01T00:00Z", "2200-01-01T00:00Z"),
    ],
)
def test_days_and_floating_times_are_the_owners(start: str, end: str, begins: str, ends: str) -> None:
    found = busy(an_event(start=start, end=end))

    assert found == [(datetime.fromisoformat(begins), datetime.fromisoformat(ends))]


def test_a_day_on_which_the_clock_changes_is_shorter() -> None:
    (one,) = busy(an_event(start="DTSTART:20270328", end=""), start=MONDAY, end=MONDAY + timedelta(days=40))

    assert one[1] - one[0] == timedelta(hours=23)


@pytest.mark.parametrize(
    "end", ["", "DTEND:20270301T090000Z", "DTEND:20270301T080000Z", "DURATION:-PT1H", "DTEND:soon"]
)
def test_what_takes_no_time_is_free_but_found_when_everything_is_asked_for(end: str) -> None:
    assert busy(an_event(end=end)) == []
    assert busy(an_event(end=end), raw=True) == [(NINE, NINE)]


def test_a_day_that_its_month_does_not_have_is_counted_on_into_the_next() -> None:
    odd = an_event(start="DTSTART:20270230T090000Z", end="DTEND:20270230T100000Z")
    leap = an_event(start="DTSTART;VALUE=DATE:20270229", end="")

    assert busy(odd) == [(NINE + timedelta(days=1), NINE + timedelta(days=1, hours=1))]
    assert busy(leap, owner_zone="UTC") == [(MONDAY, MONDAY + timedelta(days=1))]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (an_event(start=""), Why.NO_START),
        (an_event(start="DTSTART:20270232T090000Z"), Why.NO_START),
        (an_event(start="DTSTART:20270230T250000Z"), Why.NO_START),
        (an_event(start="DTSTART:2027-03-01 09:00"), Why.NO_START),
        (an_event(start="DTSTART:00010101T000000Z"), Why.NO_START),
        (an_event(end="DTEND:20270301T080000Z"), Why.BAD_END),
        (an_event(end="DURATION:P"), Why.BAD_END),
        (an_event("RRULE:FREQ=DAILY;INTERVAL=0"), Why.BAD_RULE),
        (an_event("RRULE:FREQ=FORTNIGHTLY"), Why.BAD_RULE),
        (an_event("RDATE:20270302T090000Z,20270302T99"), Why.BAD_DATE),
        (an_event("EXDATE:20270302T99"), Why.BAD_DATE),
        (an_event("RECURRENCE-ID:yesterday"), Why.BAD_DATE),
        (an_event(start="DTSTART;TZID=Mars/Base:20270301T100000"), Why.UNKNOWN_ZONE),
    ],
)
def test_what_is_left_out_or_guessed_is_said_with_the_reason_and_the_rest_is_read(event: str, why: Why) -> None:
    found = reading(event, an_event(uid="2"))

    assert found.skipped == (Skipped("1", why),)
    assert (NINE, TEN) in [(one.start, one.end) for one in found.occurrences if one.uid == "2"]


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;COUNT=-1", "FREQ=DAILY;FREQ=DAILY"]
)
def test_of_a_malformed_rule_the_first_time_still_counts(rule: str) -> None:
    assert busy(an_event(f"RRULE:{rule}")) == [(NINE, TEN)]


def test_free_busy_counts_but_for_what_it_calls_free() -> None:
    found = reading(
        a_free_busy(
            "FREEBUSY:20270301T090000Z/PT1H,20270302T090000Z/20270302T100000Z",
            "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20270303T090000Z/PT1H",
            "FREEBUSY;FBTYPE=FREE:20270304T090000Z/PT1H",
            "FREEBUSY:20270305T090000Z/soon,20270201T090000Z/PT1H",
        )
    )

    assert [(one.start, one.tentative) for one in found.occurrences] == [
        (NINE, False),
        (NINE + timedelta(days=1), False),
        (NINE + timedelta(days=2), True),
    ]
    assert found.skipped == (Skipped("1", Why.BAD_DATE),)


def test_tasks_and_journals_take_nobodys_time() -> None:
    assert busy(an_event().replace("VEVENT", "VTODO"), an_event().replace("VEVENT", "VJOURNAL")) == []


def test_the_window_is_half_open_and_what_reaches_into_it_is_whole() -> None:
    event = an_event()

    assert busy(event, start=TEN, end=TEN + timedelta(hours=1)) == []
    assert busy(event, start=NINE - timedelta(hours=1), end=NINE) == []
    assert busy(event, start=NINE + timedelta(minutes=59), end=TEN) == [(NINE, TEN)]
    assert busy(event, start=NINE, end=NINE + timedelta(minutes=1)) == [(NINE, TEN)]
    assert busy(event, start=NINE + timedelta(minutes=1), end=NINE + timedelta(minutes=1)) == []


def test_what_takes_no_time_is_in_the_window_that_it_begins_in() -> None:
    event = an_event(end="")

    assert busy(event, start=NINE, end=TEN, raw=True) == [(NINE, NINE)]
    assert busy(event, start=NINE - timedelta(hours=1), end=NINE, raw=True) == []


def test_nothing_is_found_before_1970_or_after_2100() -> None:
    every_year = an_event("RRULE:FREQ=YEARLY", start="DTSTART:19000701T000000Z", end="DURATION:P1D")
    ever = {"start": datetime(1900, 1, 1, tzinfo=UTC), "end": datetime(2300, 1, 1, tzinfo=UTC)}

    found = [start.year for start, _ in busy(every_year, **ever)]

    assert found == [*range(1970, 2101)]


def test_summaries_are_one_line_without_controls() -> None:
    (one,) = reading(an_event(r"SUMMARY:Call\nwith\, say\; Ren" + "\u202e\x07é" + "e" * 500)).occurrences

    assert one.summary.startswith("Call with, say; Renée")
    assert len(one.summary) == 200


def test_everything_that_is_told_of_an_occurrence() -> None:
    (one,) = reading(
        an_event("SUMMARY:Off", "TRANSP:TRANSPARENT", start="DTSTART:20270301", end=""), raw=True
    ).occurrences

    assert (one.uid, one.summary, one.all_day, one.transparent, one.declined) == ("1", "Off", True, True, False)


def test_two_events_without_uid_are_two() -> None:
    assert len(busy(an_event().replace("UID:1\r\n", ""), an_event().replace("UID:1\r\n", ""))) == 2


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_version_of_an_event_counts(newest_first: bool) -> None:
    old = an_event("SEQUENCE:2", start="DTSTART:20270302T090000Z").replace("DTSTAMP:2027", "DTSTAMP:2028")
    older = an_event("SEQUENCE:9x", start="DTSTART:20270303T090000Z")
    new = an_event("SEQUENCE:10")
    newer = an_event("SEQUENCE:10", start="DTSTART:20270304T090000Z").replace("DTSTAMP:2027", "DTSTAMP:2028")
    events = [old, older, new, newer]

    found = busy(*(reversed(events) if newest_first else events))

    assert found == [(NINE + timedelta(days=3), TEN + timedelta(days=3))]


def test_the_same_bytes_are_read_the_same_way_twice() -> None:
    parts = [an_event("RRULE:FREQ=DAILY", uid=str(n)) for n in range(5)]

    assert reading(*parts) == reading(*parts)
