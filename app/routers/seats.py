"""Seats."""

from fastapi import APIRouter

from app.errors import Forbidden, NotFound, Stale
from app.operations import seats as operations
from app.operations.refused import REFUSALS, AlreadyBooked, Past, SeatOver
from app.queries import calls, seats
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.seats import BookSeat, SeatRead
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1", tags=["seats"], route_class=Route)


@router.get("/calls/{call_id}/seats", operation_id="seats_list", responses=refusals(NotFound))
def list_seats(call_id: str, db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[SeatRead]:
    """List the live seats of a call by number: all for its host, your own for everybody else."""
    calls.call_by_id(db, call_id, actor=actor)
    found = seats.seats_of_call(db, call_id, page, actor=actor)
    data = [SeatRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "/calls/{call_id}/seats",
    status_code=201,
    operation_id="seats_book",
    responses=refusals(NotFound, Forbidden, AlreadyBooked, *REFUSALS),
)
def book_seat(call_id: str, body: BookSeat, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> SeatRead:
    """Book an observer seat on an upcoming call."""
    made = operations.book_seat(db, call_id=call_id, observer_id=body.observer_id, actor=actor, now=now)
    return answer.created(f"/v1/seats/{made.id}", made.version, SeatRead.model_validate(made))


@router.get("/seats/{seat_id}", operation_id="seats_get", responses=refusals(NotFound))
def get_seat(seat_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> SeatRead:
    """Read one seat."""
    found = seats.seat_by_id(db, seat_id, actor=actor)
    return answer.version(found.version, SeatRead.model_validate(found))


@router.post(
    "/seats/{seat_id}/release",
    operation_id="seats_release",
    responses=refusals(NotFound, Stale, SeatOver, Past),
)
def release_seat(seat_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> SeatRead:
    """Give a seat back. Its session is cancelled, and only the observer and the host are told."""
    found = operations.release_seat(db, seat_id=seat_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, SeatRead.model_validate(found))
