"""Long work that a client may watch: begin it, finish it, cancel it, say why it failed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update

from app import ids
from app.db import DbSession
from app.models.tables import match_run, operation, plan_run
from app.operations.events import tell_many
from app.operations.jobs import SOON, enqueue
from app.operations.runs import WAITING
from app.rules.access import SYSTEM, Actor
from app.vocabulary import RunStatus, WorkStatus

JOB_FAILED = "job_failed"
"""The code of work that broke for a reason that is nobody's but ours."""
_OUR_FAULT = "The work failed on our side: tell us the operation id."


def begin(db: DbSession, kind: str, payload: Mapping[str, Any], *, now: datetime) -> str:
    """Queue a job that a client can watch, and return the operation's id."""
    operation_id = ids.new("op", now)
    db.execute(
        insert(operation).values(
            id=operation_id, kind=kind, status=WorkStatus.QUEUED, progress=0, created_at=now, updated_at=now
        )
    )
    enqueue(db, kind, payload, operation_id=operation_id, priority=SOON, max_attempts=3, now=now)
    return operation_id


def succeed(db: DbSession, operation_id: str, *, result: Mapping[str, Any], now: datetime) -> None:
    """Say that it is done, and where the result is."""
    db.execute(
        update(operation)
        .where(operation.c.id == operation_id)
        .values(status=WorkStatus.SUCCEEDED, progress=100, result=dict(result), updated_at=now)
    )


def fail(db: DbSession, operation_id: str, *, code: str, detail: str = "", now: datetime) -> None:
    """Say that it can't be done and why. A run that waited for it has failed; a plan that was being published is a
    draft again, for booking its seats is safe to repeat. Does nothing to work that is over.

    `detail` is a sentence for clients. For `job_failed` it is always the same one: what broke is in the job alone.
    """
    error = {"code": code, "detail": _OUR_FAULT if code == JOB_FAILED else detail}
    _stop(db, operation_id, WorkStatus.FAILED, RunStatus.FAILED, error=error, actor=SYSTEM, now=now)


def cancel(db: DbSession, operation_id: str, *, actor: Actor, now: datetime) -> None:
    """Say that nobody wants it any more. Its run goes the way of one that has failed, but is cancelled. Does nothing to
    work that is over.
    """
    _stop(db, operation_id, WorkStatus.CANCELLED, RunStatus.CANCELLED, error=None, actor=actor, now=now)


def _stop(
    db: DbSession,
    operation_id: str,
    status: WorkStatus,
    run_status: RunStatus,
    *,
    error: Mapping[str, Any] | None,
    actor: Actor,
    now: datetime,
) -> None:
    unfinished = operation.c.status.in_((WorkStatus.QUEUED, WorkStatus.RUNNING))
    changed = update(operation).where(operation.c.id == operation_id, unfinished)
    changed = changed.values(status=status, error=error, updated_at=now)
    if db.execute(changed.returning(operation.c.id)).first() is None:
        return
    for run, before, after, act in (
        (match_run, WAITING, run_status, f"match_run.{run_status}"),
        (plan_run, WAITING, run_status, f"plan_run.{run_status}"),
        (plan_run, (RunStatus.PUBLISHING,), RunStatus.DRAFT, f"plan_run.publishing_{run_status}"),
    ):
        moved = db.execute(
            update(run)
            .where(run.c.operation_id == operation_id, run.c.status.in_(before))
            .values(status=after, version=run.c.version + 1, updated_at=now)
            .returning(run.c.id, run.c.version)
        )
        tell_many(db, act, [(row.id, row.version) for row in moved], actor=actor, now=now)
