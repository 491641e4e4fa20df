"""Leave work for later, in the transaction that wants it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import func, text
from sqlalchemy.dialects import postgresql, sqlite

from app import ids
from app.db import DbSession, after_commit
from app.models.tables import job
from app.vocabulary import JobStatus
from app.wake import bell_of

SOON, USUAL, LATER = 50, 100, 150
"""Priorities: what a person waits for, the rest, and what comes in masses and can wait."""
_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


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
    row = _row(kind, payload, max_attempts=max_attempts, due_at=due_at, now=now)
    row |= {"singleton": singleton, "operation_id": operation_id, "priority": priority}
    db.execute(_insert(db.get_bind().dialect.name, once=singleton is not None), [row])
    wake_workers(db, row["due_at"], now=now)


def enqueue_each(
    db: DbSession,
    kind: str,
    payloads: Mapping[str, Mapping[str, Any]],
    *,
    now: datetime,
    due_at: datetime | None = None,
    priority: int = USUAL,
    max_attempts: int = 8,
) -> None:
    """Queue a job per `singleton` key, as `enqueue` does for one, in one round trip."""
    rows = [
        {
            **_row(kind, payload, max_attempts=max_attempts, due_at=due_at, now=now),
            "singleton": singleton,
            "priority": priority,
        }
        for singleton, payload in payloads.items()
    ]
    if rows:
        db.execute(_insert(db.get_bind().dialect.name, once=True), rows)
        wake_workers(db, due_at or now, now=now)


def wake_workers(db: DbSession, due_at: datetime, *, now: datetime) -> None:
    """Wake idle workers once this is committed, if what it queues is due. They sleep no longer than a second."""
    if due_at <= now:
        after_commit(db, bell_of(db.get_bind()).ring_everywhere)


def latest(every: timedelta, now: datetime) -> datetime:
    """Return when periodic work was last due, counted from midnight UTC."""
    return now - (now - _MIDNIGHT) % every


def enqueue_occurrence(db: DbSession, kind: str, *, due_at: datetime, now: datetime) -> None:
    """Queue periodic work, once for each time at which it is due, whoever asks and however often. Nothing is added
    while an earlier occurrence still waits.
    """
    row = _row(kind, {}, max_attempts=8, due_at=due_at, now=now)
    row |= {"singleton": kind, "occurrence": f"{kind}@{due_at:%Y-%m-%dT%H:%M:%SZ}"}
    made = postgresql.insert(job) if db.get_bind().dialect.name == "postgresql" else sqlite.insert(job)
    db.execute(made.on_conflict_do_nothing(), [row])
    wake_workers(db, due_at, now=now)


def _row(
    kind: str, payload: Mapping[str, Any], *, max_attempts: int, due_at: datetime | None, now: datetime
) -> dict[str, Any]:
    return {
        "id": ids.new("job", now),
        "kind": kind,
        "payload": dict(payload),
        "singleton": None,
        "occurrence": None,
        "operation_id": None,
        "status": JobStatus.QUEUED,
        "priority": USUAL,
        "due_at": due_at or now,
        "attempts": 0,
        "max_attempts": max_attempts,
        "created_at": now,
        "updated_at": now,
    }


@cache
def _insert(dialect: str, *, once: bool) -> Any:
    """Return the statement that adds jobs, `once` per singleton key."""
    made = postgresql.insert(job) if dialect == "postgresql" else sqlite.insert(job)
    if not once:
        return made
    sooner = func.least if dialect == "postgresql" else func.min
    return made.on_conflict_do_update(
        index_elements=["singleton"],
        index_where=text("status = 'queued' AND singleton IS NOT NULL"),
        set_={"due_at": sooner(job.c.due_at, made.excluded.due_at)},
    )
