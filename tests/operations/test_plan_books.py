"""Whatever the world looks like, buffers and gaps included: what is planned books, every seat of it."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update

from app.db import DbSession, make_engine, transaction
from app.errors import Problem
from app.jobs import plan_runs as jobs
from app.models.tables import availability, seat
from app.operations import plan_publishing, plan_runs
from app.operations.availability import replace_busy
from app.operations.seats import book_seat
from app.queries import planning, runs
from app.rules.access import SYSTEM
from app.rules.planning.solve import solve
from app.vocabulary import BusyStatus, RunStatus
from tests.factories import MONDAY, a_call
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_plan

ZONES = ("Europe/London", "America/New_York", "America/Phoenix", "Asia/Kolkata", "Australia/Sydney")
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Somebody:
    time_zone: str
    per_day: int
    per_week: int
    languages: list[str]
    busy: list[tuple[datetime, datetime]]
    buffers: tuple[int, int]
    gap: int
    """Minutes between two calls that they host with observers."""


@dataclass(frozen=True)
class SomeCall:
    host: int
    """Place among the hosts and then the observers, who may host too; any number does."""
    starts_at: datetime
    minutes: int
    seats: int
    language: str


@dataclass(frozen=True)
class SmallWorld:
    """Two weeks of few people: every limit binds now and then."""

    hosts: list[Somebody]
    observers: list[Somebody]
    calls: list[SomeCall]
    booked: list[tuple[int, int]]
    """(call, observer) who ask for a seat before the plan; any numbers do."""
    from_at: datetime
    to_at: datetime


instants = st.integers(0, 14 * 96 - 1).map(lambda quarter: MONDAY + quarter * QUARTER)
# Mostly where London, Phoenix and New York work, so that most calls can be heard by somebody.
starts = st.builds(
    lambda day, quarter: MONDAY + timedelta(days=day, hours=9) + quarter * QUARTER,
    st.sampled_from((0, 0, 0, 1, 6, 7)),
    st.integers(0, 31),
)
people = st.builds(
    Somebody,
    time_zone=st.sampled_from((*ZONES[:1] * 4, *ZONES)),
    per_day=st.integers(1, 2),
    per_week=st.integers(1, 3),
    languages=st.sampled_from((["en"], ["de", "en"])),
    busy=st.lists(st.tuples(instants, st.integers(1, 12)).map(lambda at: (at[0], at[0] + at[1] * QUARTER)), max_size=2),
    buffers=st.sampled_from(((0, 0), (0, 0), (10, 0), (0, 15), (5, 20))),
    gap=st.sampled_from((0, 0, 10, 30, 60)),
)
worlds = st.builds(
    SmallWorld,
    hosts=st.lists(people, min_size=1, max_size=3),
    observers=st.lists(people, min_size=1, max_size=4),
    calls=st.lists(
        st.builds(
            SomeCall,
            host=st.sampled_from((0, 0, 1, 2, 3)),
            starts_at=st.one_of(starts, starts, starts, instants),
            minutes=st.sampled_from((15, 30, 60, 90)),
            seats=st.sampled_from((3, 2, 1, 0)),
            language=st.sampled_from(("en", "en", "en", "de")),
        ),
        min_size=6,
        max_size=14,
    ),
    booked=st.lists(st.tuples(st.integers(0, 13), st.integers(0, 3)), min_size=2, max_size=8),
    from_at=st.sampled_from((MONDAY, MONDAY - timedelta(hours=5), MONDAY + timedelta(hours=13))),
    to_at=st.sampled_from((timedelta(days=1), timedelta(days=7), timedelta(days=8, hours=14))).map(MONDAY.__add__),
)


def build(db: DbSession, world: SmallWorld) -> None:
    hosts = [
        a_mentor(
            db,
            "Host",
            time_zone=one.time_zone,
            languages=one.languages,
            host_per_day=one.per_day,
            host_per_week=one.per_week,
            host_gap_minutes=one.gap,
        )
        for one in world.hosts
    ]
    observers = [
        a_mentee(
            db,
            "Junior",
            time_zone=one.time_zone,
            languages=one.languages,
            observe_per_day=one.per_day,
            observe_per_week=one.per_week,
            host_gap_minutes=one.gap,
        )
        for one in world.observers
    ]
    everybody = [*hosts, *observers]
    for who, one in zip(everybody, (*world.hosts, *world.observers), strict=True):
        before, after = one.buffers
        values = {"buffer_before_minutes": before, "buffer_after_minutes": after}
        db.execute(update(availability).where(availability.c.person_id == who.id).values(**values))
        taken = [(start, end, BusyStatus.BUSY) for start, end in one.busy]
        replace_busy(db, person_id=who.id, source="outlook", intervals=taken, actor=SYSTEM, now=NOW)
    calls = [
        a_call(
            db,
            everybody[one.host % len(everybody)],
            starts_at=one.starts_at,
            minutes=one.minutes,
            seats=one.seats,
            language=one.language,
        )
        for one in world.calls
    ]
    for call, observer in world.booked:
        with suppress(Problem), db.begin_nested():
            who = observers[observer % len(observers)]
            book_seat(db, call_id=calls[call % len(calls)], observer_id=who.id, actor=SYSTEM, now=NOW)


def planned_and_published(engine: Engine, world: SmallWorld) -> None:
    with transaction(engine, writes=True) as db:
        build(db, world)
        before = db.execute(select(func.count()).select_from(seat)).scalar_one()
        run = start_plan(db, from_at=world.from_at, to_at=world.to_at)
        # In this process: to start a solver of its own for each world takes a second.
        answer = solve(planning.plan_problem(db, run, now=NOW))
        plan_runs.keep_draft(db, run_id=run.id, answer=answer, inputs_hash="", now=NOW)
        assert planning.stale(db, runs.plan_seats(db, run.id), now=NOW) == {}
        plan_publishing.start_publishing(db, run_id=run.id, actor=SYSTEM, now=NOW)

    run_job(engine, jobs.plan_publish, run.id)

    with transaction(engine, writes=False) as db:
        planned = runs.plan_seats(db, run.id)
        assert [one.refusal for one in planned] == [None] * len(answer.seats)
        assert len({one.seat_id for one in planned} - {None}) == len(planned)
        assert db.execute(select(func.count()).select_from(seat)).scalar() == before + len(planned)
        assert runs.plan_run_by_id(db, run.id, actor=SYSTEM).status is RunStatus.PUBLISHED
    event(f"seats planned: {min(len(planned), 5)}")
    event(f"seats held before: {min(before, 3)}")


def test_every_seat_of_a_plan_is_booked(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, soak: bool
) -> None:
    @settings(max_examples=1_000 if soak else 30)
    @given(world=worlds)
    def holds(world: SmallWorld) -> None:
        path = tmp_path_factory.mktemp("world") / "earshot.db"
        shutil.copy(sqlite_template, path)
        engine = make_engine(f"sqlite:///{path}")
        try:
            planned_and_published(engine, world)
        finally:
            engine.dispose()
            path.unlink()

    holds()
