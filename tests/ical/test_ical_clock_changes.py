"""Where and when clocks change: what every reader shows is the instant that the database holds."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import ColumnElement, select, update

from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.ical.itip import request
from app.ical.write import feed
from app.models import Person
from app.models.tables import availability, installation, session
from app.models.tables import calendar_entry as entry
from app.operations.series import book_series
from app.operations.series_changes import cancel, reschedule
from app.queries.entries import Desk, Drawn, drawn_entries
from app.rules.access import SYSTEM
from app.vocabulary import SessionStatus
from tests.factories import a_person
from tests.harness import NOW
from tests.ical.checker import problems
from tests.ical.readers import Reader, Times
from tests.sessions_and_people import a_plan, a_session

DESK = Desk.of(Settings(_env_file=None))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
IN_SERIES = session.c.series_id.is_not(None)
Change = tuple[str, int, int]

# Zone, and two changes: the instant, and the offsets before and after in minutes. Where the clock stays, two instants
# at which it once changed, or changes next door.
CHANGES = [
    ("America/New_York", ("2027-03-14T07:00", -300, -240), ("2027-11-07T06:00", -240, -300)),
    ("Europe/London", ("2027-03-28T01:00", 0, 60), ("2027-10-31T01:00", 60, 0)),
    ("Europe/Berlin", ("2027-03-28T01:00", 60, 120), ("2027-10-31T01:00", 120, 60)),
    ("Australia/Sydney", ("2027-04-03T16:00", 660, 600), ("2027-10-02T16:00", 600, 660)),
    ("Australia/Lord_Howe", ("2027-04-03T15:00", 660, 630), ("2027-10-02T15:30", 630, 660)),
    ("America/Sao_Paulo", ("2027-02-21T02:00", -180, -180), ("2027-11-07T03:00", -180, -180)),
    ("America/Phoenix", ("2027-03-14T09:00", -420, -420), ("2027-11-07T08:00", -420, -420)),
    ("Asia/Kolkata", ("2027-03-28T01:00", 330, 330), ("2027-10-31T01:00", 330, 330)),
]


@pytest.fixture
def db(sqlite_url: str) -> Iterator[DbSession]:
    """SQLite alone: a series over a change is read from both engines in tests/operations/test_series.py."""
    engine = make_engine(sqlite_url)
    with transaction(engine, writes=True) as session:
        yield session
    engine.dispose()


@pytest.fixture
def people(db: DbSession) -> list[Person]:
    """Who can meet at any time, as often as they like."""
    db.execute(update(installation).values(horizon_days=700))
    found = [a_person(db, name) for name in ("Mia", "Max", "Ann", "Tom", "Eve", "Bob")]
    db.execute(update(availability).values(weekly=[[day, 0, 1440] for day in range(1, 8)]))
    return found


@pytest.mark.parametrize(("time_zone", "one", "other"), CHANGES)
def test_before_across_and_after_a_change_every_reader_finds_what_the_database_holds(
    db: DbSession, people: list[Person], readers: dict[str, Reader], time_zone: str, one: Change, other: Change
) -> None:
    for change in (one, other):
        sessions_around(db, people[:2], time_zone, change)
        series_around(db, people[2:4], time_zone, change)
        exceptions_around(db, people[4:], time_zone, change)

    drawn = [one for person in people[::2] for one in entries(db, person)]
    as_feed = feed([one.fragment().content for one in drawn], name="All", time_zone=time_zone)
    messages = [request(one.entry) for one in drawn]
    assert problems(as_feed, method=None) == []
    assert [fault for data in messages for fault in problems(data, method="REQUEST")] == []
    for name, read in readers.items():
        assert (name, read(as_feed).times) == (name, held(db))
        assert (name, sorted(time for data in messages for time in read(data).times)) == (name, held(db))


def sessions_around(db: DbSession, people: list[Person], time_zone: str, change: Change) -> None:
    """Plan what happens once: days and minutes before a change, across it, and after."""
    at, before, after = instant(change[0]), change[1], change[2]
    for minutes in (-24 * 60, -120, -15, 15, 60, 24 * 60):
        starts_at = at + minutes * MINUTE
        offset = starts_at.astimezone(ZoneInfo(time_zone)).utcoffset()
        assert offset == (before if minutes < 0 else after) * MINUTE
        a_session(db, *people, starts_at=starts_at, time_zone=time_zone)


def series_around(db: DbSession, people: list[Person], time_zone: str, change: Change) -> None:
    """Plan series from two days before a change to the day after: well before it, at a time that comes twice in autumn,
    across it, at a time that is skipped in spring, and by day. They keep their wall time.
    """
    zone, known = ZoneInfo(time_zone), held(db, IN_SERIES)
    walls = [clock_at(change) + minutes * MINUTE for minutes in (-150, -45, -15, 15, 8 * 60)]
    for wall in walls:
        book_days(db, people, wall - 2 * DAY, time_zone)

    new = [time for time in held(db, IN_SERIES) if time not in known]
    shown = {start.astimezone(zone).replace(tzinfo=None) for start, _ in new}
    assert len(new) == 4 * len(walls)
    assert shown >= {wall + n * DAY for wall in walls for n in (-2, -1, 1)} | {walls[0], walls[-1]}
    assert {end - start for start, end in new} == {30 * MINUTE}


def exceptions_around(db: DbSession, people: list[Person], time_zone: str, change: Change) -> None:
    """Plan such series, and cancel that night's occurrence of the first and move those of the others to the morning."""
    begins = [clock_at(change) + minutes * MINUTE for minutes in (-45, -15, 15)]
    twice, across, skipped = (book_days(db, people, wall - 2 * DAY, time_zone)[2] for wall in begins)
    cancel(db, session_id=twice, which="this", actor=SYSTEM, now=NOW)
    for hours, session_id in ((5, across), (6, skipped)):
        starts_at = instant(change[0]) + hours * 60 * MINUTE
        reschedule(db, session_id=session_id, starts_at=starts_at, which="this", actor=SYSTEM, now=NOW)


def clock_at(change: Change) -> datetime:
    """What the clock shows when it is changed."""
    return (instant(change[0]) + change[1] * MINUTE).replace(tzinfo=None)


def book_days(db: DbSession, people: list[Person], wall: datetime, time_zone: str) -> Sequence[str]:
    """Plan a series of four days; returns its sessions in order."""
    plan = a_plan(*people, starts_at=wall.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC), time_zone=time_zone)
    first, _ = book_series(db, plan=plan, rrule="FREQ=DAILY;COUNT=4", on_conflict="refuse", actor=SYSTEM, now=NOW)
    of = select(session.c.series_id).where(session.c.id == first).scalar_subquery()
    return (
        db.execute(select(session.c.id).where(session.c.series_id == of).order_by(session.c.starts_at)).scalars().all()
    )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def held(db: DbSession, *those: ColumnElement[bool]) -> Times:
    """When the sessions in the database are, none of them cancelled."""
    on = select(session.c.starts_at, session.c.ends_at).where(session.c.status == SessionStatus.CONFIRMED, *those)
    return sorted((row.starts_at, row.ends_at) for row in db.execute(on))


def entries(db: DbSession, person: Person) -> list[Drawn]:
    return drawn_entries(db, db.execute(select(entry.c.id).where(entry.c.person_id == person.id)).scalars(), desk=DESK)
