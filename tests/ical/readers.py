"""Reads calendars as three do: our own checker and expander, icalendar with recurring-ical-events, and ical.js.

Each says in the same words what it finds, so that they can be compared.
"""

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from app.ical.expand import busy_times
from tests.ical.checker import Line, events_of, parse

PEER = Path(__file__).parent / "peer"

Times = list[tuple[datetime, datetime]]

_AROUND = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC))
_ESCAPED = re.compile(r"\\(.)")


class Words(NamedTuple):
    """What a VEVENT says beside when it happens. `slot` is the occurrence of its series that it replaces."""

    uid: str
    slot: datetime | None
    sequence: int
    status: str
    transparent: bool
    summary: str
    organizer: str
    attendees: tuple[tuple[str, str], ...]
    """Address and PARTSTAT, in the order of the file."""


class Told(NamedTuple):
    """What a calendar says: its METHODs, its events in the order of the file, and when something is on, sorted."""

    methods: list[str]
    events: list[Words]
    times: Times


Reader = Callable[[bytes], Told]


def as_we_do(data: bytes) -> Told:
    """Read the words with the checker, and the times with the expander of calendars that others wrote."""
    calendar = parse(data)
    start, end = _AROUND
    found = busy_times(data, start=start, end=end, owner_zone="UTC", raw=True)
    assert found.skipped == ()
    return Told(
        methods=[line.value for line in calendar.all("METHOD")],
        events=[
            Words(
                uid=event.value("UID") or "",
                slot=next(map(_instant, event.all("RECURRENCE-ID")), None),
                sequence=int(event.value("SEQUENCE") or ""),
                status=event.value("STATUS") or "",
                transparent=event.value("TRANSP") == "TRANSPARENT",
                summary=_ESCAPED.sub(lambda one: "\n" if one[1] in "nN" else one[1], event.value("SUMMARY") or ""),
                organizer=event.value("ORGANIZER") or "",
                attendees=tuple((line.value, line.params["PARTSTAT"]) for line in event.all("ATTENDEE")),
            )
            for event in events_of(calendar)
        ],
        times=sorted((one.start, one.end) for one in found.occurrences),
    )


def as_icalendar_does(data: bytes) -> Told:
    """Read the words with icalendar, and the times with recurring-ical-events."""
    calendar: Any = icalendar.Calendar.from_ical(data)
    calendar.pop("X-WR-TIMEZONE", None)  # into which the library puts times in UTC, and forgets which of two it was
    on = [(one["DTSTART"].dt, one["DTEND"].dt) for one in recurring_ical_events.of(calendar).between(*_AROUND)]
    for taken in calendar.walk("VFREEBUSY"):
        on += [(period.start, period.end) for period in _listed(taken.get("FREEBUSY", []))]
    return Told(
        methods=[str(one) for one in _listed(calendar.get("METHOD", []))],
        events=[_words(event) for event in calendar.walk("VEVENT")],
        times=sorted((start.astimezone(UTC), end.astimezone(UTC)) for start, end in on),
    )


def _words(event: Any) -> Words:
    return Words(
        uid=str(event["UID"]),
        slot=event["RECURRENCE-ID"].dt.astimezone(UTC) if "RECURRENCE-ID" in event else None,
        sequence=int(event["SEQUENCE"]),
        status=str(event["STATUS"]),
        transparent=event["TRANSP"] == "TRANSPARENT",
        summary=str(event["SUMMARY"]),
        organizer=str(event["ORGANIZER"]),
        attendees=tuple((str(one), str(one.params["PARTSTAT"])) for one in _listed(event.get("ATTENDEE", []))),
    )


def missing() -> str | None:
    """Say how to install ical.js; None where it is."""
    if which("node") and (PEER / "node_modules" / "ical.js").is_dir():
        return None
    return "ical.js read nothing here. Install Node.js (18 or newer) and run: npm ci --prefix tests/ical/peer"


@contextmanager
def ical_js() -> Iterator[Reader]:
    """Start ical.js, once for however many calendars."""
    with subprocess.Popen(
        ["node", str(PEER / "read.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1
    ) as node:

        def read(data: bytes) -> Told:
            assert node.stdin is not None
            assert node.stdout is not None
            node.stdin.write(base64.b64encode(data).decode() + "\n")
            said = json.loads(node.stdout.readline())
            assert "error" not in said, said["error"]
            return _told(said)

        yield read


def _told(said: Any) -> Told:
    return Told(
        methods=said["methods"],
        events=[
            Words(
                uid=event["uid"],
                slot=None if event["slot"] is None else _at(event["slot"]),
                sequence=event["sequence"],
                status=event["status"],
                transparent=event["transp"] == "TRANSPARENT",
                summary=event["summary"],
                organizer=event["organizer"],
                attendees=tuple((address, partstat) for address, partstat in event["attendees"]),
            )
            for event in said["events"]
        ],
        times=sorted((_at(start), _at(end)) for start, end in said["times"]),
    )


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _instant(line: Line) -> datetime:
    wall = datetime.fromisoformat(line.value.removesuffix("Z"))
    return wall.replace(tzinfo=ZoneInfo(line.params.get("TZID", "UTC"))).astimezone(UTC)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
