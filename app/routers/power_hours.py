"""Power hours: blocks of the week in which several dial at once and others go from one to the next."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.operations import power_hours as operations
from app.operations.changes import UnknownReference
from app.operations.refused import Past, SlotTaken
from app.queries import power_hours
from app.queries.power_hours import PowerHourPeople
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.power_hours import CreatePowerHour, PatchPowerHour, PowerHourRead, PowerHourTurnsRead
from app.schemas.shapes import Listing
from app.vocabulary import Instant

router = APIRouter(prefix="/v1/power-hours", tags=["floor"], route_class=Route)


@router.get("", operation_id="power_hours_list", responses=refusals())
def list_power_hours(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    person_id: Annotated[list[str], Query(description="Who takes part.")] = [],
    team_id: Annotated[list[str], Query()] = [],
    starts_at_gte: Annotated[Instant | None, Query()] = None,
    starts_at_lt: Annotated[Instant | None, Query()] = None,
    ends_at_gte: Annotated[Instant | None, Query(description="What is not over by then.")] = None,
    sort: Literal["starts_at", "-starts_at"] = "starts_at",
) -> Listing[PowerHourRead]:
    """List the power hours that you or people whom you lead take part in."""
    wanted = power_hours.PowerHourFilter(tuple(person_id), tuple(team_id), starts_at_gte, starts_at_lt, ends_at_gte)
    found = power_hours.list_power_hours(db, wanted, page, descending=sort.startswith("-"), actor=actor)
    people = power_hours.people_of(db, [row.id for row in found.rows])
    of = [(row, people.get(row.id, PowerHourPeople())) for row in found.rows]
    return answer.page(found, [PowerHourRead.of(row, them.hosts, them.observers) for row, them in of])


@router.post(
    "",
    status_code=201,
    operation_id="power_hours_create",
    responses=refusals(Forbidden, SlotTaken, Past, UnknownReference),
)
def create_power_hour(
    body: CreatePowerHour, db: Db, now: Now, actor: CurrentActor, answer: Answer
) -> PowerHourTurnsRead:
    """Add a power hour of people whom you lead. Who listens to whom when follows from it."""
    made = operations.create_power_hour(db, values=dict(body), actor=actor, now=now)
    return answer.created(f"/v1/power-hours/{made.id}", made.version, _read(db, made))


@router.get("/{power_hour_id}", operation_id="power_hours_get", responses=refusals(NotFound))
def get_power_hour(power_hour_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> PowerHourTurnsRead:
    """Read one power hour, and who listens to whom when."""
    found = power_hours.power_hour_by_id(db, power_hour_id, actor=actor)
    return answer.version(found.version, _read(db, found))


@router.patch(
    "/{power_hour_id}",
    operation_id="power_hours_patch",
    responses=refusals(NotFound, Forbidden, SlotTaken, Past, UnknownReference, Stale),
)
def patch_power_hour(
    power_hour_id: str, body: PatchPowerHour, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PowerHourTurnsRead:
    """Change a power hour that is not over (JSON Merge Patch): absent keeps. Turns follow anew."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    found = operations.patch_power_hour(
        db, power_hour_id=power_hour_id, changes=changes, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, _read(db, found))


@router.delete(
    "/{power_hour_id}",
    status_code=204,
    operation_id="power_hours_cancel",
    responses=refusals(NotFound, Forbidden, Past, Stale),
)
def cancel_power_hour(power_hour_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Cancel a power hour that is not over."""
    operations.cancel_power_hour(db, power_hour_id=power_hour_id, expected_version=if_match, actor=actor, now=now)


def _read(db: DbSession, row: Any) -> PowerHourTurnsRead:
    people = power_hours.people_of(db, [row.id]).get(row.id, PowerHourPeople())
    turns = power_hours.turns_of(row, people)
    return PowerHourTurnsRead.with_turns(row, people.hosts, people.observers, turns)
