"""Runs in short, and the operations that carry them, as they travel."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from app.schemas.shapes import Read
from app.vocabulary import RunStatus, WorkStatus

_STAMPS: dict[str, Any] = {"version": 2, "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:04Z"}


class RunRead(Read):
    """A run in short."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "mrn_01jd6x0000e8r9sv4kz2m7n5qg",
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
                    "operation_id": "op_01jd6x0000e8r9sv4kz2m7n5qj",
                    "status": "published",
                    "inputs_hash": "5f0c9a",
                    **_STAMPS,
                }
            ]
        },
    )

    id: str
    program_id: str
    operation_id: str
    status: RunStatus
    inputs_hash: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class OperationRead(Read):
    """Long work: where it stands, and its result or error at the end."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "op_01jd6x0000e8r9sv4kz2m7n5qj",
                    "kind": "match_run",
                    "status": "succeeded",
                    "progress": 100,
                    "result": {"match_run_id": "mrn_01jd6x0000e8r9sv4kz2m7n5qg", "matched": 8, "unmatched": 0},
                    "error": None,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:04Z",
                }
            ]
        },
    )

    id: str
    kind: str
    status: WorkStatus
    progress: int
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
