"""Read one row that must be there, take one for a change, or look up many in parts."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Select, literal_column
from sqlmodel import SQLModel

from app.db import DbSession
from app.errors import NotFound

Model = TypeVar("Model", bound=SQLModel)
Key = TypeVar("Key", bound=Hashable)
_AT_ONCE = 1000  # keys in one statement; PostgreSQL takes 65,535 parameters, SQLite 32,766


def first_row(db: DbSession, query: Select[Any], given: Mapping[str, Any] | None = None) -> Any:
    """Return the first row that the query finds, `given` what it binds. Raises NotFound. One statement."""
    found = db.execute(query, given).first()
    if found is None:
        raise NotFound
    return found


def row_for_update(db: DbSession, model: type[Model], key: str) -> Model:
    """Return the row with this id or slug, locked as an update locks it. Raises NotFound."""
    found = db.get(model, key, with_for_update={"key_share": True})
    if found is None:
        raise NotFound
    return found


def one_of(column: ColumnElement[Any], words: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of these words of ours, written into the statement. A prepared
    statement finds rows by a partial index only where its text says what the index says.
    """
    return column.in_([literal_column(f"'{word}'") for word in words])


def is_so(column: Column[bool]) -> ColumnElement[Any]:
    """Return the condition that a column is true, in the words of a partial index. In those that SQLAlchemy has for
    SQLite, `active = 1`, it is no condition by which rows are found.
    """
    return literal_column(f"{column.table.name}.{column.name}")


def in_parts(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """Split keys, each once, into lists that fit into one statement each."""
    distinct = list(dict.fromkeys(keys))
    for first in range(0, len(distinct), _AT_ONCE):
        yield distinct[first : first + _AT_ONCE]
