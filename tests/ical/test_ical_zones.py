"""Time zones as we write them, read back by dateutil, against the zone files themselves."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest
from dateutil.tz import tzical

from app.ical.zones import vtimezone


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/passwd", "Mars/Base", "Europe"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises((ValueError, ZoneInfoNotFoundError, OSError)):
        vtimezone(name)


def test_every_zone_as_we_write_it_has_the_offsets_of_its_file_on_every_day_of_three_years() -> None:
    wrong = []
    for name in sorted(available_timezones()):
        written = vtimezone(name).decode().replace("\r\n", "\n")
        read = tzical(io.StringIO(f"BEGIN:VCALENDAR\n{written}END:VCALENDAR\n")).get(name)
        noons = (datetime(2026, 1, 1, 12, tzinfo=UTC) + n * timedelta(days=1) for n in range(3 * 365))
        if any(at.replace(tzinfo=read).utcoffset() != at.replace(tzinfo=ZoneInfo(name)).utcoffset() for at in noons):
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
    written = vtimezone(name).decode().replace("\r\n", "\n")
    read = tzical(io.StringIO(f"BEGIN:VCALENDAR\n{written}END:VCALENDAR\n")).get(name)

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
