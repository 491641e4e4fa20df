"""The occurrences of one event of other people's calendars: what its rule gives, but for what is told one by one."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple, Self

from app.ical.entries import EntryStatus
from app.ical.events import Event, Firmness, Skipped, Why, firmness
from app.ical.read import Budget, Property, Reason, Unreadable
from app.ical.recur import MalformedRule, Rule, rule_of, walls
from app.ical.times import EARLY, Length, When, instant, periods, wall_time, whens

MOST_OF_A_SERIES = 5_000
STEPS_OF_A_DATE = 4
_STEPS_OF_A_VERSION = 20
"""What reading a listed time, and a rule with where it begins, costs of the budget."""

Mark = datetime | date
"""What names an occurrence: the instant that its series has it at, or its day."""

Span = tuple[datetime, datetime]
"""From one wall time to another."""

Days = tuple[str, str]
"""From one day to another, both in, as calendars write them: 20261122."""

_DAY, _SECOND, _NOTHING = timedelta(days=1), timedelta(seconds=1), timedelta(0)
_ALWAYS, _NEVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that something happens: [start, end) in UTC."""

    start: datetime
    end: datetime
    uid: str
    """Empty when the file gives none."""
    summary: str
    """One line, for the owner's eyes."""
    all_day: bool
    status: EntryStatus
    transparent: bool
    declined: bool
    tentative: bool

    @classmethod
    def of(cls, times: tuple[datetime, datetime], *, uid: str, all_day: bool, how: Firmness) -> Self:
        """Return what happens at these times in this way."""
        return cls(*times, uid, how.summary, all_day, how.status, how.transparent, how.declined, how.tentative)


class Window(NamedTuple):
    """Half-open, UTC."""

    start: datetime
    end: datetime

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether [start, end) lies in it in part; of what takes no time, whether it begins in it."""
        return max(start, self.start) < min(end, self.end) or (start == end and self.start <= start < self.end)


@dataclass(slots=True)
class Reader:
    """What all series of a calendar are read with."""

    window: Window
    budget: Budget
    addresses: Collection[str]
    """The owner's, in lower case."""
    skipped: list[Skipped]

    def times(self, wall: datetime, zone: tzinfo, lasts: Length) -> tuple[datetime, datetime] | None:
        """Return from when to when something is that begins at a wall time; None when it misses the window."""
        begins = instant(wall, zone)
        ends = max(begins, lasts.after(wall, zone))
        return (begins, ends) if self.window.meets(begins, ends) else None

    def alone(self, event: Event) -> Iterator[Occurrence]:
        """Return the event itself, as if it did not recur."""
        if times := self.times(event.start.wall, event.start.zone, event.length):
            how = firmness(event.component, self.addresses)
            yield Occurrence.of(times, uid=event.uid, all_day=event.start.all_day, how=how)


class _Slot(NamedTuple):
    """A time that a series gives: the instant that names it, the wall time that versions move, any own length."""

    at: datetime
    wall: datetime
    lasts: Length | None


class _Version(NamedTuple):
    """How a series goes from one of its slots on, until the next version: each moved by so much on the clock."""

    since: datetime
    event: Event
    moved: timedelta


def occurrences(events: list[Event], reader: Reader) -> Iterator[Occurrence]:
    """Return the occurrences in the window of all events that have one UID, unsorted.

    The newest version of each counts. What replaces an occurrence counts where it is now, also when it came from
    outside of the window or replaces nothing. Raises Unreadable for more than 5,000.
    """
    if len(events) == 1 and not _recurs(events[0]):
        yield from reader.alone(events[0])
        return
    master, told = _newest(events)
    singles = {mark: event for mark, event in told.items() if master is None or not event.from_now_on()}
    if master is not None:
        yield from _of_rule(master, singles, _versions(master, told), reader)
    for event in singles.values():
        yield from reader.alone(event)


def _recurs(event: Event) -> bool:
    lines = event.component.lines
    return "RRULE" in lines or "RDATE" in lines or "EXDATE" in lines


def _newest(events: list[Event]) -> tuple[Event | None, dict[Mark, Event]]:
    """Return the newest version of the series, and of each event that replaces one of its occurrences.

    Of two that say they are equally new, the later in the file.
    """
    events = sorted(events, key=Event.rank)
    masters = [event for event in events if event.replaces is None]
    master = masters[-1] if masters else None
    return master, {_mark(event.replaces, master): event for event in events if event.replaces is not None}


def _mark(told: When, master: Event | None) -> Mark:
    """Return what a RECURRENCE-ID or EXDATE names: an instant, or a day if it says one or the series is of days."""
    if told.all_day:
        return told.wall.date()
    if master is None or not master.start.all_day:
        return told.at()
    return _day(told, master.start)


def _day(told: When, start: When) -> date:
    """Return the day that is meant. Exchange writes midnight in some zone; in UTC it is midnight where the owner is."""
    return (wall_time(told.at(), start.zone) if told.zone is UTC else told.wall).date()


def _versions(master: Event, told: dict[Mark, Event]) -> list[_Version]:
    """Return the series itself, and as what it goes on from those that change all later occurrences too."""
    zone = master.start.zone
    versions = [_Version(_ALWAYS, master, _NOTHING)]
    for event in told.values():
        if event.replaces is not None and event.from_now_on():
            since = event.replaces.at()
            moved = wall_time(event.start.at(), zone) - wall_time(since, zone)
            versions.append(_Version(since, event, moved))
    return sorted(versions, key=lambda version: version.since)


