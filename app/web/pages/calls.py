"""One call: who may listen in, who does and who waits, its door and its hands, and the buttons for all that."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Problem
from app.queries import busy, calls, seats, waitlist
from app.queries.next_session import hands_on
from app.rules import floor
from app.rules.access import acts, may_act_for, may_see
from app.rules.seating import Refusal
from app.vocabulary import CallStatus, Door, SeatStatus, SessionKind, WaitlistStatus
from app.web import words
from app.web.call_acts import LONGEST_WHY, REFUSED, SAID, Do, act, words_for
from app.web.clocks import moment, times_for
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.places import outside_place
from app.web.weeks import Week

router = page_router()

_STATUS = {
    CallStatus.LIVE: "over",  # past its end, until the clock writes it down
    CallStatus.ENDED: "over",
    CallStatus.CANCELLED: "cancelled",
    CallStatus.NO_SHOW: "over: the customer did not come",
}
_CAME = {
    SeatStatus.ATTENDED: "listened in",
    SeatStatus.ATTEMPTED: "came, the customer did not",
    SeatStatus.NO_SHOW: "did not come",
}


_LIVE = ("stands", "asked", "offered", "held")
"""The states in which a seat is somebody's."""


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
def show_call(call_id: str, db: ReadDb, now: Now, viewer: SignedIn, said: str = "") -> Response:
    """Show a call to those who may know of it."""
    return _call_page(db, call_id, viewer=viewer, now=now, said=SAID.get(said, ""))


@router.post("/calls/{call_id}")
def change_call(
    call_id: str, do: Do, the: TheHouse, now: Now, viewer: Pressing, fields: Fields, of: str = ""
) -> Response:
    """Do what a button says. `of` is the place in line or the seat that it is about, where that may be several.
    Pressing twice changes nothing; a refusal is said on the page.
    """
    why = fields.get("why", "")
    try:
        said = database.written(the.engine, lambda db: act(db, call_id, do, of=of, why=why, viewer=viewer, now=now))
    except REFUSED as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _call_page(reading, call_id, viewer=viewer, now=now, refused=refused)
    return RedirectResponse(f"/calls/{call_id}?said={said}", 303)


def _call_page(
    db: DbSession, call_id: str, *, viewer: Viewer, now: datetime, refused: Problem | None = None, said: str = ""
) -> Response:
    me, row = viewer.person, calls.call_with_names(db, call_id, actor=viewer.actor)
    entries = waitlist.line_of(db, call_id, actor=viewer.actor, now=now)
    shown = _seat_rows(db, call_id, entries, viewer=viewer, now=now)
    mine = next((one for one in shown if one.is_viewer and one.state in _LIVE), None)
    return page(
        "call.html",
        status=409 if refused else 200,
        viewer=viewer.face,
        said=said,
        call=row,
        host=Face.of(row.host_id, row.host_name),
        account=row.account_name or "a customer",
        is_host=row.host_id == me.id,
        acts=acts(viewer.actor),
        decides=may_act_for(viewer.actor, row.host_id),
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
        **_how_it_stands(db, row, viewer=viewer, now=now),
        **_line(db, row, entries, viewer=viewer),
        **_ways(db, row, mine, refused, viewer=viewer, now=now),
    )


def _how_it_stands(db: DbSession, row: Any, *, viewer: Viewer, now: datetime) -> dict[str, Any]:
    """Return whether a call is on or over, and while it is on its door and hands."""
    is_on = floor.is_on(row, now=now)
    is_over = not is_on and (row.ends_at <= now or row.status in (CallStatus.ENDED, CallStatus.NO_SHOW))
    hands = hands_on(db, row.id) if is_on else []
    return {
        "is_on": is_on,
        "is_over": is_over,
        "is_off": row.status is CallStatus.CANCELLED,
        "state": "on now" if is_on else _STATUS.get(row.status, "over" if is_over else None),
        "is_open": floor.door(row, now=now) is Door.OPEN,
        "hands": [one.why for one in hands],
        "my_hand": any(one.person_id == viewer.person.id for one in hands),
        "longest_why": LONGEST_WHY,
    }


def _line(db: DbSession, row: Any, entries: Iterable[Any], *, viewer: Viewer) -> dict[str, Any]:
    """Return where the viewer waits, and to those who may see it who else does."""
    sees_it = may_see(viewer.actor, row.host_id)
    my_entry = next((one for one in entries if one.person_id == viewer.person.id), None)
    in_line = waitlist.waiting(db, row.id) if sees_it or my_entry else []
    people = busy.people_rows(db, [one.person_id for one in in_line]) if in_line else {}
    places = [
        Waiting(one.id, number, Face.of(one.person_id, people[one.person_id].name))
        for number, one in enumerate(in_line, start=1)
    ]
    return {
        "waiting": next((one for one in places if my_entry and one.entry_id == my_entry.id), None),
        "queue": places if sees_it else [],
    }


def _ways(
    db: DbSession, row: Any, mine: SeatRow | None, refused: Problem | None, *, viewer: Viewer, now: datetime
) -> dict[str, Any]:
    """Return how the viewer may sit in, or why not; and after a refusal what was refused and what would work."""
    offered: Any = refused.extra.get("alternatives", ()) if refused else ()
    people = busy.people_rows(db, [row.host_id, *(one["host_id"] for one in offered)])
    sits = acts(viewer.actor)
    why, kind = (None, None) if mine else _way_in(db, row, viewer.person, people[row.host_id], now=now)
    return {
        "drops_in": kind is SessionKind.DROP_IN,
        "may_sit": sits and mine is None and why is None,
        "may_wait": sits and why is not None and why.code == "seats_full" and kind is SessionKind.SHADOW,
        "why_not": why and words_for(why.code, why.detail, why.person_id, viewer=viewer),
        "refused": refused and words_for(refused.code, refused.detail, refused.extra.get("person_id"), viewer=viewer),
        "is_said": refused is not None and why is not None and refused.code == why.code,
        "instead": [
            Instead(
                one["call_id"],
                moment(one["starts_at"], viewer.person.time_zone, now=now),
                Face.of(one["host_id"], people[one["host_id"]].name),
            )
            for one in offered
        ],
    }


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
