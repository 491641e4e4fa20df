"""Queueing work: once per key, and as soon as the most impatient wants it."""

from datetime import timedelta

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import job
from app.operations.jobs import enqueue
from tests.harness import NOW


def test_a_job_that_waits_out_a_failure_is_brought_forward_by_new_work_and_never_put_off(db: DbSession) -> None:
    later = NOW + timedelta(hours=4)
    enqueue(db, "invite_mail", {}, singleton="k", now=NOW, due_at=later)

    enqueue(db, "invite_mail", {}, singleton="k", now=NOW)
    enqueue(db, "invite_mail", {}, singleton="k", now=NOW, due_at=later)

    assert db.execute(select(job.c.due_at)).scalars().all() == [NOW]
