"""When the owner of a calendar that others wrote is busy: its occurrences within a window."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from app.ical.entries import EntryStatus
from app.ical.events import Event, Firmness, Skipped, Why, event_of, organized_by
from app.ical.foreign_zones import Zones
from app.ical.read import Budget, Component, Reason, Unreadable, parse
from app.ical.series import STEPS_OF_A_DATE, Occurrence, Reader, Window, occurrences
from app.ical.times import periods

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)
"""Nothing outside of these is found, whatever the window. Series may have begun earlier: birthdays do."""
MOST_OF_A_CALENDAR = 20_000
STEPS = 250_000
"""What the rules of a calendar may cost: less than two seconds of CPU."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a calendar says."""

    occurrences: tuple[Occurrence, ...]
    """Sorted by start, end and UID; they may overlap."""
    skipped: tuple[Skipped, ...]
    """What was left out or guessed: each UID once for each reason."""


def busy_times(
    content: bytes,
    *,
    start: datetime,
    end: datetime,
    owner_zone: str,
    addresses: Collection[str] = (),
    own_domain: str | None = None,
    own_mailboxes: Collection[str] = (),
    raw: bool = False,
) -> Reading:
    """Return when the owner is busy in [start, end), both aware, from the bytes of an iCalendar file or its gzip.

    `owner_zone` (IANA name) is where floating times and whole days are meant. What the owner declined by one of their
    `addresses` is free, as is what is transparent, cancelled or takes no time. UIDs that end in `@own_domain` are ours
    and left out, and so are those that one of `own_mailboxes` (in lower case) organizes, for Exchange gives events that
    it publishes UIDs of its own: a session of Earshot must not stand in its own way. `raw` leaves out only those, and
    takes everything to the letter.

    Occurrences are whole: they may reach out of the window. Deterministic; linear in the bytes and in the occurrences,
    within the limits of `app.ical.read` and of this module. Raises Unreadable for a breach of a limit and for what is
    no calendar.
    """
    window = Window(max(start.astimezone(UTC), FIRST), min(end.astimezone(UTC), LAST))
    reader = Reader(window, Budget(STEPS), frozenset(address.lower() for address in addresses), skipped=[])
    found: list[Occurrence] = []
    ours = _Ours(own_domain, frozenset(own_mailboxes))
    for one in _occurrences(parse(content), owner_zone, ours, reader, literally=raw):
        if raw or _takes_time(one):
            found.append(one)
        if len(found) > MOST_OF_A_CALENDAR:
            raise Unreadable(Reason.TOO_MANY_OCCURRENCES)
    found.sort(key=lambda one: (one.start, one.end, one.uid))
    return Reading(tuple(found), tuple(dict.fromkeys(reader.skipped)))


class _Ours(NamedTuple):
    """What tells events of Earshot from others."""

    domain: str | None
    mailboxes: frozenset[str]


def _takes_time(one: Occurrence) -> bool:
    free = one.transparent or one.declined or one.status is EntryStatus.CANCELLED
    return not free and one.start < one.end


def _occurrences(
    calendars: Iterable[Component], owner_zone: str, ours: _Ours, reader: Reader, *, literally: bool
) -> Iterator[Occurrence]:
    """Return all occurrences in the window, unsorted. Those of one UID belong together, wherever they are."""
    by_uid: defaultdict[str, list[Event]] = defaultdict(list)
    for calendar in calendars:
        zones = Zones(calendar, owner_zone, reader.budget)
        for component in calendar.children:
            uid = _uid(component)
            if ours.domain is not None and uid.endswith("@" + ours.domain):
                continue
            if component.name == "VFREEBUSY":
                yield from _free_busy(component, uid, zones, reader)
            elif component.name == "VEVENT":
                event = event_of(component, uid, zones, reader.skipped, literally=literally)
                if event:
                    by_uid[uid or f"\n{len(by_uid)}"].append(event)  # without a UID, each is by itself
    for events in by_uid.values():
        if not any(organized_by(event.component, ours.mailboxes) for event in events):
            yield from occurrences(events, reader)


def _uid(component: Component) -> str:
    found = component.first("UID")
    return found.value.strip() if found else ""


def _free_busy(component: Component, uid: str, zones: Zones, reader: Reader) -> Iterator[Occurrence]:
    """Return the periods of a VFREEBUSY (RFC 5545 section 3.6.4)."""
    for line in component.all("FREEBUSY"):
        kind = line.params.get("FBTYPE", "BUSY").upper()
        how = Firmness("", EntryStatus.CONFIRMED, kind == "FREE", False, kind == "BUSY-TENTATIVE")
        told = periods(line, zones)
        reader.budget.spend(STEPS_OF_A_DATE * len(told))
        for period in told:
            if period is None:
                reader.skipped.append(Skipped(uid, Why.BAD_DATE))
            elif times := reader.times(period[0].wall, period[0].zone, period[1]):
                yield Occurrence.of(times, uid=uid, all_day=period[0].all_day, how=how)
