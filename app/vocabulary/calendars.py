"""Words of feeds, calendars outside and entries in them."""

from enum import StrEnum


class FeedKind(StrEnum):
    """What a calendar subscription shows."""

    PERSONAL = "personal"
    TEAM = "team"
    OPEN_SEATS = "open_seats"


class FeedPrivacy(StrEnum):
    """How much of each session a feed tells."""

    FULL = "full"
    BUSY_ONLY = "busy_only"


class CalendarKind(StrEnum):
    """How a calendar outside is read."""

    ICS = "ics"
    CALDAV = "caldav"


class CalendarUse(StrEnum):
    """What the events of a connected calendar are to us."""

    BUSY = "busy"
    """Time in which its owner is taken."""
    CALLS = "calls"
    """That, and customer calls of theirs: events with somebody from outside."""


class CalendarHealth(StrEnum):
    """Whether a connected calendar can be read."""

    NEW = "new"
    """Not read yet."""
    OK = "ok"
    DEGRADED = "degraded"
    """Not readable now: what was read last still counts."""
    DISABLED = "disabled"


class EntryStatus(StrEnum):
    """Whether a calendar entry still stands."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
