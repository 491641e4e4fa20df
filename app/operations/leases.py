"""Take jobs by lease, keep them, put them back, end them. Who does so is app/worker.py.

Everything but taking is fenced: it counts only under the lease that the job was taken with.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Integer, Subquery, bindparam, func, or_, select, text, update

from app.db import DbSession
from app.models.tables import job, operation
from app.operations import operations
from app.operations.jobs import wake_workers
from app.vocabulary import JobStatus, WorkStatus

LEASE = timedelta(seconds=60)
"""A worker silent for so long is dead, and its jobs go to others."""
_UNDER_WAY = (WorkStatus.QUEUED, WorkStatus.RUNNING)
# Written out, not bound: else no planner may use an index that holds only these rows.
_QUEUED, _RUNNING = text("status = 'queued'"), text("status = 'running'")
_other = job.alias("other")
_ITS_TWIN_RUNS_NOT = or_(
    job.c.singleton.is_(None),
    job.c.singleton.not_in(select(_other.c.singleton).where(_RUNNING, _other.c.singleton.is_not(None))),
)
"""Of jobs with the same singleton key, one runs at a time, on all machines together. At most one of them is queued, and
another can be only once that one's turn to run has been committed (the unique index sees to it). So whoever sees the
second in the queue sees the first running, in the same statement: no lock is needed, at READ COMMITTED either.
"""


class Overtaken(Exception):
    """The job was cancelled, or went to another worker."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A job that a worker has."""

    id: str
    lease: str
    kind: str
    payload: Mapping[str, Any]
    singleton: str | None
    operation_id: str | None
    attempts: int
    """This one included."""
    max_attempts: int


_OF_LEASED = [job.c[name] for name in Leased.__slots__ if name != "lease"]


def next_at(db: DbSession, *, left_out: Collection[str]) -> datetime | None:
    """Return when there will be something to take: a job falls due, or a lease runs out. One look at two indexes.

    What waits for its twin to end does not count: whoever ends that one takes what is next in the same transaction.
    """
    spared = [job.c.kind.not_in(left_out)] if left_out else []
    due = select(func.min(job.c.due_at)).where(_QUEUED, _ITS_TWIN_RUNS_NOT, *spared).scalar_subquery()
    orphaned = select(func.min(job.c.leased_until)).where(_RUNNING, *spared).scalar_subquery()
    return min((at for at in db.execute(select(due, orphaned)).one() if at is not None), default=None)


def next_due(
    db: DbSession, *, most: int, left_out: Collection[str], running: Collection[str], now: datetime
) -> list[Any]:
    """Lock and return the jobs that may be taken: those whose worker is dead, then the most urgent due ones. One
    statement. A job is passed over while another one of the same singleton key runs.

    Kinds that are `left_out` are let be, and so is what is `running` in this process, whose lease may have run out
    while the machine slept. On PostgreSQL, jobs that others are taking are passed over.
    """
    given: dict[str, Any] = {"now": now, "most": most}
    if left_out:
        given["left_out"] = sorted(left_out)
    if running:
        given["running"] = sorted(running)
    return list(db.execute(_next_due(bool(left_out), bool(running)), given))


@cache
def _next_due(some_left_out: bool, some_running: bool) -> Any:
    now = bindparam("now", type_=job.c.due_at.type)
    spared = [job.c.kind.not_in(bindparam("left_out", expanding=True))] if some_left_out else []
    ours = [job.c.id.not_in(bindparam("running", expanding=True))] if some_running else []
    orphans = _first(_RUNNING, job.c.leased_until <= now, *spared, *ours)
    due = _first(_QUEUED, job.c.due_at <= now, _ITS_TWIN_RUNS_NOT, *spared)
    return select(orphans).union_all(select(due)).limit(_MOST)


_MOST = bindparam("most", type_=Integer)


def _first(*conditions: Any) -> Subquery:
    found = select(*_OF_LEASED).where(*conditions).order_by(job.c.priority, job.c.due_at, job.c.id).limit(_MOST)
    return found.with_for_update(skip_locked=True).subquery()


