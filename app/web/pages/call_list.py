"""The list of calls: when each is and whose, who may still sit in; and what its host, or an admin, changes about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, assert_never
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid
from app.house import House
from app.operations import calls as operations
from app.operations.call_outcomes import end_call, miss_call, start_call
from app.queries import busy, call_types, calls, joinable, people
from app.queries.calls import CallFilter
from app.queries.pages import PageOf
from app.queries.people import PeopleFilter
from app.rules import floor, seating
from app.rules.access import may_act_for, runs_the_house
from app.schemas.calls import PatchCall
from app.vocabulary import CallStatus
from app.web.addresses import Address
from app.web.clocks import moment
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.filled import Misfilled, read, whole
from app.web.html import page
from app.web.lists import beginning, request_for

router = page_router()

Do = Literal["seats", "start", "end", "no-show", "cancel"]
SAID: Mapping[str, str] = {
    "seats": "Saved. Whoever has a seat keeps it.",
    "start": "The call is under way, and with it the sessions of those who sit in.",
    "end": "The call is over. Whoever sat in has heard it.",
    "no-show": "Noted. Whoever sat in is credited with an attempt.",
    "cancel": "Cancelled. Everybody on the call is told.",
}
_SHOW: Mapping[str, tuple[str, tuple[CallStatus, ...]]] = {
    "": ("Today and later", ()),
    "on": ("On now", (CallStatus.LIVE,)),
    "past": ("Before today", ()),
    "missed": ("Customer did not come", (CallStatus.NO_SHOW,)),
    "cancelled": ("Cancelled", (CallStatus.CANCELLED,)),
}
_PAST = ("past", "missed")
"""What is shown latest first."""
_YEARS = range(1970, 2100)
_MOST_HOSTS, _MOST_TYPES = 50, 200
_SURE = "cancel"
_WRONG = {"seat_capacity": "Seats are a whole number from 0 to 50, or nothing."}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls the address asks for."""

    show: str = ""
    d: str = ""
    host: Annotated[str, Query(max_length=200)] = ""
    type: str = ""
    joinable: str = ""
    sort: str = ""
    cursor: Annotated[str | None, Query(max_length=2000)] = None

    @property
    def is_filtered(self) -> bool:
        """Whether fewer are shown than there are to come."""
        return bool(self.show or self.d or self.host or self.type or self.joinable)

    @property
    def address(self) -> Address:
        """Where they are shown."""
        return Address.asked("/calls", asdict(self))


Filters = Annotated[Wanted, Depends()]


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call in the list, on the viewer's clocks."""

    id: str
    starts_at: datetime
    ends_at: datetime
    host: Face
    is_viewers: bool
    account: str
    type: str
    seats_taken: int
    seat_capacity: int
    words: str
    kind: Literal["", "good", "open", "closed"]
    decides: bool
    """Whether the viewer changes it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A call that the viewer is about to change, and what of it can be changed now."""

    id: str
    host: str
    account: str
    at: str
    seats_taken: int
    seat_capacity: int
    by_hand: int | None
    """Seats that somebody chose for this call; None: the rules give them."""
    sensitive: bool
    seats: bool
    start: bool
    end: bool
    no_show: bool
    cancel: bool


@router.get("/calls")
def list_calls(
    db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, wanted: Filters, change: str = "", said: str = ""
) -> Response:
    """Show the calls that the viewer may know of; with `change`, what they can change about one of them."""
    return _page(db, wanted, change, the=the, viewer=viewer, now=now, said=SAID.get(said, ""))


@router.post("/calls")
def change_call(
    do: Do, of: str, the: TheHouse, now: Now, viewer: Pressing, fields: Fields, wanted: Filters
) -> Response:
    """Do what a button about the call `of` says. What is filled in wrong, and a refusal, are said on the page."""
    try:
        database.written(the.engine, lambda db: _act(db, of, do, fields, viewer=viewer, now=now))
    except (Misfilled, Conflict, Invalid) as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _page(reading, wanted, of, the=the, viewer=viewer, now=now, refused=refused, filled=fields)
    return RedirectResponse(wanted.address.but(said=do), 303)


def _act(db: DbSession, call_id: str, do: Do, fields: Mapping[str, str], *, viewer: Viewer, now: datetime) -> None:
    by: dict[str, Any] = {"actor": viewer.actor, "now": now}
    match do:
        case "seats":
            filled = {
                "seat_capacity": whole(fields.get("seat_capacity", "").strip()),
                "sensitive": "sensitive" in fields,
            }
            changes = read(PatchCall, filled, _WRONG).model_dump(exclude_unset=True)
            operations.patch_call(db, call_id=call_id, changes=changes, **by)
        case "start":
            start_call(db, call_id=call_id, **by)
        case "end":
            end_call(db, call_id=call_id, **by)
        case "no-show":
            miss_call(db, call_id=call_id, **by)
        case "cancel":
            if fields.get("sure", "").strip().lower() != _SURE:
                raise Misfilled({"sure": f"Type “{_SURE}” to cancel the call: seats that are gone don't come back."})
            operations.cancel_call(db, call_id=call_id, **by)
        case _:
            assert_never(do)


