"""Writes when somebody is taken, and nothing of by what (VFREEBUSY, RFC 5545 section 3.6.4)."""

from collections.abc import Iterable
from datetime import UTC, datetime

from icalendar import Calendar, FreeBusy
from icalendar.prop import vInline, vText

from app.ical.text import clean


def freebusy(
    ranges: Iterable[tuple[datetime, datetime]], *, uid: str, start: datetime, end: datetime, now: datetime
) -> bytes:
    """Return a calendar that says which time of [start, end) is taken, from ranges that are sorted and don't touch.

    The time between is free. One FREEBUSY line per range: some clients read only the first of a list.
    """
    header = Calendar()
    header.add("prodid", "-//Earshot//Earshot//EN")
    header.add("version", "2.0")
    taken = FreeBusy()
    taken.add("uid", vText(clean(uid)))
    taken.add("dtstamp", now.astimezone(UTC))
    taken.add("dtstart", start.astimezone(UTC))
    taken.add("dtend", end.astimezone(UTC))
    for begins, ends in ranges:
        taken.add("freebusy", vInline(f"{_utc(max(begins, start))}/{_utc(min(ends, end))}"), {"FBTYPE": "BUSY"})
    header.add_component(taken)
    written: bytes = header.to_ical()
    return written


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
