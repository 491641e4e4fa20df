"""The floor: the calls that are on now with their seats, doors and hands, what comes next, and how everybody works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine

from app import db as database
from app.db import DbSession
from app.errors import Problem
from app.operations.presence import set_presence
from app.queries.floor import Floor, FloorCall, FloorListener, FloorPresence, Look, floors
from app.queries.heard import last_heard
from app.queries.next_session import next_sessions
from app.queries.power_hours import TurnNow, turns_now
from app.rules.access import acts, may_see_figures
from app.rules.floor import quiet_for
from app.rules.seating import Refusal
from app.vocabulary import Door, Part, Presence, SessionKind
from app.web import call_acts, weeks, words
from app.web.call_acts import LONGEST_WHY, REFUSED, act, words_for
from app.web.clocks import moment
from app.web.dependencies import Fields, Now, Pressing, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.places import outside_place
from app.web.together import Together

router = page_router()

How = Literal["available", "dialling", "heads-down", "heads-down-hour"]
_HOW: Mapping[How, tuple[Presence, timedelta | None]] = {
    "available": (Presence.OPEN, None),
    "dialling": (Presence.DIALLING, None),
    "heads-down": (Presence.HEADS_DOWN, None),
    "heads-down-hour": (Presence.HEADS_DOWN, timedelta(hours=1)),
}
_SAID = dict(call_acts.SAID) | {
    "available": "Everybody sees that you can be asked.",
    "dialling": "Everybody sees that you are dialling.",
    "heads-down": "Everybody sees that you are heads down.",
    "heads-down-hour": "Everybody sees that you are heads down for an hour.",
}
_PRESENCES: Mapping[Presence, str] = {
    Presence.OPEN: "open to be asked",
    Presence.DIALLING: "dialling",
    Presence.HEADS_DOWN: "heads down",
}
_CLOSED = {
    "door_closed": "The door is closed",
    "seats_full": "Every seat is taken",
    "not_joinable": "Closed to observers",
    "slot_taken": "You are elsewhere now",
    "outside_availability": "Outside your hours",
    "limit": "Beyond a load limit",
}
"""Why there is nothing to press, in few words; the page of the call says more."""


@dataclass(frozen=True, slots=True)
class ListenerRow:
    """Somebody who listens, whom the viewer may see there."""

    face: Face
    words: str
    seat_id: str
    is_viewer: bool


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A call that is on, in words: it is drawn once for all to whom it looks the same."""

    id: str
    host: Face
    account: str
    type_name: str
    meta: tuple[str, ...]
    reason: str
    closed: str
    listening: tuple[ListenerRow, ...]
    others: int
    seats_taken: int
    seat_capacity: int
    hand: str | None
    hands: int
    my_hand: bool
    is_host: bool
    is_for_me: bool
    is_open: bool
    has_seat: bool
    drops_in: bool
    decides: bool
    meeting_url: str | None


@dataclass(frozen=True, slots=True)
class NextRow:
    """A call of today with a seat that the viewer could take; on the viewer's clocks."""

    call: FloorCall
    host: Face
    account: str
    starts_at: datetime
    ends_at: datetime
    free: str


@dataclass(frozen=True, slots=True)
class NextSession:
    """What the viewer is in now or next."""

    id: str
    title: str
    when: str
    iso: str


@dataclass(frozen=True, slots=True)
class MyTurn:
    """What the viewer does in the power hour in which they are."""

    power_hour_id: str
    name: str
    is_host: bool
    others: tuple[str, ...]
    until: str


@dataclass(frozen=True, slots=True)
class Mine:
    """How the viewer works."""

    presence: Presence
    words: str


@dataclass(frozen=True, slots=True)
class There:
    """Somebody on the floor, and how they work."""

    face: Face
    words: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer's floor is made of."""

    floor: Floor
    session: Any
    turn: TurnNow | None
    heard_at: datetime | None
    """When they last heard a call."""


