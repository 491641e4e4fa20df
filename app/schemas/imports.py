"""What an import answers."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from app.schemas.shapes import Read
from app.vocabulary import ImportStatus


class ImportErrorRead(Read):
    """One thing wrong with one row."""

    line: int = Field(description="The line of the file on which the row begins; the header is line 1.")
    column: str = Field(description="Empty when it is about the whole row.")
    code: str
    detail: str


class ImportRead(Read):
    """What became of the rows, or in a dry run would have."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "imp_01jd6x0000e8r9sv4kz2m7n5qg",
                    "kind": "calls",
                    "dry_run": False,
                    "created": 447,
                    "updated": 2,
                    "unchanged": 0,
                    "skipped": 1,
                    "errors": [
                        {
                            "line": 12,
                            "column": "starts_at",
                            "code": "naive_time",
                            "detail": "`starts_at` needs an offset such as Z or +01:00, or a `time_zone` in this row.",
                        }
                    ],
                    "more_errors": 0,
                }
            ]
        },
    )

    id: str | None = Field(description="By which it can be undone; null where nothing was written.")
    kind: Literal["people", "calls"]
    dry_run: bool
    created: int
    updated: int
    unchanged: int
    skipped: int = Field(description="Bad rows.")
    errors: list[ImportErrorRead] = Field(description="At most 1,000, by line.")
    more_errors: int = Field(description="How many more there are.")


_RECORD: dict[str, Any] = {
    "id": "imp_01jd6x0000e8r9sv4kz2m7n5qg",
    "kind": "people",
    "file_name": "march.csv",
    "actor": "per_01jd6x0000e8r9sv4kz2m7n5qh",
    "created": 12,
    "updated": 3,
    "unchanged": 40,
    "skipped": 0,
    "status": "undone",
    "undo_until": "2026-11-28T09:00:00Z",
    "operation_id": "op_01jd6x0000e8r9sv4kz2m7n5qj",
    "put_back": 14,
    "not_put_back": 1,
    "undone_at": "2026-11-21T09:05:00Z",
    "version": 3,
    "created_at": "2026-11-21T09:00:00Z",
}


class ImportRecordRead(Read):
    """An import that wrote something."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RECORD]})

    id: str
    kind: Literal["people", "calls"]
    file_name: str | None = Field(description="As it was chosen on the page.")
    actor: str = Field(description="The person who imported, the key without a person, or `system`.")
    created: int
    updated: int
    unchanged: int
    skipped: int = Field(description="Bad rows.")
    status: ImportStatus = Field(description="An undo that stopped half-way is `written` again, and can go on.")
    undo_until: datetime = Field(description="From then on what it changed is not kept, and it can't be undone.")
    operation_id: str | None = Field(description="The undo that was started last.")
    put_back: int = Field(description="What the undo has put back so far: accounts whose segment changed count, too.")
    not_put_back: int = Field(description="What it has left as it is so far.")
    undone_at: datetime | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, row: Any, status: ImportStatus, *, window: timedelta, **more: Any) -> Self:
        """Return an import as it travels."""
        values = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        values |= {"status": status, "undo_until": row.created_at + window, "not_put_back": row.stayed}
        return cls(**values, **more)


class ImportRowRead(Read):
    """Something that an undo left as it is."""

    object_type: Literal["person", "call", "account"]
    object_id: str
    created: bool = Field(description="Whether the import added it, or changed it.")
    code: str = Field(description="`changed_since`, or the code of what refused to put it back.")
    detail: str


class ImportRecordDetailRead(ImportRecordRead):
    """An import, and what its undo left as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_RECORD,
                    "left_as_is": [
                        {
                            "object_type": "person",
                            "object_id": "per_01jd6x0000e8r9sv4kz2m7n5qk",
                            "created": False,
                            "code": "changed_since",
                            "detail": "It has changed since the import.",
                        }
                    ],
                    "more_left_as_is": 0,
                }
            ]
        }
    )

    left_as_is: list[ImportRowRead] = Field(description="At most 1,000, in the order of the file.")
    more_left_as_is: int = Field(description="How many more there are, or were while that was kept.")

    @classmethod
    def of_all(cls, row: Any, status: ImportStatus, stayed: Collection[Any], *, window: timedelta) -> Self:
        """Return an import with what its undo left."""
        left = [
            ImportRowRead(
                object_type=one.object_type,
                object_id=one.object_id,
                created=one.created,
                code=one.code,
                detail=one.why,
            )
            for one in stayed
        ]
        return cls.of(row, status, window=window, left_as_is=left, more_left_as_is=max(0, row.stayed - len(left)))
