"""Jobs that fail for good, and jobs that the database asks to run again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.adapters.mail import MailRefused
from app.adapters.outside import Outside
from app.config import Settings
from app.db import DbSession, Retryable, transaction
from app.jobs.context import Hopeless, JobContext
from app.jobs.mail import send_invite
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


@pytest.mark.parametrize(("answer", "raised"), [("550 no such mailbox", Hopeless), ("450 come back", MailRefused)])
def test_only_what_a_relay_refuses_for_good_is_hopeless(
    engine: Engine, tmp_path: Path, answer: str, raised: type[Exception]
) -> None:
    with transaction(engine, writes=True) as db:
        book_seat(db, call_id=a_call(db), observer_id=a_person(db, "Junior").id, actor=SYSTEM, now=NOW)
        entry_id = db.execute(select(calendar_entry.c.id)).scalars().first()

    with SmtpServer(answers={"RCPT": answer}) as relay:
        settings = Settings(dir=tmp_path, smtp_host="127.0.0.1", smtp_port=relay.port, smtp_tls="none", _env_file=None)
        with pytest.raises(raised):
            send_invite(
                JobContext(engine, settings, FakeClock(), Outside(settings), {"entry_id": entry_id}, lambda _: None)
            )

    assert relay.delivered == []


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
