"""Reads calendars as others do, with nothing of ours."""

from datetime import UTC, datetime

import icalendar
import recurring_ical_events


def shown(data: bytes) -> list[tuple[datetime, datetime]]:
    """What a reader of calendars that is none of ours finds."""
    around = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC))
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(*around)
    return sorted((event["DTSTART"].dt.astimezone(UTC), event["DTEND"].dt.astimezone(UTC)) for event in found)
