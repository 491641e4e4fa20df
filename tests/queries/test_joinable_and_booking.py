"""What the list of calls says, booking does: every listed call books, and every other is refused as was said."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, update
from sqlalchemy.orm import SessionTransaction

from app import ids
from app.db import DbSession, make_engine, transaction
from app.errors import Problem
from app.models.tables import availability, busy, call, installation, pause, person
from app.operations.accounts import create_account
from app.operations.calls import NewCall, create_calls
from app.operations.people import create_person
from app.operations.seats import book_seat
from app.queries import busy as facts
from app.queries import calls, joinable
from app.queries.calls import CallFilter
from app.queries.pages import PageRequest
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, CallStatus, PersonStatus, SeatApproval

ZONES = (
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Phoenix",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/Asuncion",
    "Africa/Cairo",
)
"""Half hours, southern summers, none at all, half an hour of summer, and clocks that change at midnight."""
CHANGES = (
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 4, 24),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 10, 29),
    date(2026, 11, 1),
    date(2024, 3, 24),
    date(2024, 10, 6),
)
"""Days on which clocks change in one of them."""
MINUTE, QUARTER, DAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(days=1)
Quarters = tuple[int, int]
"""First quarter of an hour since the world's first midnight, and how many."""


@dataclass(frozen=True)
class Somebody:
    time_zone: str
    per_day: int
    per_week: int
    hours: tuple[int, int]
    """Worked every day, minutes of the wall clock."""
    buffers: tuple[int, int]
    gap: int
    busy: list[Quarters]
    pause: tuple[int, int] | None
    """First and last day."""
    approval: SeatApproval
    status: PersonStatus


@dataclass(frozen=True)
class SomeCall:
    host: int
    at: Quarters
    odd: timedelta
    """By how much its start is off the quarter."""
    seats: int
    stage: str | None
    sensitive: bool
    status: CallStatus
    has_account: bool


@dataclass(frozen=True)
class SmallWorld:
    """Five days around a change of clocks."""

    change: date
    hosts: list[Somebody]
    observers: list[Somebody]
    calls: list[SomeCall]
    booked: list[tuple[int, int]]
    observers_allowed: bool
    closed_stages: list[str]
    min_notice: int
    asked_after: list[int]
    """Quarters after the first midnight at which the list is asked for."""

    @property
    def starts_at(self) -> datetime:
        return datetime(self.change.year, self.change.month, self.change.day, tzinfo=UTC) - 2 * DAY


quarters = st.tuples(st.integers(0, 5 * 96), st.integers(1, 12))
# Rather what lets people in: a world in which nobody may do anything teaches little.
people = st.builds(
    Somebody,
    time_zone=st.sampled_from(ZONES),
    per_day=st.sampled_from((1, 2, 9)),
    per_week=st.sampled_from((1, 2, 3, 9, 9, 9, 0)),
    hours=st.sampled_from(((0, 1440), (0, 1440), (540, 1020), (360, 1440), (0, 150))),
    buffers=st.sampled_from(((0, 0), (0, 0), (10, 0), (0, 15), (5, 120))),
    gap=st.sampled_from((0, 0, 0, 10, 60)),
    busy=st.lists(quarters, max_size=3),
    pause=st.sampled_from((None, None, None, (1, 1), (2, 4))),
    approval=st.sampled_from((*[SeatApproval.AUTO] * 6, SeatApproval.HOST, SeatApproval.HOST, SeatApproval.NONE)),
    status=st.sampled_from((*[PersonStatus.ACTIVE] * 7, PersonStatus.ON_LEAVE)),
)
some_calls = st.builds(
    SomeCall,
    host=st.integers(0, 3),
    at=st.tuples(st.one_of(st.integers(96, 4 * 96), st.integers(3 * 48, 3 * 48 + 48)), st.sampled_from((1, 2, 4, 90))),
    odd=st.sampled_from((timedelta(), timedelta(), 7 * MINUTE, timedelta(microseconds=500_001), timedelta(seconds=59))),
    seats=st.sampled_from((1, 2, 2, 3, 0)),
    stage=st.sampled_from((*[None] * 6, "demo", "legal", "signature")),
    sensitive=st.sampled_from((*[False] * 9, True)),
    status=st.sampled_from((*[CallStatus.SCHEDULED] * 18, CallStatus.CANCELLED, CallStatus.LIVE)),
    has_account=st.booleans(),
)
worlds = st.builds(
    SmallWorld,
    change=st.sampled_from(CHANGES),
    hosts=st.lists(people, min_size=1, max_size=2),
    observers=st.lists(people, min_size=3, max_size=3),
    calls=st.lists(some_calls, min_size=8, max_size=14),
    booked=st.lists(st.tuples(st.integers(0, 13), st.integers(0, 2)), max_size=8),
    observers_allowed=st.sampled_from((*[True] * 9, False)),
    closed_stages=st.sampled_from(([], ["legal"], ["legal", "signature"])),
    min_notice=st.sampled_from((0, 15, 15, 60)),
    asked_after=st.lists(st.one_of(st.just(0), st.integers(0, 3 * 96)), min_size=1, max_size=2),
)


@dataclass(frozen=True)
class Built:
    observers: list[str]
    calls: list[str]


