"""Match runs as they travel."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.programs import Weight
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Objective, RunStatus, Whole

Id = Annotated[str, Field(max_length=48)]
_STAMPS: dict[str, Any] = {"version": 2, "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:04Z"}
_MENTEE, _MENTOR = "per_01jd6x0000e8r9sv4kz2m7n5qa", "per_01jd6x0000e8r9sv4kz2m7n5qb"
_PAIR: dict[str, Any] = {
    "id": "mat_01jd6x0000e8r9sv4kz2m7n5qf",
    "mentee_id": _MENTEE,
    "mentor_id": _MENTOR,
    "score": 8123,
    "terms": {"skill": 4200, "co_availability": 1900, "segment": 1500, "overlap": 523},
    "pinned": False,
}


class Pair(Body):
    """A mentee and a mentor."""

    mentee_id: Id
    mentor_id: Id


class Constraints(Body):
    """What forbids a pair, where a program leaves a choice."""

    min_shared_minutes_per_week: Annotated[Whole, Field(ge=0, le=10_080)] = 120
    same_team: Literal["any", "same", "different"] = "any"
    max_zone_gap_hours: Annotated[Whole, Field(ge=0, le=14)] | None = None


class RunWeights(Body):
    """The most points that each criterion gives in this run; absent is as the program says."""

    skill: Weight = absent()
    co_availability: Weight = absent()
    segment: Weight = absent()
    overlap: Weight = absent()
    affinity: Weight = absent()
    language: Weight = absent()
    fresh: Weight = absent()


class StartMatchRun(Body):
    """A match run over a program (the default one unless named)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"objective": "util", "weights": {"segment": 0}}]})

    program_id: Id | None = None
    objective: Objective = Objective.UTIL
    weights: RunWeights = RunWeights()
    constraints: Constraints = Constraints()
    pins: Annotated[list[Pair], Field(max_length=5000)] = []
    forbidden: Annotated[list[Pair], Field(max_length=5000)] = []


class ProposedMatchRead(Read):
    """A proposed pair; `terms` sum to `score`."""

    id: str
    mentee_id: str
    mentor_id: str
    score: int
    terms: dict[str, int]
    pinned: bool


class UnmatchedRead(Read):
    """A mentee without a mentor, the most telling reason, and how many mentors each constraint excluded."""

    mentee_id: str
    reason: str
    excluded: dict[str, int]


class MatchRunRead(Read):
    """A match run and its draft."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "mrn_01jd6x0000e8r9sv4kz2m7n5qg",
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
                    "operation_id": "op_01jd6x0000e8r9sv4kz2m7n5qj",
                    "status": "draft",
                    "objective": "util",
                    "inputs_hash": "5f0c9a",
                    "value": 8123,
                    "matched": 1,
                    "unmatched": [],
                    "matches": [_PAIR],
                    **_STAMPS,
                }
            ]
        },
    )

    id: str
    program_id: str
    operation_id: str
    status: RunStatus
    objective: Objective
    inputs_hash: str | None
    value: int | None
    matched: int
    unmatched: list[UnmatchedRead]
    matches: list[ProposedMatchRead]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, run: Any, pairs: list[Any]) -> "MatchRunRead":
        """Build from a run's row and the rows of its pairs."""
        made = {"matched", "unmatched", "matches"}
        values = {name: getattr(run, name) for name in cls.model_fields if name not in made}
        unmatched = [UnmatchedRead(**left) for left in run.unmatched]
        matches = [ProposedMatchRead.model_validate(pair) for pair in pairs]
        return cls(**values, matched=len(pairs), unmatched=unmatched, matches=matches)
