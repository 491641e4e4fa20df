"""Clear away what is of no more use or was kept long enough, and see to what was left lying."""

from functools import partial

from sqlalchemy import Delete

from app.db import DbSession, transaction
from app.jobs.context import JobContext
from app.operations import deliveries, housekeeping, retention
from app.queries.house_rules import house_rules
from app.rules.retention import kept


def clear(context: JobContext) -> None:
    """Delete what nothing asks for any more and what was kept long enough, say what that was, and wake who sends
    webhooks, should a job be lost. Safe to repeat.
    """
    for statement in housekeeping.clearing(now=context.clock()):
        context.write(partial(_run, statement))
    _retain(context)
    context.write(lambda db: deliveries.wake_all(db, now=context.clock()))


def _retain(context: JobContext) -> None:
    now = context.clock()
    with transaction(context.engine, writes=False) as reading:
        kinds = kept(house_rules(reading).retention_days)
    deleted = dict.fromkeys(kinds, 0)
    try:
        for kind, days in kinds.items():
            some = partial(retention.purge, kind=kind, before=now - days, now=now)
            while count := context.write(some):
                deleted[kind] += count
    finally:  # also of what went before something broke
        context.write(partial(retention.report, deleted=deleted, now=now))


def _run(statement: Delete, db: DbSession) -> None:
    db.execute(statement)
