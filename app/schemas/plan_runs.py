"""Plan runs as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, Read
from app.vocabulary import Instant, RunStatus

Id = Annotated[str, Field(max_length=48)]
_JUNIOR = "per_01jd6x0000e8r9sv4kz2m7n5qa"


class StartPlanRun(Body):
    """A plan over the calls that start in [from, to)."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"examples": [{"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}]},
    )

    from_at: Annotated[Instant, Field(alias="from")]
    to_at: Annotated[Instant, Field(alias="to")]
    team_id: Id | None = None
    program_id: Id | None = None


class PlanSeatRead(Read):
    """A proposed seat; `terms` sum to `value`. Once published: the seat, or the code with which booking refused."""

    call_id: str
    observer_id: str
    value: int
    terms: dict[str, int]
    seat_id: str | None
    refusal: str | None


class UnmetRead(Read):
    """A call type or skill that somebody will not hear in this plan, and why."""

    person_id: str
    need: str
    reason: str


class PlanRunRead(Read):
    """A plan run and its draft. No plan is worth more than `bound`."""

    model_config = ConfigDict(
        from_attributes=True,
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "prn_01jd6x0000e8r9sv4kz2m7n5qk",
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
                    "operation_id": "op_01jd6x0000e8r9sv4kz2m7n5qm",
                    "team_id": None,
                    "status": "draft",
                    "from": "2026-11-23T00:00:00Z",
                    "to": "2026-11-30T00:00:00Z",
                    "inputs_hash": "5f0c9a",
                    "objective": 12345,
                    "bound": 12346.0,
                    "gap_percent": 0.008,
                    "timed_out": False,
                    "seats": [
                        {
                            "call_id": "call_01jd6x0000e8r9sv4kz2m7n5qc",
                            "observer_id": _JUNIOR,
                            "value": 812,
                            "terms": {"skill": 512, "new_type": 150, "mentor": 150},
                            "seat_id": None,
                            "refusal": None,
                        }
                    ],
                    "unmet": [{"person_id": _JUNIOR, "need": "demo", "reason": "no_call_in_free_time"}],
                    "version": 2,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:04Z",
                }
            ]
        },
    )

    id: str
    program_id: str
    operation_id: str
    team_id: str | None
    status: RunStatus
    from_at: Annotated[datetime, Field(alias="from")]
    to_at: Annotated[datetime, Field(alias="to")]
    inputs_hash: str | None
    objective: int | None
    bound: float | None
    gap_percent: float | None
    timed_out: bool
    seats: list[PlanSeatRead]
    unmet: list[UnmetRead]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, run: Any, seats: list[Any]) -> "PlanRunRead":
        """Build from a run's row and the rows of its seats."""
        values = {name: getattr(run, name) for name in cls.model_fields if name not in ("seats", "unmet")}
        planned = [PlanSeatRead.model_validate(seat) for seat in seats]
        return cls(**values, seats=planned, unmet=[UnmetRead(**need) for need in run.unmet])
