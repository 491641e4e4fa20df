"""Match runs as they travel."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.rules.matching.problem import DEFAULT_WEIGHTS, MatchConstraints
from app.schemas.programs import Weight
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Disruption, Objective, RunCause, RunStatus, Whole, YesNo

Id = Annotated[str, Field(max_length=48)]
_STAMPS: dict[str, Any] = {"version": 2, "created_at": "2026-11-21T09:00:00Z", "updated_at": "2026-11-21T09:00:04Z"}
MENTEE, MENTOR = "per_01jd6x0000e8r9sv4kz2m7n5qa", "per_01jd6x0000e8r9sv4kz2m7n5qb"
PAIR: dict[str, Any] = {
    "id": "mat_01jd6x0000e8r9sv4kz2m7n5qf",
    "mentee_id": MENTEE,
    "mentor_id": MENTOR,
    "score": 8123,
    "terms": {"skill": 4200, "co_availability": 1900, "segment": 1500, "overlap": 523},
    "pinned": False,
    "by_hand": False,
    "match_id": None,
}
SETTINGS: dict[str, Any] = {
    "objective": "util",
    "disruption": "some",
    "weights": dict(DEFAULT_WEIGHTS),
    "constraints": asdict(MatchConstraints(never_repeat=True)),
}


class Pair(Body):
    """A mentee and a mentor."""

    mentee_id: Id
    mentor_id: Id


class RunConstraints(Body):
    """What forbids a pair in this run; absent is as the program says, null where it may be lifts the constraint."""

    min_shared_minutes_per_week: Annotated[Whole, Field(ge=0, le=10_080)] = absent()
    same_team: Literal["any", "same", "different"] = absent()
    max_zone_gap_hours: Annotated[Whole, Field(ge=0, le=14)] | None = absent()
    max_grade_gap: Annotated[Whole, Field(ge=0, le=20)] | None = absent()
    never_repeat: Annotated[YesNo, Field(description="Nobody gets a mentor again whom they had before.")] = absent()


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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"objective": "util", "weights": {"segment": 0}, "constraints": {"never_repeat": True}}]
        }
    )

    program_id: Id | None = None
    objective: Objective = Objective.UTIL
    disruption: Annotated[
        Disruption, Field(description="`least` moves as few standing pairs as can be once most are matched.")
    ] = Disruption.SOME
    weights: RunWeights = RunWeights()
    constraints: RunConstraints = RunConstraints()
    pins: Annotated[list[Pair], Field(max_length=5000)] = []
    forbidden: Annotated[list[Pair], Field(max_length=5000)] = []


class PutPair(Body):
    """Who mentors a mentee of a draft; null: nobody."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mentor_id": MENTOR}]})

    mentor_id: Id | None
    pinned: Annotated[YesNo, Field(description="Whether the pair survives another run around this draft.")] = True


class ProposedMatchRead(Read):
    """A proposed pair; `terms` sum to `score`. `match_id` is the match that was made of it, by accepting it or by
    publishing; null for one that stood before.
    """

    id: str
    mentee_id: str
    mentor_id: str
    score: int | None
    terms: dict[str, int]
    pinned: bool
    by_hand: bool
    match_id: str | None


class UnmatchedRead(Read):
    """A mentee without a mentor, the most telling reason (`by_hand`: an admin's), and how many mentors each constraint
    excluded.
    """

    mentee_id: str
    reason: str | None
    excluded: dict[str, int]


class MatchRunRead(Read):
    """A match run and its draft. `value` is what the objective makes of the answer as it was solved; no answer that
    matches as many is worth more than `bound`.
    """

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "mrn_01jd6x0000e8r9sv4kz2m7n5qg",
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
                    "operation_id": "op_01jd6x0000e8r9sv4kz2m7n5qj",
                    "status": "draft",
                    **SETTINGS,
                    "cause": "by_hand",
                    "inputs_hash": "5f0c9a",
                    "value": 8123,
                    "bound": 8123,
                    "matched": 1,
                    "unmatched": [],
                    "matches": [PAIR],
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
    disruption: Disruption
    cause: RunCause
    weights: dict[str, int]
    constraints: dict[str, Any]
    inputs_hash: str | None
    value: int | None
    bound: int | None
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
