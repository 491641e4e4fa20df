"""Whom people would like as a mentor or mentee, as it travels."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.schemas.shapes import Body, Read
from app.vocabulary import Side

Id = Annotated[str, Field(max_length=48)]
_PREFERRED: dict[str, Any] = {"preferred": ["per_01jd6x0000e8r9sv4kz2m7n5qb", "per_01jd6x0000e8r9sv4kz2m7n5qc"]}


def _each_once(people: list[str]) -> list[str]:
    if len(set(people)) != len(people):
        raise PydanticCustomError("duplicate", "Somebody is named twice")
    return people


class SetPreferences(Body):
    """Everybody whom somebody would like from now on, best first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PREFERRED]})

    preferred: Annotated[list[Id], Field(max_length=20), AfterValidator(_each_once)]


class PreferencesRead(Read):
    """Whom somebody on one side of a program would like of the other side, best first."""

    model_config = ConfigDict(
        from_attributes=True,
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
                    "as": "mentee",
                    **_PREFERRED,
                }
            ]
        },
    )

    person_id: str
    program_id: str
    side: Side = Field(alias="as")
    preferred: list[str]
