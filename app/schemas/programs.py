"""Programs and enrolments as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Capacity, Name, Side, Whole

Weight = Annotated[Whole, Field(ge=0, le=10_000)]


class Weights(Body):
    """The most points that each criterion gives: absent keeps, null gives back the weight that ships."""

    skill: Weight | None = absent()
    co_availability: Weight | None = absent()
    segment: Weight | None = absent()
    overlap: Weight | None = absent()
    affinity: Weight | None = absent()
    language: Weight | None = absent()
    fresh: Weight | None = absent()


_ENROLLMENT: dict[str, Any] = {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa", "as": "mentor", "capacity": 2}


class CreateProgram(Body):
    """A new program."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ramp 2027", "weights": {"skill": 6000}}]})

    name: Name
    weights: Weights = Weights()


class PatchProgram(Body):
    """What changes about a program: absent keeps, also within the weights."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": {"skill": 6000, "fresh": None}}]})

    name: Name = absent()
    weights: Weights = absent()


class ProgramRead(Read):
    """A program. Its weights are those in force, whether its own or those that ship."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "prg_01jd6x0000e8r9sv4kz2m7n5qa",
                    "name": "Call shadowing",
                    "is_default": True,
                    "weights": dict(DEFAULT_WEIGHTS),
                    "version": 1,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: str
    name: str
    is_default: bool
    weights: dict[str, int]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any) -> "ProgramRead":
        """Build from a row of `program`."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "weights"}
        return cls(**values, weights={**DEFAULT_WEIGHTS, **row.weights})


class CreateEnrollment(Body):
    """A person on one side of a program."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENROLLMENT]})

    person_id: Annotated[str, Field(max_length=48)]
    side: Side = Field(alias="as")
    capacity: Annotated[Capacity, Field(description="How many mentees a mentor takes; 0 is out.")] = 1


class PatchEnrollment(Body):
    """What changes about an enrolment."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"capacity": 0}]})

    capacity: Capacity


class EnrollmentRead(Read):
    """A person on one side of a program."""

    model_config = ConfigDict(
        from_attributes=True,
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "enr_01jd6x0000e8r9sv4kz2m7n5qa",
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qa",
                    **_ENROLLMENT,
                    "version": 1,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: str
    program_id: str
    person_id: str
    side: Side = Field(alias="as")
    capacity: int
    version: int
    created_at: datetime
    updated_at: datetime