def _page(
    db: DbSession,
    wanted: Wanted,
    change: str,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    said: str = "",
    refused: Misfilled | Conflict | Invalid | None = None,
    filled: Mapping[str, str] | None = None,
) -> Response:
    types = {
        row.slug: row.name for row in call_types.list_call_types(db, beginning("types", the, limit=_MOST_TYPES)).rows
    }
    found = _found(db, wanted, the=the, viewer=viewer, now=now)
    hosts = busy.people_rows(db, {row.host_id for row in found.rows})
    rows = [_row(row, hosts[row.host_id].name, types, viewer=viewer, now=now) for row in found.rows]
    misfilled = refused.errors if isinstance(refused, Misfilled) else {}
    status = 200 if refused is None else 422 if isinstance(refused, Misfilled | Invalid) else 409
    return page(
        "calls.html",
        status=status,
        viewer=viewer.face,
        said=said,
        errors=misfilled,
        refused=refused.detail if isinstance(refused, Conflict | Invalid) else "",
        filled=filled or {},
        rows=rows,
        decides=any(row.decides for row in rows),
        next=found.next_cursor,
        address=wanted.address,
        wanted=wanted,
        show=[(key, words) for key, (words, _) in _SHOW.items()],
        types=[("", "All"), *sorted(types.items(), key=lambda one: one[1])],
        change=_change(db, change, viewer=viewer, now=now) if change else None,
        sure=_SURE,
        imports=runs_the_house(viewer.actor),
    )


def _found(db: DbSession, wanted: Wanted, *, the: House, viewer: Viewer, now: datetime) -> PageOf[Any]:
    actor = viewer.actor
    host_ids: tuple[str, ...] = ()
    if name := wanted.host.strip():
        part = beginning("hosts", the, limit=_MOST_HOSTS)
        named = people.list_people(db, PeopleFilter(q=name), part, sort="name", descending=False, actor=actor)
        host_ids = tuple(row.id for row in named.rows)
        if not host_ids:
            return PageOf([], None)
    starts_at, before = _between(wanted, viewer.person.time_zone, now=now)
    narrowed = CallFilter(
        host_id=host_ids,
        type=(wanted.type,) if wanted.type else (),
        status=_SHOW.get(wanted.show, _SHOW[""])[1],
        starts_at_gte=starts_at,
        starts_at_lt=before,
    )
    descending = wanted.sort == "-starts_at" or (wanted.show in _PAST and not wanted.sort)
    part = request_for(wanted.address, the)
    if wanted.joinable:
        return joinable.joinable_calls(
            db,
            narrowed,
            part,
            sort="starts_at",
            descending=descending,
            observer_id=viewer.person.id,
            actor=actor,
            now=now,
        )
    return calls.list_calls(db, narrowed, part, sort="starts_at", descending=descending, actor=actor)


def _between(wanted: Wanted, time_zone: str, *, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return from when and until when calls start that are asked for: days are the viewer's."""
    zone = ZoneInfo(time_zone)
    day = _day(wanted.d)
    if day is not None:
        return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    if wanted.show == "missed":
        return None, now
    today = _midnight(now.astimezone(zone).date(), zone)
    return (None, today) if wanted.show == "past" else (today, None)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _row(row: Any, host: str, types: Mapping[str, str], *, viewer: Viewer, now: datetime) -> CallRow:
    zone = ZoneInfo(viewer.person.time_zone)
    words, kind = _state(row, now=now)
    return CallRow(
        id=row.id,
        starts_at=row.starts_at.astimezone(zone),
        ends_at=row.ends_at.astimezone(zone),
        host=Face.of(row.host_id, host),
        is_viewers=row.host_id == viewer.person.id,
        account=row.account_name or "a customer",
        type=types.get(row.type, row.type),
        seats_taken=row.seats_taken,
        seat_capacity=row.seat_capacity,
        words=words,
        kind=kind,
        decides=may_act_for(viewer.actor, row.host_id) and row.status is not CallStatus.CANCELLED,
    )


def _state(row: Any, *, now: datetime) -> tuple[str, Literal["", "good", "open", "closed"]]:
    """Say in a few words what is going on, or who may still sit in."""
    if row.status is CallStatus.CANCELLED:
        return "Cancelled", ""
    if row.status is CallStatus.NO_SHOW:
        return "Customer did not come", ""
    if floor.is_on(row, now=now):
        return "On now", "good"
    if row.ends_at <= now or row.status is CallStatus.ENDED:
        return "Over", ""
    if why := seating.barred(row):
        return why.detail, "closed"
    if seating.closed(row, now=now):
        return "Starts soon", ""
    free = row.seat_capacity - row.seats_taken
    return (f"{free} {'seat' if free == 1 else 'seats'} free", "good") if free > 0 else ("Full", "open")


def _change(db: DbSession, call_id: str, *, viewer: Viewer, now: datetime) -> Change | None:
    """Return what the viewer can change about a call; None where that is nothing. Raises NotFound."""
    row = calls.call_with_names(db, call_id, actor=viewer.actor)
    if not may_act_for(viewer.actor, row.host_id) or row.status is CallStatus.CANCELLED:
        return None
    is_on = floor.is_on(row, now=now)
    is_ahead = row.status is CallStatus.SCHEDULED and row.starts_at > now
    by_clock = row.status is CallStatus.ENDED and row.ended_at is None
    return Change(
        id=row.id,
        host=row.host_name,
        account=row.account_name or "a customer",
        at=moment(row.starts_at, viewer.person.time_zone, now=now),
        seats_taken=row.seats_taken,
        seat_capacity=row.seat_capacity,
        by_hand=row.seat_capacity_override,
        sensitive=row.sensitive,
        seats=is_ahead or is_on,
        start=is_ahead or (is_on and row.began_at is None),
        end=is_on,
        no_show=is_on or by_clock,
        cancel=floor.by_clock_alone(row) and row.ends_at > now,
    )
