"""Read jobs and the operations that they carry. Both are for who sees everything."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import job, operation
from app.queries.access import check_acts
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, runs_the_house, sees_the_house
from app.vocabulary import JobStatus, WorkStatus


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs: all that is given is required."""

    status: tuple[JobStatus, ...] = ()
    kind: tuple[str, ...] = ()
    due_at_gte: datetime | None = None
    due_at_lt: datetime | None = None


def job_by_id(db: DbSession, job_id: str, *, actor: Actor) -> Any:
    """Return one job. Raises NotFound when absent or not for this actor."""
    _check_sees(actor)
    return first_row(db, select(job).where(job.c.id == job_id))


def job_for_update(db: DbSession, job_id: str, *, actor: Actor) -> Any:
    """Return one job, locked. Raises NotFound when absent or not this actor's to change."""
    check_acts(actor)
    if not runs_the_house(actor):
        raise NotFound
    return first_row(db, select(job).where(job.c.id == job_id).with_for_update(key_share=True))


def list_jobs(
    db: DbSession, wanted: JobFilter, page: PageRequest, *, soonest: bool = False, actor: Actor
) -> PageOf[Any]:
    """Return a page of jobs, newest first, or by when they are due. One statement."""
    _check_sees(actor)
    query = _of(select(job), job.c.status, wanted.status)
    query = _of(query, job.c.kind, wanted.kind)
    if wanted.due_at_gte:
        query = query.where(job.c.due_at >= wanted.due_at_gte)
    if wanted.due_at_lt:
        query = query.where(job.c.due_at < wanted.due_at_lt)
    order = Order(job.c.due_at, job.c.id) if soonest else Order(job.c.id, job.c.id, descending=True)
    return fetch(db, query, page, order)


def list_operations(
    db: DbSession, page: PageRequest, *, status: tuple[WorkStatus, ...], kind: tuple[str, ...], actor: Actor
) -> PageOf[Any]:
    """Return a page of operations, newest first. One statement."""
    _check_sees(actor)
    query = _of(select(operation), operation.c.status, status)
    query = _of(query, operation.c.kind, kind)
    return fetch(db, query, page, Order(operation.c.id, operation.c.id, descending=True))


def _check_sees(actor: Actor) -> None:
    if not sees_the_house(actor):
        raise NotFound


def _of(query: Select[Any], column: Any, values: tuple[str, ...]) -> Select[Any]:
    return query.where(column.in_(values)) if values else query
