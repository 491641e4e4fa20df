"""Workers that are killed while a match run is being solved: another one solves it, once by effect; a run over which
every worker dies has failed.
"""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import structlog
from sqlalchemy import Engine, select, update

from app import clock
from app.config import Settings
from app.db import make_engine, transaction
from app.models.tables import event, job, match_run, operation
from app.operations.leases import LEASE
from app.queries import runs
from app.vocabulary import JobStatus, RunStatus, WorkStatus
from app.worker import Worker
from tests.faults.servers import PROCESSES
from tests.harness import FakeClock
from tests.pools import a_mentee, a_mentor, start_match

SOLVING = 20
"""The progress with which the solver is started."""


def _work(database_url: str, folder: Path, ahead: timedelta) -> None:
    sys.stderr = (folder / f"worker-{os.getpid()}.log").open("a", buffering=1)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    engine, now = make_engine(database_url), clock.starting_at(clock.now() + ahead)
    Worker(engine, Settings(dir=folder, _env_file=None), now, periodic={}).run(Event())


def a_worker(database_url: str, folder: Path, ahead: timedelta = timedelta()) -> Any:
    process = PROCESSES.Process(target=_work, args=(database_url, folder, ahead), daemon=True)
    process.start()
    return process


def a_run(engine: Engine) -> Any:
    with transaction(engine, writes=True) as db:
        for number in range(3):
            a_mentee(db, f"Junior {number}"), a_mentor(db, f"Mentor {number}")
        return start_match(db, now=clock.now())


def wait(engine: Engine, run: Any, column: Any, at_least: Any) -> None:
    """Wait until the run or its operation has come so far, a minute at most."""
    table = operation if column.table is operation else match_run
    key = run.operation_id if table is operation else run.id
    give_up_at = time.monotonic() + 60
    while True:
        with transaction(engine, writes=False) as db:
            found = db.execute(select(column).where(table.c.id == key)).scalar_one()
        if found == at_least or (isinstance(at_least, int) and found >= at_least):
            return
        assert time.monotonic() < give_up_at, found
        time.sleep(0.01)


def test_a_run_whose_worker_is_killed_while_it_solves_is_solved_by_another_once(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    run = a_run(engine)
    first = a_worker(database_url, tmp_path)
    wait(engine, run, operation.c.progress, SOLVING)
    first.kill()
    first.join()
    with transaction(engine, writes=False) as db:
        assert runs.proposed_matches(db, run.id) == []

    second = a_worker(database_url, tmp_path, LEASE + timedelta(seconds=1))
    try:
        wait(engine, run, match_run.c.status, RunStatus.DRAFT)
    finally:
        second.kill()
        second.join()

    with transaction(engine, writes=False) as db:
        assert len(runs.proposed_matches(db, run.id)) == 3
        acts = db.execute(select(event.c.act).where(event.c.object_id == run.id).order_by(event.c.version))
        assert acts.scalars().all() == ["match_run.started", "match_run.drafted"]
        assert db.execute(select(operation.c.status)).scalar() is WorkStatus.SUCCEEDED


def test_a_run_over_which_every_worker_dies_has_failed(engine: Engine, tmp_path: Path) -> None:
    run = a_run(engine)
    lost = {"status": JobStatus.RUNNING, "lease": "lost", "leased_until": run.created_at, "attempts": 3}
    with transaction(engine, writes=True) as db:
        db.execute(update(job).where(job.c.kind == "match_run").values(**lost))

    Worker(engine, Settings(dir=tmp_path, _env_file=None), FakeClock(clock.now() + LEASE)).run_one()

    with transaction(engine, writes=False) as db:
        assert db.execute(select(match_run.c.status)).scalar() is RunStatus.FAILED
        failed = db.execute(select(operation.c.status, operation.c.error)).one()
        assert (failed.status, failed.error["code"]) == (WorkStatus.FAILED, "job_failed")
