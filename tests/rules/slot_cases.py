"""Random schedules around clock changes, and an answer to them that shares nothing with the bitmaps: an exact sweep."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from app.rules.availability import Range, WorkingHours, working_ranges
from app.rules.loads import load
from app.rules.meeting import Participant
from app.rules.slots import Wanted

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

# Every kind of clock change: north and south, by half an hour, at and over midnight, by a whole day.
DST_DAYS = (
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Sydney", date(2026, 4, 5)),
    ("Australia/Sydney", date(2026, 10, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/St_Johns", date(2026, 3, 8)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("America/Santiago", date(2026, 9, 6)),
    ("Pacific/Apia", date(2011, 12, 30)),
)
STEADY = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/Phoenix")
ZONES = (*STEADY, *dict.fromkeys(zone for zone, _ in DST_DAYS))
STEPS = (5, 10, 15, 20, 30, 40, 45, 60, 90, 120)


@dataclass(frozen=True)
class House:
    min_notice_minutes: int = 15
    horizon_days: int = 180


@dataclass(frozen=True)
class Case:
    people: tuple[Participant, ...]
    wanted: Wanted
    house: House
    now: datetime


def grid(wanted: Wanted) -> Iterator[Range]:
    """Every slot on the grid: minute by minute, by what the wall clock shows."""
    zone, length = ZoneInfo(wanted.time_zone), wanted.duration_minutes * MINUTE
    start = wanted.starts_at.replace(second=0, microsecond=0)
    if start < wanted.starts_at:
        start += MINUTE
    while start + length <= wanted.ends_at:
        wall = start.astimezone(zone)
        if (60 * wall.hour + wall.minute) % wanted.step_minutes == 0:
            yield start, start + length
        start += MINUTE


def swept(people: Sequence[Participant], wanted: Wanted, house: House, now: datetime) -> list[Range]:
    """The slots by an exact sweep over everybody's boundaries in order of time.

    It counts the reasons against a start: every interval in which a session may not begin opens one and closes it.
    """
    length, moment = wanted.duration_minutes * MINUTE, timedelta(microseconds=1)
    always, never = now - 400 * DAY, now + 400 * DAY
    edges: list[tuple[datetime, int]] = [
        (always, 1),
        (max(now + house.min_notice_minutes * MINUTE, now + moment), -1),
        (now + house.horizon_days * DAY + moment, 1),
    ]
    for person in people:
        shut = [(begins - person.after, stops + person.before) for begins, stops in person.taken]
        idle_since = always
        for begins, stops in person.working:
            shut.append((idle_since, begins))
            idle_since = stops
        for begins, stops in [*shut, (idle_since, never)]:
            # A session that ends where the interval begins does not touch it: starts are shut a moment later.
            edges += [(begins - length + moment, 1), (stops, -1)]
        if not person.works_here:
            edges.append((always, 1))
    edges.sort()
    found, against, at = [], 0, 0
    for start, end in grid(wanted):
        while at < len(edges) and edges[at][0] <= start:
            against += edges[at][1]
            at += 1
        if against == 0 and all(_under_limits(person, start) for person in people):
            found.append((start, end))
    return found


def _under_limits(person: Participant, start: datetime) -> bool:
    local = start.astimezone(ZoneInfo(person.load.time_zone)).date()
    year, week, _ = local.isocalendar()
    on_day, in_week = person.load.on_day.get(local, 0), person.load.in_week.get((year, week), 0)
    return on_day < person.load.per_day and in_week < person.load.per_week


_WEEKS = (
    *[tuple((day, (0, 1440)) for day in range(1, 8))] * 3,
    tuple((day, (8 * 60, 20 * 60)) for day in range(1, 8)),
    tuple((day, span) for day in range(1, 8) for span in ((0, 125), (600, 1440))),
)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(0, 95)) * 15 + draw(st.sampled_from((0, 0, 0, 7)))
    return start, min(start + draw(st.sampled_from((45, 240, 480, 1000))), 1440)


@st.composite
def people(draw: st.DrawFn, number: int, starts_at: datetime, ends_at: datetime) -> Participant:
    zone = draw(st.sampled_from(ZONES))
    weekly = draw(st.one_of(st.sampled_from(_WEEKS), st.lists(st.tuples(st.integers(1, 7), spans()), min_size=3)))
    local = starts_at.astimezone(ZoneInfo(zone)).date()
    pauses = draw(st.sampled_from(((), (), (), ((local + DAY, local + DAY),))))
    before, after = draw(st.sampled_from(((0, 0), (0, 0), (0, 0), (15, 0), (0, 10), (5, 20))))
    hours = WorkingHours(zone, tuple((day, *span) for day, span in weekly), pauses=pauses)
    minutes = int((ends_at - starts_at) / MINUTE)
    taken = draw(
        st.lists(st.tuples(st.integers(-60, minutes), st.integers(1, 180), st.sampled_from((0, 0, 30))), max_size=8)
    )
    ranges = [(starts_at + n * MINUTE, starts_at + (n + m) * MINUTE + timedelta(seconds=s)) for n, m, s in taken]
    meetings = [starts_at + n * MINUTE for n in draw(st.lists(st.integers(0, minutes), max_size=3))]
    limits = draw(st.sampled_from(((None, None), (None, None), (2, 9), (1, None), (None, 3), (0, None))))
    return Participant(
        id=f"per_{number}",
        works_here=draw(st.sampled_from((*[True] * 19, False))),
        hours=hours,
        working=working_ranges(hours, starts_at, ends_at),
        taken=sorted(ranges),
        load=load(zone, *limits, [int(one.timestamp()) for one in meetings]),
        before=before * MINUTE,
        after=after * MINUTE,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to three people over one to four days, mostly with a clock change in some zone of the world among them."""
    zone, day = draw(st.sampled_from(DST_DAYS))
    starts_at = datetime.combine(day, time(), UTC) + draw(st.integers(-2880, 1440)) * MINUTE
    starts_at += timedelta(seconds=draw(st.sampled_from((0, 0, 0, 20))))
    ends_at = starts_at + draw(st.sampled_from((4 * 1440, 2 * 1440, 1000, 100, 25))) * MINUTE
    wanted = Wanted(
        starts_at,
        ends_at,
        duration_minutes=draw(st.sampled_from((5, 15, 25, 30, 45, 50, 60, 90))),
        step_minutes=draw(st.sampled_from(STEPS)),
        time_zone=draw(st.sampled_from((zone, *ZONES))),
    )
    number = draw(st.sampled_from((1, 1, 2, 3)))
    return Case(
        people=tuple(draw(people(n, starts_at, ends_at)) for n in range(number)),
        wanted=wanted,
        house=House(draw(st.sampled_from((15, 0, 600))), draw(st.sampled_from((180, 180, 2)))),
        now=starts_at + draw(st.integers(-1440, 360)) * MINUTE,
    )
