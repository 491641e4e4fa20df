"""Erasures that are cut off by SIGKILL: whoever is on the list is erased, and what others wrote of them is searched."""

import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import Engine, select, update

from app import clock
from app.cli.installation import opened
from app.config import Settings
from app.db import make_engine, transaction, written
from app.erasures import ErasureList
from app.jobs.privacy import erase
from app.models import metadata
from app.models.tables import call, job, person
from app.operations.jobs import enqueue
from app.operations.leases import LEASE
from app.operations.privacy import erase_person
from app.rules.access import SYSTEM
from app.vocabulary import JobStatus
from app.worker import Worker
from tests.factories import a_call, a_person
from tests.faults.servers import PROCESSES
from tests.patience import PATIENCE_SECONDS, until

NAME, TRACE = "Canary7f3a Kestrel", "canary7f3a"
TEXTS = 4_000
"""What others wrote: enough that a search takes a while."""


def _settings(database_url: str, folder: Path) -> Settings:
    return Settings(dir=folder, database_url=database_url, secret_key=SecretStr("test"), _env_file=None)


class DiesAfterwards(ErasureList):
    """Writes somebody down, and then there is a power cut: before the transaction is committed."""

    def add(self, person_id: str, *, at: datetime) -> None:
        super().add(person_id, at=at)
        os.kill(os.getpid(), signal.SIGKILL)


def _erase(database_url: str, folder: Path, person_id: str) -> None:
    with transaction(make_engine(database_url), writes=True) as db:
        listed = DiesAfterwards(folder)
        erase_person(db, person_id=person_id, confirm=None, listed=listed, actor=SYSTEM, now=clock.now())


def _stop_after_some_jobs() -> None:
    """Stand still, for ever, once the texts of some jobs are written without the name."""

    def committed(engine: Engine, work: Any) -> Any:
        done = written(engine, work)
        if work.keywords.get("table") is job:
            os.kill(os.getpid(), signal.SIGSTOP)
        return done

    pytest.MonkeyPatch().setattr("app.operations.erasing.written", committed)


def _work(database_url: str, folder: Path, ahead: timedelta, stops: bool = False) -> None:
    if stops:
        _stop_after_some_jobs()
    sys.stderr = (folder / f"worker-{os.getpid()}.log").open("a", buffering=1)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    engine, now = make_engine(database_url), clock.starting_at(clock.now() + ahead)
    Worker(engine, _settings(database_url, folder), now, {"erase_person": erase}).run(Event())


def in_a_process(work: Any, *given: Any) -> Any:
    process = PROCESSES.Process(target=work, args=given, daemon=True)
    process.start()
    return process


def a_canary(engine: Engine) -> str:
    """Somebody whom calls and thousands of jobs name."""
    with transaction(engine, writes=True) as db:
        who = a_person(db, NAME)
        a_call(db, title=f"Northwind with {NAME}")
        for number in range(TEXTS):
            enqueue(db, "said", {"said": f"{number}: {NAME}"}, now=clock.now())
        db.execute(update(job).where(job.c.kind == "said").values(status=JobStatus.DONE))
        return who.id


def named(engine: Engine) -> int:
    """How many texts still name them."""
    with transaction(engine, writes=False) as db:
        return sum(TRACE in repr(tuple(row)).lower() for row in db.execute(select(job.c.payload)))


def status(engine: Engine) -> JobStatus:
    with transaction(engine, writes=False) as db:
        found: JobStatus = db.execute(select(job.c.status).where(job.c.kind == "erase_person")).scalar_one()
        return found


def test_who_was_on_the_list_when_the_power_went_is_erased_at_the_next_start(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with transaction(engine, writes=True) as db:
        who = a_person(db, NAME).id

    process = in_a_process(_erase, database_url, tmp_path, who)
    process.join(PATIENCE_SECONDS)

    assert process.exitcode == -signal.SIGKILL
    with transaction(engine, writes=False) as db:
        assert db.execute(select(person.c.name).where(person.c.id == who)).scalar_one() == NAME
    with opened(_settings(database_url, tmp_path)) as served, transaction(served, writes=False) as db:
        assert db.execute(select(person.c.name).where(person.c.id == who)).scalar_one() == "Erased person"


def test_a_search_goes_on_in_the_next_worker_however_often_one_is_killed_over_it(
    database_url: str, engine: Engine, tmp_path: Path, soak: bool
) -> None:
    who = a_canary(engine)
    with transaction(engine, writes=True) as db:
        listed = ErasureList(tmp_path)
        erase_person(db, person_id=who, confirm=None, listed=listed, actor=SYSTEM, now=clock.now())
    begun, interrupted = named(engine), 0

    for number in range(20 if soak else 4):
        before = named(engine)
        worker = in_a_process(_work, database_url, tmp_path, number * (LEASE + timedelta(seconds=1)), number == 0)
        until(lambda before=before: named(engine) < before or status(engine) is JobStatus.DONE)  # type: ignore[misc]
        worker.kill()
        worker.join()
        interrupted += status(engine) is not JobStatus.DONE
    last = in_a_process(_work, database_url, tmp_path, 20 * (LEASE + timedelta(seconds=1)))
    until(lambda: status(engine) is JobStatus.DONE)
    last.kill()
    last.join()

    assert begun > TEXTS
    assert interrupted, "no worker was killed in the midst of it"
    with transaction(engine, writes=False) as db:
        rows = [repr(tuple(row)).lower() for table in metadata.sorted_tables for row in db.execute(select(table))]
        assert [row for row in rows if TRACE in row] == []
        assert "Northwind with [erased]" in db.execute(select(call.c.title)).scalars().all()
