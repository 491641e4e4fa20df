"""Series in calendars: what independent readers find in them, and that bytes stay the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.ical.entries import EntryStatus, Override
from app.ical.itip import cancel, request
from app.ical.write import feed, vevent
from app.rules.recurrence import Recurrence, occurrences, rule_of
from tests.ical.checker import events_of, parse, problems
from tests.ical.entry_examples import JUNIOR, a_series, an_entry
from tests.ical.reader import shown

HALF = timedelta(minutes=30)


def test_a_series_keeps_its_wall_time_in_summer_and_winter() -> None:
    found = shown(feed([vevent(a_series(), rsvp=False)], name="Jo", time_zone="Europe/Berlin"))

    new_york = ZoneInfo("America/New_York")
    assert {f"{starts_at.astimezone(new_york):%a %H:%M}" for starts_at, _ in found} == {"Tue 10:00"}
    assert [starts_at.hour for starts_at, _ in found] == [14, 14, 14, 15, 15, 15]
    assert {ends_at - starts_at for starts_at, ends_at in found} == {HALF}


def test_slots_are_written_as_the_rule_has_them_where_the_clock_skips_them() -> None:
    local_start = datetime.fromisoformat("2027-03-07T02:30")
    whole = occurrences(Recurrence(rule_of("FREQ=WEEKLY;COUNT=3", "UTC"), "America/New_York", local_start, 30))

    data = request(a_series(rrule="FREQ=WEEKLY;COUNT=3", local_start=local_start, dropped=(whole[1].starts_at,)))

    (event,) = events_of(parse(data))
    assert event.value("EXDATE") == "20270314T023000"


def test_a_series_that_begins_where_the_clock_skips_its_time_goes_on_at_that_time() -> None:
    data = request(a_series(local_start=datetime.fromisoformat("2027-03-14T02:30")))

    (event,) = events_of(parse(data))
    assert (event.value("DTSTART"), event.value("DTEND")) == ("20270314T023000", "20270314T030000")


def test_what_a_rule_cannot_tell_is_told_in_utc_in_the_order_of_the_slots_and_not_when_all_is_off() -> None:
    first, second = map(datetime.fromisoformat, ("2027-03-14T06:45+00:00", "2027-03-21T05:45+00:00"))
    across, moved = Override(first, first, first + HALF), Override(second, second + HALF, second + 2 * HALF)
    series = a_series(local_start=datetime.fromisoformat("2027-03-07T01:45"), exact=(across,), overrides=(moved,))

    master, *alone = events_of(parse(request(series)))

    assert master.value("DTSTART") == "20270307T014500"
    assert [one.value("RECURRENCE-ID") for one in alone] == ["20270314T014500", "20270321T014500"]
    assert [one.value("DTSTART") for one in alone] == ["20270314T064500Z", "20270321T061500Z"]
    assert len(events_of(parse(cancel(series)))) == 1


def test_a_cancelled_series_is_called_off_as_a_whole() -> None:
    slot = datetime(2026, 11, 3, 15, tzinfo=UTC)
    series = a_series(an_entry(sequence=2), overrides=(Override(slot, slot + HALF, slot + 2 * HALF),))

    data = cancel(series)

    assert problems(data, method="CANCEL", recipient=JUNIOR.email) == []
    (event,) = events_of(parse(data))
    assert event.value("STATUS") == "CANCELLED"
    assert event.value("RRULE") == "FREQ=WEEKLY;COUNT=6"


def test_a_feed_has_each_zone_once_and_before_the_events() -> None:
    fragments = [
        vevent(an_entry(number=1), rsvp=False),
        vevent(a_series(an_entry(number=2)), rsvp=False),
        vevent(a_series(an_entry(number=3)), rsvp=False),
        vevent(a_series(an_entry(number=4), time_zone="Asia/Kolkata"), rsvp=False),
    ]

    data = feed(fragments, name="Jo", time_zone="Europe/Berlin")

    assert problems(data, method=None) == []
    zones = [part.value("TZID") for part in parse(data).parts if part.name == "VTIMEZONE"]
    assert zones == ["America/New_York", "Asia/Kolkata"]


@pytest.mark.parametrize("words", ["x\nDTSTART;TZID=Mars/Base:20270101T000000\n", "\r\nDTSTART;TZID=Mars/Base:2"])
def test_no_words_can_pose_as_a_zone(words: str) -> None:
    data = request(an_entry(summary=words, description=words, location=words))

    assert b"VTIMEZONE" not in data
    assert problems(data, method="REQUEST") == []


def test_the_same_series_gives_the_same_bytes_also_from_another_zone() -> None:
    series = a_series()
    elsewhere = ZoneInfo("Asia/Tokyo")
    same = replace(
        series, starts_at=series.starts_at.astimezone(elsewhere), ends_at=series.ends_at.astimezone(elsewhere)
    )

    assert vevent(same, rsvp=True) == vevent(series, rsvp=True)


def test_an_occurrence_that_moved_is_cancelled_with_its_series_in_feeds() -> None:
    slot = datetime(2026, 11, 3, 15, tzinfo=UTC)
    moved = a_series(an_entry(status=EntryStatus.CANCELLED), overrides=(Override(slot, slot + HALF, slot + 2 * HALF),))

    assert vevent(moved, rsvp=False).count(b"BEGIN:VEVENT") == 1
