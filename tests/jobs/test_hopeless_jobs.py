"""Jobs that fail for good, and jobs that the database asks to run again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select

from app.adapters.outside import Outside
from app.config import Settings
from app.db import DbSession, Retryable, transaction
from app.jobs import HANDLERS
from app.jobs.context import Hopeless, JobContext
from app.models.tables import calendar_entry, job, operation
from app.operations import operations
from app.operations.jobs import enqueue
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import JobStatus, WorkStatus
from app.worker import Worker
from tests.adapters.smtp_server import SmtpServer
from tests.factories import a_call, a_person
from tests.harness import NOW, FakeClock


def state_after_one_run(engine: Engine, handlers: dict[str, Callable[[JobContext], None]]) -> tuple[JobStatus, int]:
    Worker(engine, Settings(_env_file=None), FakeClock(), handlers).run_one()
    with transaction(engine, writes=False) as db:
        found = db.execute(select(job.c.status, job.c.attempts)).one()
    return found.status, found.attempts


def test_a_hopeless_job_is_tried_once_and_its_operation_has_failed(engine: Engine) -> None:
    def hopeless(_: JobContext) -> None:
        raise Hopeless("There is no way.")

    with transaction(engine, writes=True) as db:
        operation_id = operations.begin(db, "walk_on_water", {}, now=NOW)

    assert state_after_one_run(engine, {"walk_on_water": hopeless}) == (JobStatus.DEAD, 1)

    with transaction(engine, writes=False) as db:
        assert db.execute(select(job.c.last_error)).scalar() == "Hopeless: There is no way."
        found = db.execute(select(operation).where(operation.c.id == operation_id)).one()
    assert (found.status, found.error["code"]) == (WorkStatus.FAILED, "job_failed")


def test_what_went_wrong_inside_is_for_the_log_and_never_for_clients(engine: Engine) -> None:
    def broken(_: JobContext) -> None:
        raise Hopeless("password=hunter2")

    with transaction(engine, writes=True) as db:
        operation_id = operations.begin(db, "break", {}, now=NOW)

    state_after_one_run(engine, {"break": broken})

    with transaction(engine, writes=False) as db:
        assert "hunter2" in db.execute(select(job.c.last_error)).scalar_one()
        error = db.execute(select(operation.c.error).where(operation.c.id == operation_id)).scalar_one()
    assert error["code"] == "job_failed"
    assert error["detail"].startswith("The work failed on our side")
    assert "hunter2" not in str(error)


def test_a_kind_of_job_that_nobody_knows_is_hopeless(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        enqueue(db, "unheard_of", {}, now=NOW)

    assert state_after_one_run(engine, {}) == (JobStatus.DEAD, 1)


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("550 5.1.1 no such mailbox", (JobStatus.DONE, 1)),  # the address is remembered: no job for anybody to see to
        ("550 5.7.1 relaying denied", (JobStatus.DEAD, 1)),  # who mends the relay runs it again
        ("450 come back", (JobStatus.QUEUED, 1)),
    ],
)
def test_an_invite_that_a_relay_refuses_is_kept_only_where_somebody_can_mend_it(
    engine: Engine, tmp_path: Path, answer: str, left: tuple[JobStatus, int]
) -> None:
    with transaction(engine, writes=True) as db:
        book_seat(db, call_id=a_call(db), observer_id=a_person(db, "Junior").id, actor=SYSTEM, now=NOW)
        db.execute(delete(job))
        entry_id = db.execute(select(calendar_entry.c.id)).scalars().first()
        for singleton in ("first", "second"):
            enqueue(db, "invite_mail", {"entry_id": entry_id}, singleton=singleton, max_attempts=99, now=NOW)

    with SmtpServer(answers={"RCPT": answer}) as relay:
        settings = Settings(dir=tmp_path, smtp_host="127.0.0.1", smtp_port=relay.port, smtp_tls="none", _env_file=None)
        worker = Worker(engine, settings, FakeClock(), HANDLERS)
        while worker.run_one():
            pass

    with transaction(engine, writes=False) as db:
        found = db.execute(select(job.c.status, job.c.attempts)).all()
    assert relay.delivered == []
    assert [tuple(row) for row in found] == [left, left]


def test_a_write_of_a_job_is_run_again_when_the_database_asks_for_it(engine: Engine) -> None:
    context = JobContext(
        engine, Settings(_env_file=None), FakeClock(), Outside(Settings(_env_file=None)), {}, lambda _: None
    )
    runs: list[str] = []

    def write(db: DbSession) -> str:
        enqueue(db, "kept", {}, now=NOW)
        runs.append("run")
        if len(runs) == 1:
            raise Retryable("40001")
        return "done"

    assert context.write(write) == "done"
    with transaction(engine, writes=False) as db:
        assert len(db.execute(select(job.c.id)).all()) == 1
