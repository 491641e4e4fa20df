"""When people work, and when other calendars say that they are busy."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import NotFound, Stale
from app.operations import availability as operations
from app.queries import availability
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.private_reads import private
from app.routers.problems import refusals
from app.schemas.availability import (
    AvailabilityRead,
    BusyRead,
    BusyReplaced,
    CreatePause,
    PauseRead,
    ReplaceBusy,
    SetAvailability,
)
from app.schemas.shapes import Listing
from app.vocabulary import Instant

router = APIRouter(
    prefix="/v1/people/{person_id}", tags=["availability"], route_class=Route, dependencies=[private("availability")]
)


@router.get("/availability", operation_id="availability_get", responses=refusals(NotFound))
def get_availability(person_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> AvailabilityRead:
    """Read your working hours, or anybody's as an admin."""
    found = availability.hours_of(db, person_id, actor=actor)
    return answer.version(found.version, AvailabilityRead.of(found))


@router.put(
    "/availability",
    operation_id="availability_put",
    responses=refusals(NotFound, Stale, operations.NightShift, operations.HoursOverlap),
)
def put_availability(
    person_id: str, body: SetAvailability, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> AvailabilityRead:
    """Replace working hours, the zone in which they are counted, and the buffers around sessions.

    Ranges are half-open wall time on one day, up to 24:00. A night shift is two rows, the second on the day after.
    An exception replaces the hours of its date. Buffers hold for what is booked from now on, and need not be working
    time.
    """
    weekly, exceptions = body.minutes()
    operations.set_availability(
        db,
        person_id=person_id,
        time_zone=body.time_zone,
        weekly=weekly,
        exceptions=exceptions,
        buffers=(body.buffer_before_minutes, body.buffer_after_minutes),
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    found = availability.hours_of(db, person_id, actor=actor)
    return answer.version(found.version, AvailabilityRead.of(found))


@router.get("/availability/pauses", operation_id="pauses_list", responses=refusals(NotFound))
def list_pauses(person_id: str, db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[PauseRead]:
    """List your pauses in the order in which they were made, or anybody's as an admin."""
    found = availability.list_pauses(db, person_id, page, actor=actor)
    return answer.page(found, [PauseRead.model_validate(row) for row in found.rows])


@router.post(
    "/availability/pauses",
    status_code=201,
    operation_id="pauses_create",
    responses={200: {"model": PauseRead, "description": "The same pause, made before"}, **refusals(NotFound)},
)
def create_pause(person_id: str, body: CreatePause, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> PauseRead:
    """Take nothing new on these days, the last one included. What is booked stays.

    Safe to repeat: the same days are one pause, which is answered with 200 when it was there already. Pauses of other
    days may overlap it.
    """
    made, is_new = operations.create_pause(
        db, person_id=person_id, starts_on=body.starts_on, ends_on=body.ends_on, actor=actor, now=now
    )
    if not is_new:
        answer.response.status_code = 200
    return PauseRead.model_validate(made)


@router.delete(
    "/availability/pauses/{pause_id}", status_code=204, operation_id="pauses_delete", responses=refusals(NotFound)
)
def delete_pause(person_id: str, pause_id: str, db: Db, now: Now, actor: CurrentActor) -> None:
    """End a pause, or take it back."""
    operations.delete_pause(db, person_id=person_id, pause_id=pause_id, actor=actor, now=now)


@router.get("/busy", operation_id="busy_list", responses=refusals(NotFound))
def list_busy(
    person_id: str,
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    starts_at_lt: Annotated[Instant | None, Query()] = None,
    ends_at_gt: Annotated[Instant | None, Query()] = None,
) -> Listing[BusyRead]:
    """List your imported busy time by start, or anybody's as an admin. What Earshot books is not in it."""
    wanted = availability.BusyFilter(starts_at_lt, ends_at_gt)
    found = availability.list_busy(db, person_id, wanted, page, actor=actor)
    data = [BusyRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.put("/busy", operation_id="busy_put", responses=refusals(NotFound))
def put_busy(person_id: str, body: ReplaceBusy, db: Db, now: Now, actor: CurrentActor) -> BusyReplaced:
    """Replace what one source says of your time; other sources keep what they said. Intervals may overlap."""
    intervals = [(interval.starts_at, interval.ends_at, interval.status) for interval in body.intervals]
    operations.replace_busy(db, person_id=person_id, source=body.source, intervals=intervals, actor=actor, now=now)
    return BusyReplaced(source=body.source, intervals=len(intervals))
