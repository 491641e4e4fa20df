"""Calendars as others write them, made here: small ones for the tests, and a salesperson's whole year."""

import random
from datetime import datetime, timedelta

CRLF = "\r\n"
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Customized Time Zone")
"""Of `a_busy_year`. The last is the file's own."""

_RULES = (
    "FREQ=WEEKLY;BYDAY=TU,TH",
    "FREQ=WEEKLY;INTERVAL=2",
    "FREQ=DAILY;UNTIL=20281231T000000Z",
    "FREQ=WEEKLY;COUNT=60",
)
_NOTES = (
    r"Agenda: where we are\, what blocks us\, what is next.\nJoin: https://meet.example/abc-defg-hij?pwd=1234\n" * 3
)


def a_calendar(*parts: str) -> bytes:
    """Return a VCALENDAR around properties and components."""
    return CRLF.join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tests//EN", *parts, "END:VCALENDAR", ""]).encode()


def an_event(*lines: str, start: str = "DTSTART:20270301T090000Z", end: str = "DURATION:PT1H", uid: str = "1") -> str:
    """Return a VEVENT, on Monday the 1st of March 2027 from 09:00 to 10:00 UTC unless told otherwise."""
    told = [f"UID:{uid}", "DTSTAMP:20270101T000000Z", start, end]
    return CRLF.join(["BEGIN:VEVENT", *filter(None, told), *lines, "END:VEVENT"])


def a_zone(tzid: str, *observances: str) -> str:
    """Return a VTIMEZONE."""
    return CRLF.join(["BEGIN:VTIMEZONE", f"TZID:{tzid}", *observances, "END:VTIMEZONE"])


def an_observance(start: str, before: str, after: str, *lines: str) -> str:
    """Return a STANDARD, or a DAYLIGHT if it puts the clock forward."""
    kind = "DAYLIGHT" if after > before else "STANDARD"
    told = [f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *lines]
    return CRLF.join([f"BEGIN:{kind}", *told, f"END:{kind}"])


def berlin_as_outlook_has_it(tzid: str) -> str:
    """Return Berlin's zone as Exchange writes it: two rules since 1601."""
    return a_zone(
        tzid,
        an_observance("16010101T030000", "+0200", "+0100", "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10"),
        an_observance("16010101T020000", "+0100", "+0200", "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3"),
    )


def a_busy_year(size: int, *, seed: int = 1) -> bytes:
    """Return a calendar of at least `size` bytes around the 1st of March 2027, with all that salespeople's have: notes,
    alarms, attendees, folded lines; every eighth event recurs, and has a time left out and another moved.
    """
    rng = random.Random(seed)
    parts = [berlin_as_outlook_has_it(ZONES[-1])]
    written = 0
    while written < size:
        parts.append(_meeting(rng, len(parts)))
        written += len(parts[-1])
    return a_calendar(*parts)


def _meeting(rng: random.Random, number: int) -> str:
    zone, uid = rng.choice(ZONES), f"{number:06}-5E1F-4C1D-8A3C-D305516A0B90@calendar.example"
    at = datetime(2026, 9, 1, 8) + timedelta(days=rng.randrange(365), minutes=30 * rng.randrange(16))  # noqa: DTZ001
    told = [
        f"SUMMARY:Call {number} with a customer",
        *_folded("DESCRIPTION:" + _NOTES),
        "ORGANIZER;CN=Mara Okafor:mailto:mara@earshot.example",
        *_folded(
            "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;CN=Priya:mailto:priya@earshot.example"
        ),
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "TRIGGER:-PT10M",
        "DESCRIPTION:Soon",
        "END:VALARM",
    ]
    if number % 8:
        return _timed(at, zone, uid, "SEQUENCE:0", *told)
    at += timedelta(days=(1 - at.weekday()) % 7)  # a Tuesday
    if number % 5 == 0:
        return _timed(at, zone, uid, f"RRULE:FREQ=MONTHLY;BYDAY={(at.day - 1) // 7 + 1}TU", *told)
    left_out, moved = (at + timedelta(weeks=weeks) for weeks in rng.sample(range(2, 40, 2), 2))
    series = _timed(at, zone, uid, f"RRULE:{rng.choice(_RULES)}", _at("EXDATE", zone, left_out), *told)
    return series + CRLF + _timed(moved + 3 * _HALF, zone, uid, _at("RECURRENCE-ID", zone, moved), *told)


def _timed(at: datetime, zone: str, uid: str, *lines: str) -> str:
    return an_event(*lines, start=_at("DTSTART", zone, at), end=_at("DTEND", zone, at + _HALF), uid=uid)


_HALF = timedelta(minutes=30)


def _at(name: str, zone: str, at: datetime) -> str:
    return f"{name};TZID={zone}:{at:%Y%m%dT%H%M%S}"


def _folded(line: str) -> list[str]:
    return [line[:75], *(" " + line[at : at + 74] for at in range(75, len(line), 74))]