Sights = Together[tuple[Viewer, datetime], Sight]
"""The floor as it is read for all who look at the same time: when it changes, that is everybody."""


def sights(engine: Engine) -> Sights:
    """Return what reads floors."""

    def read(asked: Sequence[tuple[Viewer, datetime]]) -> list[Sight]:
        now = max(at for _, at in asked)
        with database.transaction(engine, writes=False) as db:
            found = floors(db, [Look(viewer.person, viewer.actor) for viewer, _ in asked], now=now)
            people = {viewer.person.id for viewer, _ in asked}
            sessions, turns = next_sessions(db, people, now=now), turns_now(db, people, now=now)
            heard = last_heard(db, people)
        who = (viewer.person.id for viewer, _ in asked)
        return [Sight(one, sessions.get(me), turns.get(me), heard.get(me)) for one, me in zip(found, who, strict=True)]

    return Together(read)


@router.get("/")
def show_floor(request: Request, now: Now, viewer: SignedIn, said: str = "") -> Response:
    """Show the floor."""
    return _floor_page(request, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/")
def act_on_floor(
    do: call_acts.Do | How,
    request: Request,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    fields: Fields,
    call: str = "",
    of: str = "",
) -> Response:
    """Do what a button says: about a call, and there `of` a seat; or say how the viewer works. Pressing twice changes
    nothing; a refusal is said on the page.
    """

    def done(db: DbSession) -> str:
        match do:
            case "available" | "dialling" | "heads-down" | "heads-down-hour":
                return _say_how(db, do, viewer=viewer, now=now)
            case _:
                return act(db, call, do, of=of, why=fields.get("why", ""), viewer=viewer, now=now)

    try:
        said = database.written(the.engine, done)
    except REFUSED as refused:
        return _floor_page(request, viewer=viewer, now=now, refused=refused)
    return RedirectResponse(f"/?said={said}", 303)


def _say_how(db: DbSession, how: How, *, viewer: Viewer, now: datetime) -> str:
    presence, length = _HOW[how]
    until = now + length if length else None
    set_presence(db, person_id=viewer.person.id, presence=presence, until=until, actor=viewer.actor, now=now)
    return how


def _floor_page(
    request: Request, *, viewer: Viewer, now: datetime, refused: Problem | None = None, said: str = ""
) -> Response:
    all_sights: Sights = request.app.state.sights
    sight = all_sights.ask((viewer, now))
    found, now = sight.floor, sight.floor.as_of
    zone = viewer.person.time_zone
    rows = tuple(_live_row(one, viewer=viewer, now=now) for one in found.calls)
    next_calls = [_next_row(one, zone) for one in found.next_calls]
    return page(
        "floor.html",
        status=409 if refused else 200,
        viewer=viewer.face,
        said=said,
        now=now.astimezone(ZoneInfo(zone)),
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        rows=rows,
        open_seats=sum(max(one.seat_capacity - one.seats_taken, 0) for one in found.calls if one.door is Door.OPEN),
        nudge=next((row for row in rows if row.drops_in and row.hands), None),
        acts=acts(viewer.actor),
        quiet=_quiet_days(sight.heard_at, viewer, now=now),
        wanted=next((row for row in next_calls if row.call.is_for_me), None),
        next_calls=next_calls,
        turn=_turn(sight.turn, zone, now=now),
        session=_next_session(sight.session, viewer, now=now),
        mine=_mine(found, zone, now=now) if acts(viewer.actor) else None,
        there=tuple(_there(one, zone, now=now) for one in found.presences if one.person_id != viewer.person.id),
        refused=refused and words_for(refused.code, refused.detail, refused.extra.get("person_id"), viewer=viewer),
        longest_why=LONGEST_WHY,
    )


def _live_row(one: FloorCall, *, viewer: Viewer, now: datetime) -> LiveRow:
    closed = _closed(one.why_not, viewer) if one.why_not and not one.is_host else ""
    return LiveRow(
        id=one.id,
        host=Face.of(one.host_id, one.host_name),
        account=one.account_name or "a customer",
        type_name=one.type_name,
        meta=_how_far(one, now=now),
        reason="You asked to hear calls like this." if one.is_for_me and not one.is_host else "",
        closed=closed,
        listening=tuple(_listener(who, viewer, now=now) for who in one.listeners),
        others=one.others,
        seats_taken=one.seats_taken,
        seat_capacity=one.seat_capacity,
        hand=one.hand,
        hands=one.hands,
        my_hand=one.my_hand,
        is_host=one.is_host,
        is_for_me=one.is_for_me,
        is_open=one.door is Door.OPEN,
        has_seat=one.my_seat_id is not None and acts(viewer.actor),
        drops_in=one.drops_in and acts(viewer.actor),
        decides=one.decides,
        meeting_url=outside_place(one.meeting_url) if one.is_host or one.my_seat_id else None,
    )


def _quiet_days(heard_at: datetime | None, viewer: Viewer, *, now: datetime) -> int | None:
    """For how many days the viewer has heard no call, when it is many; nobody else's business."""
    quiet = quiet_for(heard_at, now=now) if acts(viewer.actor) else None
    return quiet.days if quiet and may_see_figures(viewer.actor, viewer.person.id, allowed=False) else None


def _closed(why: Refusal, viewer: Viewer) -> str:
    return _CLOSED.get(why.code) or words_for(why.code, why.detail, why.person_id, viewer=viewer)


def _how_far(one: FloorCall, *, now: datetime) -> tuple[str, ...]:
    left = _minutes(one.ends_at - now)
    return f"{_minutes(now - one.since)} min in", f"about {left} min left" if left > 0 else "over time"


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds() // 60)


def _listener(who: FloorListener, viewer: Viewer, *, now: datetime) -> ListenerRow:
    is_viewer = who.person_id == viewer.person.id
    kind = "" if who.kind is SessionKind.SHADOW else words.KINDS[who.kind].lower()
    said = ", ".join(filter(None, ["you" if is_viewer else "", kind, f"{_minutes(now - who.since)} min"]))
    return ListenerRow(Face.of(who.person_id, who.name), said, who.seat_id, is_viewer)


def _next_row(one: FloorCall, zone: str) -> NextRow:
    free = one.seat_capacity - one.seats_taken
    return NextRow(
        one,
        Face.of(one.host_id, one.host_name),
        one.account_name or "a customer",
        one.starts_at.astimezone(ZoneInfo(zone)),
        one.ends_at.astimezone(ZoneInfo(zone)),
        f"{free} free {'seat' if free == 1 else 'seats'}",
    )


def _next_session(row: Any, viewer: Viewer, *, now: datetime) -> NextSession | None:
    if row is None:
        return None
    title = words.KINDS[row.kind]
    if row.host_id is not None:
        account = row.account_name or "a customer"
        title += f": you with {account}" if row.part is Part.HOST else f": {row.host_name} with {account}"
    when = "On now" if row.starts_at <= now else moment(row.starts_at, viewer.person.time_zone, now=now)
    return NextSession(row.id, title, when, row.starts_at.isoformat())


def _turn(on: TurnNow | None, zone: str, *, now: datetime) -> MyTurn | None:
    if on is None:
        return None
    return MyTurn(on.power_hour_id, on.name, on.is_host, on.others, moment(on.until, zone, now=now))


def _mine(found: Floor, zone: str, *, now: datetime) -> Mine | None:
    if found.mine is None:
        return None
    return Mine(found.mine.presence, _presence_words(found.mine, zone, now=now))


def _there(one: FloorPresence, zone: str, *, now: datetime) -> There:
    return There(Face.of(one.person_id, one.name), _presence_words(one, zone, now=now))


def _presence_words(one: FloorPresence, zone: str, *, now: datetime) -> str:
    if one.is_on_call:
        return "on a call"
    until = f" until {moment(one.until, zone, now=now)}" if one.until else ""
    return _PRESENCES[one.presence] + until
