"""Power hours: which there are, who hears whom when, and a new one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Forbidden, Invalid, Stale
from app.house import House
from app.operations import power_hours as operations
from app.operations.refused import SlotTaken
from app.queries import power_hours
from app.queries.people import people_acted_for, teams_acted_for
from app.queries.power_hours import PowerHourFilter, PowerHourPeople
from app.rules import rotation
from app.rules.access import leads, may_act_for_all, runs_the_house
from app.rules.rotation import Turn
from app.web import weeks
from app.web.addresses import Address
from app.web.clocks import moment
from app.web.dependencies import LongForm, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.filled import Misfilled, one
from app.web.hour_forms import (
    Form,
    HourForm,
    Search,
    chosen_in,
    empty_form,
    form_of,
    is_search,
    read_form,
    refused_form,
    sent_form,
)
from app.web.html import page
from app.web.lists import brief, request_for

router = page_router()

_SAID = {
    "made": "The power hour stands. Its people are told, and find their turn on the floor.",
    "changed": "It is changed. Whoever's turns are others now is told.",
    "cancelled": "The power hour is cancelled, and its people are told.",
}
_TO_CHOOSE = 60
"""People that the form offers; who looks after more looks for the others."""
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class HourRow:
    """A power hour in the list."""

    id: str
    name: str
    when: str
    at: str
    """In few words, for a table."""
    until: str
    who: str
    part: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Hearing:
    """A host in a round, and who hears them."""

    host: Face
    is_viewer: bool
    observers: tuple[tuple[Face, bool], ...]
    """Each with whether it is the viewer."""

    @property
    def is_own(self) -> bool:
        """Whether the viewer is the host, or hears them."""
        return self.is_viewer or any(is_viewer for _, is_viewer in self.observers)


@dataclass(frozen=True, slots=True)
class Round:
    """A round, on the viewer's clocks."""

    starts_at: datetime
    ends_at: datetime
    is_now: bool
    hearings: tuple[Hearing, ...]
    mine: str
    """What the viewer does in it; empty: they are not in it."""


