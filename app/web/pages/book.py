"""Book a session: the calls of a week that somebody could sit in on, those first that they want to hear, and a seat on
one of them by a button. For oneself; who leads others books for them, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import NotFound, Problem
from app.house import House
from app.operations import seats, waitlist
from app.operations.refused import AlreadyBooked, SeatsFull
from app.queries import busy, call_types, calls, joinable, people, skills
from app.queries.calls import CallFilter
from app.queries.house_rules import house_rules
from app.queries.suggestions import listeners
from app.queries.waitlist import Place, places_of
from app.rules.access import acts, may_see, may_see_figures
from app.rules.needs import need
from app.rules.suggestions import Listener, Reason, Why, reasons
from app.vocabulary import CallStatus, SeatApproval, SeatStatus
from app.web import weeks
from app.web.addresses import Address
from app.web.call_acts import REFUSED, words_for
from app.web.clocks import moment
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.lists import beginning
from app.web.weeks import Week

router = page_router()

Do = Literal["take", "wait", "quit"]
_SAID = {
    "taken": "The seat is theirs, and they are told.",
    "asked": "Asked for them. The host says yes or no.",
    "wait": "They are in line. A seat that comes free is offered to them.",
    "had": "They have a seat on this call already.",
    "quit": "Out of the line: a seat that comes free goes to whoever is next.",
}
"""What has been done for somebody else; oneself reads most of it on the page of the call."""
_OF_ONESELF: Mapping[Why, str] = {
    Why.WANTS_SKILL: "You want to hear",
    Why.OWN_MENTOR: "Your mentor hosts it",
    Why.OWN_MANAGER: "Your manager hosts it",
    Why.UNHEARD_TYPE: "You have heard none like it in four weeks",
}
_OF_OTHERS: Mapping[Why, str] = {
    Why.WANTS_SKILL: "They want to hear",
    Why.OWN_MENTOR: "Their mentor hosts it",
    Why.OWN_MANAGER: "Their manager hosts it",
    Why.UNHEARD_TYPE: "They have heard none like it in four weeks",
}
_IT_FITS = "It fits the week"
"""What speaks for a call when nothing else does."""
_MOST_SHOWN, _MOST_RANKED, _MOST_OPTIONS = 30, 200, 200
_MOST_RELAXED = 3
_WEEKEND = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls the address asks for, and for whom."""

    skill: Annotated[str, Query(max_length=100)] = ""
    type: Annotated[str, Query(max_length=100)] = ""
    mentor: Annotated[str, Query(max_length=48)] = ""
    who: Annotated[str, Query(max_length=48)] = ""
    d: str = ""
    """An ISO week such as 2026-W48."""

    @property
    def address(self) -> Address:
        """Where they are shown."""
        return Address.asked("/book", asdict(self))


Filters = Annotated[Wanted, Depends()]


@dataclass(frozen=True, slots=True)
class Press:
    """What a button about a call does."""

    do: Do
    words: str
    of: str | None = None
    """The place in line that it is about."""
    waits: str = ""
    """Which in line they are."""


@dataclass(frozen=True, slots=True)
class BookRow:
    """A call with a seat to take, to ask for or to wait for; on the viewer's clocks."""

    id: str
    starts_at: datetime
    ends_at: datetime
    theirs: str
    """When it starts for whom it is booked, where their clocks say otherwise."""
    host: Face
    account: str
    type: str
    seats_taken: int
    seat_capacity: int
    reasons: tuple[str, ...]
    press: Press


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A wider search that finds something."""

    href: str
    words: str
    finds: str


@dataclass(frozen=True, slots=True)
class Instead:
    """A call that they could join in place of the seat that was refused; on the viewer's clocks."""

    call_id: str
    at: str
    host: str


@dataclass(frozen=True, slots=True)
class _Search:
    """For whom calls are looked for, by whom and when."""

    observer: Any
    week: Week
    the: House
    viewer: Viewer
    now: datetime

    @property
    def is_own(self) -> bool:
        """Whether the viewer looks for themselves."""
        return bool(self.observer.id == self.viewer.person.id)


