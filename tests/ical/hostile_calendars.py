"""Small and large files that hang or fill other readers, and what ours says to each."""

import gzip
from collections.abc import Callable, Iterable

from app.ical.read import Reason
from tests.ical.foreign_calendars import CRLF, a_calendar, a_zone, an_event, an_observance

START = "DTSTART;TZID=Europe/Berlin:19700105T090000"


def _rule(rule: str) -> bytes:
    return a_calendar(an_event(f"RRULE:{rule}", start=START))


def _exdates() -> bytes:
    many = (f"EXDATE:20{n % 60 + 20}{n % 12 + 1:02}{n % 28 + 1:02}T{n % 24:02}{n % 59:02}00Z" for n in range(100_000))
    return a_calendar(an_event("RRULE:FREQ=DAILY", *many, start=START))


def _loop() -> bytes:
    """A zone that explains itself by itself, and by a rule that never gets anywhere."""
    changes = an_observance("19700101T000000", "+0100", "+0200", "RRULE:FREQ=SECONDLY").replace(
        "DTSTART:", "DTSTART;TZID=Loop:"
    )
    return a_calendar(a_zone("Loop", changes), an_event("RRULE:FREQ=DAILY", start="DTSTART;TZID=Loop:20270301T090000"))


def _series(many: Iterable[str]) -> bytes:
    return a_calendar(*(an_event(line, start=START, uid=str(n)) for n, line in enumerate(many)))


def _zones() -> bytes:
    """Each event in a zone of its own, which has to be worked out."""
    often = an_observance("19700101T000000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU")
    events = (an_event(start=f"DTSTART;TZID=Z{n}:20270301T090000", uid=str(n)) for n in range(6_000))
    return a_calendar(*(a_zone(f"Z{n}", often) for n in range(6_000)), *events)


NINE: dict[str, tuple[Callable[[], bytes], Reason | None]] = {
    "FREQ=SECONDLY": (lambda: _rule("FREQ=SECONDLY"), Reason.TOO_FREQUENT),
    "INTERVAL=0": (lambda: _rule("FREQ=DAILY;INTERVAL=0"), None),
    "COUNT=1e9": (lambda: _rule("FREQ=DAILY;COUNT=1000000000"), None),
    "100,000 EXDATE": (_exdates, None),
    "a line of 10 MiB": (lambda: a_calendar(an_event("SUMMARY:" + "x" * (10 << 20))), Reason.TOO_LARGE),
    "a file of 50 MiB": (lambda: a_calendar(an_event(*["COMMENT:" + "x" * 1014] * (50 << 10))), Reason.TOO_LARGE),
    "nested 19,000 deep": (lambda: a_calendar(*["BEGIN:VEVENT"] * 19_000), Reason.TOO_DEEP),
    "a VTIMEZONE loop": (_loop, Reason.TOO_FREQUENT),
    "a gzip bomb of 100 MiB": (lambda: gzip.compress(b"BEGIN:VCALENDAR\n" + bytes(100 << 20)), Reason.TOO_LARGE),
}
"""What is known to hang readers."""

WORSE: dict[str, tuple[Callable[[], bytes], Reason | None]] = {
    "FREQ=MINUTELY": (lambda: _rule("FREQ=MINUTELY;INTERVAL=90"), Reason.TOO_FREQUENT),
    "25 times a day": (lambda: _rule("FREQ=DAILY;BYHOUR=9,10,11,12,13;BYMINUTE=0,1,2,3,4"), Reason.TOO_FREQUENT),
    "a folded line of 3 MB": (
        lambda: a_calendar(an_event("SUMMARY:" + (CRLF + " ").join(["x" * 70] * 40_000))),
        Reason.LINE_TOO_LONG,
    ),
    "the 30th of February, each hour": (lambda: _rule("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"), None),
    "200 of them": (lambda: _rule("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;COUNT=200"), Reason.TOO_COSTLY),
    "20,001 components": (lambda: a_calendar(*["BEGIN:X" + CRLF + "END:X"] * 20_000), Reason.TOO_MANY_COMPONENTS),
    "six times an hour for 99,999 days each": (
        lambda: a_calendar(an_event("RRULE:FREQ=HOURLY;BYMINUTE=0,5,10,15,20,25", start=START, end="DURATION:P99999D")),
        Reason.TOO_COSTLY,
    ),
    "19,000 daily series": (lambda: _series(["RRULE:FREQ=DAILY"] * 19_000), Reason.TOO_MANY_OCCURRENCES),
    "19,000 series that must be counted": (
        lambda: _series(["RRULE:FREQ=DAILY;BYMONTH=1,2,3,4,5,6;COUNT=9000"] * 19_000),
        Reason.TOO_COSTLY,
    ),
    "15,000 times all later ones": (
        lambda: a_calendar(
            an_event("RRULE:FREQ=DAILY", start=START),
            *(
                an_event(f"RECURRENCE-ID;RANGE=THISANDFUTURE:20{n % 90 + 10}0101T{n // 90 % 24:02}{n // 2160:02}00Z")
                for n in range(15_000)
            ),
        ),
        Reason.TOO_COSTLY,
    ),
    "6,000 zones": (_zones, Reason.TOO_COSTLY),
    "800,000 empty lines that count": (lambda: a_calendar(an_event(*["UID:"] * 800_000, start=START)), None),
    "a million malformed periods": (
        lambda: a_calendar(
            *("BEGIN:VFREEBUSY", "UID:1"), *["FREEBUSY:" + "x," * 30_000] * 60, "END:VFREEBUSY", an_event(start=START)
        ),
        Reason.TOO_COSTLY,
    ),
    "half a million malformed days": (
        lambda: a_calendar(an_event("RRULE:FREQ=DAILY", *["EXDATE:" + "20270301x," * 6_000] * 80, start=START)),
        Reason.TOO_COSTLY,
    ),
    "quotes without end": (lambda: a_calendar(an_event("ATTENDEE;CN=" + '"' * 60_001 + ":x")), None),
    "30,000 parameters": (lambda: a_calendar(an_event("ATTENDEE" + ";a" * 30_000 + ":x")), None),
}
"""What else breaks a limit, or comes close to it."""
