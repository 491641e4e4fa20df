"""Jobs as they travel: how they go, never what is in them."""

from datetime import datetime

from pydantic import ConfigDict

from app.schemas.shapes import Read
from app.vocabulary import JobStatus


class JobRead(Read):
    """Work that runs later: where it stands, and what went wrong the last time."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "job_01jd6x0000e8r9sv4kz2m7n5qn",
                    "kind": "invite_mail",
                    "status": "dead",
                    "priority": 100,
                    "due_at": "2026-11-21T09:00:15Z",
                    "attempts": 8,
                    "max_attempts": 8,
                    "singleton": "invite_mail:ent_01jd6x0000e8r9sv4kz2m7n5qp",
                    "occurrence": None,
                    "operation_id": None,
                    "worker": "worker-1:4711",
                    "leased_until": None,
                    "last_error": "MailUnavailable: smtp.example:587 does not answer",
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T21:11:42Z",
                }
            ]
        },
    )

    id: str
    kind: str
    status: JobStatus
    priority: int
    due_at: datetime
    attempts: int
    max_attempts: int
    singleton: str | None
    occurrence: str | None
    operation_id: str | None
    worker: str | None
    leased_until: datetime | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime
