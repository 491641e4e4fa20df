"""The audit as it travels."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Read


class AuditRead(Read):
    """One thing that happened: who did what to what, by which credential, and what it was before and after."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "evt_01jd6x0000e8r9sv4kz2m7n5qb",
                    "at": "2026-11-21T09:00:00Z",
                    "act": "person.changed",
                    "actor": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    "actor_name": "Ada Admin",
                    "on_behalf_of_id": None,
                    "on_behalf_of_name": None,
                    "credential_id": "web_01jd6x0000e8r9sv4kz2m7n5qc",
                    "credential_name": "Firefox on Linux",
                    "address": "192.0.2.7",
                    "object_type": "person",
                    "object_id": "per_01jd6x0000e8r9sv4kz2m7n5qd",
                    "object_name": "Ben Carter",
                    "version": 4,
                    "detail": {"changed": ["grade"], "before": {"grade": 3}, "after": {"grade": 4}},
                    "seal": 120,
                }
            ]
        },
    )

    id: str
    at: datetime
    act: str
    actor: str = Field(description="The person, or the key without one, or `system`; `anonymous`: nobody known.")
    actor_name: str | None
    on_behalf_of_id: str | None = Field(description="As whom it was done, by somebody else.")
    on_behalf_of_name: str | None
    credential_id: str | None = Field(description="The key or the browser session by which it was done.")
    credential_name: str | None = Field(description="What the key is for, or browser and system.")
    address: str | None = Field(description="Where that browser was when it signed in.")
    object_type: str
    object_id: str
    object_name: str | None = Field(description="Of people.")
    version: int
    detail: dict[str, Any] | None = Field(
        description="Of a change `changed`, `before` and `after`, without secrets; of a refusal its `code`, `method`, "
        "`path`, `address` and how many more were `passed_over` before it. Absent when there is none or it was erased."
    )
    seal: int | None = Field(description="The seal that it is under: see `earshot audit verify`. Null for a minute.")
