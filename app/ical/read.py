"""Reads the text of calendars that others wrote (RFC 5545 section 3): bytes in, components out, whatever the bytes.

Every step is bounded: what breaks a limit is refused as `Unreadable` before it costs more than the limit allows.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

LARGEST = 5 * 1024 * 1024
"""Bytes of a calendar, unpacked."""
LONGEST_LINE = 64 * 1024
"""Bytes of a line that counts, once its folds are undone."""
MOST_COMPONENTS = 20_000
DEEPEST = 4
"""Components within one another."""


class Reason(StrEnum):
    """Why a calendar is refused as a whole: stable words."""

    NOT_A_CALENDAR = "not_a_calendar"
    CUT_OFF = "cut_off"
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    LINE_TOO_LONG = "line_too_long"
    TOO_MANY_COMPONENTS = "too_many_components"
    TOO_DEEP = "too_deep"
    TOO_FREQUENT = "too_frequent"
    TOO_MANY_OCCURRENCES = "too_many_occurrences"
    TOO_COSTLY = "too_costly"


_SAID = {
    Reason.NOT_A_CALENDAR: "This is no calendar: it does not begin with BEGIN:VCALENDAR.",
    Reason.CUT_OFF: "The calendar ends before its END:VCALENDAR.",
    Reason.DAMAGED: "The calendar is compressed, and its compression is damaged.",
    Reason.TOO_LARGE: "The calendar is larger than 5 MB.",
    Reason.LINE_TOO_LONG: "A line of the calendar is longer than 64 KB.",
    Reason.TOO_MANY_COMPONENTS: "The calendar has more than 20,000 components.",
    Reason.TOO_DEEP: "Components of the calendar are nested more than four deep.",
    Reason.TOO_FREQUENT: "An event of the calendar repeats every minute or second, or more than 24 times in a period.",
    Reason.TOO_MANY_OCCURRENCES: "An event of the calendar happens more than 5,000 times, or all of them 20,000 times.",
    Reason.TOO_COSTLY: "The recurrence rules of the calendar take too long to work out.",
}


class Unreadable(Exception):
    """The calendar broke a limit, or is none; nothing can be said about what it holds."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(_SAID[reason])
        self.reason = reason


@dataclass(slots=True)
class Budget:
    """What working out may still cost, in steps of one or two microseconds: counted, so that it always ends alike."""

    steps: int

    def spend(self, steps: int = 1) -> None:
        """Raise Unreadable once there is nothing left."""
        self.steps -= steps
        if self.steps < 0:
            raise Unreadable(Reason.TOO_COSTLY)


class Property(NamedTuple):
    """A property's value as it is written, and its parameters by name in capitals."""

    value: str
    params: Mapping[str, str]


@dataclass(slots=True)
class Component:
    """A component: its children, and of its properties those that say when people are busy."""

    name: str
    children: list["Component"] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)
    """By name in capitals: what follows it on each line, from the `;` or `:` on."""

    def first(self, name: str) -> Property | None:
        """Return the first property of this name."""
        lines = self.lines.get(name)
        return _property(lines[0]) if lines else None

    def all(self, name: str) -> Iterator[Property]:
        """Return all properties of this name."""
        return map(_property, self.lines.get(name, ()))

    def word(self, name: str) -> str:
        """Return a value that is one word of a list, in capitals; empty without one."""
        found = self.first(name)
        return found.value.strip().upper() if found else ""


