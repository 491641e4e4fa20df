"""The worker: how it stops, how it keeps a job that takes long, and when it clears up."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from app import ids
from app.db import make_engine, transaction
from app.jobs.context import JobContext, Later
from app.models.tables import browser_session, idempotency_record, job, operation, sign_in_link
from app.operations import operations
from app.operations.jobs import enqueue
from app.operations.leases import LEASE
from app.vocabulary import JobStatus, WorkStatus
from app.worker import Worker
from tests.crews import SETTINGS
from tests.factories import a_person
from tests.harness import NOW, FakeClock
from tests.patience import PATIENCE_SECONDS, until

SLOW = """
import faulthandler, os, signal, sys, threading, time
from pathlib import Path
from app import worker
from app.child import run_limited
from app.jobs import HANDLERS

def slow(context):
    Path(context.payload["started"]).touch()
    time.sleep(1)

def endless(context):
    started = context.payload["started"]
    stay = "tests.test_worker:say_who_and_stay"
    run_limited(stay, started, answer=str, seconds=1200, mebibytes=512, over=context.over)

def aside(context):
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

HANDLERS.update(slow=slow, endless=endless, aside=aside)
faulthandler.register(signal.SIGUSR1)
worker.GRACE_SECONDS = float(os.environ["GRACE_SECONDS"])
worker._LAST_WORDS_SECONDS = 60.0
from app.cli import main
main()
"""


def say_who_and_stay(started: str) -> None:
    """Be a solver that takes long."""
    Path(started).write_text(str(os.getpid()))
    time.sleep(10 * PATIENCE_SECONDS)


@contextmanager
def earshot(
    *arguments: str, folder: Path, database_url: str, grace_seconds: float = PATIENCE_SECONDS
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that knows three more kinds of jobs, and gives them so long to end."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    said = folder / "stderr"
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW, *arguments, "--dir", str(folder)],
            env={**plain, "EARSHOT_DATABASE_URL": database_url, "GRACE_SECONDS": str(grace_seconds)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            cwd=Path(__file__).parents[1],
        )
    try:
        yield process
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)
        time.sleep(1)
        pytest.fail("It did not end. Where it was: " + said.read_text())
    finally:
        process.kill()
        process.wait()


def jobs(engine: Engine, kind: str) -> list[Any]:
    with transaction(engine, writes=False) as db:
        return list(db.execute(select(job).where(job.c.kind == kind).order_by(job.c.created_at)))


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_told_to_stop_finishes_what_can_be_finished_in_time(
    sqlite_url: str, tmp_path: Path, told: signal.Signals
) -> None:
    engine, started = make_engine(sqlite_url), tmp_path / "started"
    with transaction(engine, writes=True) as db:
        enqueue(db, "slow", {"started": str(started)}, now=NOW - timedelta(days=3650))
    with earshot("worker", folder=tmp_path, database_url=sqlite_url) as process:
        until(started.exists)
        process.send_signal(told)

        assert process.wait(PATIENCE_SECONDS) == 0

    (done,) = jobs(engine, "slow")
    engine.dispose()
    assert (done.status, done.attempts) == (JobStatus.DONE, 1)


def test_a_worker_hears_that_it_is_told_to_stop_whichever_thread_the_system_tells(
    sqlite_url: str, tmp_path: Path
) -> None:
    engine = make_engine(sqlite_url)
    with transaction(engine, writes=True) as db:
        enqueue(db, "aside", {}, now=NOW - timedelta(days=3650))
    with earshot("worker", folder=tmp_path, database_url=sqlite_url) as process:
        assert process.wait(PATIENCE_SECONDS) == 0

    (done,) = jobs(engine, "aside")
    engine.dispose()
    assert done.status == JobStatus.DONE


@pytest.mark.parametrize("command", [["worker", "--threads", "2"], ["serve", "--port", "0"]])
def test_what_takes_longer_goes_back_to_the_queue_and_its_solver_ends_with_the_process(
    sqlite_url: str, tmp_path: Path, soak: bool, command: list[str]
) -> None:
    engine, started = make_engine(sqlite_url), tmp_path / "started"
    with transaction(engine, writes=True) as db:
        enqueue(db, "endless", {"started": str(started)}, now=NOW - timedelta(days=3650))
    with earshot(*command, folder=tmp_path, database_url=sqlite_url, grace_seconds=1.5) as process:
        until(lambda: started.exists() and started.read_text())
        told_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
        seconds = time.monotonic() - told_at

    (left,) = jobs(engine, "endless")
    engine.dispose()
    assert (left.status, left.attempts, left.lease) == (JobStatus.QUEUED, 0, None)
    assert seconds < (10 if soak else PATIENCE_SECONDS)
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def test_a_job_that_reports_progress_keeps_its_lease_however_long_it_takes(engine: Engine, clock: FakeClock) -> None:
    rival = Worker(engine, SETTINGS, clock, {})
    stolen = []

    def long(context: JobContext) -> None:
        for percent in (10, 20, 30):
            clock.advance(LEASE * 0.9)
            context.progress(percent)
            stolen.append(rival.run_one())

    with transaction(engine, writes=True) as db:
        operation_id = operations.begin(db, "long", {}, now=NOW)

    Worker(engine, SETTINGS, clock, {"long": long}).run_one()

    assert stolen == [False, False, False]
    assert [(one.status, one.attempts) for one in jobs(engine, "long")] == [(JobStatus.DONE, 1)]
    with transaction(engine, writes=False) as db:
        assert db.execute(select(operation.c.progress).where(operation.c.id == operation_id)).scalar_one() == 30


def test_a_job_without_an_operation_renews_its_lease_too(engine: Engine, clock: FakeClock) -> None:
    def long(context: JobContext) -> None:
        clock.advance(LEASE * 0.9)
        context.progress(50)
        (running,) = jobs(engine, "long")
        assert running.leased_until > clock() + LEASE * 0.9

    with transaction(engine, writes=True) as db:
        enqueue(db, "long", {}, now=NOW)

    Worker(engine, SETTINGS, clock, {"long": long}).run_one()

    assert jobs(engine, "long")[0].status is JobStatus.DONE


def test_a_worker_that_lost_its_lease_stops_at_the_next_progress_and_changes_nothing(
    engine: Engine, clock: FakeClock
) -> None:
    after = []

    def overtaken(context: JobContext) -> None:
        with transaction(engine, writes=True) as db:
            db.execute(update(job).values(lease="of another", leased_until=clock() + LEASE))
        context.progress(50)
        after.append("went on")

    with transaction(engine, writes=True) as db:
        operation_id = operations.begin(db, "long", {}, now=NOW)

    Worker(engine, SETTINGS, clock, {"long": overtaken}).run_one()

    (left,) = jobs(engine, "long")
    assert after == []
    assert (left.status, left.lease, left.last_error) == (JobStatus.RUNNING, "of another", None)
    with transaction(engine, writes=False) as db:
        found = db.execute(select(operation).where(operation.c.id == operation_id)).one()
    assert (found.status, found.progress) == (WorkStatus.QUEUED, 0)


def test_a_job_whose_time_has_not_come_waits_for_it_and_that_counts_as_no_attempt(
    engine: Engine, clock: FakeClock
) -> None:
    tried = []

    def not_yet(_: JobContext) -> None:
        tried.append(clock())
        if len(tried) < 4:
            raise Later(clock() + timedelta(minutes=5), "the relay rests")

    worker = Worker(engine, SETTINGS, clock, {"mail": not_yet})
    with transaction(engine, writes=True) as db:
        enqueue(db, "mail", {}, max_attempts=1, now=NOW)

    waits = []
    for _ in range(3):
        worker.run_one()
        (left,) = jobs(engine, "mail")
        waits.append((left.status, left.attempts, left.due_at - clock(), left.last_error))
        early = worker.run_one()
        clock.advance(timedelta(minutes=5))
    worker.run_one()

    assert waits == [(JobStatus.QUEUED, 0, timedelta(minutes=5), "Later: the relay rests")] * 3
    assert not early
    assert [(one.status, one.attempts, one.last_error) for one in jobs(engine, "mail")] == [(JobStatus.DONE, 1, None)]


def run_for_a_moment(worker: Worker, engine: Engine) -> None:
    """Let a worker loop until nothing is left to do."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    until(lambda: worker._planned.keys() == worker._periodic.keys())
    until(lambda: all(one.status is JobStatus.DONE for one in jobs(engine, "housekeeping")))
    stop.set()
    thread.join(PATIENCE_SECONDS)


