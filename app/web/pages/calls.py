"""One call: who may listen in, who does and who waits, and the buttons: take a seat, give it back, wait for one, let
somebody in.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Gone, Invalid, Problem
from app.operations import seats as operations
from app.operations import waitlist as line
from app.operations.refused import AlreadyBooked
from app.queries import busy, calls, seats, waitlist
from app.rules.access import may_act_for, may_see
from app.rules.seating import Refusal
from app.vocabulary import LIVE_SEATS, CallStatus, SeatStatus, SessionKind, WaitlistStatus
from app.web import words
from app.web.clocks import moment, times_for
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.places import outside_place
from app.web.weeks import Week

router = page_router()

Do = Literal["take", "drop-in", "leave", "wait", "accept", "quit", "approve", "decline"]

_TO_THE_VIEWER = {
    "slot_taken": "You are taken at that time. Free it first, or choose a call at another time.",
    "outside_availability": "The call lies outside your working hours. Choose one within them.",
    "not_active": "You are on leave. Ask an admin to make you active again, then take it.",
    "own_call": "You host this call: its seats are for others.",
    "seats_full": "Every seat is taken. Choose another call of the week.",
    "not_started": "The call has not started. Take a seat on it, or drop in once it is under way.",
    "offer_expired": "The offer has expired: the seat is for whoever is next. Wait again, or choose another call.",
    "not_offered": "No seat is offered to you. It is kept for you here once one comes free.",
    "not_requested": "Nobody waits for your answer about this seat any more.",
}
"""Reasons in words to the one who wants the seat; the others are sentences to anybody as they are."""
_STATUS = {
    CallStatus.LIVE: "on now",
    CallStatus.ENDED: "over",
    CallStatus.CANCELLED: "cancelled",
    CallStatus.NO_SHOW: "over: the customer did not come",
}
_CAME = {
    SeatStatus.ATTENDED: "listened in",
    SeatStatus.ATTEMPTED: "came, the customer did not",
    SeatStatus.NO_SHOW: "did not come",
}


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A seat whose observer the viewer may see. `until` is when it ends by itself unless somebody confirms it, on the
    viewer's clocks.
    """

    id: str
    session_id: str
    face: Face
    is_viewer: bool
    state: Literal["stands", "asked", "offered", "held", "lapsed"]
    words: str
    until: str | None
    entry_id: str | None
    """The place in line to which it is offered."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody in line without an offer, whom the viewer may see."""

    entry_id: str
    place: int
    """From 1."""
    face: Face


@dataclass(frozen=True, slots=True)
class Instead:
    """A call that the viewer could join in place of a seat that was refused; on the viewer's clocks."""

    call_id: str
    starts_at: str
    host: Face


@router.get("/calls/{call_id}")
def show_call(call_id: str, db: ReadDb, now: Now, viewer: SignedIn) -> Response:
    """Show a call to those who may know of it."""
    return _call_page(db, call_id, viewer=viewer, now=now)


@router.post("/calls/{call_id}")
def change_seat(call_id: str, do: Do, the: TheHouse, now: Now, viewer: Pressing, of: str = "") -> Response:
    """Do what a button says. `of` is the place in line or the seat that it is about, where that may be several.
    Pressing twice changes nothing; a refusal is said on the page.
    """
    try:
        database.written(the.engine, lambda db: _act(db, call_id, do, of, viewer=viewer, now=now))
    except (Conflict, Gone, Invalid) as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _call_page(reading, call_id, viewer=viewer, now=now, refused=refused)
    return RedirectResponse(f"/calls/{call_id}", 303)


def _act(db: DbSession, call_id: str, do: Do, of: str, *, viewer: Viewer, now: datetime) -> None:
    actor, me = viewer.actor, viewer.person.id
    match do:
        case "take" | "drop-in":
            kind = SessionKind.SHADOW if do == "take" else SessionKind.DROP_IN
            with suppress(AlreadyBooked):
                operations.book_seat(db, call_id=call_id, observer_id=me, kind=kind, actor=actor, now=now)
        case "leave":
            held = [one for one in seats.named_seats(db, call_id, actor=actor) if one.status in LIVE_SEATS]
            if mine := next((one for one in held if one.observer_id == me), None):
                operations.release_seat(db, seat_id=mine.id, actor=actor, now=now)
        case "wait":
            with suppress(AlreadyBooked):
                operations.wait_if_full(db, call_id=call_id, observer_id=me, actor=actor, now=now)
        case "accept":
            line.accept_offer(db, entry_id=of, actor=actor, now=now)
        case "quit":
            line.leave(db, entry_id=of, actor=actor, now=now)
        case "approve":
            operations.approve_seat(db, seat_id=of, actor=actor, now=now)
        case "decline":
            operations.decline_seat(db, seat_id=of, actor=actor, now=now)
        case _:
            assert_never(do)


