"""Plan runs as they travel."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, Read
from app.vocabulary import Instant, RunStatus, YesNo

Id = Annotated[str, Field(max_length=48)]
_JUNIOR = "per_01jd6x0000e8r9sv4kz2m7n5qa"
_CALL = "call_01jd6x0000e8r9sv4kz2m7n5qc"
_SEAT = "pls_01jd6x0000e8r9sv4kz2m7n5qn"
_PLANNED: dict[str, Any] = {
    "id": _SEAT,
    "call_id": _CALL,
    "observer_id": _JUNIOR,
    "value": 812,
    "terms": {"skill": 512, "new_type": 150, "mentor": 150},
    "teaches": ["discovery.questioning"],
    "meets": ["discovery"],
    "pinned": False,
    "by_hand": False,
    "stale": None,
    "seat_id": None,
    "refusal": None,
}


class PlannedPlace(Body):
    """Somebody on a call."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"observer_id": _JUNIOR, "call_id": _CALL}]})

    observer_id: Id
    call_id: Id


class StartPlanRun(Body):
    """A plan over the calls that start in [from, to): it holds every seat in `pins` and none in `dropped`."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"examples": [{"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}]},
    )

    from_at: Annotated[Instant, Field(alias="from")]
    to_at: Annotated[Instant, Field(alias="to")]
    team_id: Id | None = None
    program_id: Id | None = None
    pins: Annotated[list[PlannedPlace], Field(max_length=5000)] = []
    dropped: Annotated[list[PlannedPlace], Field(max_length=5000)] = []


class PatchPlanSeat(Body):
    """Whether planning anew keeps a seat."""

    pinned: YesNo


class SwapPlanSeat(Body):
    """A planned seat, and who gets it instead."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seat_id": _SEAT, "observer_id": _JUNIOR}]})

    seat_id: Id
    observer_id: Id


class PlanSeatRead(Read):
    """A proposed seat. `terms` sum to `value`; `teaches` are skills that its observer wants and its host shows, `meets`
    what they have yet to hear and hear there. `stale` is the code with which booking would refuse it now, of a draft.
    Once accepted or published: the seat, or the code with which booking refused.
    """

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_PLANNED]})

    id: str
    call_id: str
    observer_id: str
    value: int | None
    terms: dict[str, int]
    teaches: list[str]
    meets: list[str]
    pinned: bool
    by_hand: bool
    stale: str | None
    seat_id: str | None
    refusal: str | None

    @classmethod
    def of(cls, row: Any, stale: str | None) -> "PlanSeatRead":
        """Build from a seat's row and what booking would say to it."""
        return cls(stale=stale, **{name: getattr(row, name) for name in cls.model_fields if name != "stale"})


class UnmetRead(Read):
    """A call type or skill that somebody will not hear in this plan, and why: the call that came closest, what keeps
    them off it, and whom the plan seats there, or with that host, in their place.
    """

    person_id: str
    need: str
    reason: str
    call_id: str | None
    limit: str | None
    taken_by: list[str]


class PlannedPlaceRead(Read):
    """Somebody on a call."""

    observer_id: str
    call_id: str


class PlanRunRead(Read):
    """A plan run and its draft. No plan is worth more than `bound`; `learning` is what `objective` is without the bonus
    per session. Of a draft, `stale_seats` counts the seats that booking would refuse now.
    """

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
                    "learning": 4345,
                    "bound": 12346.0,
                    "gap_percent": 0.008,
                    "timed_out": False,
                    "stale_seats": 0,
                    "seats": [_PLANNED],
                    "unmet": [
                        {
                            "person_id": _JUNIOR,
                            "need": "demo",
                            "reason": "no_call_in_free_time",
                            "call_id": None,
                            "limit": None,
                            "taken_by": [],
                        }
                    ],
                    "replans_id": None,
                    "pins": [],
                    "dropped": [],
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
    learning: int | None
    bound: float | None
    gap_percent: float | None
    timed_out: bool
    stale_seats: int
    seats: list[PlanSeatRead]
    unmet: list[UnmetRead]
    replans_id: str | None
    pins: list[PlannedPlaceRead]
    dropped: list[PlannedPlaceRead]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, run: Any, seats: Sequence[Any], stale: Mapping[str, str]) -> "PlanRunRead":
        """Build from a run's row, the rows of its seats, and by their ids what booking would say to them."""
        made = {"seats", "unmet", "stale_seats", "pins", "dropped"}
        values = {name: getattr(run, name) for name in cls.model_fields if name not in made}
        return cls(
            **values,
            stale_seats=len(stale),
            seats=[PlanSeatRead.of(seat, stale.get(seat.id)) for seat in seats],
            unmet=[UnmetRead(**_AS_BEFORE | need) for need in run.unmet],
            pins=[_place(pair) for pair in run.pins],
            dropped=[_place(pair) for pair in run.dropped],
        )


_AS_BEFORE: dict[str, Any] = {"call_id": None, "limit": None, "taken_by": []}
"""What runs did not say of their needs until they kept it."""


def _place(pair: Sequence[str]) -> PlannedPlaceRead:
    return PlannedPlaceRead(observer_id=pair[0], call_id=pair[1])
