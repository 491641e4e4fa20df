"""Call types as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Capacity, Name, Slug, Tag

Keyword = Annotated[Name, StringConstraints(to_lower=True, max_length=64)]
Keywords = Annotated[list[Keyword], Field(max_length=100, description="Words in a title that mean this type.")]
Stages = Annotated[list[Tag], Field(max_length=100, description="Deal stages that mean this type.")]
Skills = Annotated[list[Slug], Field(max_length=100, description="What an observer hears.")]
Seats = Annotated[Capacity, Field(description="Seats on each call that nobody gave another number.")]

_EXAMPLE: dict[str, Any] = {
    "slug": "discovery",
    "name": "Discovery",
    "seat_capacity": 2,
    "keywords": ["discovery", "intro"],
    "stages": ["qualification"],
    "skills": ["craft.listening", "discovery.questioning"],
}


class CreateCallType(Body):
    """A new call type."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    slug: Slug
    name: Name
    seat_capacity: Seats = 2
    keywords: Keywords = []
    stages: Stages = []
    skills: Skills = []


class PatchCallType(Body):
    """What changes about a call type: absent keeps, a list replaces the list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seat_capacity": 3}]})

    name: Name = absent()
    seat_capacity: Seats = absent()
    keywords: Keywords = absent()
    stages: Stages = absent()
    skills: Skills = absent()


class CallTypeRead(Read):
    """A call type."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "version": 1,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    slug: str
    name: str
    seat_capacity: int
    keywords: list[str]
    stages: list[str]
    skills: list[str]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, skills: list[str]) -> "CallTypeRead":
        """Build from a row of `call_type` and the skills it shows."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "skills"}
        return cls(**values, skills=skills)
