"""Read what imports did, and how far their undo is. For who sees everything."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import account, call, file_import, file_import_row, operation, person
from app.queries.house_rules import house_rules
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, sees_the_house
from app.rules.retention import kept
from app.vocabulary import ImportStatus, PersonStatus, WorkStatus

PUT_BACK, STAYED = "put_back", "stayed"
"""What becomes of a row of an import that is undone."""
_NAMES = {"person": person.c.name, "call": call.c.title, "account": account.c.name}
_AT_WORK = (WorkStatus.QUEUED, WorkStatus.RUNNING)


def import_by_id(db: DbSession, import_id: str, *, actor: Actor) -> Any:
    """Return one import, with the `work` on its undo. Raises NotFound when absent or not for this actor."""
    return first_row(db, _visible(actor).where(file_import.c.id == import_id))


def list_imports(db: DbSession, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of imports, newest first. One statement. Raises NotFound for whom none are there."""
    return fetch(db, _visible(actor), page, Order(file_import.c.id, file_import.c.id, descending=True))


def status_of(found: Any) -> ImportStatus:
    """Return how far an import and its undo are. What stopped half-way can be begun again."""
    if found.undone_at is not None:
        return ImportStatus.UNDONE
    return ImportStatus.UNDOING if found.work in _AT_WORK else ImportStatus.WRITTEN


def undo_window(db: DbSession) -> timedelta:
    """Return for how long an import can be undone: as long as the house keeps what it changed. One statement."""
    return kept(house_rules(db).retention_days)["import_rows"]


def rows_that_stayed(db: DbSession, import_id: str, *, limit: int) -> list[Any]:
    """Return what the undo of an import left as it is and why, in the order of the file. One statement."""
    mine = file_import_row.c.import_id == import_id, file_import_row.c.outcome == STAYED
    rows = db.execute(select(file_import_row).where(*mine).order_by(file_import_row.c.position).limit(limit))
    return list(rows)


def names_of(db: DbSession, rows: Collection[Any]) -> dict[str, str]:
    """Return what the objects of these rows are called now, by id. A statement per type of object."""
    found: dict[str, str] = {}
    for object_type, name in _NAMES.items():
        wanted = [row.object_id for row in rows if row.object_type == object_type]
        if wanted:
            key = name.table.c.id
            found |= {row.id: row.name for row in db.execute(select(key, name.label("name")).where(key.in_(wanted)))}
    return found


def let_go_by_undo(db: DbSession, person_ids: Collection[str]) -> list[str]:
    """Return those of these people who left only because the import that added them was undone, and whom nobody has
    changed since. One statement.
    """
    undone = file_import_row.c.created, file_import_row.c.outcome == PUT_BACK
    query = select(person.c.id, person.c.version, file_import_row.c.versions)
    query = query.join(file_import_row, file_import_row.c.object_id == person.c.id)
    left = db.execute(query.where(person.c.id.in_(person_ids), person.c.status == PersonStatus.LEFT, *undone))
    return [row.id for row in left if row.versions.get("person") == row.version]


def _visible(actor: Actor) -> Select[Any]:
    if not sees_the_house(actor):
        raise NotFound
    work = operation.c.status.label("work"), operation.c.progress.label("work_progress")
    query = select(file_import, *work, person.c.name.label("actor_name"))
    query = query.outerjoin(operation, operation.c.id == file_import.c.operation_id)
    return query.outerjoin(person, person.c.id == file_import.c.actor)
