"""A worker's crew: what runs side by side, how leases are kept and lost, and when periodic work is planned."""

import os
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, update

from app.child import run_limited
from app.db import DbSession, make_engine, transaction
from app.jobs import Handler
from app.jobs.context import JobContext
from app.models.tables import job
from app.operations.jobs import enqueue, latest
from app.operations.jobs_by_hand import cancel_job
from app.operations.leases import LEASE
from app.rules.access import SYSTEM
from app.vocabulary import JobStatus
from app.worker import Worker
from tests.crews import SETTINGS, working
from tests.harness import NOW, FakeClock
from tests.patience import PATIENCE_SECONDS, until
from tests.worlds import worlds

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def queue(engine: Engine, *kinds: str, **given: Any) -> None:
    with transaction(engine, writes=True) as db:
        for kind in kinds:
            enqueue(db, kind, {}, now=NOW, **given)


def rows(engine: Engine) -> list[Any]:
    with transaction(engine, writes=False) as db:
        return rows_in(db)


def rows_in(db: DbSession) -> list[Any]:
    return list(db.execute(select(job).order_by(job.c.id)))


class Gate:
    """A job that goes on until it is let through, and notes how many of it run side by side."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.started: list[JobContext] = []
        self.inside = 0
        self.most = 0
        self._guard = threading.Lock()

    def __call__(self, context: JobContext) -> None:
        with self._guard:
            self.started.append(context)
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.opened.wait(PATIENCE_SECONDS)
        with self._guard:
            self.inside -= 1


# --- Side by side -----------------------------------------------------------------------------------------------------


def test_a_crew_does_as_many_jobs_at_once_as_it_has_threads(engine: Engine, clock: FakeClock) -> None:
    gate = Gate()
    queue(engine, *["long"] * 5)

    with working(Worker(engine, SETTINGS, clock, {"long": gate}, threads=3, periodic={})):
        until(lambda: gate.inside == 3)
        gate.opened.set()
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    assert (gate.most, len(gate.started)) == (3, 5)


def test_no_more_of_a_kind_run_at_once_than_its_limit_says_while_others_go_on(engine: Engine, clock: FakeClock) -> None:
    solver = Gate()
    others: list[JobContext] = []
    handlers: dict[str, Handler] = {"match": solver, "plan": solver, "mail": others.append}
    queue(engine, "match", "plan", "match", priority=1)
    queue(engine, *["mail"] * 4)
    limits = {frozenset({"match", "plan"}): 1}

    with working(Worker(engine, SETTINGS, clock, handlers, threads=3, periodic={}, limits=limits)):
        until(lambda: len(others) == 4)
        assert solver.inside == 1
        solver.opened.set()
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    assert (solver.most, len(solver.started)) == (1, 3)


def test_one_transaction_ends_a_job_and_takes_the_next(sqlite_url: str, clock: FakeClock) -> None:
    engine, commits = make_engine(sqlite_url), list[object]()
    queue(engine, *["quick"] * 10)
    worker = Worker(engine, SETTINGS, clock, {"quick": lambda _: None}, periodic={})
    worker.announce()

    with working(worker):
        event.listen(engine, "commit", commits.append)
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    engine.dispose()
    assert len(commits) <= 11


def test_threads_that_end_together_share_a_transaction(sqlite_url: str, clock: FakeClock) -> None:
    engine, commits = make_engine(sqlite_url), list[object]()
    queue(engine, *["quick"] * 40)
    worker = Worker(engine, SETTINGS, clock, {"quick": lambda _: None}, threads=4, periodic={})
    worker.announce()

    with working(worker):
        event.listen(engine, "commit", commits.append)
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    engine.dispose()
    assert len(commits) < 40


def test_limits_hold_for_what_is_taken_at_once_and_what_stands_behind_is_taken_too(
    engine: Engine, clock: FakeClock
) -> None:
    gate = Gate()
    queue(engine, *["mail"] * 12, priority=1)
    queue(engine, *["pump"] * 12, priority=2)
    queue(engine, *["other"] * 3, priority=3)
    limits = {frozenset({"mail", "notice"}): 2, frozenset({"pump"}): 3}
    handlers: dict[str, Handler] = dict.fromkeys(("mail", "pump", "other"), gate)

    with working(Worker(engine, SETTINGS, clock, handlers, threads=8, periodic={}, limits=limits)):
        until(lambda: gate.inside == 8)
        running = Counter(one.kind for one in rows(engine) if one.status is JobStatus.RUNNING)
        gate.opened.set()
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    assert running == {"mail": 2, "pump": 3, "other": 3}
    assert {one.attempts for one in rows(engine)} == {1}


def test_what_ended_while_the_database_was_away_is_recorded_when_it_is_back(
    database_url: str, clock: FakeClock
) -> None:
    engine, gate = make_engine(database_url), Gate()
    queue(engine, "long")

    with working(Worker(engine, SETTINGS, clock, {"long": gate}, threads=2, periodic={})):
        until(lambda: gate.inside == 1)
        with transaction(engine, writes=True) as db:
            db.execute(update(job).values(worker=job.c.worker))
            gate.opened.set()
            time.sleep(5.5)  # longer than anybody waits for a lock
            clock.advance(LEASE / 2)
        until(lambda: rows(engine)[0].status is JobStatus.DONE)

    assert (len(gate.started), rows(engine)[0].attempts) == (1, 1)
    engine.dispose()


def test_an_error_in_words_that_no_database_keeps_is_recorded_all_the_same(engine: Engine, clock: FakeClock) -> None:
    def broken(_: JobContext) -> None:
        raise RuntimeError("answer: \0\0\0")

    queue(engine, "broken", max_attempts=1)

    Worker(engine, SETTINGS, clock, {"broken": broken}).run_one()

    assert [(one.status, one.last_error) for one in rows(engine)] == [(JobStatus.DEAD, "RuntimeError: answer: ")]


# --- Leases -----------------------------------------------------------------------------------------------------------


def lose(engine: Engine, *, at: datetime) -> None:
    """Leave every job as a worker leaves it whose machine is lost at that moment."""
    with transaction(engine, writes=True) as db:
        lost = {"lease": "lost", "leased_until": at + LEASE, "worker": "lost:1", "attempts": 1}
        db.execute(update(job).values(status=JobStatus.RUNNING, **lost))


def test_the_jobs_of_a_lost_machine_go_to_others_within_a_minute(engine: Engine, clock: FakeClock) -> None:
    queue(engine, "a", "b")
    lose(engine, at=NOW)
    done: list[JobContext] = []
    worker = Worker(engine, SETTINGS, clock, {"a": done.append, "b": done.append})

    clock.advance(MINUTE - timedelta(seconds=1))
    early = worker.run_one()
    clock.advance(timedelta(seconds=1))
    while worker.run_one():
        pass

    assert (early, len(done)) == (False, 2)
    assert {(one.status, one.attempts) for one in rows(engine)} == {(JobStatus.DONE, 2)}


def test_a_job_that_killed_every_worker_that_took_it_is_given_up(engine: Engine, clock: FakeClock) -> None:
    queue(engine, "deadly", max_attempts=1)
    lose(engine, at=NOW - LEASE)

    Worker(engine, SETTINGS, clock, {"deadly": lambda _: None}).run_one()

    (left,) = rows(engine)
    assert (left.status, left.last_error) == (
        JobStatus.DEAD,
        "Lost: Every worker that took this job died over it.",
    )


def test_a_beat_keeps_every_job_at_hand_however_long_it_takes(engine: Engine, clock: FakeClock) -> None:
    gate, rival = Gate(), Worker(engine, SETTINGS, clock, {})
    worker = Worker(engine, SETTINGS, clock, {"long": gate}, threads=2, periodic={})
    queue(engine, "long", "long")
    stolen = []

    with working(worker):
        until(lambda: gate.inside == 2)
        for _ in range(5):
            clock.advance(LEASE * 0.9)
            worker.beat()
            stolen.append(rival.run_one())
        gate.opened.set()
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    assert stolen == [False] * 5
    assert [one.attempts for one in rows(engine)] == [1, 1]


def test_a_job_that_went_to_another_is_told_at_the_next_beat_and_its_end_counts_for_nothing(
    engine: Engine, clock: FakeClock
) -> None:
    gate = Gate()
    worker = Worker(engine, SETTINGS, clock, {"long": gate}, periodic={})
    queue(engine, "long")

    with working(worker):
        until(lambda: gate.inside == 1)
        with transaction(engine, writes=True) as db:
            db.execute(update(job).values(lease="of another", leased_until=NOW + LEASE))
        worker.beat()
        told = gate.started[0].over.is_set()
        gate.opened.set()
        until(lambda: gate.inside == 0)

    (left,) = rows(engine)
    assert told
    assert (left.status, left.lease, left.attempts) == (JobStatus.RUNNING, "of another", 1)


def test_a_solver_whose_job_is_cancelled_ends_within_seconds(
    engine: Engine, clock: FakeClock, tmp_path: Path, soak: bool
) -> None:
    pid, ended = tmp_path / "pid", threading.Event()

    def solve(context: JobContext) -> None:
        try:
            work = "tests.test_worker:say_who_and_stay"
            run_limited(work, str(pid), answer=str, seconds=1200, mebibytes=512, over=context.over)
        finally:
            ended.set()

    queue(engine, "solve")

    with working(Worker(engine, SETTINGS, clock, {"solve": solve}, periodic={})):
        until(lambda: pid.exists() and pid.read_text())
        with transaction(engine, writes=True) as db:
            cancel_job(db, job_id=rows_in(db)[0].id, actor=SYSTEM, now=NOW)
        asked_at = time.monotonic()
        ended.wait(PATIENCE_SECONDS)
        seconds = time.monotonic() - asked_at

    assert seconds < (15 if soak else PATIENCE_SECONDS)
    assert [one.status for one in rows(engine)] == [JobStatus.CANCELLED]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_machine_that_slept_does_not_take_its_own_jobs_a_second_time(engine: Engine, clock: FakeClock) -> None:
    gate = Gate()
    worker = Worker(engine, SETTINGS, clock, {"long": gate}, threads=3, periodic={})
    queue(engine, "long")

    with working(worker):
        until(lambda: gate.inside == 1)
        clock.advance(timedelta(hours=8))
        time.sleep(0.5)
        gate.opened.set()
        until(lambda: rows(engine)[0].status is JobStatus.DONE)

    assert (len(gate.started), rows(engine)[0].attempts) == (1, 1)


# --- Told to stop -----------------------------------------------------------------------------------------------------


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.GRACE_SECONDS", 0.2)


def until_over(context: JobContext) -> None:
    context.over.wait(PATIENCE_SECONDS)
    raise RuntimeError("stopped half-way")


@pytest.mark.usefixtures("short_grace")
def test_what_is_not_done_in_time_goes_back_to_the_queue_as_if_never_tried(engine: Engine, clock: FakeClock) -> None:
    queue(engine, "long", "long")
    queue(engine, "waiting", priority=200)
    worker = Worker(engine, SETTINGS, clock, {"long": until_over, "waiting": lambda _: None}, threads=2, periodic={})

    with working(worker):
        until(lambda: sum(one.status is JobStatus.RUNNING for one in rows(engine)) == 2)
    left = rows(engine)
    done: list[JobContext] = []
    successor = Worker(engine, SETTINGS, clock, dict.fromkeys(("long", "waiting"), done.append))
    while successor.run_one():
        pass

    assert [(one.status, one.attempts, one.lease) for one in left] == [(JobStatus.QUEUED, 0, None)] * 3
    assert [one.due_at for one in left] == [NOW] * 3
    assert len(done) == 3


@pytest.mark.usefixtures("short_grace")
def test_what_is_left_undone_gives_way_to_the_job_queued_after_it(engine: Engine, clock: FakeClock) -> None:
    queue(engine, "long", singleton="only one")

    with working(Worker(engine, SETTINGS, clock, {"long": until_over}, periodic={})):
        until(lambda: rows(engine)[0].status is JobStatus.RUNNING)
        queue(engine, "long", singleton="only one")

    assert sorted(one.status for one in rows(engine)) == [JobStatus.DONE, JobStatus.QUEUED]


# --- Periodic work ----------------------------------------------------------------------------------------------------


def test_periodic_work_is_done_once_each_time_by_all_workers_together(engine: Engine, clock: FakeClock) -> None:
    done: list[JobContext] = []
    workers = [
        Worker(engine, SETTINGS, clock, {"sweep": done.append}, threads=2, periodic={"sweep": MINUTE}) for _ in range(3)
    ]

    for _ in range(3):
        for worker in workers:
            with working(worker):
                until(lambda: any(one.due_at == clock() and one.status is JobStatus.DONE for one in rows(engine)))
        clock.advance(MINUTE)

    assert len(done) == 3
    assert sorted(one.occurrence for one in rows(engine)) == [f"sweep@2026-11-21T09:0{n}:00Z" for n in range(3)]


def plan(engine: Engine, clock: FakeClock, **periodic: timedelta) -> None:
    """Let a worker that has just started plan periodic work, and do none of it."""
    Worker(engine, SETTINGS, clock, {}, periodic=periodic).plan()


def test_what_was_missed_is_not_caught_up_on_and_a_clock_that_jumps_makes_no_burst(
    engine: Engine, clock: FakeClock
) -> None:
    worker = Worker(engine, SETTINGS, clock, {"sweep": lambda _: None}, periodic={"sweep": MINUTE})
    planned = []

    for jump in (timedelta(), timedelta(days=30), -timedelta(days=30), 2 * HOUR, -HOUR, timedelta(seconds=1)):
        clock.advance(jump)
        before = len(rows(engine))
        worker.plan()
        while worker.run_one():
            pass
        planned.append(len(rows(engine)) - before)

    assert planned == [1, 1, 0, 1, 1, 0]
    assert {one.status for one in rows(engine)} == {JobStatus.DONE}


def test_an_occurrence_that_still_waits_is_the_only_one(engine: Engine, clock: FakeClock) -> None:
    for _ in range(5):
        plan(engine, clock, sweep=MINUTE)
        clock.advance(MINUTE)

    assert [one.due_at for one in rows(engine)] == [NOW]


def test_periodic_work_that_failed_is_tried_again_no_later_than_its_next_time(engine: Engine, clock: FakeClock) -> None:
    def broken(_: JobContext) -> None:
        raise RuntimeError("out of order")

    worker = Worker(engine, SETTINGS, clock, {"sweep": broken}, periodic={"sweep": MINUTE})
    worker.plan()
    waits = []

    for _ in range(7):
        worker.run_one()
        waits.append(rows(engine)[0].due_at - clock())
        clock.at = rows(engine)[0].due_at

    assert max(waits) == MINUTE


@given(
    every=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=7)),
    now=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
@settings(max_examples=worlds(200))
def test_the_last_time_something_was_due_is_less_than_one_period_ago_and_stays_so(
    every: timedelta, now: datetime
) -> None:
    due_at = latest(every, now)

    assert timedelta() <= now - due_at < every
    assert latest(every, due_at) == due_at
    assert latest(every, due_at + every) == due_at + every


def test_a_clock_that_jumps_delays_work_and_loses_none_and_does_none_twice(engine: Engine, clock: FakeClock) -> None:
    queue(engine, "now")
    queue(engine, "later", due_at=NOW + HOUR)
    done: list[JobContext] = []
    worker = Worker(engine, SETTINGS, clock, dict.fromkeys(("now", "later"), done.append), periodic={})
    counts = []

    for jump in (-HOUR, HOUR, 3 * HOUR, -2 * HOUR, 2 * HOUR):
        clock.advance(jump)
        while worker.run_one():
            pass
        counts.append(len(done))

    assert counts == [0, 1, 2, 2, 2]