def _of_rule(
    master: Event, singles: dict[Mark, Event], versions: list[_Version], reader: Reader
) -> Iterator[Occurrence]:
    """Return what the rule and the listed times of a series give, without those left out or told one by one."""
    rule = _rule(master, reader.skipped)
    spans = [_span(master, version, reader.window) for version in versions]
    first, last = min(after for after, _ in spans), max(before for _, before in spans)
    listed = _listed(master, _days(first, last), reader)
    gone = _left_out(master, _days(min([first, *(slot.wall for slot in listed)]), last), reader)
    gone.update(singles)
    ends = [*(version.since for version in versions[1:]), _NEVER]
    count = 0
    for version, span, until in zip(versions, spans, ends, strict=True):
        reader.budget.spend(_STEPS_OF_A_VERSION)
        how = firmness(version.event.component, reader.addresses)
        for slot in _slots(master, rule, listed, span, reader.budget):
            if not version.since <= slot.at < until or slot.at in gone or slot.wall.date() in gone:
                continue
            lasts = slot.lasts or version.event.length
            if times := reader.times(slot.wall + version.moved, master.start.zone, lasts):
                count += 1
                if count > MOST_OF_A_SERIES:
                    raise Unreadable(Reason.TOO_MANY_OCCURRENCES)
                yield Occurrence.of(times, uid=master.uid, all_day=master.start.all_day, how=how)


def _rule(master: Event, skipped: list[Skipped]) -> Rule | None:
    """Return the rule. An UNTIL without a zone is in that of the series, against the RFC but as it is meant."""
    found = master.component.first("RRULE")
    if found is None:
        return None
    try:
        return rule_of(found.value, master.start.wall, lambda _: master.start.zone)
    except MalformedRule:
        skipped.append(Skipped(master.uid, Why.BAD_RULE))
        return None


def _span(master: Event, version: _Version, window: Window) -> Span:
    """Return the wall times between which slots may meet the window once they are moved."""
    zone = master.start.zone
    after, before = wall_time(window.start, zone) - version.event.length.at_most(), wall_time(window.end, zone)
    return max(EARLY, after - version.moved - _DAY), before - version.moved + _DAY


def _slots(master: Event, rule: Rule | None, listed: list[_Slot], span: Span, budget: Budget) -> Iterable[_Slot]:
    """Return the slots within the span, and those listed, each once."""
    start, zone = master.start, master.start.zone
    slots = {slot.at: slot for slot in listed}
    if rule is None:
        slots.setdefault(start.at(), _Slot(start.at(), start.wall, None))
        return slots.values()
    after, before = span
    end = _end(rule.until, start) if rule.until else _NEVER
    if rule.until:
        before = min(before, wall_time(end, zone) + _DAY)
    for wall in walls(rule, start.wall, after, before, budget):
        at = instant(wall, zone)
        if at < end:
            slots.setdefault(at, _Slot(at, wall, None))
    return slots.values()


def _end(until: When, start: When) -> datetime:
    """Return the instant from which on an UNTIL allows nothing; a day, or a time in a series of days, lasts it out."""
    if until.all_day or start.all_day:
        return instant(datetime.combine(_day(until, start) + _DAY, time()), start.zone)
    return until.at() + _SECOND


def _listed(master: Event, near: Days, reader: Reader) -> list[_Slot]:
    """Return the slots of RDATE (RFC 5545 section 3.8.5.2) on these days, and all that are periods with a length."""
    slots = []
    for line in master.component.all("RDATE"):
        told: list[tuple[When, Length | None] | None]
        if "/" in line.value:
            told = [*periods(line, master.zones)]
        else:
            told = [one and (one, None) for one in whens(_within(line, near), master.zones)]
        reader.budget.spend(STEPS_OF_A_DATE * len(told))
        for one in told:
            if one is None:
                reader.skipped.append(Skipped(master.uid, Why.BAD_DATE))
            else:
                slots.append(_slot(one[0], one[1], master.start))
    return slots


def _slot(told: When, lasts: Length | None, start: When) -> _Slot:
    """Return the slot of an RDATE. A day gets the time of the series; a time in a series of days is its day."""
    if told.all_day or start.all_day:
        wall = datetime.combine(_day(told, start), start.wall.time())
    else:
        wall = told.wall if told.zone is start.zone else wall_time(told.at(), start.zone)
    return _Slot(instant(wall, start.zone), wall, lasts)


def _left_out(master: Event, near: Days, reader: Reader) -> set[Mark]:
    """Return what EXDATE leaves out on these days."""
    marks: set[Mark] = set()
    for line in master.component.all("EXDATE"):
        told_here = whens(_within(line, near), master.zones)
        reader.budget.spend(STEPS_OF_A_DATE * len(told_here))
        for told in told_here:
            if told is None:
                reader.skipped.append(Skipped(master.uid, Why.BAD_DATE))
            else:
                marks.add(_mark(told, master))
    return marks


def _days(after: datetime, before: datetime) -> Days:
    """Return the days of a span and one more at each end, for times that are written in another zone."""
    return f"{after - _DAY:%Y%m%d}", f"{before + _DAY:%Y%m%d}"


def _within(line: Property, near: Days) -> Property:
    """Return a list of times without those of other days, unread: some files list thousands."""
    first, last = near
    return Property(",".join(one for one in line.value.split(",") if first <= one.strip()[:8] <= last), line.params)
