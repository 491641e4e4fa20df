"""What an admin does to jobs: try one again, cancel one, or cancel the operation that it works for."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.errors import Conflict
from app.models.tables import job
from app.operations import operations
from app.operations.events import tell
from app.operations.jobs import wake_workers
from app.queries import jobs, runs
from app.queries.access import check_acts
from app.rules.access import SYSTEM, Actor
from app.vocabulary import JobStatus, WorkStatus

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_LET_GO: dict[str, Any] = {"lease": None, "leased_until": None}


class JobOver(Conflict):
    """The job is done or dead: there is nothing to cancel."""

    code = "job_over"
    title = "This job is over"


class JobNotOver(Conflict):
    """The job waits, runs or is done: there is nothing to try again."""

    code = "job_not_over"
    title = "Only a job that is dead or cancelled can be tried again"


class JobQueuedAnew(Conflict):
    """A later job does the same."""

    code = "job_queued_anew"
    title = "A later job that does the same is in the queue"


class OperationOver(Conflict):
    """The operation has ended."""

    code = "operation_over"
    title = "This operation is over"


def cancel_job(db: DbSession, *, job_id: str, actor: Actor, now: datetime) -> Any:
    """Cancel a job, and the operation that waits for it. One that runs no longer counts, and its worker is told to let
    it be within a second or so. Repeating it changes nothing. Locks the job.
    """
    return _cancel(db, jobs.job_for_update(db, job_id, actor=actor), actor=actor, now=now)


def _cancel(db: DbSession, found: Any, *, actor: Actor, now: datetime) -> Any:
    """Cancel a locked job, whoever may look at jobs."""
    if found.status is JobStatus.CANCELLED:
        return found
    if found.status not in _UNFINISHED:
        raise JobOver(f"It is {found.status}.")
    changes = {"status": JobStatus.CANCELLED, **_LET_GO}
    db.execute(update(job).where(job.c.id == found.id).values(**changes, updated_at=now))
    tell(db, "job.cancelled", found.id, version=1, actor=actor, now=now)
    if found.operation_id:
        operations.cancel(db, found.operation_id, actor=actor, now=now)
    return jobs.job_by_id(db, found.id, actor=SYSTEM)


def retry_job(db: DbSession, *, job_id: str, actor: Actor, now: datetime) -> Any:
    """Queue a dead or cancelled job again, as if it had never been tried. Locks the job.

    Refused when an operation waited for it: that has ended, whoever watched it knows, and a new one can be started.
    Refused, too, when a later job under the same singleton key is queued, which will do the work.
    """
    found = jobs.job_for_update(db, job_id, actor=actor)
    if found.status not in (JobStatus.DEAD, JobStatus.CANCELLED):
        raise JobNotOver(f"It is {found.status}.")
    if found.operation_id:
        raise OperationOver("Start a new one in its place.")
    twin = select(job.c.id).where(job.c.singleton == found.singleton, job.c.status == JobStatus.QUEUED)
    if found.singleton and db.execute(twin).first():
        raise JobQueuedAnew("It will do the work: there is no need for this one.")
    again = {"status": JobStatus.QUEUED, "attempts": 0, "due_at": now, "updated_at": now}
    db.execute(update(job).where(job.c.id == job_id).values(**again))
    wake_workers(db, now, now=now)
    tell(db, "job.retried", job_id, version=1, actor=actor, now=now)
    return jobs.job_by_id(db, job_id, actor=actor)


def cancel_operation(db: DbSession, *, operation_id: str, actor: Actor, now: datetime) -> Any:
    """Cancel an operation with its job. Whoever sees the run of it may, but for auditors. Repeating it changes nothing.
    Locks the job.
    """
    found = runs.operation_by_id(db, operation_id, actor=actor)
    check_acts(actor)
    if found.status is WorkStatus.CANCELLED:
        return found
    of_it = select(job.c.id).where(job.c.operation_id == operation_id, job.c.status.in_(_UNFINISHED))
    job_id = db.execute(of_it).scalar()
    if job_id is None:
        raise OperationOver(f"It is {found.status}.")
    _cancel(db, jobs.job_for_update(db, job_id, actor=SYSTEM), actor=actor, now=now)
    ended = runs.operation_by_id(db, operation_id, actor=actor)
    if ended.status is not WorkStatus.CANCELLED:
        raise OperationOver(f"It is {ended.status}.")
    return ended
