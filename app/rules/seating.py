"""Who may sit in on which call, and how many: asked by booking for one seat and by the plan for all of them."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from app.rules import floor
from app.rules.availability import Range, WorkingHours, covers, merged, working_ranges
from app.rules.settings import OWN_SIDE_CEILING, SEAT_CAPACITY, Said, in_force
from app.vocabulary import CallStatus, Door, SeatApproval, SessionKind, SettingLayer

_DAY = timedelta(days=1)
_FAR = timedelta(days=31)
"""How far a gap in working hours is looked for on either side: it may go on beyond."""

Week = tuple[int, int]
"""ISO year and week."""


class Hosted(Protocol):
    """Which call it is, who hosts it and when."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def host_id(self) -> str: ...  # noqa: D102
    @property
    def starts_at(self) -> datetime: ...  # noqa: D102
    @property
    def ends_at(self) -> datetime: ...  # noqa: D102


class Seatable(Hosted, floor.Doored, Protocol):
    """What must be known of a call, its account, its host and the rules of the house."""

    @property
    def stage(self) -> str | None: ...  # noqa: D102
    @property
    def sensitive(self) -> bool: ...  # noqa: D102
    @property
    def observers_allowed(self) -> bool | None: ...  # noqa: D102
    @property
    def seat_capacity(self) -> int: ...  # noqa: D102
    @property
    def seats_taken(self) -> int: ...  # noqa: D102
    @property
    def host_works_here(self) -> bool: ...  # noqa: D102
    @property
    def host_approval(self) -> SeatApproval: ...  # noqa: D102
    @property
    def min_notice_minutes(self) -> int: ...  # noqa: D102
    @property
    def closed_stages(self) -> Collection[str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Load:
    """Seats per day and ISO week in somebody's own zone, against their load limits."""

    time_zone: str
    per_day: int
    per_week: int
    on_day: Mapping[date, int] = field(default_factory=dict)
    in_week: Mapping[Week, int] = field(default_factory=dict)

    def left(self, instant: datetime) -> tuple[int, int]:
        """Return how many more seats fit on the day and in the week of this instant."""
        day = local_day(instant, self.time_zone)
        return self.per_day - self.on_day.get(day, 0), self.per_week - self.in_week.get(week_of(day), 0)

    def full(self) -> list[Range]:
        """Return the local days and weeks that take no more; sorted, merged. A day on which the clock changes at
        midnight may be cut short.
        """
        days = [(day, day + _DAY) for day, number in self.on_day.items() if number >= self.per_day]
        weeks = [week for week, number in self.in_week.items() if number >= self.per_week]
        mondays = [date.fromisocalendar(*week, 1) for week in weeks]
        dates = [*days, *((monday, monday + 7 * _DAY) for monday in mondays)]
        return merged(
            (max(_midnights(first, self.time_zone)), min(_midnights(end, self.time_zone))) for first, end in dates
        )


@dataclass(frozen=True, slots=True)
class Observer:
    """What must be known of somebody who wants to listen, around the time of the calls in question."""

    id: str
    works_here: bool
    hours: WorkingHours
    working: Sequence[Range]
    """What these hours come to; sorted, merged."""
    taken: Sequence[Range]
    """Claims, imported busy time and calls they host themselves; sorted by start."""
    load: Load
    before: timedelta = timedelta()
    after: timedelta = timedelta()
    """What they keep free around every session."""

    def claim(self, starts_at: datetime, ends_at: datetime, *, since: datetime | None = None) -> Range:
        """Return the time that a session takes them, buffers included; `since` they come, when it is under way."""
        begins = starts_at - self.before
        return begins if since is None else max(begins, since), ends_at + self.after


@dataclass(frozen=True, slots=True)
class Host:
    """What must be known of the one who runs the calls in question."""

    load: Load
    gap: timedelta = timedelta()
    """Least time between two of their calls with observers."""
    observed: Mapping[str, Range] = field(default_factory=dict)
    """Their calls with observers around that time, by id."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a stable code, whom it is about, and the time in the way."""

    code: str
    detail: str
    person_id: str | None = None
    blocking: Range | None = None


NO_SEATS = Refusal("not_joinable", "This call has no seats.")
FULL = Refusal("seats_full", "Every seat on this call is taken.")
SHUT = Refusal("door_closed", "The door is closed. Ask the host to open it, or choose a call whose door is open.")


def closed(call: Seatable, *, now: datetime, kind: SessionKind = SessionKind.SHADOW) -> Refusal | None:
    """Why nobody at all may take a seat of this kind on this call now, but for its being full; None when it is open.

    Somebody drops in on a call that is under way, through its open door; every other seat is taken before it starts.
    """
    if call.status is CallStatus.CANCELLED:
        return Refusal("call_cancelled", "The call was cancelled. Choose another.")
    if call.ends_at <= now or call.status in (CallStatus.ENDED, CallStatus.NO_SHOW):
        return Refusal("past", "The call is over. Choose an upcoming one.")
    under_way = call.starts_at <= now or call.status is CallStatus.LIVE
    if kind is SessionKind.DROP_IN:
        if not under_way:
            return Refusal("not_started", "Nobody drops in on a call that has not started. Take a seat on it.")
    elif under_way:
        return Refusal("past", "The call has started. Choose an upcoming one.")
    elif call.starts_at < (soonest := now + timedelta(minutes=call.min_notice_minutes)) or (
        call.starts_at == soonest and call.host_approval is SeatApproval.HOST  # who must be asked has until the notice
    ):
        return Refusal(
            "min_notice", f"The call starts in less than {call.min_notice_minutes} minutes. Choose a later one."
        )
    if why := barred(call):
        return why
    if kind is SessionKind.DROP_IN and floor.door(call, now=now) is Door.CLOSED:
        return SHUT
    return None


def barred(call: Seatable) -> Refusal | None:
    """Why nobody sits in on this call whenever they ask; None when somebody may."""
    if not call.host_works_here:
        return Refusal("not_joinable", "The host is not here.", call.host_id)
    if call.host_approval is SeatApproval.NONE:
        return Refusal("not_joinable", "The host takes no observers.", call.host_id)
    if call.observers_allowed is False:
        return Refusal("not_joinable", "This account allows no observers.")
    if call.sensitive or call.stage in call.closed_stages:
        return Refusal("not_joinable", "The deal is at a point where nobody sits in.")
    if call.seat_capacity < 1:
        return NO_SEATS  # there is nobody to wait for, who would give one back
    return None


def unfit(call: Hosted, observer: Observer, host: Host, *, since: datetime | None = None) -> Refusal | None:
    """Why this observer may not sit in on a call that is open and has a seat; None when they may. O(log n) in working
    hours and O(n) in what takes their time. `since` is when they drop in on it, None when it is planned: working hours
    hold for what is planned, and what was over before they came is in nobody's way.
    """
    if observer.id == call.host_id:
        return Refusal("own_call", "Nobody observes the call they host.", observer.id)
    if not observer.works_here:
        return Refusal("not_active", "This person is on leave or has left.", observer.id)
    if in_the_way := overlap(observer.taken, *observer.claim(call.starts_at, call.ends_at, since=since)):
        return Refusal("slot_taken", "The observer is taken at that time.", observer.id, in_the_way)
    if since is None and not within(observer.working, call.starts_at, call.ends_at):
        return Refusal("outside_availability", "The call lies outside the observer's working hours.", observer.id)
    if min(observer.load.left(call.starts_at)) < 1:
        return limit_reached(observer.load, call.starts_at, "The observer's", "seat", observer.id)
    return unwelcome(call, host)


def unwelcome(call: Hosted, host: Host) -> Refusal | None:
    """Why the host can take no more observers on this call, whoever they are; None when they can."""
    if min(host.load.left(call.starts_at)) < 1:
        return limit_reached(host.load, call.starts_at, "The host's", "observer", call.host_id)
    if too_near := _too_near(call, host):
        minutes = host.gap // timedelta(minutes=1)
        keeps = f"The host keeps {minutes} minutes between calls with observers."
        instead = "Choose a call further away from their others, or of another host."
        return Refusal("limit", f"{keeps} {instead}", call.host_id, too_near)
    return None


def limit_reached(load: Load, instant: datetime, whose: str, counted: str, person_id: str) -> Refusal:
    """Why nothing more fits at an instant at which a limit is reached. It names the limit, and as the time in the way
    the local day or ISO week in which that is full: of both the week, which is full for longer.
    """
    day = local_day(instant, load.time_zone)
    if load.left(instant)[1] < 1:
        monday = day - day.weekday() * _DAY
        number, when, period, first, end = load.per_week, f"in week {day:%G-W%V}", "week", monday, monday + 7 * _DAY
    else:
        number, when, period, first, end = load.per_day, f"on {day}", "day", day, day + _DAY
    several = f"{number} {counted}{'' if number == 1 else 's'}"
    detail = f"{whose} limit of {several} {when} ({load.time_zone}) is reached. Choose another {period}."
    return Refusal("limit", detail, person_id, (day_begins(first, load.time_zone), day_begins(end, load.time_zone)))


def off_hours(why: Refusal, hours: WorkingHours, starts_at: datetime, ends_at: datetime) -> Refusal:
    """Return the refusal of [starts_at, ends_at) with the time in the way when that lies outside somebody's working
    hours, and with the reason when that is nothing but a pause; any other as it is.

    The time in the way is the whole gap between their working hours that the time falls into, the first of several:
    whatever a client asks for next, it has to be before the one end or after the other. Longer gaps are cut 31 days
    before and after. O(days).
    """
    if why.code != "outside_availability":
        return why
    around = starts_at - _FAR, ends_at + _FAR
    gaps = list(_without(around, working_ranges(hours, *around)))
    paused = covers(replace(hours, pauses=()), starts_at, ends_at)
    detail = f"{why.detail} They are away: it falls into a pause." if paused else why.detail
    return replace(why, detail=detail, blocking=overlap(gaps, starts_at, ends_at))


@dataclass(frozen=True, slots=True)
class Opening:
    """Calls that start in [starts_from, starts_before) and are over by `ends_by`."""

    starts_from: datetime
    starts_before: datetime
    ends_by: datetime


def openings(observer: Observer) -> list[Opening]:
    """Return when the observer could sit in, by working hours, what takes their time, and their load limits; sorted,
    disjoint. A sieve for many calls at once: no call that `unfit` finds them free for is outside, and a call inside is
    refused only where the clock changes at midnight. O(n log n).
    """
    if not observer.works_here or min(observer.load.per_day, observer.load.per_week) < 1:
        return []
    # A call's claim reaches out by their buffers: the same as if what takes their time reached out the other way.
    taken = merged((begins - observer.after, stops + observer.before) for begins, stops in observer.taken)
    full = observer.load.full()
    return [
        Opening(starts_from, starts_before, stops)
        for working in observer.working
        for begins, stops in _without(working, taken)
        for starts_from, starts_before in _without((begins, stops), full)
    ]


def refusal(
    call: Seatable, observer: Observer, host: Host, *, kind: SessionKind = SessionKind.SHADOW, now: datetime
) -> Refusal | None:
    """Why this observer may not take a seat of this kind on this call now; None when they may. That it is full comes
    last: whoever hears it may wait for a seat.
    """
    since = now if kind is SessionKind.DROP_IN else None
    why = closed(call, now=now, kind=kind) or unfit(call, observer, host, since=since) or full(call)
    return why and with_gap(why, call, observer)


def with_gap(why: Refusal, call: Hosted, observer: Observer) -> Refusal:
    """Return a refusal with the gap in the observer's working hours where the call falls into one. For the few that
    somebody reads: `unfit` is asked of thousands.
    """
    return off_hours(why, observer.hours, call.starts_at, call.ends_at)


def full(call: Seatable) -> Refusal | None:
    """Why one more observer finds no seat; None when there is one."""
    if call.seats_taken >= call.seat_capacity:
        return FULL
    return None


@dataclass(frozen=True, slots=True)
class Allotment:
    """How many seats a call gets, by whom, and in words by what."""

    seats: int
    layer: SettingLayer
    by: str


def allotment(
    override: int | None,
    account: int | None,
    host: int | None,
    call_type: int,
    *,
    open_: bool,
    account_ceiling: int | None,
    house_ceiling: int | None,
    colleagues: int,
) -> Allotment:
    """How many seats a call gets: its own number, else its account's, its host's, its type's; none when it is closed.

    The customer never sees more of our faces than the lower ceiling: the host, colleagues who are invited, observers.
    """
    if not open_:
        return Allotment(0, SettingLayer.ACCOUNT, "its account, which allows no observers")
    numbers = {
        SettingLayer.CALL: override,
        SettingLayer.ACCOUNT: account,
        SettingLayer.HOST: host,
        SettingLayer.CALL_TYPE: call_type,
    }
    number = in_force(SEAT_CAPACITY, numbers) or Said(call_type, SettingLayer.CALL_TYPE)  # its type always says
    found = Allotment(number.value, number.layer, _WHOSE[number.layer])
    ceiling = in_force(OWN_SIDE_CEILING, {SettingLayer.ACCOUNT: account_ceiling, SettingLayer.ORG: house_ceiling})
    if ceiling is None or (left := max(ceiling.value - 1 - colleagues, 0)) >= found.seats:
        return found
    faces, whose = ceiling.value, _WHOSE[ceiling.layer]
    by = f"the ceiling of {whose} on own-side faces: {faces}, among them the host and {colleagues} invited"
    return Allotment(left, ceiling.layer, by)


_WHOSE: Mapping[SettingLayer, str] = {
    SettingLayer.ORG: "the house",
    SettingLayer.CALL_TYPE: "its type",
    SettingLayer.HOST: "its host",
    SettingLayer.ACCOUNT: "its account",
    SettingLayer.CALL: "its own number",
}


def overlap(ranges: Sequence[Range], starts_at: datetime, ends_at: datetime) -> Range | None:
    """Return the first of the ranges that shares time with [starts_at, ends_at); touching is not sharing."""
    return next((r for r in ranges if r[0] < ends_at and starts_at < r[1]), None)


def within(ranges: Sequence[Range], starts_at: datetime, ends_at: datetime) -> bool:
    """Whether one of the sorted, merged ranges holds all of [starts_at, ends_at). O(log n)."""
    place = bisect_right(ranges, starts_at, key=lambda r: r[1])  # the first that ends after the start
    return place < len(ranges) and ranges[place][0] <= starts_at and ends_at <= ranges[place][1]


def local_day(instant: datetime, time_zone: str) -> date:
    """Return the date of this instant where somebody lives."""
    return instant.astimezone(ZoneInfo(time_zone)).date()


def week_of(day: date) -> Week:
    """Return the ISO year and week of a day."""
    year, week, _ = day.isocalendar()
    return year, week


def _without(whole: Range, taken: Sequence[Range]) -> Iterator[Range]:
    """Yield what sorted, disjoint ranges leave of a whole one."""
    begins, stops = whole
    for at in range(bisect_right(taken, begins, key=lambda r: r[1]), len(taken)):
        if begins >= stops or taken[at][0] >= stops:
            break
        if begins < taken[at][0]:
            yield begins, taken[at][0]
        begins = taken[at][1]
    if begins < stops:
        yield begins, stops


def day_begins(day: date, time_zone: str) -> datetime:
    """Return when a local day begins: at the first reading of its midnight (PEP 495), whether the clock skips or
    repeats that. So it is in every zone since 2011; St. John's used to go back over midnight.
    """
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


def _midnights(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """Return both readings of a local midnight (PEP 495): mostly one instant."""
    midnight = datetime.combine(day, time(), ZoneInfo(time_zone))
    return midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)


def _too_near(call: Hosted, host: Host) -> Range | None:
    """Return the other call with observers that lies closer than the host wants. One that has observers stays as is."""
    if not host.gap or call.id in host.observed:
        return None
    return overlap(list(host.observed.values()), call.starts_at - host.gap, call.ends_at + host.gap)
