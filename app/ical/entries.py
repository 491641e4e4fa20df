"""What stands in somebody's calendar: one entry, who arranged it and who is asked to come."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

AttendeeRole = Literal["CHAIR", "REQ-PARTICIPANT", "OPT-PARTICIPANT", "NON-PARTICIPANT"]
"""RFC 5545 section 3.2.16."""

PartStat = Literal["NEEDS-ACTION", "ACCEPTED", "DECLINED", "TENTATIVE"]
"""RFC 5545 section 3.2.12, without delegation: a seat cannot be handed on."""


class EntryStatus(StrEnum):
    """RFC 5545 section 3.8.1.11, for events."""

    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Organizer:
    """The mailbox that sends the invites and reads the replies; constant for the life of an entry."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Attendee:
    """A colleague who is asked to come. Never the customer."""

    name: str
    email: str
    role: AttendeeRole = "REQ-PARTICIPANT"
    partstat: PartStat = "NEEDS-ACTION"


@dataclass(frozen=True, slots=True)
class Override:
    """An occurrence of a series that moved by itself: `slot` is the instant that the rule gives it."""

    slot: datetime
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How an entry recurs. `rrule` ends, with an UNTIL in UTC if it has one (RFC 5545 section 3.3.10).

    `local_start` is the naive wall time of the first occurrence in the IANA zone, and all others keep its time of day.
    `dropped` are the instants that the rule gives but where nothing happens. `exact` are occurrences that are where the
    rule has them, but around a change of the clock, where calendars disagree on what it means.
    """

    rrule: str
    time_zone: str
    local_start: datetime
    dropped: tuple[datetime, ...] = ()
    overrides: tuple[Override, ...] = ()
    exact: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One revision of one session, or of a series of them, in one person's view.

    `[starts_at, ends_at)`, of a series those of its first occurrence; all four instants are aware and get written in
    whole seconds, and in UTC but for a series. `changed_at` becomes both DTSTAMP and LAST-MODIFIED and must grow with
    every state, as `sequence` must with every change of time or status (RFC 5546 section 2.1.4). `url` is the https
    link to the session, `conference_url` the link into the call. `alarm_minutes` counts back from the start.
    """

    uid: str
    sequence: int
    changed_at: datetime
    created_at: datetime
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str
    location: str | None
    url: str | None
    conference_url: str | None
    status: EntryStatus
    transparent: bool
    organizer: Organizer
    attendees: tuple[Attendee, ...]
    alarm_minutes: int | None
    recurrence: Recurrence | None = None

    def __post_init__(self) -> None:
        # A naive instant would be read in the zone of the machine: right on one server, wrong on the next.
        if any(at.utcoffset() is None for at in (self.changed_at, self.created_at, self.starts_at, self.ends_at)):
            raise ValueError(f"entry {self.uid!r} has an instant without a zone")
        if self.ends_at <= self.starts_at:
            raise ValueError(f"entry {self.uid!r} ends before it starts")
