"""What the database says of people's loads is what their seats add up to, counted one by one."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from app import ids
from app.db import DbSession, make_engine, transaction
from app.models.tables import availability, call, pause, person, seat, session
from app.queries import busy
from app.rules.seating import local_day, week_of
from app.vocabulary import LIVE_SEATS, SeatStatus, SessionKind, SessionStatus
from tests.factories import MONDAY, a_person
from tests.harness import NOW
from tests.statements import counted

ZONES = ("UTC", "Europe/London", "America/St_Johns", "America/Asuncion", "Africa/Cairo", "Australia/Lord_Howe")
CHANGES = (date(2024, 3, 24), date(2024, 10, 6), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4))
"""Days on which clocks change in one of them."""
HOSTS, OBSERVERS = 2, 3


@dataclass(frozen=True)
class SomeSeat:
    status: SeatStatus
    expires: timedelta | None
    """After now."""


@dataclass(frozen=True)
class SomeCall:
    host: int
    quarter: int
    odd: timedelta
    seats: list[SomeSeat]
    """Of the first, second and third observer."""


some_seats = st.builds(
    SomeSeat,
    status=st.sampled_from((*[SeatStatus.CONFIRMED] * 3, *SeatStatus)),
    expires=st.sampled_from((None, None, timedelta(), timedelta(microseconds=1), timedelta(minutes=5))),
)
some_calls = st.builds(
    SomeCall,
    host=st.integers(0, HOSTS - 1),
    quarter=st.integers(-2 * 96, 3 * 96),
    odd=st.sampled_from((timedelta(), timedelta(), timedelta(microseconds=-1), timedelta(seconds=0.500001))),
    seats=st.lists(some_seats, max_size=OBSERVERS),
)


def put_in(db: DbSession, one: SomeCall, starts_at: datetime, hosts: list[str], observers: list[str]) -> str:
    """Write a call and its seats as they are, whatever the rules say of them; return its id."""
    call_id = ids.new("call", NOW)
    times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30)}
    stamped = {"version": 1, "created_at": NOW, "updated_at": NOW}
    new = {"id": call_id, "title": "A call", "type": "other", "host_id": hosts[one.host], "seat_capacity": OBSERVERS}
    db.execute(insert(call), new | times | stamped)
    for number, its in enumerate(one.seats):
        session_id = ids.new("ses", NOW)
        of_call = {"call_id": call_id, "kind": SessionKind.SHADOW} | stamped
        db.execute(
            insert(session),
            {"id": session_id, "uid": session_id, "status": SessionStatus.CONFIRMED, "time_zone": "UTC", "sequence": 0}
            | {"expires_at": None if its.expires is None else NOW + its.expires}
            | times
            | of_call,
        )
        db.execute(
            insert(seat),
            {"id": ids.new("seat", NOW), "session_id": session_id, "observer_id": observers[number]}
            | {"status": its.status, "seat_no": number + 1, "capacity": OBSERVERS, "late": False}
            | of_call,
        )
    return call_id


def assert_loads_add_up(db: DbSession, change: date, zones: list[str], calls: list[SomeCall], gap: int) -> None:
    for table in (seat, session, call):
        db.execute(delete(table))
    rows = list(db.execute(person.select().order_by(person.c.id)))
    for row, zone in zip(rows, zones, strict=True):
        values = {"time_zone": zone, "host_gap_minutes": gap}
        db.execute(update(person).where(person.c.id == row.id).values(values))
    rows = list(db.execute(person.select().order_by(person.c.id)))
    hosts, observers = [row.id for row in rows[:HOSTS]], [row.id for row in rows[HOSTS:]]
    midnight = datetime(change.year, change.month, change.day, tzinfo=UTC)
    starts: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    observed: dict[str, Any] = defaultdict(dict)
    for one in calls:
        starts_at = midnight + one.quarter * timedelta(minutes=15) + one.odd
        call_id = put_in(db, one, starts_at, hosts, observers)
        for observer_id, its in zip(observers, one.seats, strict=False):
            if its.status in busy.LOADING and (its.expires is None or its.expires > timedelta()):
                starts["observing", observer_id].append(starts_at)
                starts["hosting", hosts[one.host]].append(starts_at)
                if its.status in LIVE_SEATS and gap:
                    observed[hosts[one.host]][call_id] = (starts_at, starts_at + timedelta(minutes=30))

    observing, hosting = busy.loads(db, rows, midnight, midnight + timedelta(days=1), now=NOW)

    for row in rows:
        host = hosting[row.id]
        for side, load in (("observing", observing[row.id]), ("hosting", host.load)):
            days = [local_day(instant, row.time_zone) for instant in starts[side, row.id]]
            assert load.on_day == Counter(days)
            assert load.in_week == Counter(map(week_of, days))
        assert (host.gap, dict(host.observed)) == (timedelta(minutes=gap), observed[row.id])


@pytest.mark.parametrize("name", ["sqlite_url", "postgres_url"])
def test_seats_add_up_to_the_loads_of_their_observers_and_hosts_on_local_days(
    request: pytest.FixtureRequest, name: str, soak: bool
) -> None:
    engine = make_engine(request.getfixturevalue(name))
    with transaction(engine, writes=True) as db:
        for _ in range(HOSTS + OBSERVERS):
            a_person(db)

    @settings(max_examples=500 if soak else 25)
    @given(
        change=st.sampled_from(CHANGES),
        zones=st.lists(st.sampled_from(ZONES), min_size=HOSTS + OBSERVERS, max_size=HOSTS + OBSERVERS),
        calls=st.lists(some_calls, max_size=8),
        gap=st.sampled_from((0, 10)),
    )
    def holds(change: date, zones: list[str], calls: list[SomeCall], gap: int) -> None:
        with transaction(engine, writes=True) as db:
            assert_loads_add_up(db, change, zones, calls, gap)

    holds()
    engine.dispose()


def test_what_lies_in_other_weeks_than_the_time_in_question_is_not_needed_but_may_be_counted(db: DbSession) -> None:
    host, observer = a_person(db, "Host"), a_person(db, "Junior")
    one = SomeCall(0, 0, timedelta(), [SomeSeat(SeatStatus.CONFIRMED, None)])
    for starts_at in (MONDAY - timedelta(days=9), MONDAY, MONDAY + timedelta(days=10)):
        put_in(db, one, starts_at, [host.id], [observer.id])

    observing, hosting = busy.loads(db, [host, observer], MONDAY, MONDAY + timedelta(days=1), now=NOW)

    for load in (observing[observer.id], hosting[host.id].load):
        assert load.on_day == {MONDAY.date(): 1}


def test_nobody_with_a_gap_costs_one_statement_and_somebody_one_more(db: DbSession) -> None:
    people = [a_person(db, "Host"), a_person(db, "Host")]
    near = (MONDAY, MONDAY + timedelta(hours=1))

    with counted(db.get_bind()) as without:  # type: ignore[arg-type]
        busy.loads(db, people, *near, now=NOW)
    people[0].host_gap_minutes = 5
    with counted(db.get_bind()) as with_gap:  # type: ignore[arg-type]
        busy.loads(db, people, *near, now=NOW)

    assert (len(without), len(with_gap)) == (1, 2)


def test_hours_come_with_all_pauses_in_order_and_without_any_in_one_statement(db: DbSession) -> None:
    away, here, longest = a_person(db, "Away"), a_person(db, "Here", time_zone="Asia/Kolkata"), a_person(db, "Longest")
    first, second, third = (date(2026, 12, 1), date(2026, 12, 2)), (date(2027, 1, 4),) * 2, (date(2027, 3, 1),) * 2
    for who, (starts_on, ends_on) in ((away, second), (longest, third), (away, third), (away, first)):
        days = {"starts_on": starts_on, "ends_on": ends_on}
        db.execute(insert(pause), {"id": ids.new("pau", NOW), "person_id": who.id, "created_at": NOW} | days)
    exceptions = {"2026-12-24": [], "2026-11-24": [[600, 660]]}
    values = {"exceptions": exceptions, "buffer_before_minutes": 5, "buffer_after_minutes": 10}
    db.execute(update(availability).where(availability.c.person_id == here.id).values(values))

    with counted(db.get_bind()) as statements:  # type: ignore[arg-type]
        hours = busy.working_hours(db, [longest, here, away])

    assert len(statements) == 1
    assert {who: one.pauses for who, one in hours.items()} == {
        away.id: (first, second, third),
        here.id: (),
        longest.id: (third,),
    }
    assert hours[here.id].exceptions == ((date(2026, 11, 24), ((600, 660),)), (date(2026, 12, 24), ()))
    assert (hours[here.id].time_zone, hours[away.id].time_zone) == ("Asia/Kolkata", "Europe/London")
    assert (hours[here.id].buffer_before_minutes, hours[here.id].buffer_after_minutes) == (5, 10)
    assert hours[away.id].weekly == tuple((day, 540, 1020) for day in range(1, 6))
    assert busy.working_hours(db, []) == {}
