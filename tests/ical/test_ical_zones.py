"""Time zones as we write them, read back by dateutil, against the zone files themselves."""

import io
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest
from dateutil.tz import tzical

from app.ical.zones import keeps_its_clock, vtimezone


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/passwd", "Mars/Base", "Europe"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises((ValueError, ZoneInfoNotFoundError, OSError)):
        vtimezone(name)


def read_back(written: bytes) -> tzinfo:
    text = written.decode().replace("\r\n", "\n")
    found = tzical(io.StringIO(f"BEGIN:VCALENDAR\n{text}END:VCALENDAR\n")).get()
    assert found is not None
    return found


def test_every_zone_as_we_write_it_has_the_offsets_of_its_file_on_every_day_of_three_years() -> None:
    noons = [datetime(2026, 1, 1, 12) + n * timedelta(days=1) for n in range(3 * 365)]  # noqa: DTZ001 - wall time
    offsets: dict[bytes, list[timedelta | None]] = {}
    wrong = []
    for name in sorted(available_timezones()):
        written = vtimezone(name)
        rules = written.partition(b"\r\nBEGIN:")[2]  # many names have the same, and reading them is slow
        if rules not in offsets:
            zone = read_back(written)
            offsets[rules] = [zone.utcoffset(noon) for noon in noons]
        file = ZoneInfo(name)
        if offsets[rules] != [file.utcoffset(noon.replace(tzinfo=file)) for noon in noons]:
            wrong.append(name)

    assert wrong == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Europe/Berlin", ["20270328T0200", "20271031T0300"]),
        ("Australia/Lord_Howe", ["20270404T0200", "20271003T0200"]),
        ("Asia/Gaza", ["20270327T0200", "20271030T0200"]),
        ("America/Nuuk", ["20270327T2300", "20271031T0000"]),
    ],
)
def test_the_clock_changes_at_the_minute_that_we_write(name: str, changes: list[str]) -> None:
    read = read_back(vtimezone(name))

    for change in map(datetime.fromisoformat, changes):
        before, after = change - timedelta(minutes=61), change + timedelta(minutes=61)
        for wall in (before, after):
            assert wall.replace(tzinfo=read).utcoffset() == wall.replace(tzinfo=ZoneInfo(name)).utcoffset()
        assert before.replace(tzinfo=read).utcoffset() != after.replace(tzinfo=read).utcoffset()


def test_a_zone_is_standard_and_daylight_time_with_a_rule_each() -> None:
    lines = vtimezone("Europe/Dublin").decode().split("\r\n")

    # Its file calls the winter daylight saving time.
    assert lines[2:] == [
        "BEGIN:STANDARD",
        "DTSTART:19701025T020000",
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
        "TZNAME:GMT",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0000",
        "END:STANDARD",
        "BEGIN:DAYLIGHT",
        "DTSTART:19700329T010000",
        "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
        "TZNAME:IST",
        "TZOFFSETFROM:+0000",
        "TZOFFSETTO:+0100",
        "END:DAYLIGHT",
        "END:VTIMEZONE",
        "",
    ]


def test_a_zone_without_summer_time_has_one_offset_and_morocco_its_ramadans() -> None:
    assert vtimezone("Asia/Kolkata").count(b"BEGIN:STANDARD") == 1
    assert b"DAYLIGHT" not in vtimezone("Asia/Kolkata")
    assert b"DTSTART:20270207T030000\r\nTZNAME:+00\r\n" in vtimezone("Africa/Casablanca")


@pytest.mark.parametrize(
    ("time_zone", "wall", "minutes", "kept"),
    [
        ("America/New_York", "2027-03-14T01:30", 29, True),
        ("America/New_York", "2027-03-14T01:30", 30, False),  # ends at a time that is skipped
        ("America/New_York", "2027-03-14T02:00", 30, False),  # begins at one
        ("America/New_York", "2027-03-14T03:00", 30, True),
        ("America/New_York", "2027-11-07T00:30", 29, True),
        ("America/New_York", "2027-11-07T00:30", 30, False),  # ends at a time that comes twice
        ("America/New_York", "2027-11-07T01:59", 30, False),  # begins at one
        ("America/New_York", "2027-11-07T02:00", 30, True),
        ("Australia/Lord_Howe", "2027-10-03T01:45", 90, False),  # begins before, ends after
        ("America/Phoenix", "2027-03-14T01:30", 90, True),
        ("UTC", "2027-03-28T00:30", 90, True),
    ],
)
def test_who_meets_around_a_change_of_the_clock_has_no_one_time_by_it(
    time_zone: str, wall: str, minutes: int, kept: bool
) -> None:
    assert keeps_its_clock(datetime.fromisoformat(wall), timedelta(minutes=minutes), time_zone) is kept
