"""Writes calendars (RFC 5545, RFC 7986). The same entry always gives the same bytes.

What happens once is in UTC. A series is in the wall time that it keeps, with the zone that this time is of.

`icalendar` is used through the low-level `add()` alone: its `new()` constructors invent UIDs, stamp the present moment
and leave out the VALUE=DURATION that RFC 7986 demands.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event
from icalendar.prop import vCalAddress, vInline, vText, vUri

from app.ical.entries import Attendee, Entry, EntryStatus, Organizer, Override, Recurrence
from app.ical.text import clean, one_line
from app.ical.zones import vtimezone

RENDERER = 3
"""Goes up whenever the bytes of an unchanged entry change: fragments stored under a lower number are rendered anew."""

Method = Literal["REQUEST", "CANCEL", "DECLINECOUNTER"]

_FOOTER = b"END:VCALENDAR\r\n"
_REFRESH = timedelta(hours=1)

# What may stand in a URI (RFC 3986 section 2); everything else, line breaks too, is percent-encoded.
_URI_CHARACTERS = ":/?#[]@!$&'()*+,;=%-._~"

# The one zone of a series, also of one occurrence of it alone, which happens in UTC. No text can pose as this, for its
# line breaks are escaped.
_ZONE = re.compile(rb"\n(?:DTSTART|RECURRENCE-ID);TZID=([^:]+):")


class _Text(vText):
    r"""TEXT (RFC 5545 section 3.3.11); the package's own escaping turns `C:\New` into `C:`, a line break and `ew`."""

    __slots__ = ()

    def to_ical(self) -> bytes:
        r"""Escape backslash, semicolon, comma and line feed."""
        escaped = self.replace("\\", r"\\").replace(";", r"\;").replace(",", r"\,").replace("\n", r"\n")
        return escaped.encode()


def vevent(entry: Entry, *, rsvp: bool) -> bytes:
    """Return the VEVENT of an invite (`rsvp`: attendees are asked for an answer) or of a feed; of a series also one for
    each occurrence that moved by itself, or that a rule cannot tell (`app.ical.zones.keeps_its_clock`).

    In a feed nothing tells people that a session fell through but the entry itself, so a cancelled one says so in
    front of its summary. Cancelled entries never block time, never ring and ask nobody for an answer.
    """
    series = entry.recurrence
    if series is None:
        return _bytes(_event(entry, rsvp=rsvp))
    master = _event(entry, rsvp=rsvp)
    _recur(master, entry, series)
    told = () if entry.status is EntryStatus.CANCELLED else (*series.overrides, *series.exact)
    alone = sorted(told, key=lambda one: one.slot)
    return b"".join([_bytes(master), *(_bytes(_moved(entry, series, one, rsvp=rsvp)) for one in alone)])


def occurrence(entry: Entry, one: Override) -> bytes:
    """Return the VEVENT of one occurrence of a series by itself; it asks nobody for an answer."""
    if entry.recurrence is None:
        raise ValueError(f"entry {entry.uid!r} happens once")
    return _bytes(_moved(entry, entry.recurrence, one, rsvp=False))


def _event(entry: Entry, *, rsvp: bool) -> Event:
    cancelled = entry.status is EntryStatus.CANCELLED
    transparent = entry.transparent or cancelled
    summary = clean(entry.summary)
    event = Event()
    event.add("uid", _Text(clean(entry.uid)))
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at.astimezone(UTC))
    event.add("last-modified", entry.changed_at.astimezone(UTC))
    event.add("created", entry.created_at.astimezone(UTC))
    if entry.recurrence is None:
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
    return event


def _recur(event: Event, entry: Entry, series: Recurrence) -> None:
    """Say when a series happens (RFC 5545 sections 3.8.5.1 and 3.8.5.3)."""
    _wall_time(event, "dtstart", series.local_start, series)
    _wall_time(event, "dtend", series.local_start + (entry.ends_at - entry.starts_at), series)
    event.add("rrule", vInline(series.rrule))
    for slot in series.dropped:  # one line each: some clients read only the first of a list
        _wall_time(event, "exdate", _slot(slot, series), series)


def _moved(entry: Entry, series: Recurrence, one: Override, *, rsvp: bool) -> Event:
    """Put another time in the place of a slot (RFC 5545 section 3.8.4.4)."""
    event = _event(replace(entry, starts_at=one.starts_at, ends_at=one.ends_at, recurrence=None), rsvp=rsvp)
    _wall_time(event, "recurrence-id", _slot(one.slot, series), series)
    return event


def _wall_time(event: Event, name: str, wall: datetime, series: Recurrence) -> None:
    if series.time_zone == "UTC":  # has a form of its own (RFC 5545 section 3.3.5)
        event.add(name, vInline(f"{wall:%Y%m%dT%H%M%SZ}"))
    else:
        event.add(name, vInline(f"{wall:%Y%m%dT%H%M%S}"), {"TZID": series.time_zone})


def _slot(at: datetime, series: Recurrence) -> datetime:
    """Return the wall time of an instant as the rule has it, also where the clock skips it."""
    zone = ZoneInfo(series.time_zone)
    shown = at.astimezone(zone).replace(tzinfo=None)
    planned = datetime.combine(shown.date(), series.local_start.time())
    return planned if planned.replace(tzinfo=zone).astimezone(UTC) == at else shown


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
    events = list(fragments)
    zones = {found[1].decode() for one in events if (found := _ZONE.search(one))}
    return b"".join((_bytes(header).removesuffix(_FOOTER), *map(vtimezone, sorted(zones)), *events, _FOOTER))


def _bytes(part: Calendar | Event) -> bytes:
    written: bytes = part.to_ical()  # lines end in CRLF and are folded at 75 octets between characters
    return written
