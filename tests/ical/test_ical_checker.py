import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.ical.entries import EntryStatus, Override
from app.ical.itip import cancel, request
from app.ical.write import feed, vevent
from tests.ical.checker import problems
from tests.ical.entry_examples import CUSTOMER, JUNIOR, a_series, an_entry

Change = Callable[[bytes], bytes]

ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:P0D\r\nEND:VALARM\r\n"


def without(name: str) -> Change:
    return lambda data: re.sub(rb"\r\n" + name.encode() + rb"[;:][^\r]*(\r\n [^\r]*)*", b"", data, count=1)


def swap(old: str, new: str) -> Change:
    return lambda data: data.replace(old.encode(), new.encode(), 1)


def unfolded(data: bytes) -> bytes:
    return data.replace(b"\r\n ", b"")


INVITE_MUTANTS: list[tuple[Change, str]] = [
    (without("DTSTAMP"), "DTSTAMP is there 0 times"),
    (without("UID"), "UID is there 0 times"),
    (without("SEQUENCE"), "SEQUENCE is there 0 times"),
    (without("SUMMARY"), "SUMMARY is there 0 times"),
    (without("ORGANIZER"), "ORGANIZER is there 0 times"),
    (without("ATTENDEE"), "message without ATTENDEE"),
    (without("VERSION"), "VERSION or PRODID missing"),
    (without("TRIGGER"), "alarm without DESCRIPTION or TRIGGER"),
    (without("METHOD"), "METHOD is not that of the mail"),
    (swap("METHOD:REQUEST", "METHOD:PUBLISH"), "METHOD is not that of the mail"),
    (swap("STATUS:CONFIRMED", "STATUS:CANCELLED"), "REQUEST of a cancelled event"),
    (
        lambda data: data.replace(b"\r\n ", b"").replace(b"RSVP=TRUE", b"RSVP=FALSE"),
        "RSVP is for requests, and for all of them",
    ),
    (swap("ROLE=REQ-PARTICIPANT", "X-A=B"), "ATTENDEE without ROLE or PARTSTAT"),
    (swap("DTSTAMP:2026", "DTSTAMP:2027"), "DTSTAMP is not LAST-MODIFIED"),
    (swap("DTSTART:2026", "DTSTART:2027"), "ends before it starts"),
    (swap("DTSTART:", "DTSTART;TZID=Europe/Berlin:"), "DTSTART is not an instant in UTC"),
    (swap("VALUE=URI:", "X-V=URI:"), "CONFERENCE without VALUE=URI or FEATURE"),
    (swap("mailto:jo@", "mailto:somebody@"), "the recipient is not among the attendees"),
    (swap("mailto:jo@acme.example", "jo"), "ATTENDEE is not a mail address"),
    (swap("BEGIN:VALARM", f"ATTENDEE:mailto:{CUSTOMER}\r\nBEGIN:VALARM"), f"customer address {CUSTOMER}"),
    (swap("SUMMARY:", "SUMMARY:" + "x" * 75), "octets"),
    (swap("SUMMARY:", "SUMMARY:\x07"), "control character"),
    (swap("\r\nUID", "\nUID"), "bare CR or LF"),
    (swap("\r\nUID", "\r\r\nUID"), "bare CR or LF"),
    (lambda data: data.replace("ü".encode(), b"\xc3\r\n \xbc", 1), "folded inside a character"),
    (lambda data: data[:-2], "does not end in CRLF"),
    (swap("END:VALARM", "END:VEVENT"), "closes nothing"),
    (swap("ACTION:DISPLAY", "ACTION:EMAIL"), "not a DISPLAY alarm"),
]


