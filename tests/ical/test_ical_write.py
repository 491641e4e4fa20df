import re
import unicodedata
from dataclasses import replace
from datetime import UTC, timedelta, timezone

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ical.entries import Attendee, EntryStatus, Organizer
from app.ical.itip import request
from app.ical.write import feed, vevent
from tests.ical.checker import parse, problems
from tests.ical.entry_examples import CALENDAR_DESK, COLLEAGUE, JUNIOR, NOON, an_entry, hostile_text
from tests.worlds import worlds


def visible(text: str) -> str:
    """Say independently of the writer what of a text may arrive: all but controls, lone surrogates and what turns a
    text around; nor the mark of a byte order, which calendars lose on their way.
    """
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    seen = (c for c in text if c in "\n\t" or (unicodedata.category(c) not in {"Cc", "Cs"} and c != "\ufeff"))
    return "".join(c for c in seen if unicodedata.bidirectional(c) not in turning)


def a_feed(*fragments: bytes, name: str = "Jo's week") -> bytes:
    return feed(fragments, name=name, time_zone="Europe/Berlin")


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        an_entry(starts_at=NOON.replace(tzinfo=None))


def test_an_entry_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        replace(an_entry(), ends_at=NOON)


@settings(max_examples=worlds(150))
@given(summary=hostile_text(), description=hostile_text(), location=hostile_text(), name=hostile_text())
def test_hostile_text_comes_back_as_it_was_minus_control_characters(
    summary: str, description: str, location: str, name: str
) -> None:
    entry = an_entry(
        summary=summary,
        description=description,
        location=location,
        organizer=Organizer(name, CALENDAR_DESK.email),
        attendees=(Attendee(name, JUNIOR.email),),
    )

    data = request(entry)

    assert problems(data, method="REQUEST", recipient=JUNIOR.email) == []
    (event,) = icalendar.Calendar.from_ical(data).walk("VEVENT")
    assert str(event["SUMMARY"]) == visible(summary)
    assert str(event["DESCRIPTION"]) == visible(description)
    assert str(event["LOCATION"]) == visible(location)
    (strict,) = parse(data).parts
    one_line = " ".join(re.sub("[\u202a-\u202e\u2066-\u2069]", "", visible(name)).split())
    for line in (*strict.all("ORGANIZER"), *strict.all("ATTENDEE")):
        assert line.params.get("CN", "") == one_line


@settings(max_examples=worlds(50))
@given(name=hostile_text(), zone=hostile_text())
def test_a_hostile_feed_name_stays_inside_its_property(name: str, zone: str) -> None:
    data = feed([vevent(an_entry(), rsvp=False)], name=name, time_zone=zone)

    assert problems(data, method=None) == []
    assert len(parse(data).parts) == 1


@settings(max_examples=worlds(50))
@given(url=hostile_text())
def test_a_hostile_link_is_percent_encoded_and_cannot_start_a_line(url: str) -> None:
    data = request(an_entry(conference_url="https://video.example/" + url))

    assert problems(data, method="REQUEST") == []
    (written,) = parse(data).parts[0].all("CONFERENCE")
    assert written.value.isascii()
    assert written.value.isprintable()
    assert " " not in written.value


@pytest.mark.parametrize("backslash", [r"C:\New\now", r"\\", r"\,\;\N", "a\\"])
def test_a_backslash_is_text_and_never_a_line_break(backslash: str) -> None:
    data = request(an_entry(summary=backslash))

    assert parse(data).parts[0].value("SUMMARY") == re.sub(r"([\\;,])", r"\\\1", backslash)
    assert str(icalendar.Calendar.from_ical(data).walk("VEVENT")[0]["SUMMARY"]) == backslash


@settings(max_examples=worlds(50))
@given(
    days=st.integers(-9_000, 9_000),
    seconds=st.integers(0, 86_399),
    offset_minutes=st.integers(-14 * 60, 14 * 60),
    minutes=st.integers(1, 600),
)
def test_an_independent_reader_finds_the_same_instants_whatever_zone_they_came_in(
    days: int, seconds: int, offset_minutes: int, minutes: int
) -> None:
    zone = timezone(timedelta(minutes=offset_minutes))
    starts_at = (NOON + timedelta(days=days, seconds=seconds)).astimezone(zone)
    entry = replace(an_entry(), starts_at=starts_at, ends_at=starts_at + timedelta(minutes=minutes))

    data = a_feed(vevent(entry, rsvp=False))

    around = (starts_at.astimezone(UTC) - timedelta(days=1), starts_at.astimezone(UTC) + timedelta(days=2))
    (event,) = recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(*around)
    assert event["DTSTART"].dt == starts_at
    assert event["DTEND"].dt == starts_at + timedelta(minutes=minutes)


