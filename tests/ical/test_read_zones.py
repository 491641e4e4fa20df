"""Which zone a TZID means, and what a VTIMEZONE says."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ical.foreign_zones import Zones
from app.ical.read import Budget, parse
from app.ical.times import instant
from app.ical.zones import vtimezone
from tests.ical.foreign_calendars import a_calendar, a_zone, an_observance, berlin_as_outlook_has_it

SUMMER, WINTER = datetime(2027, 7, 1, 12), datetime(2027, 1, 1, 12)  # noqa: DTZ001 - wall times


def zones(*parts: str, owner: str = "Asia/Tokyo") -> Zones:
    return Zones(parse(a_calendar(*parts))[0], owner, Budget(10_000))


def hours(found: Zones, tzid: str | None) -> tuple[float, float]:
    """The offset in winter and in summer."""
    winter, summer = (wall.replace(tzinfo=found(tzid)).utcoffset() or timedelta() for wall in (WINTER, SUMMER))
    return winter / timedelta(hours=1), summer / timedelta(hours=1)


@pytest.mark.parametrize(
    ("tzid", "offsets"),
    [
        ("Europe/Berlin", (1, 2)),
        ("europe/berlin", (1, 2)),
        (" Europe/Berlin ", (1, 2)),
        ("US/Eastern", (-5, -4)),
        ("UTC", (0, 0)),
        ("Z", (0, 0)),
        ("W. Europe Standard Time", (1, 2)),
        ("India Standard Time", (5.5, 5.5)),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/Amsterdam", (1, 2)),
        ("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", (-3, -3)),
        ("(GMT +01:00)", (1, 1)),
        ("UTC-5", (-5, -5)),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", (5.5, 5.5)),
    ],
)
def test_names_of_many_makers_are_known(tzid: str, offsets: tuple[float, float]) -> None:
    found = zones()

    assert hours(found, tzid) == offsets
    assert found.unknown == set()


@pytest.mark.parametrize("tzid", ["Mars/Base", "../../etc/passwd", "/etc/passwd", "Europe", "UTC+99", "x" * 5000, ""])
def test_what_nothing_explains_is_the_calendars_zone_else_the_owners(tzid: str) -> None:
    told, untold = zones("X-WR-TIMEZONE:America/New_York"), zones("X-WR-TIMEZONE:Nowhere")

    assert hours(told, tzid) == (-5, -4)
    assert hours(untold, tzid) == (9, 9)
    assert told.unknown == {tzid}


def test_what_has_no_zone_is_the_owners() -> None:
    assert hours(zones("X-WR-TIMEZONE:America/New_York"), None) == (9, 9)


def test_the_files_own_zone_explains_names_that_nobody_knows_and_no_others() -> None:
    found = zones(
        berlin_as_outlook_has_it("Customized Time Zone"),
        berlin_as_outlook_has_it(r"Canberra\, Melbourne"),
        a_zone("Europe/London", an_observance("19700101T000000", "+0900", "+0900")),
    )

    assert hours(found, "Customized Time Zone") == (1, 2)
    assert hours(found, "Canberra, Melbourne") == (1, 2)
    assert hours(found, "Europe/London") == (0, 1)


@pytest.mark.parametrize(
    "observance",
    [
        "BEGIN:STANDARD\r\nEND:STANDARD",
        an_observance("19700101T000000", "+0100", "+9900"),
        an_observance("19700101T000000", "+0100", "one hour"),
        an_observance("19701301T000000", "+0100", "+0200"),
    ],
)
def test_a_zone_that_makes_no_sense_is_unknown(observance: str) -> None:
    found = zones(a_zone("Odd", observance))

    assert hours(found, "Odd") == (9, 9)
    assert found.unknown == {"Odd"}


def test_a_malformed_rule_leaves_the_first_change() -> None:
    found = zones(a_zone("Odd", an_observance("19700101T000000", "+0000", "+0500", "RRULE:FREQ=SOMETIMES")))

    assert hours(found, "Odd") == (5, 5)


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Nuuk"]
)
@given(minutes=st.integers(0, 10 * 366 * 24 * 60))
def test_a_zone_read_from_a_file_tells_the_same_instants_as_its_own_file(name: str, minutes: int) -> None:
    wall = datetime(2027, 1, 1) + timedelta(minutes=minutes)  # noqa: DTZ001 - wall time
    read = zones(vtimezone(name).decode().replace(f"TZID:{name}", "TZID:Own").strip())("Own")

    at = instant(wall, ZoneInfo(name))

    assert instant(wall, read) == at
    assert at.astimezone(read).replace(tzinfo=None) == at.astimezone(ZoneInfo(name)).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2027-03-28T01:59", "2027-03-28T00:59Z"),
        ("2027-03-28T02:30", "2027-03-28T01:30Z"),  # the clock skips it: counted with the offset before
        ("2027-03-28T03:00", "2027-03-28T01:00Z"),
        ("2027-10-31T02:30", "2027-10-31T00:30Z"),  # the first of two
        ("2027-10-31T03:00", "2027-10-31T02:00Z"),
        ("1970-07-01T12:00", "1970-07-01T10:00Z"),
        ("2099-07-01T12:00", "2099-07-01T10:00Z"),
    ],
)
def test_times_around_a_change_of_the_clock(wall: str, expected: str) -> None:
    own = zones(berlin_as_outlook_has_it("Own"))("Own")

    assert instant(datetime.fromisoformat(wall), own) == datetime.fromisoformat(expected)


def test_rules_that_end_and_listed_changes_are_followed() -> None:
    own = zones(
        a_zone(
            "Own",
            an_observance("20200101T000000", "+0000", "+0100", "RRULE:FREQ=YEARLY;UNTIL=20220101T000000Z"),
            an_observance("20200701T000000", "+0100", "+0000", "RDATE:20210701T000000,20220701T000000"),
            an_observance("20230101T000000", "+0000", "+0300"),
        )
    )("Own")

    shown = [
        datetime(year, month, 15, tzinfo=UTC).astimezone(own).hour for year in range(2019, 2025) for month in (2, 8)
    ]

    assert shown == [0, 0, 1, 0, 1, 0, 1, 0, 3, 3, 3, 3]


def test_a_zone_of_one_season_has_the_other_before_it() -> None:
    own = zones(a_zone("Own", an_observance("20270328T020000", "+0100", "+0200")))("Own")

    assert WINTER.replace(tzinfo=own).utcoffset() == timedelta(hours=1)
    assert SUMMER.replace(tzinfo=own).utcoffset() == timedelta(hours=2)
