"""Column types and field makers that the tables share."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Enum as SqlEnum
from sqlalchemy import String, text
from sqlalchemy.types import JSON
from sqlmodel import Field

Key: Any = String(48).with_variant(String(48, collation="C"), "postgresql")
"""A TypeID: text that sorts by byte on both engines."""
NO_LIST, NO_MAP, NO_TEXT = text("'[]'"), text("'{}'"), text("''")
"""What rows say that were there before a column: JSON without anything in it, and no word."""


def words(enum: type[StrEnum]) -> Any:
    """Return a column type that stores the enum's values (SQLModel would store names, in too narrow a column)."""
    return SqlEnum(enum, values_callable=lambda members: [m.value for m in members], native_enum=False, length=32)


def key(**options: Any) -> Any:
    """Return the primary key field of a table."""
    return Field(sa_type=Key, primary_key=True, **options)


def ref(target: str, *, index: bool = False, nullable: bool = False, **options: Any) -> Any:
    """Return a reference to another table's key, such as `ref("person.id")`."""
    if nullable:
        options.setdefault("default", None)
    return Field(sa_type=Key, foreign_key=target, index=index, nullable=nullable, **options)


def plain_json(**options: Any) -> Any:
    """Return a JSON column for lists and maps that are read and written whole."""
    return Field(sa_type=JSON, **options)


def one_of(enum: type[StrEnum], **options: Any) -> Any:
    """Return a column that holds one of the enum's values."""
    return Field(sa_type=words(enum), **options)


def old_rows(value: Any) -> dict[str, Any]:
    """Return the options of a column that came later, with what it says in rows that were there before it."""
    return {"sa_column_kwargs": {"server_default": value}}