def build(db: DbSession, world: SmallWorld) -> Built:
    by_machine: dict[str, Any] = {"actor": SYSTEM, "now": world.starts_at - DAY}
    db.execute(update(installation).values(closed_stages=world.closed_stages, min_notice_minutes=world.min_notice))
    who = [_person(db, world, number, one, by_machine) for number, one in enumerate((*world.hosts, *world.observers))]
    fields = {"name": "Northwind", "observers_allowed": world.observers_allowed}
    account = create_account(db, fields=fields, **by_machine).id
    new = []
    for one in world.calls:
        starts_at, ends_at = _times(world, one.at)
        new.append(
            NewCall(
                {
                    "title": "A call",
                    "host_id": who[one.host % len(who)],
                    "starts_at": starts_at + one.odd,
                    "ends_at": ends_at + one.odd,
                    "stage": one.stage,
                    "sensitive": one.sensitive,
                    "seat_capacity": one.seats,
                    "account_id": account if one.has_account else None,
                }
            )
        )
    made = Built(who[len(world.hosts) :], create_calls(db, new, **by_machine))
    for place, observer in world.booked:
        with suppress(Problem), db.begin_nested():
            book_seat(
                db, call_id=made.calls[place % len(made.calls)], observer_id=made.observers[observer], **by_machine
            )
    for call_id, one in zip(made.calls, world.calls, strict=True):
        if one.status is not CallStatus.SCHEDULED:
            db.execute(update(call).where(call.c.id == call_id).values(status=one.status))
    for person_id, somebody in zip(who, (*world.hosts, *world.observers), strict=True):
        db.execute(update(person).where(person.c.id == person_id).values(status=somebody.status))
    return made


def _person(db: DbSession, world: SmallWorld, number: int, one: Somebody, by_machine: dict[str, Any]) -> str:
    fields = {
        "name": "Rep",
        "email": f"rep{number}@earshot.example",
        "time_zone": one.time_zone,
        "observe_per_day": one.per_day,
        "observe_per_week": one.per_week,
        "host_per_day": one.per_day + 1,
        "host_per_week": one.per_week + 1,
        "host_gap_minutes": one.gap,
        "seat_approval": one.approval,
    }
    made = create_person(db, fields=fields, **by_machine).id
    before, after = one.buffers
    values = {"buffer_before_minutes": before, "buffer_after_minutes": after}
    weekly = [[day, *one.hours] for day in range(1, 8)]
    db.execute(update(availability).where(availability.c.person_id == made).values(weekly=weekly, **values))
    for at in one.busy:
        starts_at, ends_at = _times(world, at)
        taken = {"id": ids.new("bsy", world.starts_at), "person_id": made, "source": "outlook"}
        db.execute(insert(busy), taken | {"starts_at": starts_at, "ends_at": ends_at, "status": BusyStatus.BUSY})
    if one.pause:
        first, last = ((world.starts_at + number * DAY).date() for number in one.pause)
        off = {"id": ids.new("pau", world.starts_at), "person_id": made, "starts_on": first, "ends_on": last}
        db.execute(insert(pause), off | {"created_at": world.starts_at})
    return made


def _times(world: SmallWorld, at: Quarters) -> tuple[datetime, datetime]:
    first, number = at
    return world.starts_at + first * QUARTER, world.starts_at + (first + number) * QUARTER


def listed(db: DbSession, observer_id: str, *, sort: str, limit: int, now: datetime) -> list[str]:
    """What all pages of the list hold, in their order."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = joinable.joinable_calls(
            db,
            CallFilter(),
            PageRequest(limit, cursor, "calls", "secret"),
            sort=sort.lstrip("-"),
            descending=sort.startswith("-"),
            observer_id=observer_id,
            actor=SYSTEM,
            now=now,
        )
        found += [row.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found


def said(db: DbSession, made: Built, observer_id: str, *, now: datetime) -> dict[str, str | None]:
    """Why each call could not be joined, in one word."""
    rows = db.execute(calls.calls_with_hosts()).all()
    observer = facts.people_rows(db, [observer_id])[observer_id]
    found = joinable.refusals(db, rows, observer, now=now)
    return {call_id: why.code if (why := found[call_id]) else None for call_id in made.calls}


def tried(db: DbSession, call_id: str, observer_id: str, *, now: datetime) -> str | None:
    """What booking says to it; nothing is left of it."""
    with undone(db.begin_nested()):
        try:
            book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=now)
        except Problem as problem:
            return problem.code
        return None


@contextmanager
def undone(doing: SessionTransaction) -> Iterator[None]:
    try:
        yield
    finally:
        doing.rollback()


def assert_list_and_booking_agree(engine: Engine, world: SmallWorld) -> None:
    with transaction(engine, writes=True) as db, undone(db.begin_nested()):
        made = build(db, world)
        for number, observer_id in enumerate(made.observers):
            for after in world.asked_after:
                now = world.starts_at + after * QUARTER
                told = said(db, made, observer_id, now=now)
                open_ = listed(
                    db, observer_id, sort=("starts_at", "-starts_at", "updated_at")[number], limit=2, now=now
                )
                assert {call_id: tried(db, call_id, observer_id, now=now) for call_id in made.calls} == told
                assert sorted(open_) == sorted(call_id for call_id, why in told.items() if why is None)
                for why in told.values():
                    event(f"said: {why}")


@pytest.mark.parametrize("name", ["sqlite_url", "postgres_url"])
def test_every_listed_call_books_and_every_other_is_refused_as_was_said(
    request: pytest.FixtureRequest, name: str, soak: bool
) -> None:
    engine = make_engine(request.getfixturevalue(name))

    # Three observers at one or two times each: some 4.5 schedules to a world.
    worlds_here = 2_300 if soak else 4 if name == "postgres_url" else 10

    @settings(max_examples=worlds_here)
    @given(world=worlds)
    def holds(world: SmallWorld) -> None:
        assert_list_and_booking_agree(engine, world)

    holds()
    engine.dispose()
