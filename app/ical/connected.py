"""What the calendar of a colleague tells: when they are taken, and which of its events are calls with customers."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.ical.entries import EntryStatus
from app.ical.events import Event, Skipped, event_of
from app.ical.expand import STEPS, busy_times
from app.ical.foreign_zones import Zones
from app.ical.read import Budget, Component, Unreadable, parse
from app.ical.series import Occurrence

Range = tuple[datetime, datetime]
"""Half-open, UTC."""

LONGEST_CALL = timedelta(days=1)
_LONGEST_REF = 400
_THINGS = frozenset({"ROOM", "RESOURCE"})
_DOMAINS_OF_THINGS = ("resource.calendar.google.com", "group.calendar.google.com")


class CalendarRefused(Exception):
    """The calendar broke a limit, or is none. The message is a sentence for its owner."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A calendar, and what is to be read of it in [start, end)."""

    content: bytes = field(repr=False)
    start: datetime
    end: datetime
    owner_zone: str
    addresses: frozenset[str]
    """The owner's: what they declined by one of these is free."""
    own_domain: str
    """Of our UIDs, which don't count."""
    own_mailboxes: frozenset[str] = frozenset()
    """Ours, in lower case: what they organize does not count either."""
    colleagues: frozenset[str] | None = None
    """Mail domains of the company, in lower case; None: no event of it is a call."""
    title_contains: str | None = None
    """Only events whose title holds this, in whatever case, are calls."""


@dataclass(frozen=True, slots=True)
class CustomerEvent:
    """An event with somebody from outside of the company. Who that is stays in the calendar."""

    ref: str
    """What it is called there for good: the UID, of a series with its RECURRENCE-ID in UTC."""
    title: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What a calendar tells."""

    busy: tuple[Range, ...]
    """Sorted, none touches the next; without those that are calls."""
    tentative: tuple[Range, ...]
    """Of the same kind; it may overlap what is busy."""
    calls: tuple[CustomerEvent, ...]
    """Sorted by start."""
    left_out: tuple[Skipped, ...]


def read(wanted: Wanted) -> Told:
    """Return what the calendar tells. Linear in the bytes and in the occurrences, within the limits of the reader.

    Only events that take their owner's time are calls, with a title, a UID and at most a day; never whole days. Raises
    CalendarRefused.
    """
    try:
        found = busy_times(
            wanted.content,
            start=wanted.start,
            end=wanted.end,
            owner_zone=wanted.owner_zone,
            addresses=wanted.addresses,
            own_domain=wanted.own_domain,
            own_mailboxes=wanted.own_mailboxes,
        )
        invited = _Invited(wanted) if wanted.colleagues is not None else None
    except Unreadable as why:
        raise CalendarRefused(str(why)) from None
    calls: dict[str, CustomerEvent] = {}
    busy: list[Range] = []
    tentative: list[Range] = []
    for one in found.occurrences:
        if invited and (ref := invited.ref(one)):
            calls.setdefault(ref, CustomerEvent(ref, one.summary, one.start, one.end))
        else:
            (tentative if one.tentative else busy).append((one.start, one.end))
    return Told(merged(busy), merged(tentative), tuple(calls.values()), found.skipped)


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the union of ranges, sorted, as few as there can be. O(n log n)."""
    united: list[Range] = []
    for start, end in sorted(ranges):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return tuple(united)


class _Invited:
    """Who is invited to what: the reader of busy time does not keep it."""

    def __init__(self, wanted: Wanted) -> None:
        self._colleagues = wanted.colleagues or frozenset()
        self._words = (wanted.title_contains or "").casefold()
        self._of: dict[str, list[Event]] = defaultdict(list)
        budget = Budget(STEPS)
        for calendar in parse(wanted.content):
            zones = Zones(calendar, wanted.owner_zone, budget)
            for component in calendar.children:
                uid = component.first("UID") if component.name == "VEVENT" else None
                if uid and (event := event_of(component, uid.value.strip(), zones, [])):
                    self._of[event.uid].append(event)
        for events in self._of.values():
            events.sort(key=Event.rank)

    def ref(self, one: Occurrence) -> str | None:
        """Return what a call is called; None for what is none."""
        events = self._of.get(one.uid)
        if not events or one.all_day or one.end - one.start > LONGEST_CALL or one.status is EntryStatus.CANCELLED:
            return None
        if not one.summary or self._words not in one.summary.casefold():
            return None
        event, slot = _version(events, one)
        if not self._from_outside(event.component):
            return None
        ref = f"{one.uid}/{slot:%Y%m%dT%H%M%SZ}" if slot else one.uid
        return ref if len(ref) <= _LONGEST_REF and ref.isprintable() else None

    def _from_outside(self, component: Component) -> bool:
        return any(
            line.params.get("CUTYPE", "").upper() not in _THINGS
            and _is_stranger(line.params.get("EMAIL") or line.value, self._colleagues)
            for line in (*component.all("ATTENDEE"), *component.all("ORGANIZER"))
        )


def _is_stranger(address: str, colleagues: Collection[str]) -> bool:
    """Whether this is the mailbox of a person at a domain where no colleague has one."""
    _, at, domain = address.strip().lower().removeprefix("mailto:").rpartition("@")
    return bool(at and domain) and domain not in colleagues and domain not in _DOMAINS_OF_THINGS


def _version(events: list[Event], one: Occurrence) -> tuple[Event, datetime | None]:
    """Return the event that an occurrence is of, and the time that its series had it at; None for a single one."""
    masters = [event for event in events if event.replaces is None]
    replacing = [event for event in events if event.replaces is not None and event.start.at() == one.start]
    if replacing and replacing[-1].replaces is not None:
        return replacing[-1], replacing[-1].replaces.at().astimezone(UTC)
    if not masters:
        return events[-1], one.start
    master = masters[-1]
    recurs = len(masters) < len(events) or not master.component.lines.keys().isdisjoint(("RRULE", "RDATE"))
    return master, one.start if recurs else None