def test_the_same_entry_gives_the_same_bytes_also_from_another_zone() -> None:
    entry = an_entry()
    berlin = timezone(timedelta(hours=1))
    same = replace(
        entry, **{at: getattr(entry, at).astimezone(berlin) for at in ("starts_at", "ends_at", "changed_at")}
    )

    assert vevent(entry, rsvp=True) == vevent(same, rsvp=True)
    assert a_feed(vevent(entry, rsvp=False)) == a_feed(vevent(same, rsvp=False))


def test_a_cancelled_entry_in_a_feed_says_so_frees_the_time_and_does_not_ring() -> None:
    entry = an_entry(status=EntryStatus.CANCELLED, summary="Demo", sequence=1)

    (event,) = parse(a_feed(vevent(entry, rsvp=False))).parts

    assert event.value("SUMMARY") == "Cancelled: Demo"
    assert event.value("STATUS") == "CANCELLED"
    assert event.value("TRANSP") == "TRANSPARENT"
    assert event.value("X-MICROSOFT-CDO-BUSYSTATUS") == "FREE"
    assert event.parts == []


@pytest.mark.parametrize(
    ("status", "transparent", "expected"),
    [
        (EntryStatus.CONFIRMED, False, ("CONFIRMED", "OPAQUE", "BUSY")),
        (EntryStatus.CONFIRMED, True, ("CONFIRMED", "TRANSPARENT", "FREE")),
        (EntryStatus.TENTATIVE, False, ("TENTATIVE", "OPAQUE", "TENTATIVE")),
        (EntryStatus.TENTATIVE, True, ("TENTATIVE", "TRANSPARENT", "FREE")),
    ],
)
def test_outlook_and_the_others_are_told_the_same_about_the_time(
    status: EntryStatus, transparent: bool, expected: tuple[str, str, str]
) -> None:
    (event,) = parse(a_feed(vevent(an_entry(status=status, transparent=transparent), rsvp=False))).parts

    assert (event.value("STATUS"), event.value("TRANSP"), event.value("X-MICROSOFT-CDO-BUSYSTATUS")) == expected


def test_what_is_not_known_is_left_out() -> None:
    entry = replace(an_entry(location=None, conference_url=None, alarm_minutes=None, attendees=()), url=None)

    (event,) = parse(a_feed(vevent(entry, rsvp=False))).parts

    assert not {"LOCATION", "CONFERENCE", "URL", "ATTENDEE"} & {line.name for line in event.lines}
    assert event.parts == []


def test_a_feed_asks_nobody_for_an_answer_and_an_invite_asks_all() -> None:
    entry = an_entry(attendees=(JUNIOR, COLLEAGUE))

    assert b"RSVP" not in vevent(entry, rsvp=False)
    assert vevent(entry, rsvp=True).replace(b"\r\n ", b"").count(b"RSVP=TRUE") == 2


def test_a_feed_is_header_stored_fragments_and_footer() -> None:
    fragments = [vevent(an_entry(number=n), rsvp=False) for n in range(3)]

    data = a_feed(*fragments)

    header, _, rest = data.partition(b"BEGIN:VEVENT")
    assert b"BEGIN:VEVENT" + rest == b"".join(fragments) + b"END:VCALENDAR\r\n"
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in header
    assert b"X-PUBLISHED-TTL:PT1H\r\n" in header
    assert b"NAME:Jo's week\r\nX-WR-CALNAME:Jo's week\r\n" in header
    assert b"X-WR-TIMEZONE:Europe/Berlin\r\n" in header
    assert b"METHOD" not in header
    assert b"VTIMEZONE" not in data


def test_a_feed_without_events_is_still_a_calendar() -> None:
    assert problems(a_feed(), method=None) == []
