"""What an import answers."""

from typing import Literal

from pydantic import ConfigDict, Field

from app.schemas.shapes import Read


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

    kind: Literal["people", "calls"]
    dry_run: bool
    created: int
    updated: int
    unchanged: int
    skipped: int = Field(description="Bad rows.")
    errors: list[ImportErrorRead] = Field(description="At most 1,000, by line.")
    more_errors: int = Field(description="How many more there are.")
