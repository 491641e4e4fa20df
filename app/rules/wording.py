"""How mail says calls and times to its reader: whole, in English, and in the zone where they live."""

from datetime import datetime
from zoneinfo import ZoneInfo


def call_words(company: str | None, call_type: str) -> str:
    """Return what people are told of a call: `Northwind Freight (discovery)`."""
    of_type = call_type.replace("_", " ").replace(".", " ")
    return f"{company} ({of_type})" if company else of_type


def when(starts_at: datetime, ends_at: datetime, time_zone: str) -> str:
    """Return a time as its reader lives it: `Monday 23 November 2026, 10:00–10:30 (Europe/London)`."""
    return f"{times(starts_at, ends_at, time_zone)} ({time_zone})"


def times(starts_at: datetime, ends_at: datetime, time_zone: str) -> str:
    """Return `Monday 23 November 2026, 10:00–10:30`: a time in a zone that is named elsewhere."""
    return f"{day(starts_at, time_zone)}, {hours(starts_at, ends_at, time_zone)}"


def hours(starts_at: datetime, ends_at: datetime, time_zone: str) -> str:
    """Return `10:00–10:30`: a time of a day in a zone that are named elsewhere."""
    zone = ZoneInfo(time_zone)
    return f"{starts_at.astimezone(zone):%H:%M}–{ends_at.astimezone(zone):%H:%M}"


def moment(at: datetime, time_zone: str) -> str:
    """Return an instant as its reader lives it: `Monday 23 November 2026, 10:00 (Europe/London)`."""
    return f"{day(at, time_zone)}, {at.astimezone(ZoneInfo(time_zone)):%H:%M} ({time_zone})"


def day(at: datetime, time_zone: str) -> str:
    """Return the day that an instant lies on in a zone: `Monday 23 November 2026`."""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{local:%A} {local.day} {local:%B %Y}"
