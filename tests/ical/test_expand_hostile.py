"""Files that hang or fill other readers, files of real clients, and files that are nearly calendars."""

import json
import os
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ical.expand import busy_times
from app.ical.read import Reason, Unreadable
from tests.ical.foreign_calendars import a_busy_year, a_calendar, an_event, berlin_as_outlook_has_it
from tests.ical.hostile_calendars import NINE, WORSE
from tests.worlds import worlds

MARCH = datetime(2027, 3, 1, tzinfo=UTC)
SAMPLES = os.environ.get("EARSHOT_ICS_SAMPLES")
"""A folder with files of real clients and `expected.json`, the occurrences that independent libraries agree on."""


def read(content: bytes, **asked: Any) -> int | Reason:
    """How many occurrences there are in four weeks, or why there are none."""
    window = {"start": MARCH, "end": MARCH + timedelta(weeks=4), "owner_zone": "Europe/Berlin"}
    began = process_time()
    said: int | Reason
    try:
        said = len(busy_times(content, **{**window, **asked}).occurrences)
    except Unreadable as refused:
        said = refused.reason
    print(f"{len(content):>10,} bytes: {said} after {1000 * (process_time() - began):.0f} ms")
    return said


@pytest.mark.parametrize("name", NINE | WORSE)
def test_hostile_files_are_refused_with_a_reason_or_read(name: str) -> None:
    make, reason = (NINE | WORSE)[name]

    said = read(make())

    assert said == reason if reason else isinstance(said, int)


@pytest.mark.parametrize(
    ("name", "found"), [("INTERVAL=0", 0), ("COUNT=1e9", 28), ("100,000 EXDATE", 28), ("quotes without end", 1)]
)
def test_what_can_be_read_of_hostile_files_is_read(name: str, found: int) -> None:
    make, _ = (NINE | WORSE)[name]

    assert read(make()) == found


def test_a_series_of_5000_is_read_and_one_of_5001_is_refused() -> None:
    def hours(count: int) -> bytes:
        return a_calendar(an_event(f"RRULE:FREQ=HOURLY;COUNT={count}"))

    year = {"end": MARCH + timedelta(days=365)}

    assert read(hours(5_000), **year) == 5_000
    assert read(hours(5_001), **year) is Reason.TOO_MANY_OCCURRENCES
    assert read(hours(5_001), **year, start=MARCH + timedelta(hours=10)) == 5_000


def test_a_calendar_of_20000_is_read_and_one_of_20001_is_refused() -> None:
    four = [an_event("RRULE:FREQ=HOURLY;COUNT=5000", uid=str(n)) for n in range(4)]
    year = {"end": MARCH + timedelta(days=365)}

    assert read(a_calendar(*four), **year) == 20_000
    assert read(a_calendar(*four, an_event(uid="5")), **year) is Reason.TOO_MANY_OCCURRENCES
    assert read(a_calendar(*four, an_event("TRANSP:TRANSPARENT", uid="5")), **year) == 20_000


def test_24_times_a_day_are_read_and_25_are_refused() -> None:
    assert read(a_calendar(an_event("RRULE:FREQ=DAILY;COUNT=24;BYHOUR=9,10,11,12;BYMINUTE=0,10,20,30,40,50"))) == 24
    assert (
        read(a_calendar(an_event("RRULE:FREQ=DAILY;BYHOUR=9,10,11,12,13;BYMINUTE=0,10,20,30,40")))
        is Reason.TOO_FREQUENT
    )


def test_a_year_of_a_salesperson_is_read_as_an_independent_reader_does() -> None:
    content = a_busy_year(100_000)
    end = MARCH + timedelta(weeks=4)

    found = busy_times(content, start=MARCH, end=end, owner_zone="UTC").occurrences

    theirs = recurring_ical_events.of(icalendar.Calendar.from_ical(content)).between(MARCH, end)
    assert len(found) > 50
    assert [(one.start, one.end) for one in found] == sorted(
        (one["DTSTART"].dt.astimezone(UTC), one["DTEND"].dt.astimezone(UTC)) for one in theirs
    )


@settings(max_examples=worlds(150))
@given(seed=st.integers(0, 1 << 32))
def test_files_with_lines_lost_swapped_and_broken_are_read_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    lines = a_calendar(
        berlin_as_outlook_has_it("Own"),
        an_event(
            "RRULE:FREQ=WEEKLY;BYDAY=MO,2TU;COUNT=30",
            "EXDATE;VALUE=DATE:20270308",
            start="DTSTART;TZID=Own:20270301T090000",
        ),
        an_event("RECURRENCE-ID;RANGE=THISANDFUTURE:20270315T080000Z", start="DTSTART;TZID=Own:20270316T090000"),
        an_event(
            "RDATE;VALUE=PERIOD:20270305T120000Z/PT5M",
            "RRULE:FREQ=YEARLY;BYWEEKNO=-1;BYSETPOS=1",
            uid="2",
            end="DTEND:20270302",
        ),
    ).split(b"\r\n")
    odd = (
        b"99991231T235959",
        b"16000101",
        b"00000000T000000Z",
        b"-P1D",
        b"P99999D",
        b"-1",
        b"0",
        b"+2359",
        b'"',
        b":",
        b";",
        b"\xff",
    )

    for _ in range(rng.randrange(1, 8)):
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        inside = rng.randrange(len(lines[at]) + 1)
        broken = lines[at][:inside] + rng.choice(odd) + lines[at][inside + rng.randrange(9) :]
        lines[at] = rng.choice([b"", lines[other], broken, broken])

    with suppress(Unreadable):
        for one in busy_times(
            b"\r\n".join(lines), start=MARCH, end=MARCH.replace(year=2029), owner_zone="UTC"
        ).occurrences:
            assert one.start < one.end
            assert one.start < MARCH.replace(year=2029)
            assert one.end > MARCH


@pytest.mark.skipif(not SAMPLES, reason="EARSHOT_ICS_SAMPLES names no folder")
def test_files_of_real_clients_are_read_as_independent_libraries_agree() -> None:
    folder = Path(SAMPLES or "")
    expected = json.loads((folder / "expected.json").read_text())["files"]
    wrong = {}

    for name, told in expected.items():
        start, end = map(datetime.fromisoformat, told["window"])
        found = busy_times((folder / name).read_bytes(), start=start, end=end, owner_zone="UTC", raw=True)
        ours = [(one.start, one.end) for one in found.occurrences]
        theirs = [
            (datetime.fromisoformat(one["start"]), datetime.fromisoformat(one["end"])) for one in told["occurrences"]
        ]
        if ours != theirs:
            wrong[name] = (ours, theirs)

    assert expected
    assert wrong == {}


@pytest.mark.skipif(not SAMPLES, reason="EARSHOT_ICS_SAMPLES names no folder")
@pytest.mark.parametrize("year", [1997, 2007, 2027])
def test_every_file_of_real_clients_is_read_or_refused(year: int) -> None:
    files = sorted(Path(SAMPLES or "").rglob("*.ics"))
    start = datetime(year, 1, 1, tzinfo=UTC)

    said = {file.name: read(file.read_bytes(), start=start, end=start.replace(year=year + 1)) for file in files}

    assert said
    assert all(isinstance(one, int | Reason) for one in said.values())
