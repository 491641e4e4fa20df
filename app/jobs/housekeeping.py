"""Clear away what is of no more use."""

from functools import partial

from sqlalchemy import Delete

from app.db import DbSession
from app.jobs.context import JobContext
from app.operations import housekeeping


def clear(context: JobContext) -> None:
    """Delete what nothing asks for any more. Safe to repeat."""
    for statement in housekeeping.clearing(now=context.clock()):
        context.write(partial(_run, statement))


def _run(statement: Delete, db: DbSession) -> None:
    db.execute(statement)
