"""Leave work for later, in the transaction that wants it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, text
from sqlalchemy.dialects import postgresql, sqlite

from app import ids
from app.db import DbSession
from app.models.tables import job
from app.vocabulary import JobStatus

SOON, USUAL, IDLE = 50, 100, 200
"""Priorities: what a person waits for, the rest, and what can wait for everything else."""


def enqueue(
    db: DbSession,
    kind: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    due_at: datetime | None = None,
    singleton: str | None = None,
    operation_id: str | None = None,
    priority: int = USUAL,
    max_attempts: int = 8,
) -> None:
    """Queue a job. With a `singleton` key that is queued already, nothing is added: that job will see this change, and
    sees it no later than this one would have run.
    """
    row = {
        "id": ids.new("job", now),
        "kind": kind,
        "payload": dict(payload),
        "singleton": singleton,
        "operation_id": operation_id,
        "status": JobStatus.QUEUED,
        "priority": priority,
        "due_at": due_at or now,
        "attempts": 0,
        "max_attempts": max_attempts,
        "created_at": now,
        "updated_at": now,
    }
    on_postgresql = db.get_bind().dialect.name == "postgresql"
    made = postgresql.insert(job) if on_postgresql else sqlite.insert(job)
    if singleton is None:
        db.execute(made.values(**row))
        return
    waiting = text("status = 'queued' AND singleton IS NOT NULL")
    made = made.values(**row)
    sooner = func.least if on_postgresql else func.min
    db.execute(
        made.on_conflict_do_update(
            index_elements=["singleton"],
            index_where=waiting,
            set_={"due_at": sooner(job.c.due_at, made.excluded.due_at)},
        )
    )
