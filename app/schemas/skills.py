"""Skills as they travel."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Name, Slug

_EXAMPLE: dict[str, Any] = {"slug": "discovery.questioning", "name": "Discovery: questioning"}


class CreateSkill(Body):
    """A new skill. The part of the slug before the first dot is its group."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    slug: Slug
    name: Name


class PatchSkill(Body):
    """What changes about a skill: absent keeps."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Asking good questions"}]})

    name: Name = absent()


class SkillRead(Read):
    """A skill."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "group": "discovery",
                    "version": 1,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    slug: str
    name: str
    group: str
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any) -> "SkillRead":
        """Build from a row of `skill`."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "group"}
        return cls(**values, group=row.slug.partition(".")[0])
