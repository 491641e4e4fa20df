"""What imports of files did, row by row, so that it can be undone."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.models.fields import Key, key, plain_json, ref


class FileImport(SQLModel, table=True):
    """An import that wrote something: who did it, what became of the rows, and how far its undo is."""

    __tablename__ = "file_import"

    id: str = key()
    kind: str = Field(max_length=16)
    file_name: str | None = Field(default=None, max_length=200)
    actor: str = Field(max_length=64)
    """The person, or the key without a person, or `system`."""
    created: int
    updated: int
    unchanged: int
    skipped: int
    operation_id: str | None = ref("operation.id", nullable=True)
    """The undo that was started last."""
    put_back: int = 0
    stayed: int = 0
    """What the undo left as it is, of what the import wrote."""
    undone_at: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class FileImportRow(SQLModel, table=True):
    """One thing that an import created or changed, and what its undo did with it. Kept as long as undo is offered."""

    __tablename__ = "file_import_row"
    _UNTRIED = text("outcome IS NULL")
    __table_args__ = (
        # What is left to undo: a long undo would look through all that it has done for each thing.
        Index("file_import_row_untried", "import_id", "position", sqlite_where=_UNTRIED, postgresql_where=_UNTRIED),
    )

    import_id: str = ref("file_import.id", primary_key=True)
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """In the order in which they were written: the undo goes backwards."""
    object_type: str = Field(max_length=32)
    object_id: str = Field(sa_type=Key, index=True)
    created: bool
    before: dict[str, Any] = plain_json()
    """What the import changed, as it was: not all of that is in the audit, such as skills and meeting links."""
    versions: dict[str, int] = plain_json()
    """What had which version after the import."""
    outcome: str | None = Field(default=None, max_length=16)
    """`put_back` or `stayed`; None: not undone so far."""
    code: str | None = Field(default=None, max_length=64)
    why: str | None = Field(default=None, max_length=300)
    """Why it stayed."""
