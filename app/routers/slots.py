"""When people are free together."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from app.errors import Fault, Invalid
from app.operations.changes import UnknownReference
from app.queries import slots
from app.routers.dependencies import CurrentActor, Now, ReadDb, Route
from app.routers.problems import refusals
from app.rules.slots import Wanted
from app.schemas.slots import SlotsRead, Step
from app.vocabulary import Instant, ZoneName

router = APIRouter(prefix="/v1/availability", tags=["availability"], route_class=Route)

_MOST_DAYS = 92
PersonId = Annotated[str, Field(max_length=48)]


@router.get("/slots", operation_id="slots_find", responses=refusals(UnknownReference))
def find_slots(
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    person_id: Annotated[
        list[PersonId],
        Query(
            min_length=1, max_length=200, description="Who is to meet.", examples=[["per_01jd6x0000e8r9sv4kz2m7n5qa"]]
        ),
    ],
    duration_minutes: Annotated[int, Query(ge=5, le=480, examples=[30])],
    from_at: Annotated[Instant, Query(alias="from", examples=["2026-11-23T00:00:00Z"])],
    to_at: Annotated[
        Instant,
        Query(alias="to", description="Slots end by then. At most 92 days later.", examples=["2026-11-30T00:00:00Z"]),
    ],
    step_minutes: Annotated[
        Step, Query(description="Slots start on whole steps after midnight in `time_zone`. Divides a day.")
    ] = 15,
    time_zone: Annotated[ZoneName, Query(description="Whose clock the steps follow.")] = "UTC",
) -> SlotsRead:
    """Find when colleagues are free together: each slot can be booked as a session without a call.

    Counted are everybody's working hours, pauses, imported busy time, calls, sessions, buffers and limits, and the
    notice and horizon of the house. When there is no slot, `empty_reason` says for each person why.
    """
    _check_range(from_at, to_at, timedelta(minutes=duration_minutes))
    wanted = Wanted(from_at, to_at, duration_minutes, step_minutes, time_zone)
    person_ids = list(dict.fromkeys(person_id))
    return SlotsRead.of(person_ids, slots.free_slots(db, person_ids, wanted, actor=actor, now=now))


def _check_range(from_at: datetime, to_at: datetime, length: timedelta) -> None:
    if to_at <= from_at:
        code, detail = "end_before_start", "Let `to` be later than `from`."
    elif to_at - from_at > timedelta(days=_MOST_DAYS):
        code, detail = "range_too_long", f"Ask for at most {_MOST_DAYS} days at a time."
    elif from_at + length > to_at:
        code, detail = "range_too_short", "Let `to` be at least one duration later than `from`."
    else:
        return
    raise Invalid(detail, faults=(Fault("query:to", code, detail),))
