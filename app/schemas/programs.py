"""Programs and enrolments as they travel."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.rules.matching.problem import DEFAULT_WEIGHTS, MatchConstraints
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Capacity, MatchApproval, Name, PairRuleKind, Side, Whole, YesNo

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


class ProgramConstraints(Body):
    """What forbids a pair in this program, unless a run says otherwise: absent keeps, null is as it ships."""

    min_shared_minutes_per_week: Annotated[
        Whole | None, Field(ge=0, le=10_080, description="Working time that both have in the leanest week.")
    ] = absent()
    same_team: Literal["any", "same", "different"] | None = absent()
    max_zone_gap_hours: Annotated[Whole | None, Field(ge=0, le=14, description="null: any.")] = absent()
    max_grade_gap: Annotated[Whole | None, Field(ge=0, le=20, description="null: any.")] = absent()
    never_repeat: Annotated[YesNo | None, Field(description="Nobody gets a mentor again whom they had.")] = absent()


class ConstraintsRead(Read):
    """What forbids a pair in a program."""

    min_shared_minutes_per_week: int
    same_team: Literal["any", "same", "different"]
    max_zone_gap_hours: int | None
    max_grade_gap: int | None
    never_repeat: bool


Approval = Annotated[
    MatchApproval, Field(description="Who says yes to a pair that a run proposed before it becomes active.")
]
RequestsOpen = Annotated[YesNo, Field(description="Whether mentees may ask mentors themselves.")]
_ENROLLMENT: dict[str, Any] = {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa", "as": "mentor", "capacity": 2}


class CreateProgram(Body):
    """A new program."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ramp 2027", "weights": {"skill": 6000}}]})

    name: Name
    weights: Weights = Weights()
    constraints: ProgramConstraints = ProgramConstraints()
    approval: Approval = MatchApproval.NONE
    requests_open: RequestsOpen = True


class PatchProgram(Body):
    """What changes about a program: absent keeps, also within the weights and the constraints."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": {"skill": 6000, "fresh": None}}]})

    name: Name = absent()
    weights: Weights = absent()
    constraints: ProgramConstraints = absent()
    approval: Approval = absent()
    requests_open: RequestsOpen = absent()


class ProgramRead(Read):
    """A program. Its weights and constraints are those in force, whether its own or those that ship."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "prg_01jd6x0000e8r9sv4kz2m7n5qa",
                    "name": "Call shadowing",
                    "is_default": True,
                    "weights": dict(DEFAULT_WEIGHTS),
                    "constraints": asdict(MatchConstraints()),
                    "approval": "mentor",
                    "requests_open": True,
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
    constraints: ConstraintsRead
    approval: MatchApproval
    requests_open: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any) -> "ProgramRead":
        """Build from a row of `program`."""
        values = {name: getattr(row, name) for name in cls.model_fields if name not in ("weights", "constraints")}
        constraints = ConstraintsRead.model_validate(MatchConstraints(**row.constraints))
        return cls(**values, weights={**DEFAULT_WEIGHTS, **row.weights}, constraints=constraints)


class ProgramManagerRead(Read):
    """Somebody who runs a program, while their role lets them."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qa",
                    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    "created_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    program_id: str
    person_id: str
    created_at: datetime


class PutPairRule(Body):
    """What every run of a program keeps to about two people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "mentee_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    "mentor_id": "per_01jd6x0000e8r9sv4kz2m7n5qb",
                    "kind": "forbidden",
                }
            ]
        }
    )

    mentee_id: Annotated[str, Field(max_length=48)]
    mentor_id: Annotated[str, Field(max_length=48)]
    kind: PairRuleKind


class PairRuleRead(Read):
    """What every run of a program keeps to about two people."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "prl_01jd6x0000e8r9sv4kz2m7n5qa",
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qa",
                    "mentee_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    "mentor_id": "per_01jd6x0000e8r9sv4kz2m7n5qb",
                    "kind": "forbidden",
                    "created_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: str
    program_id: str
    mentee_id: str
    mentor_id: str
    kind: PairRuleKind
    created_at: datetime


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
