"""Clear away what is of no more use, and see to what was left lying."""

from functools import partial

from sqlalchemy import Delete

from app.db import DbSession
from app.jobs.context import JobContext
from app.operations import deliveries, housekeeping


def clear(context: JobContext) -> None:
    """Delete what nothing asks for any more, and wake who sends webhooks, should a job be lost. Safe to repeat."""
    for statement in housekeeping.clearing(now=context.clock()):
        context.write(partial(_run, statement))
    context.write(lambda db: deliveries.wake_all(db, now=context.clock()))


def _run(statement: Delete, db: DbSession) -> None:
    db.execute(statement)