@router.get("/book")
def show_calls(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, wanted: Filters, said: str = "") -> Response:
    """Show the calls on which somebody could take a seat, ask for one or wait for one: the viewer, or one of those whom
    they may see.
    """
    return _page(db, wanted, the=the, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/book")
def book_call(do: Do, call: str, the: TheHouse, now: Now, viewer: Pressing, wanted: Filters, of: str = "") -> Response:
    """Take, ask for or wait for a seat on a call, and go on to it; for somebody else, or out of the line (`of` is the
    place in it), back to the list. Pressing twice changes nothing; a refusal is said on the page.
    """
    observer_id = wanted.who or viewer.person.id
    try:
        said = database.written(the.engine, lambda db: _book(db, call, do, observer_id, of=of, viewer=viewer, now=now))
    except REFUSED as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _page(reading, wanted, the=the, viewer=viewer, now=now, refused=refused)
    stays = observer_id != viewer.person.id or do == "quit"
    onward = wanted.address if stays else Address(f"/calls/{call}", {})
    return RedirectResponse(onward.but(said=said), 303)


def _book(db: DbSession, call_id: str, do: Do, observer_id: str, *, of: str, viewer: Viewer, now: datetime) -> str:
    """Return what has been done. Whoever would wait takes the seat that came free in between: it is what they want."""
    if do == "quit":
        waitlist.leave(db, entry_id=of, actor=viewer.actor, now=now)
        return do
    given: dict[str, Any] = {"call_id": call_id, "observer_id": observer_id, "actor": viewer.actor, "now": now}
    try:
        if do == "wait" and seats.wait_if_full(db, **given) is not None:
            return "wait"
        made = seats.book_seat(db, **given)
    except AlreadyBooked:
        return "had"
    return "asked" if made.status is SeatStatus.REQUESTED else "taken"


def _page(
    db: DbSession,
    wanted: Wanted,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    refused: Problem | None = None,
    said: str = "",
) -> Response:
    observer = people.person_by_id(db, wanted.who or viewer.person.id, actor=viewer.actor)
    if not may_see(viewer.actor, observer.id):
        raise NotFound("Only who leads somebody books for them.")
    zone = viewer.person.time_zone
    this_week = Week.of(now + _WEEKEND, zone)  # on Saturday and Sunday it is the one that comes
    week = Week.named(wanted.d, zone) or this_week
    search = _Search(observer, week, the, viewer, now)
    types = {
        row.slug: row.name for row in call_types.list_call_types(db, beginning("types", the, limit=_MOST_OPTIONS)).rows
    }
    known = {
        row.slug: row.name for row in skills.list_skills(db, (), beginning("skills", the, limit=_MOST_OPTIONS)).rows
    }
    found = _found(db, wanted, search)
    anyones = _found(db, replace(wanted, mentor=""), search) if wanted.mentor else found
    offered: Any = refused.extra.get("alternatives", ()) if refused else ()
    named = busy.people_rows(db, {*(row.host_id for row in anyones), *(one["host_id"] for one in offered)})
    hosts = {row.host_id: named[row.host_id].name for row in anyones}
    if wanted.mentor:
        hosts[wanted.mentor] = people.person_by_id(db, wanted.mentor, actor=viewer.actor).name
    rows = _ranked(db, found, search, hosts=hosts, types=types, skill_names=known)
    return page(
        "book.html",
        status=409 if refused else 200,
        viewer=viewer.face,
        said=said,
        wanted=wanted,
        address=wanted.address,
        week=week,
        earlier=week.previous.name if week.monday > this_week.monday else "",
        later=week.next.name,
        whose="" if search.is_own else observer.name,
        their_place="" if observer.time_zone == zone else weeks.place(observer.time_zone),
        acts=acts(viewer.actor),
        rows=rows[:_MOST_SHOWN],
        number=len(rows),
        relaxed=[] if rows else list(islice(_relaxed(db, wanted, search), _MOST_RELAXED)),
        skills=[("", "Any skill"), *_by_words(known)],
        types=[("", "Any type"), *_by_words(types)],
        mentors=[("", "Anyone"), *_by_words(hosts)],
        those=_those(db, observer, viewer),
        refused=refused and _refused_words(refused, search),
        instead=[_instead(one, named, search) for one in offered],
    )


def _instead(offered: Mapping[str, Any], named: Mapping[str, Any], search: _Search) -> Instead:
    at = moment(offered["starts_at"], search.week.time_zone, now=search.now)
    return Instead(offered["call_id"], at, named[offered["host_id"]].name)


def _refused_words(refused: Problem, search: _Search) -> str:
    if not search.is_own:
        return refused.detail
    return words_for(refused.code, refused.detail, refused.extra.get("person_id"), viewer=search.viewer)


def _those(db: DbSession, observer: Any, viewer: Viewer) -> list[tuple[str, str]]:
    """Return for whom the viewer may choose to book, after themselves: those for whom they may act, in a large house
    the first by name, and whom the address names.
    """
    found = people.people_acted_for(db, at_most=_MOST_OPTIONS, actor=viewer.actor)
    named = {row.id: row.name for row in [*found, observer] if row.id != viewer.person.id}
    return [("", "Yourself"), *_by_words(named)]


def _by_words(options: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(options.items(), key=lambda one: (one[1].casefold(), one[0]))


def _found(db: DbSession, wanted: Wanted, search: _Search) -> list[Any]:
    """Return the calls that are wanted, in a language that the observer understands, on which they could take a seat
    now, or wait for one: of a very full week, the first.
    """
    observer, viewer, now = search.observer, search.viewer, search.now
    narrowed = CallFilter(
        type=(wanted.type,) if wanted.type else (),
        host_id=(wanted.mentor,) if wanted.mentor else (),
        status=(CallStatus.SCHEDULED,),
        language=tuple(observer.languages),
        skill=(wanted.skill,) if wanted.skill else (),
        starts_at_gte=max(search.week.starts_at, now),
        starts_at_lt=search.week.ends_at,
    )
    part, by_time = beginning("calls", search.the, limit=_MOST_RANKED), {"sort": "starts_at", "descending": False}
    given: dict[str, Any] = {**by_time, "actor": viewer.actor}
    open_ = joinable.joinable_calls(db, narrowed, part, observer_id=observer.id, now=now, **given).rows
    known = {row.id for row in open_}
    planned = calls.list_calls(db, narrowed, part, **given).rows
    full = [row for row in planned if row.id not in known and _is_full(row)]
    why = joinable.refusals(db, full, observer, now=now) if full else {}
    return [*open_, *(row for row in full if (one := why[row.id]) and one.code == SeatsFull.code)]


def _is_full(row: Any) -> bool:
    return bool(row.seats_taken >= row.seat_capacity)


def _ranked(
    db: DbSession,
    found: Sequence[Any],
    search: _Search,
    *,
    hosts: Mapping[str, str],
    types: Mapping[str, str],
    skill_names: Mapping[str, str],
) -> list[BookRow]:
    """Return the calls as they are shown: by need, then by how much else speaks for them, then by time. To whom it is
    not for to know what speaks for somebody, by time.
    """
    if not found:
        return []
    who, shown = search.observer, calls.skills_by_type(db)
    may_know = may_see_figures(search.viewer.actor, who.id, allowed=house_rules(db).person_insights)
    listener = listeners(db, [who], now=search.now)[0] if may_know else None
    why = {row.id: _reasons(row, listener, shown.get(row.type, ())) for row in found}

    def order(row: Any) -> tuple[Any, ...]:
        needed = need(listener.wants, listener.levels, shown.get(row.type, ())) if listener else 0
        return -needed, -len(why[row.id]), row.starts_at, row.id

    places = places_of(db, who.id, [row.id for row in found if _is_full(row)])
    return [
        _row(
            row,
            _words(why[row.id], skill_names, search),
            places.get(row.id),
            search,
            host=hosts[row.host_id],
            types=types,
        )
        for row in sorted(found, key=order)
    ]


def _reasons(row: Any, listener: Listener | None, shown: Sequence[str]) -> tuple[Reason, ...]:
    return reasons(listener, host_id=row.host_id, call_type=row.type, skills=shown) if listener else ()


def _words(why: Sequence[Reason], skill_names: Mapping[str, str], search: _Search) -> tuple[str, ...]:
    said = _OF_ONESELF if search.is_own else _OF_OTHERS
    wanted = [skill_names.get(one.skill, one.skill) for one in why if one.skill]
    hearing = [f"{said[Why.WANTS_SKILL]} {', '.join(wanted)}"] if wanted else []
    return (*hearing, *(said[one.code] for one in why if not one.skill)) or (_IT_FITS,)


def _row(
    row: Any,
    why: tuple[str, ...],
    place: Place | None,
    search: _Search,
    *,
    host: str,
    types: Mapping[str, str],
) -> BookRow:
    own, theirs = (row.starts_at.astimezone(ZoneInfo(zone)) for zone in (search.week.time_zone, _zone(search)))
    return BookRow(
        id=row.id,
        starts_at=own,
        ends_at=row.ends_at.astimezone(ZoneInfo(search.week.time_zone)),
        theirs="" if own.utcoffset() == theirs.utcoffset() else f"{theirs:%a %H:%M}",
        host=Face.of(row.host_id, host),
        account=row.account_name or "a customer",
        type=types.get(row.type, row.type),
        seats_taken=row.seats_taken,
        seat_capacity=row.seat_capacity,
        reasons=why,
        press=_press(row, place, search),
    )


def _press(row: Any, place: Place | None, search: _Search) -> Press:
    """Return what can be done about a call: to leave the line, to wait, or to take or ask for a seat."""
    if place is not None:
        who = "You wait" if search.is_own else "They wait"
        return Press("quit", "Leave the line", place.entry_id, f"{who} ({_ordinal(place.number)})")
    if _is_full(row):
        return Press("wait", "Wait for a seat")
    return Press("take", "Ask for a seat" if row.host_approval is SeatApproval.HOST else "Take a seat")


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _zone(search: _Search) -> str:
    zone: str = search.observer.time_zone
    return zone


def _relaxed(db: DbSession, wanted: Wanted, search: _Search) -> Iterator[Relaxed]:
    """Yield wider searches that find something: by giving up one thing each, then all."""
    later = search.week.next
    wider = (
        ("Any mentor", replace(wanted, mentor=""), search.week),
        ("Any type", replace(wanted, type=""), search.week),
        ("Any skill", replace(wanted, skill=""), search.week),
        ("A week later", replace(wanted, d=later.name), later),
        ("Any call at all", replace(wanted, mentor="", type="", skill=""), search.week),
        ("Two weeks later", replace(wanted, d=later.next.name), later.next),
    )
    tried = {wanted}
    for words, one, week in wider:
        if one in tried:
            continue
        tried.add(one)
        if number := len(_found(db, one, replace(search, week=week))):
            yield Relaxed(one.address.but(), words, f"{number} {'call' if number == 1 else 'calls'}")
