"""Columns that are kept sealed, and what is in them. Each value is bound to its column and row."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table, select

from app.db import DbSession
from app.models.tables import connected_calendar, dialler_connection, webhook_endpoint
from app.vault import WontOpen, key_of, vault_of

SEALED: Mapping[Table, tuple[str, ...]] = {
    connected_calendar: ("url", "username", "password"),
    dialler_connection: ("secret",),
    webhook_endpoint: ("url", "secret", "previous_secret"),
}
"""Table to its columns."""


def sealed(db: DbSession, column: Column[Any], row_id: str, text: str) -> str:
    """Return a text as it is kept in this column of this row."""
    return vault_of(db.get_bind()).seal(text, bound_to=_place(column, row_id))


def opened(db: DbSession, column: Column[Any], row_id: str, kept: str) -> str:
    """Return what is in a column. What a version before kept in clear is read as it is, until it is sealed. Raises
    WontOpen.
    """
    return vault_of(db.get_bind()).open(kept, bound_to=_place(column, row_id)) if key_of(kept) else kept


def shown(db: DbSession, column: Column[Any], row_id: str, kept: str) -> str | None:
    """Return what is in a column; None when it can't be opened, so that it can be seen and replaced."""
    try:
        return opened(db, column, row_id, kept)
    except WontOpen:
        return None


def to_keep(db: DbSession, table: Table, row: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of a row with what is secret sealed, and without secrets that stay: sealed again they look new."""
    kept = dict(changes)
    for name in kept.keys() & SEALED[table]:
        column, given, before = table.c[name], changes[name], getattr(row, name)
        if given is not None and before is not None and shown(db, column, row.id, before) == given:
            del kept[name]
        elif given is not None:
            kept[name] = sealed(db, column, row.id, given)
    return kept


def keys_in_use(db: DbSession | Connection) -> dict[str | None, int]:
    """Return by which keys, by their names, how many values are sealed; under None those in clear. Two statements."""
    found: dict[str | None, int] = {}
    for table, names in SEALED.items():
        for row in db.execute(select(*(table.c[name] for name in names))):
            for kept in row:
                if kept is not None:
                    found[key_of(kept)] = found.get(key_of(kept), 0) + 1
    return found


def _place(column: Column[Any], row_id: str) -> str:
    return f"{column.table.name}.{column.name}:{row_id}"