@router.get("/power-hours")
def list_power_hours(
    db: ReadDb,
    the: TheHouse,
    now: Now,
    viewer: SignedIn,
    show: str = "",
    cursor: str = "",
    said: str = "",
) -> Response:
    """Show the power hours of the viewer and of those whom they lead, the next first; and a form for a new one."""
    address = Address.asked("/power-hours", {"show": show, "cursor": cursor})
    return _list_page(db, address, the=the, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/power-hours")
def make_power_hour(the: TheHouse, now: Now, viewer: Pressing, form: LongForm) -> Response:
    """Make a power hour, and go there; or look for people. What can't be is said on the page, and what was filled in
    stays.
    """
    if not _may_make(viewer):
        raise Forbidden("Who leads people makes power hours of them, or an admin.")
    errors, refused = {}, ""
    try:
        if not is_search(form):
            made = _make(the=the, viewer=viewer, now=now, form=form)
            return RedirectResponse(f"/power-hours/{made}?said=made", 303)
    except Misfilled as wrong:
        errors = wrong.errors
    except Invalid as wrong:
        errors = refused_form(wrong).errors
    except SlotTaken as taken:
        refused = _taken(the, taken, viewer, now=now)
    address = Address("/power-hours", {})
    with database.transaction(the.engine, writes=False) as db:
        sent = (form, errors)
        return _list_page(db, address, the=the, viewer=viewer, now=now, sent=sent, refused=refused)


@router.get("/power-hours/{power_hour_id}")
def show_power_hour(power_hour_id: str, db: ReadDb, now: Now, viewer: SignedIn, said: str = "") -> Response:
    """Show who hears whom when in a power hour."""
    return _hour_page(db, power_hour_id, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/power-hours/{power_hour_id}")
def change_power_hour(
    power_hour_id: str,
    do: Literal["change", "cancel"],
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    form: LongForm,
) -> Response:
    """Change a power hour, or cancel it by typing so; or look for people. A refusal is said on the page, and what was
    filled in stays.
    """
    with database.transaction(the.engine, writes=False) as db:
        row = power_hours.power_hour_by_id(db, power_hour_id, actor=viewer.actor)
        if not _may_change(power_hours.people_of(db, [power_hour_id]).get(power_hour_id), viewer):
            raise Forbidden("Who leads all of its people changes it, or an admin.")
    errors, refused = {}, ""
    try:
        if do == "cancel":
            _cancel(power_hour_id, the=the, viewer=viewer, now=now, form=form)
            return RedirectResponse("/power-hours?said=cancelled", 303)
        if not is_search(form):
            _change(row, the=the, viewer=viewer, now=now, form=form)
            return RedirectResponse(f"/power-hours/{power_hour_id}?said=changed", 303)
    except Misfilled as wrong:
        errors = wrong.errors
    except Stale:
        refused = "Somebody changed it meanwhile."
    except Invalid as wrong:
        errors = refused_form(wrong).errors
    except SlotTaken as taken:
        refused = _taken(the, taken, viewer, now=now)
    with database.transaction(the.engine, writes=False) as db:
        sent = (form, errors)
        return _hour_page(db, power_hour_id, viewer=viewer, now=now, sent=sent, refused=refused)


def _make(*, the: House, viewer: Viewer, now: datetime, form: Form) -> str:
    values = dict(read_form(form, viewer.person.time_zone))
    about: dict[str, Any] = {"values": values, "actor": viewer.actor, "now": now}
    made: str = database.written(the.engine, lambda db: operations.create_power_hour(db, **about).id)
    return made


def _cancel(power_hour_id: str, *, the: House, viewer: Viewer, now: datetime, form: Form) -> None:
    if one(form, "cancel").lower() != "cancel":
        raise Misfilled({"cancel": "Type cancel here. Nothing has changed."})
    about: dict[str, Any] = {"power_hour_id": power_hour_id, "actor": viewer.actor, "now": now}
    database.written(the.engine, lambda db: operations.cancel_power_hour(db, **about))


def _change(row: Any, *, the: House, viewer: Viewer, now: datetime, form: Form) -> None:
    asked = read_form(form, viewer.person.time_zone, row)
    seen = one(form, "version")
    about: dict[str, Any] = {
        "power_hour_id": row.id,
        "changes": {name: getattr(asked, name) for name in asked.model_fields_set},
        "expected_version": int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 10 else 0,
        "actor": viewer.actor,
        "now": now,
    }
    database.written(the.engine, lambda db: operations.patch_power_hour(db, **about))


def _taken(the: House, taken: SlotTaken, viewer: Viewer, *, now: datetime) -> str:
    """Return who is in another power hour at that time, and what would work."""
    zone = viewer.person.time_zone
    who, starts_at, ends_at = (taken.extra[name] for name in ("person_id", "blocking_starts_at", "blocking_ends_at"))
    with database.transaction(the.engine, writes=False) as db:
        name = power_hours.name_of(db, str(who))
    if not isinstance(starts_at, datetime) or not isinstance(ends_at, datetime):
        return taken.detail
    until = ends_at.astimezone(ZoneInfo(zone))
    when = f"{moment(starts_at, zone, now=now)} to {until:%H:%M}"
    return f"{name} is in another power hour then: {when}. Choose another time, or leave them out."


def _list_page(
    db: DbSession,
    address: Address,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    sent: tuple[Form, Any] | None = None,
    refused: str = "",
    said: str = "",
) -> Response:
    actor, zone, shows_all = viewer.actor, viewer.person.time_zone, address.query.get("show") == "all"
    wanted = PowerHourFilter(ends_at_gte=None if shows_all else now)
    found = power_hours.list_power_hours(db, wanted, request_for(address, the), descending=shows_all, actor=actor)
    people = power_hours.people_of(db, [row.id for row in found.rows])
    form = None
    if _may_make(viewer):
        others, search = _to_choose(db, sent[0] if sent else {}, viewer)
        form = replace(empty_form(others, zone, now=now), search=search)
        form = sent_form(sent[0], form, sent[1]) if sent else form
    return page(
        "power_hours.html",
        status=_status(form, refused),
        viewer=viewer.face,
        said=said,
        refused=refused,
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        address=address,
        shows_all=shows_all,
        rows=[_row(row, people.get(row.id, PowerHourPeople()), viewer, now=now) for row in found.rows],
        following=found.next_cursor,
        form=form,
    )


def _hour_page(
    db: DbSession,
    power_hour_id: str,
    *,
    viewer: Viewer,
    now: datetime,
    sent: tuple[Form, Any] | None = None,
    refused: str = "",
    said: str = "",
) -> Response:
    row = power_hours.power_hour_by_id(db, power_hour_id, actor=viewer.actor)
    people = power_hours.people_of(db, [row.id]).get(row.id, PowerHourPeople())
    zone = viewer.person.time_zone
    form = None
    if row.ends_at > now and _may_change(people, viewer):
        others, search = _to_choose(db, sent[0] if sent else {}, viewer)
        form = replace(form_of(row, people, others, zone), search=search)
        form = sent_form(sent[0], form, sent[1]) if sent and sent[0].get("name") else form
    errors = sent[1] if sent else {}
    return page(
        "power_hour.html",
        status=409 if refused else 422 if errors else 200,
        viewer=viewer.face,
        said=said,
        refused=refused,
        place=weeks.place(zone),
        offset=weeks.offset(row.starts_at, zone),
        address=Address(f"/power-hours/{row.id}", {}),
        hour=_row(row, people, viewer, now=now),
        rotation_minutes=row.rotation_minutes,
        is_over=row.ends_at <= now,
        rounds=_rounds(row, people, viewer, now=now),
        hosts=len(people.hosts),
        observers=len(people.observers),
        form=form,
        unconfirmed=errors.get("cancel", ""),
    )


def _status(form: HourForm | None, refused: str) -> int:
    return 409 if refused else 422 if form and form.errors else 200


def _may_make(viewer: Viewer) -> bool:
    return runs_the_house(viewer.actor) or (leads(viewer.actor.role) and bool(viewer.actor.reports))


def _may_change(people: PowerHourPeople | None, viewer: Viewer) -> bool:
    return may_act_for_all(viewer.actor, people.ids if people else ())


def _to_choose(db: DbSession, sent: Form, viewer: Viewer) -> tuple[list[tuple[str, str]], Search | None]:
    """Return whom the form offers: all whom the viewer may name, or of many those who are chosen in what was sent, and
    of the others some, the viewer's own team first. Three statements at most.
    """
    name, team_id = one(sent, "find")[:_LONGEST], one(sent, "team")[:_LONGEST]
    whom: dict[str, Any] = {"q": name, "team_id": team_id or None, "first_team_id": viewer.person.team_id}
    found = people_acted_for(db, at_most=_TO_CHOOSE + 1, actor=viewer.actor, **whom)
    offered = {row.id: row.name for row in found[:_TO_CHOOSE]}
    if len(found) <= _TO_CHOOSE and "find" not in sent:
        return list(offered.items()), None
    chosen = chosen_in(sent)
    known = people_acted_for(db, only=chosen, at_most=len(chosen), actor=viewer.actor) if chosen else ()
    names = {row.id: row.name for row in known}
    teams = (("", "Any team"), *teams_acted_for(db, actor=viewer.actor))
    search = Search(name, team_id, teams, found=len(offered), has_more=len(found) > _TO_CHOOSE)
    return list(({one: names[one] for one in chosen if one in names} | offered).items()), search


def _row(row: Any, people: PowerHourPeople, viewer: Viewer, *, now: datetime) -> HourRow:
    zone, me = viewer.person.time_zone, viewer.person.id
    hosts, observers = len(people.hosts), len(people.observers)
    return HourRow(
        id=row.id,
        name=row.name,
        when=moment(row.starts_at, zone, now=now),
        at=brief(row.starts_at, zone, now=now),
        until=f"{row.ends_at.astimezone(ZoneInfo(zone)):%H:%M}",
        who=f"{hosts} dialling, {observers} listening",
        part="You dial" if me in people.hosts else "You listen" if me in people.observers else "",
        is_on=row.starts_at <= now < row.ends_at,
    )


def _rounds(row: Any, people: PowerHourPeople, viewer: Viewer, *, now: datetime) -> Sequence[Round]:
    zone, me = ZoneInfo(viewer.person.time_zone), viewer.person.id
    turns: dict[datetime, list[Turn]] = {}
    for turn in power_hours.turns_of(row, people):
        turns.setdefault(turn.starts_at, []).append(turn)
    return [
        Round(
            begins.astimezone(zone),
            stops.astimezone(zone),
            begins <= now < stops,
            tuple(_hearing(host, turns.get(begins, []), people, me) for host in people.hosts),
            _mine(me, turns.get(begins, []), people),
        )
        for begins, stops in rotation.rounds(row.starts_at, row.ends_at, row.rotation_minutes)
    ]


def _hearing(host: str, turns: Sequence[Turn], people: PowerHourPeople, me: str) -> Hearing:
    heard_by = (turn.observer for turn in turns if turn.host == host)
    faces = tuple((Face.of(who, people.name(who)), who == me) for who in heard_by)
    return Hearing(Face.of(host, people.name(host)), host == me, faces)


def _mine(me: str, turns: Sequence[Turn], people: PowerHourPeople) -> str:
    return next((f"You listen to {people.name(turn.host)}" for turn in turns if turn.observer == me), "")