_TAKE = (
    update(job)
    .where(job.c.id.in_(bindparam("taken", expanding=True)))
    .values(
        status=JobStatus.RUNNING,
        lease=bindparam("held"),
        leased_until=bindparam("until"),
        worker=bindparam("by"),
        attempts=job.c.attempts + 1,
        updated_at=bindparam("now"),
    )
)


def take(db: DbSession, several: Collection[Any], *, worker: str, now: datetime) -> list[Leased]:
    """Take jobs that `next_due` has locked. One statement."""
    lease = secrets.token_hex(16)
    taken = [one.id for one in several]
    db.execute(_TAKE, {"taken": taken, "held": lease, "until": now + LEASE, "by": worker, "now": now})
    return [Leased(**{**one._mapping, "lease": lease, "attempts": one.attempts + 1}) for one in several]


def kept(db: DbSession, several: Collection[Leased]) -> set[str]:
    """Return the ids of those that are still this worker's: neither cancelled nor lost. One statement, which reads."""
    return set(db.execute(select(job.c.id).where(*_of_mine(several))).scalars())


def renew(db: DbSession, several: Collection[Leased], *, now: datetime) -> set[str]:
    """Keep these for another while; return the ids of those that are still this worker's. One statement."""
    renewed = update(job).where(*_of_mine(several)).values(leased_until=now + LEASE).returning(job.c.id)
    return set(db.execute(renewed).scalars())


def _of_mine(several: Collection[Leased]) -> tuple[Any, Any]:
    return job.c.lease.in_([one.lease for one in several]), job.c.id.in_([one.id for one in several])


def report(db: DbSession, leased: Leased, *, percent: int, now: datetime) -> None:
    """Say how far the job has come, and keep it. Raises Overtaken when it is somebody else's by now."""
    if not _changed(db, leased, leased_until=now + LEASE, updated_at=now):
        raise Overtaken("The job was cancelled, or its lease ran out and another worker took it.")
    db.execute(
        update(operation)
        # A repeated run of work that was finished leaves it finished.
        .where(operation.c.id == leased.operation_id, operation.c.status.in_(_UNDER_WAY))
        .values(status=WorkStatus.RUNNING, progress=percent, updated_at=now)
    )


_DONE = (
    update(job)
    .where(job.c.id.in_(bindparam("done", expanding=True)), job.c.lease.in_(bindparam("held", expanding=True)))
    .values(status=JobStatus.DONE, lease=None, leased_until=None, last_error=None, updated_at=bindparam("now"))
)


def end(db: DbSession, several: Collection[Leased], *, now: datetime) -> None:
    """These jobs are done. One statement."""
    db.execute(_DONE, {"done": [one.id for one in several], "held": [one.lease for one in several], "now": now})


def give_up(db: DbSession, leased: Leased, *, why: str, now: datetime) -> None:
    """The job is dead, and has failed the operation that waited for it."""
    if _changed(db, leased, **_LET_GO, status=JobStatus.DEAD, last_error=why, updated_at=now) and leased.operation_id:
        operations.fail(db, leased.operation_id, code=operations.JOB_FAILED, now=now)


def put_back(db: DbSession, leased: Leased, *, due_at: datetime, attempts: int, why: str, now: datetime) -> None:
    """Queue the job again, which is then as if tried `attempts` times; or leave it to the one queued after it under the
    same singleton key.
    """
    if _twin_waits(db, leased):
        why = "left to the job queued after it"
        _changed(db, leased, **_LET_GO, status=JobStatus.DONE, last_error=why, updated_at=now)
    else:
        again: dict[str, Any] = {"status": JobStatus.QUEUED, "due_at": due_at, "attempts": attempts}
        _changed(db, leased, **_LET_GO, **again, last_error=why, updated_at=now)
        wake_workers(db, due_at, now=now)


_LET_GO: Mapping[str, Any] = {"lease": None, "leased_until": None}


def _changed(db: DbSession, leased: Leased, **values: Any) -> bool:
    mine = job.c.id == leased.id, job.c.lease == leased.lease
    return db.execute(update(job).where(*mine).values(**values).returning(job.c.id)).first() is not None


def _twin_waits(db: DbSession, leased: Leased) -> bool:
    if leased.singleton is None:
        return False
    twin = select(job.c.id).where(job.c.singleton == leased.singleton, _QUEUED)
    return db.execute(twin).first() is not None
