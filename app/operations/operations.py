"""Long work that a client may watch: begin it, finish it, say why it failed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update

from app import ids
from app.db import DbSession
from app.models.tables import match_run, operation, plan_run
from app.operations.jobs import SOON, enqueue
from app.vocabulary import RunStatus, WorkStatus


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


def fail(db: DbSession, operation_id: str, *, code: str, detail: str, now: datetime) -> None:
    """Say that it can't be done and why; a run that waits for it has failed too."""
    db.execute(
        update(operation)
        .where(operation.c.id == operation_id)
        .values(status=WorkStatus.FAILED, error={"code": code, "detail": detail}, updated_at=now)
    )
    for run in (match_run, plan_run):
        db.execute(
            update(run)
            .where(run.c.operation_id == operation_id, run.c.status.in_((RunStatus.QUEUED, RunStatus.RUNNING)))
            .values(status=RunStatus.FAILED, version=run.c.version + 1, updated_at=now)
        )
