"""Seats."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.operations import holds
from app.operations import seats as operations
from app.operations.changes import UnknownReference
from app.operations.debriefs import NoDebriefTime
from app.operations.refused import (
    REFUSALS,
    AlreadyBooked,
    CallCancelled,
    MinNotice,
    NotJoinable,
    Past,
    SeatOver,
)
from app.queries import calls, seats, waitlist
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.rules.access import Actor
from app.schemas.seats import BookSeat, SeatRead
from app.schemas.shapes import Listing
from app.schemas.waitlist import WaitlistEntryRead
from app.vocabulary import SessionKind

router = APIRouter(prefix="/v1", tags=["seats"], route_class=Route)

_MADE: dict[int | str, dict[str, Any]] = {
    201: {"description": "A seat", "model": SeatRead},
    202: {"description": "A place in line, as the call is full", "model": WaitlistEntryRead},
}


@router.get("/calls/{call_id}/seats", operation_id="seats_list", responses=refusals(NotFound))
def list_seats(
    call_id: str, db: ReadDb, now: Now, actor: CurrentActor, page: Page, answer: Answer
) -> Listing[SeatRead]:
    """List the live seats of a call by number: all for its host, your own for everybody else."""
    calls.call_by_id(db, call_id, actor=actor)
    found = seats.seats_of_call(db, call_id, page, actor=actor, now=now)
    data = [SeatRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "/calls/{call_id}/drop-in",
    status_code=201,
    operation_id="calls_drop_in",
    responses=refusals(NotFound, Forbidden, AlreadyBooked, *REFUSALS),
)
def drop_in(call_id: str, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> SeatRead:
    """Listen to a call that is on and whose door is open, from now on. Its host sees that you do."""
    if actor.person_id is None:
        raise Forbidden("A key of nobody listens to nothing: book a seat of this kind for somebody.")
    kind = SessionKind.DROP_IN
    made = operations.book_seat(db, call_id=call_id, observer_id=actor.person_id, kind=kind, actor=actor, now=now)
    return answer.created(f"/v1/seats/{made.id}", made.version, SeatRead.model_validate(made))


@router.post(
    "/calls/{call_id}/seats",
    status_code=201,
    operation_id="seats_book",
    response_model=None,
    responses=_MADE | refusals(
        NotFound, Forbidden, UnknownReference, AlreadyBooked, NoDebriefTime, holds.HoldConflict, holds.HoldExpired,
        *REFUSALS,
    ),
)  # fmt: skip
def book_seat(
    call_id: str, body: BookSeat, db: Db, now: Now, actor: CurrentActor, answer: Answer
) -> SeatRead | WaitlistEntryRead:
    """Book an observer seat on an upcoming call, or join the order for a full one.

    Where the host approves every seat, it is `requested` until they do.
    """
    observer_id, kind, minutes = body.observer_id, body.kind, body.debrief_minutes
    if body.waitlist:
        entry_id = operations.wait_if_full(db, call_id=call_id, observer_id=observer_id, actor=actor, now=now)
        if entry_id is not None:
            return _waits(db, entry_id, actor=actor, answer=answer, now=now)
    if body.hold_token is None:
        made = operations.book_seat(
            db, call_id=call_id, observer_id=observer_id, kind=kind, debrief_minutes=minutes, actor=actor, now=now
        )
    else:
        made = holds.book_held_seat(
            db,
            token=body.hold_token,
            call_id=call_id,
            observer_id=observer_id,
            kind=kind,
            debrief_minutes=minutes,
            actor=actor,
            now=now,
        )
    return answer.created(f"/v1/seats/{made.id}", made.version, SeatRead.model_validate(made))


@router.get("/seats/{seat_id}", operation_id="seats_get", responses=refusals(NotFound))
def get_seat(seat_id: str, db: ReadDb, now: Now, actor: CurrentActor, answer: Answer) -> SeatRead:
    """Read one seat."""
    found = seats.seat_by_id(db, seat_id, actor=actor, now=now)
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


@router.post(
    "/seats/{seat_id}/approve",
    operation_id="seats_approve",
    responses=refusals(
        NotFound, Forbidden, Stale, operations.NotRequested, CallCancelled, NotJoinable, Past, MinNotice
    ),
)
def approve_seat(seat_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> SeatRead:
    """Let somebody sit in who asked for a seat on your call. They are invited."""
    found = operations.approve_seat(db, seat_id=seat_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, SeatRead.model_validate(found))


@router.post(
    "/seats/{seat_id}/decline",
    operation_id="seats_decline",
    responses=refusals(NotFound, Forbidden, Stale, operations.NotRequested),
)
def decline_seat(seat_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> SeatRead:
    """Turn somebody down who asked for a seat on your call. The seat goes to whoever is next in line.

    Whoever is turned down is no longer in line, had they waited for it.
    """
    found = operations.decline_seat(db, seat_id=seat_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, SeatRead.model_validate(found))


def _waits(db: DbSession, entry_id: str, *, actor: Actor, answer: Answer, now: datetime) -> WaitlistEntryRead:
    found = waitlist.entry_by_id(db, entry_id, actor=actor, now=now)
    answer.response.status_code = 202
    return answer.created(f"/v1/waitlist-entries/{entry_id}", found.version, WaitlistEntryRead.model_validate(found))
