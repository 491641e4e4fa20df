"""One call: who may listen in, who does, and the buttons to take a seat and to give it back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid
from app.operations import seats as operations
from app.queries import busy, calls, seats
from app.vocabulary import LIVE_SEATS, SeatStatus
from app.web.clocks import times_for
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.places import outside_place
from app.web.weeks import Week

router = page_router()

_TO_THE_VIEWER = {
    "slot_taken": "You are taken at that time. Free it first, or choose a call at another time.",
    "outside_availability": "The call lies outside your working hours. Choose one within them.",
    "not_active": "You are on leave. Ask an admin to make you active again, then take it.",
    "own_call": "You host this call: its seats are for others.",
    "seats_full": "Every seat is taken. Choose another call of the week.",
}
"""Reasons in words to the one who wants the seat; the others are sentences to anybody as they are."""


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A seat whose observer the viewer may see."""

    number: int
    face: Face
    is_viewer: bool
    awaits_reply: bool


@router.get("/calls/{call_id}")
def show_call(call_id: str, db: ReadDb, now: Now, viewer: SignedIn) -> Response:
    """Show a call to those who may know of it."""
    return _call_page(db, call_id, viewer=viewer, now=now)


@router.post("/calls/{call_id}")
def change_seat(call_id: str, do: Literal["take", "leave"], the: TheHouse, now: Now, viewer: Pressing) -> Response:
    """Take a seat for oneself, or give it back. Pressing twice changes nothing; a refusal is said on the page."""
    try:
        with database.transaction(the.engine, writes=True) as writing:
            if do == "take":
                _take(writing, call_id, viewer=viewer, now=now)
            else:
                _leave(writing, call_id, viewer=viewer, now=now)
    except (Conflict, Invalid) as refused:
        why = _words(refused.code, refused.detail, refused.extra.get("person_id"), viewer=viewer)
        with database.transaction(the.engine, writes=False) as reading:
            return _call_page(reading, call_id, viewer=viewer, now=now, refused=why)
    return RedirectResponse(f"/calls/{call_id}", 303)


def _take(db: DbSession, call_id: str, *, viewer: Viewer, now: datetime) -> None:
    if _own_seat(db, call_id, viewer=viewer) is None:
        operations.book_seat(db, call_id=call_id, observer_id=viewer.person.id, actor=viewer.actor, now=now)


def _leave(db: DbSession, call_id: str, *, viewer: Viewer, now: datetime) -> None:
    if seat := _own_seat(db, call_id, viewer=viewer):
        operations.release_seat(db, seat_id=seat.id, actor=viewer.actor, now=now)


def _own_seat(db: DbSession, call_id: str, *, viewer: Viewer) -> Any:
    found = seats.named_seats(db, call_id, actor=viewer.actor)
    return next((row for row in found if row.observer_id == viewer.person.id and row.status in LIVE_SEATS), None)


def _call_page(db: DbSession, call_id: str, *, viewer: Viewer, now: datetime, refused: str | None = None) -> Response:
    me, row = viewer.person, calls.call_with_names(db, call_id, actor=viewer.actor)
    seen = seats.named_seats(db, call_id, actor=viewer.actor)
    mine = next((one for one in seen if one.observer_id == me.id and one.status in LIVE_SEATS), None)
    host = busy.people_rows(db, [row.host_id])[row.host_id]
    why = None if mine else seats.refusal(db, row, me, host, now=now)
    return page(
        "call.html",
        status=409 if refused else 200,
        viewer=Face.of(me.id, me.name),
        call=row,
        host=Face.of(row.host_id, row.host_name),
        account=row.account_name or "a customer",
        is_host=row.host_id == me.id,
        is_over=row.ends_at <= now,
        meeting_url=outside_place(row.meeting_url),
        lessons=calls.lessons(db, {row.type}).get(row.type, []),
        times=times_for(row.starts_at, row.ends_at, viewers_zone=me.time_zone, hosts_zone=row.host_time_zone),
        week=Week.of(row.starts_at, me.time_zone),
        seats=[_seat_row(one, viewer=viewer) for one in seen],
        others=max(row.seats_taken - len(seen), 0),
        free=max(row.seat_capacity - row.seats_taken, 0),
        mine=mine,
        why_not=_words(why.code, why.detail, why.person_id, viewer=viewer) if why else None,
        refused=refused,
    )


def _seat_row(row: Any, *, viewer: Viewer) -> SeatRow:
    return SeatRow(
        number=row.seat_no,
        face=Face.of(row.observer_id, row.observer_name),
        is_viewer=row.observer_id == viewer.person.id,
        awaits_reply=row.status is SeatStatus.REQUESTED,
    )


def _words(code: str, detail: str, about: Any, *, viewer: Viewer) -> str:
    """Say a refusal to the viewer: what is in the way, and what would work."""
    if code == "limit":
        if about == viewer.person.id:
            return "Your load limit for that day or week is reached. Give another seat back, or choose another week."
        return "The host has as many observers as they take that day or week. Choose a call of another host."
    return _TO_THE_VIEWER.get(code, detail)