_NAMES = (
    "BEGIN|END|METHOD|UID|SEQUENCE|DTSTAMP|DTSTART|DTEND|DURATION|RRULE|RDATE|EXDATE|RECURRENCE-ID|STATUS|TRANSP|SUMMARY"
    "|ATTENDEE|ORGANIZER|FREEBUSY|X-MICROSOFT-CDO-BUSYSTATUS|X-WR-TIMEZONE|TZID|TZOFFSETFROM|TZOFFSETTO"
)
# Folds are gone by then. It begins with a line feed, which is found faster than the beginning of a line.
_LINE = re.compile(rf"\n({_NAMES})([;:][^\n]*)", re.IGNORECASE)
_IS_READ = re.compile(rf"(?:{_NAMES})[;:]".encode(), re.IGNORECASE)
_READ = frozenset(("VCALENDAR", "VEVENT", "VFREEBUSY", "VTIMEZONE", "STANDARD", "DAYLIGHT"))
_HEAD = re.compile(r'((?:[^":]|"[^"]*")*+):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';([^=;:"]+)=("[^"]*"|[^;]*)')
_CARETS = re.compile(r"\^[n^']")
_CARET = {"^n": "\n", "^^": "^", "^'": '"'}
_BACKSLASHES = re.compile(r"\\(.)", re.DOTALL)


def parse(content: bytes) -> list[Component]:
    """Return the VCALENDARs of a file, which may be packed by gzip. Linear in its bytes.

    Raises Unreadable for a breach of a limit, for what holds no calendar, such as a page that asks to sign in, and for
    a file that was cut off: taken as it is, it would make people free who are not.
    """
    calendars = _components(_text(_without_long_lines(_unfolded(_unpacked(content)))))
    if not calendars:
        raise Unreadable(Reason.NOT_A_CALENDAR)
    return calendars


def plain(text: str) -> str:
    r"""Undo the escapes of TEXT (RFC 5545 section 3.3.11); a backslash in front of anything else than `n` goes."""
    return _BACKSLASHES.sub(lambda at: "\n" if at[1] in "nN" else at[1], text) if "\\" in text else text


def _unpacked(content: bytes) -> bytes:
    """Return the content itself, or what gzip made of it; never unpacks more than a byte too much."""
    if not content.startswith(b"\x1f\x8b"):
        if len(content) > LARGEST:
            raise Unreadable(Reason.TOO_LARGE)
        return content
    unpacked = b""
    while content:  # members in a row are one file (RFC 1952 section 2.2)
        member = zlib.decompressobj(wbits=31)
        try:
            unpacked += member.decompress(content, LARGEST + 1 - len(unpacked))
        except zlib.error as error:
            raise Unreadable(Reason.DAMAGED) from error
        if len(unpacked) > LARGEST:
            raise Unreadable(Reason.TOO_LARGE)
        if not member.eof:
            raise Unreadable(Reason.DAMAGED)
        content = member.unused_data if member.unused_data.startswith(b"\x1f\x8b") else b""
    return unpacked


def _unfolded(content: bytes) -> bytes:
    """Undo the folds before anything is decoded, for they may part a character (RFC 5545 section 3.1).

    Mail gateways double the CR; many writers leave it out.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    content = content.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
    return content.replace(b"\n ", b"").replace(b"\n\t", b"")


def _without_long_lines(content: bytes) -> bytes:
    """Leave out lines that are too long, as whole attachments are (RFC 5545 section 3.8.1.1); refuse one that counts.

    Linear: it looks for the ends of lines from limit to limit.
    """
    kept: list[bytes] = []
    keeps_from = begins = 0
    while begins + LONGEST_LINE < len(content):
        ends = content.rfind(b"\n", begins, begins + LONGEST_LINE + 1)
        if ends < 0:
            if _IS_READ.match(content, begins):
                raise Unreadable(Reason.LINE_TOO_LONG)
            kept.append(content[keeps_from:begins])
            ends = content.find(b"\n", begins + LONGEST_LINE)
            ends = len(content) if ends < 0 else ends
            keeps_from = ends + 1
        begins = ends + 1
    return b"".join((*kept, content[keeps_from:])) if kept else content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "\n".join(map(_line_text, content.split(b"\n")))


def _line_text(line: bytes) -> str:
    """A line that is no UTF-8 is what old Windows programs write; other lines of the same file may well be UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _components(text: str) -> list[Component]:
    """Return the VCALENDARs. What stands between them counts for nothing, but within the limits."""
    root = Component("")
    open_ones = [root]
    count = 0
    for line in _LINE.finditer("\n" + text):
        name, rest = line.groups()
        name = name.upper()
        if name == "BEGIN":
            count += 1
            if count > MOST_COMPONENTS:
                raise Unreadable(Reason.TOO_MANY_COMPONENTS)
            if len(open_ones) > DEEPEST:
                raise Unreadable(Reason.TOO_DEEP)
            component = Component(rest[1:].strip().upper())
            open_ones[-1].children.append(component)
            open_ones.append(component)
        elif name == "END":
            _close(open_ones, rest[1:].strip().upper())
        elif open_ones[-1].name in _READ:
            open_ones[-1].lines.setdefault(name, []).append(rest)
    if any(component.name == "VCALENDAR" for component in open_ones):
        raise Unreadable(Reason.CUT_OFF)
    return [component for component in root.children if component.name == "VCALENDAR"]


def _close(open_ones: list[Component], name: str) -> None:
    """Close the innermost component of this name, and with it those within that nobody closed; an END alone is none."""
    for at in range(len(open_ones) - 1, 0, -1):
        if open_ones[at].name == name:
            del open_ones[at:]
            return


def _property(line: str) -> Property:
    """Part a line at the first colon outside of quotes; at the very first when a quote has no end."""
    head, _, value = line.partition(":")
    if '"' in head and (quoted := _HEAD.fullmatch(line)):
        head, value = quoted.groups()
    return Property(value, _params(head) if head else {})


@lru_cache(maxsize=256)
def _params(head: str) -> Mapping[str, str]:
    """Read parameters (RFC 5545 section 3.2) with the escapes of RFC 6868; of a list, only the first when quoted."""
    return {name.strip().upper(): _carets(value.strip().strip('"')) for name, value in _PARAMETER.findall(head)}


def _carets(value: str) -> str:
    return _CARETS.sub(lambda at: _CARET[at[0]], value) if "^" in value else value
