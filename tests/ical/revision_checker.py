"""Compares two messages about one event, the later with the earlier (RFC 5546 section 2.1.4), and lists faults."""

from collections.abc import Iterator

from tests.ical.checker import Component, events_of, parse

_TIMES = ("DTSTART", "DTEND", "RRULE", "EXDATE")


def revision_problems(earlier: bytes, later: bytes) -> list[str]:
    """List what makes calendars take the later message for another event, or for none that is new."""
    return list(_faults(_master(earlier), _master(later)))


def _faults(earlier: Component, later: Component) -> Iterator[str]:
    for name in ("UID", "CREATED"):
        if earlier.value(name) != later.value(name):
            yield f"another {name}"
    if earlier.value("ORGANIZER") != later.value("ORGANIZER"):
        yield "another ORGANIZER"  # Exchange and Google drop what comes from somebody else
    if int(later.value("SEQUENCE") or "-1") <= int(earlier.value("SEQUENCE") or "-1"):
        yield "SEQUENCE did not grow"  # Outlook ignores an equal one
    if (later.value("DTSTAMP") or "") <= (earlier.value("DTSTAMP") or ""):
        yield "DTSTAMP did not grow"
    if _times(earlier) == _times(later):
        known = {line.value: line.params["PARTSTAT"] for line in earlier.all("ATTENDEE")}
        for line in later.all("ATTENDEE"):
            if line.params["PARTSTAT"] == "NEEDS-ACTION" and known.get(line.value, "NEEDS-ACTION") != "NEEDS-ACTION":
                yield "an answer is forgotten, and the time is the same"


def _master(data: bytes) -> Component:
    return next(event for event in events_of(parse(data)) if event.value("RECURRENCE-ID") is None)


def _times(event: Component) -> list[tuple[str, str]]:
    return [(line.name, line.value) for line in event.lines if line.name in _TIMES]
