"""What people can do and want to hear, as it travels."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.rules.skills import SkillState
from app.schemas.shapes import Body, Read
from app.vocabulary import Level, Slug, Wish, YesNo

_EXAMPLE: dict[str, Any] = {"slug": "discovery.questioning", "level": 2, "wants": 3, "teaches": False}


class SkillEntry(Body):
    """One skill of a person: level 0 to 4, wish to learn 0 to 5, whether they teach it (from level 3)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    slug: Slug
    level: Level
    wants: Wish
    teaches: YesNo


def _each_once(entries: list[SkillEntry]) -> list[SkillEntry]:
    if len({entry.slug for entry in entries}) != len(entries):
        raise PydanticCustomError("duplicate", "A skill is named twice")
    return entries


class SetSkills(Body):
    """All that stands for a person from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"skills": [_EXAMPLE]}]})

    skills: Annotated[list[SkillEntry], Field(max_length=500), AfterValidator(_each_once)]


class PersonSkillRead(Read):
    """One skill of a person. Only levels have a history: as of an instant, the rest is null."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    slug: str
    level: int
    wants: int | None
    teaches: bool | None


class PersonSkillsRead(Read):
    """The skills of a person by slug; one that is absent is at level 0."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa", "as_of": None, "skills": [_EXAMPLE], "version": 4}
            ]
        },
    )

    person_id: str
    as_of: datetime | None
    skills: list[PersonSkillRead]
    version: int

    @classmethod
    def of(cls, person: Any, skills: dict[str, SkillState]) -> "PersonSkillsRead":
        """Build from a person's row and what stands now."""
        data = [
            PersonSkillRead(slug=slug, level=at.level, wants=at.wants, teaches=at.teaches)
            for slug, at in skills.items()
        ]
        return cls(person_id=person.id, as_of=None, skills=data, version=person.version)

    @classmethod
    def then(cls, person: Any, levels: dict[str, int], *, as_of: datetime) -> "PersonSkillsRead":
        """Build from a person's row and the levels as they were."""
        data = [PersonSkillRead(slug=slug, level=at, wants=None, teaches=None) for slug, at in levels.items()]
        return cls(person_id=person.id, as_of=as_of, skills=data, version=person.version)