@pytest.mark.parametrize(("change", "complaint"), INVITE_MUTANTS)
def test_every_damage_to_an_invite_is_seen(change: Change, complaint: str) -> None:
    invite = request(an_entry())

    damaged = change(invite)

    assert damaged != invite
    assert complaint in "; ".join(problems(damaged, method="REQUEST", recipient=JUNIOR.email, customers=[CUSTOMER]))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (swap("METHOD:CANCEL", "METHOD:REQUEST"), "METHOD is not that of the mail"),
        (swap("STATUS:CANCELLED", "STATUS:CONFIRMED"), "CANCEL with another STATUS"),
        (swap("TRANSP:TRANSPARENT", "TRANSP:OPAQUE"), "a cancelled event blocks time"),
        (
            swap("END:VEVENT", f"{ALARM}END:VEVENT"),
            "alarm for a cancelled event",
        ),
    ],
)
def test_every_damage_to_a_cancellation_is_seen(change: Change, complaint: str) -> None:
    cancellation = cancel(an_entry(sequence=1))

    damaged = change(cancellation)

    assert damaged != cancellation
    assert complaint in problems(damaged, method="CANCEL", recipient=JUNIOR.email)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (swap("REFRESH-INTERVAL;VALUE=DURATION", "REFRESH-INTERVAL"), "REFRESH-INTERVAL without VALUE=DURATION"),
        (swap("VERSION:2.0", "VERSION:2.0\r\nMETHOD:PUBLISH"), "METHOD is not that of the mail"),
        (swap("ses_2@", "ses_1@"), "UID twice"),
    ],
)
def test_every_damage_to_a_feed_is_seen(change: Change, complaint: str) -> None:
    fragments = [vevent(an_entry(number=number), rsvp=False) for number in (1, 2)]
    whole = feed(fragments, name="Jo", time_zone="Europe/Berlin")

    damaged = change(whole)

    assert damaged != whole
    assert complaint in problems(damaged, method=None)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without("TZID"), "the zones are not those that are used"),
        (swap("TZID:America/New_York", "TZID:America/Chicago"), "the zones are not those that are used"),
        (swap("TZID:America/New_York", "TZID:America/New_York\r\nCOMMENT:x"), "a zone is a TZID and its observances"),
        (swap("RRULE:FREQ=YEARLY", "RDATE:20270101T000000\r\nRRULE:FREQ=YEARLY"), "an observance without its offsets"),
        (swap("FREQ=YEARLY", "FREQ=MONTHLY"), "an observance without a yearly rule"),
        (swap("TZOFFSETTO:-0400", "TZOFFSETTO:-4"), "an observance that cannot be read"),
        (swap("RRULE:FREQ=WEEKLY;COUNT=6", "RRULE:FREQ=WEEKLY"), "RRULE is not one of ours"),
        (swap("RRULE:FREQ=WEEKLY;COUNT=6", "RRULE:FREQ=WEEKLY;UNTIL=20261201"), "RRULE is not one of ours"),
        (swap("DTSTART;TZID=America/New_York:20261013T100000", "DTSTART:20261013T140000Z"), "a series is in one zone"),
        (swap("EXDATE;TZID=America/New_York:20261020T100000", "EXDATE:20261020T140000Z"), "a series is in one zone"),
        (swap("EXDATE;TZID=America/New_York:20261020", "EXDATE;TZID=America/New_York:20261103"), "does not happen"),
        (
            swap("RECURRENCE-ID;TZID=America/New_York:20261103T100000", "RECURRENCE-ID:20261103T150000Z"),
            "without a ser",
        ),
        (lambda data: data.replace(b"SEQUENCE:0", b"SEQUENCE:1", 1), "an override of another revision"),
        (
            lambda data: data.replace(b"END:VCALENDAR", data[data.rindex(b"BEGIN:VEVENT") : -15] + b"END:VCALENDAR"),
            "RECURRENCE-ID twice",
        ),
        (without("RECURRENCE-ID"), "UID twice"),
    ],
)
def test_every_damage_to_a_series_is_seen(change: Change, complaint: str) -> None:
    moved = datetime(2026, 11, 4, 19, tzinfo=UTC)
    series = a_series(
        dropped=(datetime(2026, 10, 20, 14, tzinfo=UTC),),
        overrides=(Override(datetime(2026, 11, 3, 15, tzinfo=UTC), moved, moved + timedelta(minutes=30)),),
    )
    invite = request(series)
    assert problems(invite, method="REQUEST", recipient=JUNIOR.email) == []

    damaged = change(invite)

    assert damaged != invite
    assert complaint in "; ".join(problems(damaged, method="REQUEST", recipient=JUNIOR.email))


def test_what_we_write_has_no_problem() -> None:
    invite = request(an_entry())
    cancellation = cancel(an_entry(sequence=1))
    fragments = [vevent(an_entry(number=n, status=status), rsvp=False) for n, status in enumerate(EntryStatus)]

    assert problems(invite, method="REQUEST", recipient=JUNIOR.email, customers=[CUSTOMER]) == []
    assert problems(cancellation, method="CANCEL", recipient=JUNIOR.email, customers=[CUSTOMER]) == []
    assert problems(feed(fragments, name="Jo", time_zone="Europe/Berlin"), method=None, customers=[CUSTOMER]) == []
