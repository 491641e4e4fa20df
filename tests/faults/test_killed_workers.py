"""Workers that are killed in the midst of their jobs: each job is done once by effect, none is lost, and what was
rolled back is never done.

The clocks of workers that are started later go ahead by more than a lease each, so that nobody waits for a minute: what
a killed worker left is taken over at once, and so is, now and then, what a live one is still doing.
"""

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import structlog
from sqlalchemy import Engine, func, select, text

from app import clock
from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.jobs.context import JobContext
from app.models.tables import job
from app.operations.jobs import enqueue
from app.operations.leases import LEASE
from app.vocabulary import JobStatus
from app.worker import Worker
from tests.faults.servers import PROCESSES
from tests.patience import until

AT_ONCE = 20


def note(context: JobContext) -> None:
    """Talk for a while, then leave a row that is there once however often this runs, and counts how often that was."""
    time.sleep(random.uniform(0, 0.02))
    number = context.payload["number"]
    again = "INSERT INTO effect VALUES (:number, 1) ON CONFLICT (number) DO UPDATE SET times = effect.times + 1"
    context.write(lambda db: db.execute(text(again), {"number": number}))


def _work(database_url: str, folder: Path, ahead: timedelta) -> None:
    sys.stderr = (folder / f"worker-{os.getpid()}.log").open("a", buffering=1)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    engine, now = make_engine(database_url), clock.starting_at(clock.now() + ahead)
    Worker(engine, Settings(dir=folder, _env_file=None), now, {"note": note}, threads=3).run(Event())


class Fleet:
    """Worker processes of which one is killed and replaced at a time."""

    def __init__(self, database_url: str, folder: Path, *, size: int) -> None:
        self._given = database_url, folder
        self._started = 0
        self._processes = [self._start() for _ in range(size)]

    def kill_one(self) -> None:
        """End one as a power cut would (SIGKILL), and start another."""
        self._processes.pop(0).kill()
        self._processes.append(self._start())

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def _start(self) -> Any:
        self._started += 1
        ahead = self._started * (LEASE + timedelta(seconds=1))
        process = PROCESSES.Process(target=_work, args=(*self._given, ahead), daemon=True)
        process.start()
        return process


@contextmanager
def fleet(database_url: str, folder: Path, *, size: int) -> Iterator[Fleet]:
    made = Fleet(database_url, folder, size=size)
    try:
        yield made
    finally:
        made.stop()


def queue(db: DbSession, numbers: range) -> None:
    for number in numbers:
        enqueue(db, "note", {"number": number}, max_attempts=100, now=clock.now())


def unfinished(engine: Engine) -> int:
    with transaction(engine, writes=False) as db:
        return len(db.execute(select(job.c.id).where(job.c.kind == "note", job.c.status != JobStatus.DONE)).all())


def test_every_job_is_done_once_by_effect_however_many_of_its_workers_are_killed(
    database_url: str, engine: Engine, tmp_path: Path, soak: bool
) -> None:
    kills, rng = 200 if soak else 5, random.Random(7)
    wanted: set[int] = set()
    with transaction(engine, writes=True) as db:
        db.execute(text("CREATE TABLE effect (number INTEGER PRIMARY KEY, times INTEGER NOT NULL)"))

    with fleet(database_url, tmp_path, size=1 if engine.dialect.name == "sqlite" else 2) as workers:
        for number in range(0, 2 * AT_ONCE * kills, 2 * AT_ONCE):
            kept, rolled_back = range(number, number + AT_ONCE), range(number + AT_ONCE, number + 2 * AT_ONCE)
            with transaction(engine, writes=True) as db:
                queue(db, kept)
            wanted.update(kept)
            with suppress(ZeroDivisionError), transaction(engine, writes=True) as db:
                queue(db, rolled_back)
                raise ZeroDivisionError
            while unfinished(engine) > rng.randrange(1, AT_ONCE):
                time.sleep(0.01)
            workers.kill_one()
        until(lambda: not unfinished(engine))

    with transaction(engine, writes=False) as db:
        done = db.execute(text("SELECT number, times FROM effect")).all()
        attempts = db.execute(select(func.max(job.c.attempts)).where(job.c.kind == "note")).scalar_one()
    assert {number for number, _ in done} == wanted
    assert len(done) == len(wanted)
    assert attempts > 1, "no worker was killed in the midst of a job"
