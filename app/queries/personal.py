"""Read what is known about one person, and what others wrote, table by table."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Table, Text, and_, cast, literal, or_, select, tuple_

from app.db import DbSession
from app.errors import NotFound
from app.models import metadata
from app.models.tables import event, event_detail, job, mail_trouble, person
from app.queries.people import person_by_id
from app.rules.access import Actor, decides_access
from app.rules.personal import RECORDS
from app.vocabulary import JobStatus

BATCH = 500
ERASURE = "erase_person"
"""The kind of job that searches for somebody, and knows by which words."""
Written = tuple[tuple[Any, ...], list[Any]]
"""The primary key of a row, and what its searched columns hold; JSON as it is written."""


def everything_about(db: DbSession, person_id: str, *, actor: Actor) -> dict[str, list[dict[str, Any]]]:
    """Return table to what its rows say about somebody, but secrets. A statement per table; those without a row are
    left out. Raises NotFound when absent, or when it is neither the actor nor do they decide access.
    """
    if not decides_access(actor) and actor.person_id != person_id:
        raise NotFound
    found = person_by_id(db, person_id, actor=actor)
    told = {name: _rows(db, metadata.tables[name], person_id) for name, record in RECORDS.items() if record.of}
    told["event_detail"] = _details(db, person_id)
    told["mail_trouble"] = _told(db, select(mail_trouble).where(mail_trouble.c.email == found.email))
    return {name: rows for name, rows in sorted(told.items()) if rows}


def _rows(db: DbSession, table: Table, person_id: str) -> list[dict[str, Any]]:
    record = RECORDS[table.name]
    rows = _told(db, select(table).where(or_(*(table.c[name] == person_id for name in record.of))))
    return [
        _shown(row, {name for who in record.of if row[who] == person_id for name in record.shown_to(who)})
        for row in rows
    ]


def _shown(row: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in names}


def _details(db: DbSession, person_id: str) -> list[dict[str, Any]]:
    """Return what was changed about them, before and after, and what they wrote to others."""
    theirs = select(event.c.id).where(said_about(person_id))
    return _told(db, select(event_detail).where(event_detail.c.event_id.in_(theirs)))


def said_about(person_id: str) -> ColumnElement[bool]:
    """Return the condition for events whose details are theirs: what changed about them, and cancels with a note."""
    wrote = and_(event.c.actor == person_id, event.c.act == "session.cancelled")
    return or_(event.c.object_id == person_id, wrote)


def _told(db: DbSession, query: Any) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in db.execute(query)]


def not_erased(db: DbSession, person_ids: Collection[str]) -> list[str]:
    """Return those of these people who are known again. One statement."""
    here = select(person.c.id).where(person.c.id.in_(sorted(person_ids)), person.c.erased_at.is_(None))
    return list(db.execute(here.order_by(person.c.id)).scalars())


def erasures_at_work(db: DbSession) -> list[Mapping[str, Any]]:
    """Return the payloads of the erasures that are not done. One statement."""
    over = (JobStatus.DONE, JobStatus.CANCELLED)
    return list(db.execute(select(job.c.payload).where(job.c.kind == ERASURE, job.c.status.not_in(over))).scalars())


def texts_of(table: Table) -> list[Column[Any]]:
    """Return the columns of a table that are searched for somebody's name."""
    return [table.c[name] for name in RECORDS[table.name].searched]


def texts(db: DbSession, table: Table, *, after: tuple[Any, ...] | None) -> list[Written]:
    """Return the next rows by primary key, `BATCH` at most; of jobs, those that search for nobody."""
    keys = list(table.primary_key.columns)
    query = select(*keys, *map(as_written, texts_of(table))).order_by(*keys).limit(BATCH)
    if table is job:
        query = query.where(job.c.kind != ERASURE)
    if after is not None:
        query = query.where(
            tuple_(*keys) > tuple_(*(literal(value, key.type) for key, value in zip(keys, after, strict=True)))
        )
    return [(tuple(row[: len(keys)]), list(row[len(keys) :])) for row in db.execute(query)]


def as_written(column: Column[Any]) -> ColumnElement[Any]:
    """Return the column as it is stored, JSON as text."""
    return cast(column, Text) if isinstance(column.type, JSON) else column