def test_workers_clear_up_once_an_hour_between_them(engine: Engine, clock: FakeClock) -> None:
    for _ in range(2):
        run_for_a_moment(Worker(engine, SETTINGS, clock), engine)
    clock.advance(timedelta(minutes=59))
    run_for_a_moment(Worker(engine, SETTINGS, clock), engine)
    within_the_hour = len(jobs(engine, "housekeeping"))
    clock.advance(timedelta(minutes=1))
    run_for_a_moment(Worker(engine, SETTINGS, clock), engine)

    assert (within_the_hour, len(jobs(engine, "housekeeping"))) == (1, 2)


def test_only_what_is_of_no_more_use_is_cleared_away(engine: Engine, clock: FakeClock) -> None:
    week, hour = timedelta(days=7), timedelta(hours=1)
    with transaction(engine, writes=True) as db:
        who = a_person(db, "Jo").id
        for name, age in (("old", week + hour), ("young", week - hour)):
            enqueue(db, name, {}, now=NOW - age)
            enqueue(db, f"{name} and dead", {}, now=NOW - age)
            row = {"credential": "key_1", "idempotency_key": name, "fingerprint": "f", "headers": {}, "status": 201}
            db.execute(insert(idempotency_record).values(**row, created_at=NOW - age))
        db.execute(update(job).values(status=JobStatus.DONE))
        db.execute(update(job).where(job.c.kind.like("%dead")).values(status=JobStatus.DEAD))
        links = {"fresh": (NOW + hour, None), "used": (NOW + hour, NOW), "expired": (NOW - hour, None)}
        for name, (expires_at, used_at) in links.items():
            row = {"id": ids.new("lnk", NOW), "person_id": who, "digest": name, "created_at": NOW}
            db.execute(insert(sign_in_link).values(**row, expires_at=expires_at, used_at=used_at))
        long_ago = NOW - timedelta(days=91)
        browsers = {"fresh": (NOW + hour, NOW), "over": (NOW, NOW - 9 * hour), "old": (long_ago, long_ago)}
        for name, (expires_at, seen_at) in browsers.items():
            row = {"id": ids.new("web", NOW), "person_id": who, "digest": name, "created_at": NOW}
            db.execute(insert(browser_session).values(**row, expires_at=expires_at, seen_at=seen_at))

    run_for_a_moment(Worker(engine, SETTINGS, clock, periodic={"housekeeping": timedelta(hours=1)}), engine)

    with transaction(engine, writes=False) as db:
        kept = set(db.execute(select(job.c.kind)).scalars()) - {"housekeeping"}
        keys = db.execute(select(idempotency_record.c.idempotency_key)).scalars().all()
        left = [db.execute(select(table.c.digest)).scalars().all() for table in (sign_in_link, browser_session)]
    assert kept == {"old and dead", "young", "young and dead"}
    assert keys == ["young"]
    assert [sorted(some) for some in left] == [["fresh"], ["fresh", "over"]]  # the audit says from where