def _call_page(
    db: DbSession, call_id: str, *, viewer: Viewer, now: datetime, refused: Problem | None = None
) -> Response:
    me, row = viewer.person, calls.call_with_names(db, call_id, actor=viewer.actor)
    decides, sees_line = may_act_for(viewer.actor, row.host_id), may_see(viewer.actor, row.host_id)
    entries = waitlist.line_of(db, call_id, actor=viewer.actor, now=now)
    shown = _seat_rows(db, call_id, entries, viewer=viewer, now=now)
    mine = next((one for one in shown if one.is_viewer and one.state in ("stands", "asked", "offered", "held")), None)
    my_entry = next((one for one in entries if one.person_id == me.id), None)
    in_line = waitlist.waiting(db, call_id) if sees_line or my_entry else []
    offered: Any = refused.extra.get("alternatives", ()) if refused else ()
    named = [*(one.person_id for one in in_line), *(one["host_id"] for one in offered)]
    people = busy.people_rows(db, [row.host_id, *named])
    places = [
        Waiting(one.id, number, Face.of(one.person_id, people[one.person_id].name))
        for number, one in enumerate(in_line, start=1)
    ]
    why, kind = (None, None) if mine else _way_in(db, row, me, people[row.host_id], now=now)
    is_over = row.ends_at <= now or row.status in (CallStatus.ENDED, CallStatus.NO_SHOW)
    return page(
        "call.html",
        status=409 if refused else 200,
        viewer=viewer.face,
        call=row,
        host=Face.of(row.host_id, row.host_name),
        account=row.account_name or "a customer",
        is_host=row.host_id == me.id,
        decides=decides,
        is_over=is_over,
        is_off=row.status is CallStatus.CANCELLED,
        state=_STATUS.get(row.status, "over" if is_over else None),
        meeting_url=outside_place(row.meeting_url),
        lessons=calls.lessons(db, {row.type}).get(row.type, []),
        times=times_for(
            row.starts_at,
            row.ends_at,
            viewers_zone=me.time_zone,
            others=[("The host's time", row.host_time_zone)],
        ),
        week=Week.of(row.starts_at, me.time_zone),
        seats=shown,
        others=max(row.seats_taken - len(shown), 0),
        free=max(row.seat_capacity - row.seats_taken, 0),
        mine=mine,
        waiting=next((one for one in places if my_entry and one.entry_id == my_entry.id), None),
        queue=places if sees_line else [],
        drops_in=kind is SessionKind.DROP_IN,
        may_wait=why is not None and why.code == "seats_full" and kind is SessionKind.SHADOW,
        why_not=why and _words(why.code, why.detail, why.person_id, viewer=viewer),
        refused=refused and _words(refused.code, refused.detail, refused.extra.get("person_id"), viewer=viewer),
        is_said=refused is not None and why is not None and refused.code == why.code,
        instead=[
            Instead(
                one["call_id"],
                moment(one["starts_at"], me.time_zone, now=now),
                Face.of(one["host_id"], people[one["host_id"]].name),
            )
            for one in offered
        ],
    )


def _way_in(db: DbSession, row: Any, me: Any, host: Any, *, now: datetime) -> tuple[Refusal | None, SessionKind]:
    """Return why the viewer may not sit in, and how they would: on a call that has begun, by dropping in."""
    why = seats.refusal(db, row, me, host, now=now)
    if why is None or why.code != "past":
        return why, SessionKind.SHADOW
    return seats.refusal(db, row, me, host, kind=SessionKind.DROP_IN, now=now), SessionKind.DROP_IN


def _seat_rows(
    db: DbSession, call_id: str, entries: Iterable[Any], *, viewer: Viewer, now: datetime
) -> tuple[SeatRow, ...]:
    rows = seats.named_seats(db, call_id, actor=viewer.actor)
    requested = {row.session_id for row in rows if row.status is SeatStatus.REQUESTED}
    expiry = {one.id: one.expires_at for one in calls.live_seats(db, [call_id])} if requested else {}
    asked = seats.awaiting_host(db, requested, now=now)
    offers = {one.seat_id: one.id for one in entries if one.status is WaitlistStatus.OFFERED}
    return tuple(_seat_row(row, expiry.get(row.id), offers, asked, viewer=viewer, now=now) for row in rows)


def _seat_row(
    row: Any,
    expires_at: datetime | None,
    offers: dict[str, str],
    asked: Collection[str],
    *,
    viewer: Viewer,
    now: datetime,
) -> SeatRow:
    until = moment(expires_at, viewer.person.time_zone, now=now) if expires_at else None
    is_viewer = row.observer_id == viewer.person.id
    seat = f"Seat {row.seat_no}" + (", you" if is_viewer else "")
    state: Literal["stands", "asked", "offered", "held", "lapsed"] = "stands"
    if row.status is not SeatStatus.REQUESTED:
        said = ", ".join(filter(None, [seat, _kind(row.kind), _CAME.get(row.status)]))
    elif expires_at is not None and expires_at <= now:
        state, said = "lapsed", f"{seat}, not confirmed in time"
    elif row.id in offers:
        state, said = "offered", f"{seat}, offered until {until}"
    elif row.session_id in asked:
        state, said = "asked", f"{seat}, awaiting approval until {until}"
    else:
        state, said = "held", f"{seat}, held until {until}"
    face = Face.of(row.observer_id, row.observer_name)
    return SeatRow(row.id, row.session_id, face, is_viewer, state, said, until, offers.get(row.id))


def _kind(kind: SessionKind) -> str | None:
    """Return how somebody listens when it is not what everybody does."""
    return None if kind is SessionKind.SHADOW else words.KINDS[kind].lower()


def _words(code: str, detail: str, about: Any, *, viewer: Viewer) -> str:
    """Say a refusal to the viewer: what is in the way, and what would work."""
    if code == "limit" and about == viewer.person.id:
        return detail.replace("The observer's limit", "Your limit")
    return _TO_THE_VIEWER.get(code, detail)
