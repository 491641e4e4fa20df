"""Workers that are killed while a run is being solved: another one solves it, once by effect; a run over which every
worker dies has failed; and the solver of a run that is called off is stopped.
"""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, func, select, update

from app import clock
from app.child import run_limited
from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.models.tables import event, job, match_run, operation, plan_run, plan_seat, proposed_match
from app.operations import match_edits, plan_runs
from app.operations.leases import LEASE
from app.rules.access import SYSTEM
from app.vocabulary import JobStatus, RunStatus, WorkStatus
from app.worker import Worker
from tests.factories import MONDAY, a_call
from tests.faults.servers import PROCESSES
from tests.harness import NOW, FakeClock
from tests.patience import until
from tests.pools import a_mentee, a_mentor, start_match, start_plan

SOLVING = 20
"""The progress with which the solver is started."""
TABLES = {"match_run": (match_run, proposed_match), "plan_run": (plan_run, plan_seat)}
START = {"match_run": start_match, "plan_run": start_plan}
CALL_OFF = {"match_run": match_edits.cancel_match_run, "plan_run": plan_runs.cancel_plan_run}
KINDS = pytest.mark.parametrize("kind", list(TABLES))


def _work(database_url: str, folder: Path, ahead: timedelta, hangs: bool) -> None:
    if hangs:
        _let_the_first_solver_hang(folder)
    sys.stderr = (folder / f"worker-{os.getpid()}.log").open("a", buffering=1)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    engine, now = make_engine(database_url), clock.starting_at(NOW + ahead)
    Worker(engine, Settings(dir=folder, _env_file=None), now, periodic={}).run(Event())


def _let_the_first_solver_hang(folder: Path) -> None:
    """It says in a file who it is, and solves nothing."""
    patch = pytest.MonkeyPatch()

    def hanging(_work: str, _question: object, **given: Any) -> Any:
        patch.undo()
        return run_limited("tests.test_worker:say_who_and_stay", str(folder / "solver"), **given)

    patch.setattr("app.jobs.solving.run_limited", hanging)


def a_worker(database_url: str, folder: Path, ahead: timedelta = timedelta(), *, hangs: bool = False) -> Any:
    process = PROCESSES.Process(target=_work, args=(database_url, folder, ahead, hangs), daemon=True)
    process.start()
    return process


def hanging_solver(folder: Path) -> int:
    """Wait for it; return its process id."""
    said = folder / "solver"
    return int(until(lambda: said.exists() and said.read_text()))


def a_run(engine: Engine, kind: str) -> Any:
    """A run over three juniors, whose answer has three rows: a mentor each, or a seat each on a call of their own."""
    with transaction(engine, writes=True) as db:
        for number in range(3):
            a_mentee(db, f"Junior {number}", weekly_goal=1)
            mentor = a_mentor(db, f"Mentor {number}")
            a_call(db, mentor, starts_at=MONDAY + timedelta(days=number, hours=10), seats=1)
        return START[kind](db)


def read(engine: Engine, column: Any, key: str) -> Any:
    with transaction(engine, writes=False) as db:
        return db.execute(select(column).where(column.table.c.id == key)).scalar_one()


def rows(db: DbSession, kind: str, run: Any) -> Any:
    table = TABLES[kind][1]
    return db.execute(select(func.count()).select_from(table).where(table.c.run_id == run.id)).scalar()


@KINDS
def test_a_run_whose_worker_is_killed_while_it_solves_is_solved_by_another_once(
    kind: str, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    run = a_run(engine, kind)
    first = a_worker(database_url, tmp_path, hangs=True)
    solver = hanging_solver(tmp_path)
    assert read(engine, operation.c.progress, run.operation_id) == SOLVING
    first.kill()
    first.join()
    os.kill(solver, signal.SIGKILL)  # else it would stay
    with transaction(engine, writes=False) as db:
        assert rows(db, kind, run) == 0

    second = a_worker(database_url, tmp_path, 2 * LEASE)
    try:
        until(lambda: read(engine, TABLES[kind][0].c.status, run.id) is RunStatus.DRAFT)
    finally:
        second.kill()
        second.join()

    with transaction(engine, writes=False) as db:
        assert rows(db, kind, run) == 3
        acts = db.execute(select(event.c.act).where(event.c.object_id == run.id).order_by(event.c.version))
        assert acts.scalars().all() == [f"{kind}.started", f"{kind}.drafted"]
    assert read(engine, operation.c.status, run.operation_id) is WorkStatus.SUCCEEDED


@KINDS
def test_a_run_over_which_every_worker_dies_has_failed(kind: str, engine: Engine, tmp_path: Path) -> None:
    run = a_run(engine, kind)
    lost = {"status": JobStatus.RUNNING, "lease": "lost", "leased_until": NOW, "attempts": 3}
    with transaction(engine, writes=True) as db:
        db.execute(update(job).where(job.c.kind == kind).values(**lost))

    Worker(engine, Settings(dir=tmp_path, _env_file=None), FakeClock(NOW + LEASE)).run_one()

    assert read(engine, TABLES[kind][0].c.status, run.id) is RunStatus.FAILED
    assert read(engine, operation.c.status, run.operation_id) is WorkStatus.FAILED
    assert read(engine, operation.c.error, run.operation_id)["code"] == "job_failed"


@pytest.mark.skipif(sys.platform == "win32", reason="asks pgrep")
@KINDS
def test_the_solver_of_a_run_that_is_called_off_is_stopped_and_its_worker_goes_on(
    kind: str, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    run = a_run(engine, kind)
    worker = a_worker(database_url, tmp_path, hangs=True)
    try:
        solver = hanging_solver(tmp_path)
        assert read(engine, operation.c.progress, run.operation_id) == SOLVING
        with transaction(engine, writes=True) as db:
            CALL_OFF[kind](db, run_id=run.id, actor=SYSTEM, now=NOW)
            another = START[kind](db)

        until(lambda: solver not in children(worker))
        until(lambda: read(engine, TABLES[kind][0].c.status, another.id) is RunStatus.DRAFT)
    finally:
        worker.kill()
        worker.join()

    assert read(engine, TABLES[kind][0].c.status, run.id) is RunStatus.CANCELLED
    assert read(engine, operation.c.status, run.operation_id) is WorkStatus.CANCELLED
    with transaction(engine, writes=False) as db:
        assert (rows(db, kind, run), rows(db, kind, another)) == (0, 3)


def children(worker: Any) -> list[int]:
    """Its solvers: one that is stopped before it has become another program stops the thread that begins it."""
    ours = ["pgrep", "-P", str(worker.pid), "-f", "app.child"]
    found = subprocess.run(ours, capture_output=True, check=False, text=True)
    return [int(pid) for pid in found.stdout.split()]
