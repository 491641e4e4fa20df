"""Teams as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, ExternalRef, Read, absent
from app.vocabulary import Name

_EXAMPLE: dict[str, Any] = {"name": "Mid-Market West"}
_EXTERNAL: list[Any] = [{"source": "hubspot:42", "id": "77"}]


class CreateTeam(Body):
    """A new team."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "external": _EXTERNAL}]})

    name: Name
    external: Annotated[list[ExternalRef], Field(max_length=20)] = []


class PatchTeam(Body):
    """What changes about a team: absent keeps."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name = absent()


class UpsertTeam(PatchTeam):
    """A team as another system has it. A new one needs a name."""


class TeamRead(Read):
    """A team."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "team_01jd6x0000e8r9sv4kz2m7n5qa",
                    **_EXAMPLE,
                    "external": _EXTERNAL,
                    "version": 1,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: str
    name: str
    external: list[ExternalRef]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, external: list[tuple[str, str]]) -> "TeamRead":
        """Build from a row of `team` and its external identities."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "external"}
        return cls(**values, external=[ExternalRef(source=source, id=id_) for source, id_ in external])
