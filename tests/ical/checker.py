"""Reads a calendar by the letter of the RFCs, with nothing of the code that wrote it, and lists what is wrong.

It knows the calendars that Earshot sends (single events in UTC; series in a zone), not all that RFC 5545 allows.
"""

import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.tz import tzical

_ONCE = ("UID", "DTSTAMP", "LAST-MODIFIED", "CREATED", "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "ORGANIZER", "TRANSP")
_TEXT = ("SUMMARY", "DESCRIPTION", "LOCATION", "NAME", "X-WR-CALNAME")
_STATUSES = {"CONFIRMED", "TENTATIVE", "CANCELLED"}
_FEED_ONCE = ("NAME", "X-WR-CALNAME", "X-WR-TIMEZONE", "REFRESH-INTERVAL", "X-PUBLISHED-TTL")
_INSTANT = re.compile(r"\d{8}T\d{6}Z")
_WALL = re.compile(r"\d{8}T\d{6}")
_RULE = re.compile(
    r"FREQ=(DAILY|WEEKLY|MONTHLY)(;INTERVAL=\d+)?(;BYDAY=[-+0-9A-Z,]+)?(;BYMONTHDAY=[-0-9,]+)?(;BYSETPOS=[-0-9,]+)?"
    r"(;WKST=[A-Z]{2})?;(COUNT=\d+|UNTIL=\d{8}T\d{6}Z)"
)
_YEARLY = re.compile(r"FREQ=YEARLY;BYMONTH=\d+(;BYMONTHDAY=[0-9,]+)?;BYDAY=-?\d?[A-Z]{2}")
_OFFSET = re.compile(r"[-+]\d{4}")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_LINE = re.compile(r'(?P<name>[A-Z0-9-]+)(?P<params>(?:;[A-Z0-9-]+=(?:"[^"]*"|[^";:,]*))*):(?P<value>.*)', re.DOTALL)
_PARAM = re.compile(r';([A-Z0-9-]+)=("[^"]*"|[^";:,]*)')
_ESCAPED = re.compile(r"(?:[^\\;,]|\\[\\;,nN])*", re.DOTALL)
_UID = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_NOONS = [datetime(2026, 1, 1, 12, tzinfo=UTC) + n * timedelta(days=10) for n in range(73)]
"""Every tenth day of two years."""
_RFC_6868 = {"^n": "\n", "^'": '"', "^^": "^"}


@dataclass(frozen=True)
class Line:
    """One content line, unfolded; parameter values without quotes and escapes, the value as it is."""

    name: str
    params: dict[str, str]
    value: str


@dataclass
class Component:
    """What stands between BEGIN and END."""

    name: str
    lines: list[Line] = field(default_factory=list)
    parts: list["Component"] = field(default_factory=list)

    def all(self, name: str) -> list[Line]:
        """Every line of this name, in the order of the file."""
        return [line for line in self.lines if line.name == name]

    def value(self, name: str) -> str | None:
        """The value of the first line of this name."""
        return next((line.value for line in self.all(name)), None)


def parse(data: bytes) -> Component:
    """Return the VCALENDAR; a ValueError says what cannot be read."""
    root = Component("")
    stack = [root]
    for text in data.decode().replace("\r\n ", "").removesuffix("\r\n").split("\r\n"):
        match = _LINE.fullmatch(text)
        if match is None:
            raise ValueError(f"not a content line: {text[:80]!r}")
        name, value = match["name"], match["value"]
        if name == "BEGIN":
            stack[-1].parts.append(Component(value))
            stack.append(stack[-1].parts[-1])
        elif name == "END":
            if stack.pop().name != value or not stack:
                raise ValueError(f"END:{value} closes nothing")
        else:
            stack[-1].lines.append(Line(name, _params(match["params"]), value))
    if len(stack) != 1 or len(root.parts) != 1 or root.lines or root.parts[0].name != "VCALENDAR":
        raise ValueError("not one whole VCALENDAR")
    return root.parts[0]


def events_of(calendar: Component) -> list[Component]:
    """The events, without the zones that they are in."""
    return [part for part in calendar.parts if part.name == "VEVENT"]


def problems(
    data: bytes, *, method: str | None, recipient: str | None = None, customers: Collection[str] = ()
) -> list[str]:
    """List what is wrong with a message (`method`: that of the MIME part) or with a feed (None)."""
    found = list(_physical(data))
    try:
        calendar = parse(data)
    except ValueError as unreadable:
        return [*found, str(unreadable)]
    found += _calendar(calendar, method)
    found += _escapes(calendar)
    found += _zones(calendar)
    events = events_of(calendar)
    for event in events:
        found += _event(event, method)
    found += _series(events, alone=method == "DECLINECOUNTER")
    if recipient is not None and not all(
        f"mailto:{recipient}" in {line.value for line in event.all("ATTENDEE")} for event in events
    ):
        found.append("the recipient is not among the attendees")
    unfolded = data.replace(b"\r\n ", b"").decode().lower()
    found += [f"customer address {customer}" for customer in customers if customer.lower() in unfolded]
    return found


def _physical(data: bytes) -> Iterator[str]:
    """RFC 5545 section 3.1."""
    if not data.endswith(b"\r\n"):
        yield "does not end in CRLF"
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    for line in lines:
        if b"\n" in line or b"\r" in line:
            yield "bare CR or LF"
        if len(line) > 75:
            yield f"line of {len(line)} octets"
        try:
            text = line.decode()
        except UnicodeDecodeError:
            yield "folded inside a character"
        else:
            if _CONTROL.search(text):
                yield "control character"


def _calendar(calendar: Component, method: str | None) -> Iterator[str]:
    if calendar.value("VERSION") != "2.0" or len(calendar.all("PRODID")) != 1:
        yield "VERSION or PRODID missing"
    if [line.value for line in calendar.all("METHOD")] != ([] if method is None else [method]):
        yield "METHOD is not that of the mail"
    if any(part.name not in {"VEVENT", "VTIMEZONE"} for part in calendar.parts):
        yield "something else than events and zones"
    events = events_of(calendar)
    uids = Counter(event.value("UID") for event in events if event.value("RECURRENCE-ID") is None)
    if any(count > 1 for count in uids.values()):
        yield "UID twice"
    if method is None:
        for name in _FEED_ONCE:
            if len(calendar.all(name)) != 1:
                yield f"{name} (of a feed, with REFRESH-INTERVAL) is there {len(calendar.all(name))} times"
        if any(line.params.get("VALUE") != "DURATION" for line in calendar.all("REFRESH-INTERVAL")):
            yield "REFRESH-INTERVAL without VALUE=DURATION"  # RFC 7986 section 5.7
    elif len({event.value("UID") for event in events}) != 1:
        yield "a message is about one event"


def _escapes(part: Component) -> Iterator[str]:
    """RFC 5545 section 3.3.11, in the part and in all within."""
    for line in part.lines:
        if line.name in _TEXT and not _ESCAPED.fullmatch(line.value):
            yield f"{line.name} is not escaped"
    for one in part.parts:
        yield from _escapes(one)


def _zones(calendar: Component) -> Iterator[str]:
    """RFC 5545 sections 3.2.19 and 3.6.5; only what Outlook and libical read."""
    names = [part.name for part in calendar.parts]
    zones = [part for part in calendar.parts if part.name == "VTIMEZONE"]
    if names != ["VTIMEZONE"] * len(zones) + ["VEVENT"] * (len(names) - len(zones)):
        yield "a zone comes after an event"
    used = {line.params["TZID"] for event in calendar.parts for line in event.lines if "TZID" in line.params}
    if sorted(zone.value("TZID") or "" for zone in zones) != sorted(used):
        yield "the zones are not those that are used"
    for zone in zones:
        wrong = list(_observances(zone))
        yield from wrong
        if not wrong and _wrong_offsets(zone.value("TZID") or "", "\n".join(_unparsed(zone))):
            yield "a zone has other offsets than its place"


def _observances(zone: Component) -> Iterator[str]:
    if [line.name for line in zone.lines] != ["TZID"] or not zone.parts:
        yield "a zone is a TZID and its observances"
    for part in zone.parts:
        lines = {line.name: line.value for line in part.lines if line.name != "TZNAME"}
        rule = lines.pop("RRULE", None)
        if part.name not in {"STANDARD", "DAYLIGHT"} or (rule is not None and not _YEARLY.fullmatch(rule)):
            yield "an observance without a yearly rule"
        if lines.keys() != {"DTSTART", "TZOFFSETFROM", "TZOFFSETTO"}:
            yield "an observance without its offsets, or with more"
        elif not (_WALL.fullmatch(lines.pop("DTSTART")) and all(map(_OFFSET.fullmatch, lines.values()))):
            yield "an observance that cannot be read"


@cache
def _wrong_offsets(name: str, written: str) -> bool:
    """Whether a zone, as dateutil reads it, differs from the IANA zone of its name."""
    try:
        place = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return True
    read = tzical(io.StringIO(f"BEGIN:VCALENDAR\n{written}\nEND:VCALENDAR\n")).get(name)
    return any(at.replace(tzinfo=read).utcoffset() != at.replace(tzinfo=place).utcoffset() for at in _NOONS)


def _unparsed(part: Component) -> list[str]:
    lines = [f"{line.name}:{line.value}" for line in part.lines]
    return [f"BEGIN:{part.name}", *lines, *(line for one in part.parts for line in _unparsed(one)), f"END:{part.name}"]


def _series(events: list[Component], *, alone: bool) -> Iterator[str]:
    """RFC 5545 sections 3.8.4.4 and 3.8.5. An occurrence may come `alone` in answer to a suggestion about it."""
    masters = {event.value("UID"): event for event in events if event.value("RRULE") is not None}
    slots: Counter[tuple[str | None, str]] = Counter()
    for event in events:
        zone = next((_form(line) for line in event.all("DTSTART")), None)
        if zone is None:
            yield "DTSTART is a floating time, or none"
        elif event.value("RRULE") is None:
            if zone != "UTC" or event.all("EXDATE"):
                yield "a zone or an EXDATE without a rule"
        elif len(event.all("RRULE")) != 1 or not _RULE.fullmatch(event.value("RRULE") or ""):
            yield "RRULE is not one of ours"
        elif {_form(line) for name in ("DTSTART", "DTEND", "EXDATE") for line in event.all(name)} - {zone}:
            yield "a series is in one zone"
        for line in event.all("RECURRENCE-ID"):
            slots[event.value("UID"), line.value] += 1
            master = masters.get(event.value("UID"))
            if master is None and alone and _form(line) is not None:
                continue
            if master is None or _form(line) not in map(_form, master.all("DTSTART")):
                yield "RECURRENCE-ID without a series in its zone"
            elif event.value("SEQUENCE") != master.value("SEQUENCE"):
                yield "an override of another revision"
            elif line.value in {dropped.value for dropped in master.all("EXDATE")}:
                yield "an override of what does not happen"
    if any(count > 1 for count in slots.values()):
        yield "RECURRENCE-ID twice"


def _form(line: Line) -> str | None:
    """The zone that a time is in; None when it is not written as a time in a zone."""
    if not line.params:
        return "UTC" if _INSTANT.fullmatch(line.value) else None
    return line.params.get("TZID") if len(line.params) == 1 and _WALL.fullmatch(line.value) else None


def _event(event: Component, method: str | None) -> Iterator[str]:
    """RFC 5545 section 3.6.1; RFC 5546 sections 3.2.2 and 3.2.5."""
    for name in _ONCE:
        if len(event.all(name)) != 1:
            yield f"{name} is there {len(event.all(name))} times"
    in_utc = ["DTSTAMP", "LAST-MODIFIED", "CREATED"]
    if event.value("RRULE") is None:
        in_utc += ["DTSTART", "DTEND"]
    for name in in_utc:
        for line in event.all(name):
            if line.params or not _INSTANT.fullmatch(line.value):
                yield f"{name} is not an instant in UTC"
    if not _UID.fullmatch(event.value("UID") or ""):
        yield "UID is not something@somewhere"
    if event.value("DTSTAMP") != event.value("LAST-MODIFIED"):
        yield "DTSTAMP is not LAST-MODIFIED"
    if (event.value("DTSTART") or "") >= (event.value("DTEND") or "~"):
        yield "ends before it starts"
    if not (event.value("SEQUENCE") or "").isdecimal():
        yield "SEQUENCE is not a number"
    if any(line.params.get("VALUE") != "URI" or "FEATURE" not in line.params for line in event.all("CONFERENCE")):
        yield "CONFERENCE without VALUE=URI or FEATURE"  # RFC 7986 section 5.11
    cancelled = event.value("STATUS") == "CANCELLED"
    if event.value("STATUS") not in _STATUSES:
        yield "STATUS is none"
    if cancelled and event.value("TRANSP") != "TRANSPARENT":
        yield "a cancelled event blocks time"
    if cancelled and method is None and not (event.value("SUMMARY") or "").startswith("Cancelled: "):
        yield "a feed does not say that an event is cancelled"
    if event.value("X-MICROSOFT-CDO-BUSYSTATUS") != _busy_status(event):
        yield "Outlook is told something else about the time"
    yield from _people(event, method, cancelled=cancelled)
    yield from _alarms(event)
    if method == "REQUEST" and cancelled:
        yield "REQUEST of a cancelled event"
    if method == "CANCEL" and not cancelled:
        yield "CANCEL with another STATUS"
    if (method == "CANCEL" or cancelled) and event.parts:
        yield "alarm for a cancelled event"


def _busy_status(event: Component) -> str:
    if event.value("TRANSP") == "TRANSPARENT":
        return "FREE"
    return "TENTATIVE" if event.value("STATUS") == "TENTATIVE" else "BUSY"


def _people(event: Component, method: str | None, *, cancelled: bool) -> Iterator[str]:
    attendees = event.all("ATTENDEE")
    for line in [*event.all("ORGANIZER"), *attendees]:
        if not re.fullmatch(r"mailto:[^@]+@[^@]+", line.value):
            yield f"{line.name} is not a mail address"
    if len({line.value.lower() for line in attendees}) != len(attendees):
        yield "ATTENDEE twice"
    if method is not None and not attendees:
        yield "message without ATTENDEE"
    for line in attendees:
        if not {"ROLE", "PARTSTAT"} <= line.params.keys():
            yield "ATTENDEE without ROLE or PARTSTAT"
        if (line.params.get("RSVP") == "TRUE") != (method == "REQUEST" and not cancelled):
            yield "RSVP is for requests, and for all of them"


def _alarms(event: Component) -> Iterator[str]:
    if len(event.parts) > 1:
        yield "rings more than once"
    for alarm in event.parts:
        if alarm.name != "VALARM" or alarm.value("ACTION") != "DISPLAY":
            yield "not a DISPLAY alarm"
        if alarm.value("DESCRIPTION") is None or alarm.value("TRIGGER") is None:
            yield "alarm without DESCRIPTION or TRIGGER"


def _params(text: str) -> dict[str, str]:
    return {
        name: re.sub(r"\^[n'^]", lambda escape: _RFC_6868[escape[0]], value.strip('"'))
        for name, value in _PARAM.findall(text)
    }
