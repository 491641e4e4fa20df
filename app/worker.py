"""Claim a due job, run it, record how it went. The loop only: what jobs do is in app/jobs."""

import random
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Engine, and_, or_, select, update

from app import db
from app.clock import Clock
from app.config import Settings
from app.db import DbSession
from app.errors import Unavailable
from app.jobs import HANDLERS
from app.jobs.context import Hopeless, JobContext
from app.models.tables import job, operation
from app.operations import housekeeping, operations
from app.rules.backoff import delay
from app.vocabulary import JobStatus, WorkStatus

log = structlog.get_logger("earshot.worker")

LEASE = timedelta(minutes=10)
"""A worker silent for so long is dead, and its job goes to another. Longer than a solver may take (`config.py`)."""
_PAUSE_SECONDS = 0.2
_CLEARING_ASKED_EVERY = timedelta(minutes=5)

_UNDER_WAY = (WorkStatus.QUEUED, WorkStatus.RUNNING)

Handler = Callable[[JobContext], None]


class Lost(Exception):
    """A job that its workers did not survive."""


class Overtaken(Exception):
    """A job that went to another worker meanwhile."""


class Worker:
    """One thread's share of the job table. Any number may run, on any number of machines (one on SQLite)."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Clock, handlers: Mapping[str, Handler] = HANDLERS
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._handlers = handlers
        self._ask_at = datetime.min.replace(tzinfo=UTC)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; the job at hand is finished first."""
        while not stop.is_set():
            try:
                self._schedule_clearing()
                worked = self.run_one()
            except Unavailable:
                worked = False  # the database is busy or away: come back
            except Exception:
                log.exception("worker")
                worked = False
            if not worked:
                stop.wait(_PAUSE_SECONDS)

    def run_one(self) -> bool:
        """Run the most urgent due job; False when there is none."""
        claimed = self._claim()
        if claimed is None:
            return False
        with structlog.contextvars.bound_contextvars(job_id=claimed.id, kind=claimed.kind):
            try:
                if claimed.attempts > claimed.max_attempts:
                    raise Lost("Every worker that took this job died over it.")
                self._handler(claimed.kind)(self._context(claimed))
            except Exception as error:
                log.warning("job failed", attempt=claimed.attempts, exc_info=True)
                self._finish(claimed, failed=error)
            else:
                self._finish(claimed, failed=None)
        return True

    def _schedule_clearing(self) -> None:
        now = self._clock()
        if now < self._ask_at:
            return
        db.written(self._engine, partial(housekeeping.schedule, now=now))
        self._ask_at = now + _CLEARING_ASKED_EVERY

    def _handler(self, kind: str) -> Handler:
        found = self._handlers.get(kind)
        if found is None:
            raise Hopeless("No worker of this version knows this kind of job.")
        return found

    def _context(self, claimed: Any) -> JobContext:
        def record(session: DbSession, percent: int) -> None:
            now = self._clock()
            if not _written(session, claimed, {"leased_until": now + LEASE, "updated_at": now}):
                raise Overtaken("The lease ran out, and another worker took the job.")
            session.execute(
                update(operation)
                # A repeated run of work that was finished leaves it finished.
                .where(operation.c.id == claimed.operation_id, operation.c.status.in_(_UNDER_WAY))
                .values(status=WorkStatus.RUNNING, progress=percent, updated_at=now)
            )

        def progress(percent: int) -> None:
            db.written(self._engine, partial(record, percent=percent))

        return JobContext(self._engine, self._settings, self._clock, claimed.payload, progress)

    def _claim(self) -> Any:
        now = self._clock()
        due = or_(
            and_(job.c.status == JobStatus.QUEUED, job.c.due_at <= now),
            and_(job.c.status == JobStatus.RUNNING, job.c.leased_until < now),
        )
        first = select(job.c.id).where(due).order_by(job.c.priority, job.c.due_at, job.c.id).limit(1)
        with db.transaction(self._engine, writes=False) as reading:
            if reading.execute(first).first() is None:  # an idle worker takes no write lock
                return None
        with db.transaction(self._engine, writes=True) as session:
            found = session.execute(first.with_for_update(skip_locked=True)).scalar()
            if found is None:
                return None
            return session.execute(
                update(job)
                .where(job.c.id == found)
                .values(
                    status=JobStatus.RUNNING,
                    lease=secrets.token_hex(16),
                    leased_until=now + LEASE,
                    attempts=job.c.attempts + 1,
                    updated_at=now,
                )
                .returning(job)
            ).one()

    def _finish(self, claimed: Any, *, failed: Exception | None) -> None:
        db.written(self._engine, partial(self._record, claimed=claimed, failed=failed))

    def _record(self, session: DbSession, claimed: Any, failed: Exception | None) -> None:
        now = self._clock()
        values: dict[str, Any] = {"lease": None, "leased_until": None, "updated_at": now}
        if failed is None:
            values |= {"status": JobStatus.DONE, "last_error": None}
        elif isinstance(failed, Hopeless) or claimed.attempts >= claimed.max_attempts:
            values |= {"status": JobStatus.DEAD, "last_error": _words(failed)}
        elif self._twin_waits(session, claimed):
            values |= {"status": JobStatus.DONE, "last_error": "left to the job queued after it"}
        else:
            wait = delay(claimed.attempts, random.random())  # noqa: S311 - spreads rivals, no secret
            values |= {"status": JobStatus.QUEUED, "due_at": now + wait, "last_error": _words(failed)}
        won = _written(session, claimed, values)
        if won and values["status"] is JobStatus.DEAD and claimed.operation_id:
            operations.fail(session, claimed.operation_id, code=operations.JOB_FAILED, now=now)

    def _twin_waits(self, session: DbSession, claimed: Any) -> bool:
        if claimed.singleton is None:
            return False
        twin = select(job.c.id).where(job.c.singleton == claimed.singleton, job.c.status == JobStatus.QUEUED)
        return session.execute(twin).first() is not None


def _written(session: DbSession, claimed: Any, values: Mapping[str, Any]) -> bool:
    """Fenced: whoever claimed the job after our lease ran out has another lease, and this changes nothing."""
    mine = job.c.id == claimed.id, job.c.lease == claimed.lease
    return session.execute(update(job).where(*mine).values(**values).returning(job.c.id)).first() is not None


def _words(error: Exception | None) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
