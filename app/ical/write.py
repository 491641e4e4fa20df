"""Writes calendars (RFC 5545, RFC 7986). The same entry always gives the same bytes.

`icalendar` is used through the low-level `add()` alone: its `new()` constructors invent UIDs, stamp the present moment
and leave out the VALUE=DURATION that RFC 7986 demands.
"""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Literal
from urllib.parse import quote

from icalendar import Alarm, Calendar, Event
from icalendar.prop import vCalAddress, vText, vUri

from app.ical.entries import Attendee, Entry, EntryStatus, Organizer
from app.ical.text import clean, one_line

RENDERER = 1
"""Goes up whenever the bytes of an unchanged entry change: fragments stored under a lower number are rendered anew."""

Method = Literal["REQUEST", "CANCEL"]

_FOOTER = b"END:VCALENDAR\r\n"
_REFRESH = timedelta(hours=1)

# What may stand in a URI (RFC 3986 section 2); everything else, line breaks too, is percent-encoded.
_URI_CHARACTERS = ":/?#[]@!$&'()*+,;=%-._~"


class _Text(vText):
    r"""TEXT (RFC 5545 section 3.3.11); the package's own escaping turns `C:\New` into `C:`, a line break and `ew`."""

    __slots__ = ()

    def to_ical(self) -> bytes:
        r"""Escape backslash, semicolon, comma and line feed."""
        escaped = self.replace("\\", r"\\").replace(";", r"\;").replace(",", r"\,").replace("\n", r"\n")
        return escaped.encode()


def vevent(entry: Entry, *, rsvp: bool) -> bytes:
    """Return the VEVENT of an invite (`rsvp`: attendees are asked for an answer) or of a feed.

    In a feed nothing tells people that a session fell through but the entry itself, so a cancelled one says so in
    front of its summary. Cancelled entries never block time, never ring and ask nobody for an answer.
    """
    cancelled = entry.status is EntryStatus.CANCELLED
    transparent = entry.transparent or cancelled
    summary = clean(entry.summary)
    event = Event()
    event.add("uid", _Text(clean(entry.uid)))
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at.astimezone(UTC))
    event.add("last-modified", entry.changed_at.astimezone(UTC))
    event.add("created", entry.created_at.astimezone(UTC))
    event.add("dtstart", entry.starts_at.astimezone(UTC))
    event.add("dtend", entry.ends_at.astimezone(UTC))
    event.add("summary", _Text(f"Cancelled: {summary}" if cancelled and not rsvp else summary))
    event.add("description", _Text(clean(entry.description)))
    if entry.location is not None:
        event.add("location", _Text(clean(entry.location)))
    if entry.url is not None:
        event.add("url", _uri(entry.url))
    if entry.conference_url is not None:
        event.add("conference", _uri(entry.conference_url), {"VALUE": "URI", "FEATURE": "VIDEO"})  # RFC 7986 5.11
    event.add("status", entry.status.upper())
    event.add("transp", "TRANSPARENT" if transparent else "OPAQUE")
    event.add("x-microsoft-cdo-busystatus", _busy_status(entry.status, transparent=transparent))
    event.add("organizer", _address(entry.organizer))
    for attendee in entry.attendees:
        event.add("attendee", _invited(attendee, rsvp=rsvp and not cancelled))
    if entry.alarm_minutes is not None and not cancelled:
        event.add_component(_alarm(summary, entry.alarm_minutes))
    return _bytes(event)


def calendar(fragments: Iterable[bytes], *, method: Method | None) -> bytes:
    """Return the calendar of a message: the VEVENTs under one METHOD (RFC 5546 section 1.4).

    Without a METHOD it asks nothing of anybody: a snapshot to import (RFC 5545 section 3.7.2).
    """
    header = _header()
    if method is not None:
        header.add("method", method)
    return _around(header, fragments)


def feed(fragments: Iterable[bytes], *, name: str, time_zone: str) -> bytes:
    """Return the calendar of a feed: header, the stored VEVENTs as they are, footer. Linear in their bytes.

    It has no METHOD: with one, Outlook imports a copy instead of subscribing. `time_zone` (IANA name) is where clients
    show the feed; the events themselves are in UTC. A feed without events lacks the component that RFC 5545
    section 3.6 asks for; there is nothing truer to send.
    """
    header = _header()
    header.add("name", _Text(one_line(name)))
    header.add("x-wr-calname", _Text(one_line(name)))
    header.add("x-wr-timezone", _Text(one_line(time_zone)))
    header.add("refresh-interval", _REFRESH, {"VALUE": "DURATION"})
    header.add("x-published-ttl", "PT1H")
    header.add("color", "teal")
    return _around(header, fragments)


def _busy_status(status: EntryStatus, *, transparent: bool) -> str:
    """Outlook shows TRANSP:OPAQUE + STATUS:TENTATIVE as busy unless it is told in its own words."""
    if transparent:
        return "FREE"
    return "TENTATIVE" if status is EntryStatus.TENTATIVE else "BUSY"


def _alarm(summary: str, minutes_before: int) -> Alarm:
    """A DISPLAY alarm has to have a DESCRIPTION (RFC 5545 section 3.6.6)."""
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _Text(summary))
    alarm.add("trigger", timedelta(minutes=-minutes_before))
    return alarm


def _invited(attendee: Attendee, *, rsvp: bool) -> vCalAddress:
    address = _address(attendee)
    address.params["ROLE"] = attendee.role
    address.params["PARTSTAT"] = attendee.partstat
    if rsvp:
        address.params["RSVP"] = "TRUE"
    return address


def _address(person: Organizer | Attendee) -> vCalAddress:
    address = vCalAddress(f"mailto:{one_line(person.email)}")
    if name := one_line(person.name):
        address.params["CN"] = name  # quoted and escaped by the package, as RFC 6868 says
    return address


def _uri(url: str) -> vUri:
    return vUri(quote(url, safe=_URI_CHARACTERS, errors="replace"))


def _header() -> Calendar:
    header = Calendar()
    header.add("prodid", "-//Earshot//Earshot//EN")
    header.add("version", "2.0")
    return header


def _around(header: Calendar, fragments: Iterable[bytes]) -> bytes:
    return b"".join((_bytes(header).removesuffix(_FOOTER), *fragments, _FOOTER))


def _bytes(part: Calendar | Event) -> bytes:
    written: bytes = part.to_ical()  # lines end in CRLF and are folded at 75 octets between characters
    return written
