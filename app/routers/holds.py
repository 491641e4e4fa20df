"""Holds."""

from datetime import datetime, timedelta
from typing import cast

from fastapi import APIRouter

from app.errors import Forbidden, NotFound, Stale
from app.operations import holds as operations
from app.operations.changes import UnknownReference
from app.operations.refused import MEETING_REFUSALS, REFUSALS, AlreadyBooked
from app.operations.sessions import Plan
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Route
from app.routers.problems import refusals
from app.schemas.holds import CreateHold, HoldIssued

router = APIRouter(prefix="/v1/holds", tags=["holds"], route_class=Route)


@router.post(
    "",
    status_code=201,
    operation_id="holds_create",
    responses=refusals(NotFound, Forbidden, UnknownReference, AlreadyBooked, *REFUSALS, *MEETING_REFUSALS),
)
def create_hold(body: CreateHold, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> HoldIssued:
    """Keep a seat, or time of several people, for a few minutes. The token that books it is shown only now.

    Everybody else finds the seat or the time taken meanwhile. A key has at most five holds at once.
    """
    if body.call_id is not None and body.observer_id is not None:
        made = operations.hold_seat(
            db, call_id=body.call_id, observer_id=body.observer_id, kind=body.kind, actor=actor, now=now
        )
    else:
        made = operations.hold_time(db, plan=_plan(body), actor=actor, now=now)
    return answer.version(1, HoldIssued.model_validate(made))


@router.delete("/{hold_id}", status_code=204, operation_id="holds_delete", responses=refusals(NotFound, Stale))
def delete_hold(hold_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Give back what is kept, before its time. A seat goes to whoever is next in line.

    Its version is that of its session: a hold of a seat moves with the call.
    """
    operations.give_hold_back(db, hold_id=hold_id, expected_version=if_match, actor=actor, now=now)


def _plan(body: CreateHold) -> Plan:
    starts_at = cast(datetime, body.starts_at)  # the schema has seen to it
    return Plan(
        kind=body.kind,
        people={one.person_id: one.part for one in body.participants or ()},
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=body.duration_minutes or 0),
        time_zone=body.time_zone,
    )
