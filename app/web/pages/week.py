"""The week: who sits in where, who meets whom and power hours, this week and the next, and the seats that are still
open. One's own; who sees more than that chooses whose.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from fastapi.responses import HTMLResponse

from app.db import DbSession
from app.errors import NotFound
from app.queries import people
from app.queries import week as queries
from app.queries.week import Whose
from app.rules.access import acts, may_see, runs_the_house, sees_the_house
from app.web import hours, weeks
from app.web.addresses import Address
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.html import page
from app.web.private_reads import note_private
from app.web.week_rows import Look, Row, WeekRows, call_rows, day_rows, meeting_rows, power_hour_rows, week_rows
from app.web.weeks import Week

router = page_router()

_MOST_SEATS = 400
"""Seats shown on one page: about 300 kB."""
_MOST_MEETINGS = 100
"""More than fit into the hours of two weeks, unless somebody logs what never was; of a team, its first."""
_MOST_HOURS = 60
"""Power hours, of a team its first."""
_OPEN_CALLS = 12
_SUGGESTED = 3
"""Of the open seats, in a week without anything."""
_MOST_PEOPLE = 300
"""To choose from. Of more, a team narrows them down."""
_OWN_CLOCK = "own"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for: an ISO week such as 2026-W48, whose, and the zone of a second clock."""

    d: str = ""
    who: Annotated[str, Query(max_length=48)] = ""
    team: Annotated[str, Query(max_length=48)] = ""
    zone: Annotated[str, Query(max_length=64)] = ""
    """Empty: that of the person whose week it is. `own`: no second clock."""

    @property
    def address(self) -> Address:
        """Where it is shown."""
        return Address("/week", {name: value for name, value in asdict(self).items() if value})


Filters = Annotated[Wanted, Depends()]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters offer: pairs of value and words."""

    people: list[tuple[str, str]]
    """Empty for who sees nobody's week but their own."""
    teams: list[tuple[str, str]]
    zones: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Shown:
    """Whose week is shown: of one person, who is a row of `person`, of a team, or neither."""

    whose: Whose
    person: Any | None
    team: str


def noting(the: TheHouse, viewer: Pressing, now: Now, wanted: Filters) -> Iterator[None]:
    """Leave a line when somebody else's sessions were read: after the page, in a transaction of its own."""
    yield
    if wanted.who:
        note_private(the, ["sessions"], wanted.who, viewer=viewer, now=now)


# Entered before the page's own transaction, so left after it: nothing is open then. A refusal goes past it.
_NOTED = Depends(noting, scope="function")


@router.get("/week", dependencies=[_NOTED])
def this_week(db: ReadDb, now: Now, viewer: SignedIn, wanted: Filters) -> HTMLResponse:
    """Show a week and the one after it. Without one in the address, this one, or the next in which anything is to come.
    Whose it is, and on which clocks besides their own, the viewer chooses among those whom they may see.
    """
    zone = viewer.person.time_zone
    teams = queries.teams_to_choose(db, actor=viewer.actor) if _chooses(viewer) else {}
    of = _whose(db, wanted, teams, viewer=viewer)
    choices = _choices(db, wanted, of, teams, viewer=viewer)
    second = _second_zone(wanted.zone, of.person, choices.zones, own=zone)
    look = Look(viewer.person.id, zone, of.whose.subject_id(viewer.actor), second, now)
    current = Week.of(now, zone)
    shown = _named(wanted.d, zone) if wanted.d else _next_with_sessions(db, of.whose, viewer=viewer, now=now)
    both, cut = _both_weeks(db, shown, of, look=look, current=current, viewer=viewer)
    seats_anybody = runs_the_house(viewer.actor) and of.person is None
    open_ = queries.open_calls(
        db,
        shown.starts_at,
        shown.ends_at,
        observer=None if seats_anybody else of.person or viewer.person,
        now=now,
        limit=_OPEN_CALLS,
    )
    free = call_rows(open_, look=look)
    return page(
        "week.html",
        viewer=viewer.face,
        sees_all=sees_the_house(viewer.actor) and of.whose == Whose(),
        seats_anybody=seats_anybody,
        now=now.astimezone(ZoneInfo(zone)),
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        second=(weeks.place(second), weeks.offset(now, second)) if second else None,
        shown=shown,
        current=current,
        title=both[0].title,
        weeks=[one for one in both if one.days or not cut],
        cut=cut,
        most=_MOST_SEATS,
        open_days=day_rows(free, look=look),
        suggested=free[:_SUGGESTED],
        books=_booking(shown, of, look=look, viewer=viewer),
        is_past=shown.ends_at <= now,
        wanted=wanted,
        address=wanted.address,
        choices=choices,
        who=of.person.name if of.person and not look.is_own else "",
        team=of.team,
    )


def _booking(shown: Week, of: _Shown, *, look: Look, viewer: Viewer) -> str:
    """Return the address where a seat of that week is booked; empty for who books nothing."""
    if not acts(viewer.actor) or shown.ends_at <= look.now:
        return ""
    whom = {"who": of.person.id} if of.person and not look.is_own else {}
    return Address("/book", {"d": shown.name, **whom}).but()


def _both_weeks(
    db: DbSession, shown: Week, of: _Shown, *, look: Look, current: Week, viewer: Viewer
) -> tuple[list[WeekRows], bool]:
    """Return the week and the one after it, and whether there is more than is shown."""
    given: dict[str, Any] = {"whose": of.whose, "actor": viewer.actor, "now": look.now}
    seats = queries.taken_seats(db, shown.starts_at, shown.next.ends_at, limit=_MOST_SEATS + 1, **given)
    cut = len(seats) > _MOST_SEATS
    if cut:  # the last call may lack some of its observers
        seats = [row for row in seats if row.id != seats[-1].id]
    met = queries.meetings(db, shown.starts_at, shown.next.ends_at, limit=_MOST_MEETINGS, **given)
    whom: dict[str, Any] = {"whose": of.whose, "actor": viewer.actor, "limit": _MOST_HOURS}
    dialled = queries.power_hours(db, shown.starts_at, shown.next.ends_at, **whom)
    rows: list[Row] = [
        *call_rows(seats, look=look),
        *meeting_rows(met, look=look),
        *power_hour_rows(dialled, look=look),
    ]
    theirs = not look.is_own
    return [week_rows(one, rows, look=look, current=current, shows_theirs=theirs) for one in (shown, shown.next)], cut


def _named(name: str, zone: str) -> Week:
    found = Week.named(name, zone)
    if found is None:
        raise NotFound("There is no such week.")
    return found


def _next_with_sessions(db: DbSession, whose: Whose, *, viewer: Viewer, now: datetime) -> Week:
    first = queries.first_session_at(db, whose=whose, actor=viewer.actor, now=now)
    return Week.of(max(first or now, now), viewer.person.time_zone)


def _chooses(viewer: Viewer) -> bool:
    """Whether the viewer sees the weeks of others."""
    return sees_the_house(viewer.actor) or bool(viewer.actor.reports)


def _whose(db: DbSession, wanted: Wanted, teams: Mapping[str, str], *, viewer: Viewer) -> _Shown:
    """Return whose week the address asks for; a person goes before their team."""
    if wanted.who:
        found = people.person_by_id(db, wanted.who, actor=viewer.actor)
        if not may_see(viewer.actor, found.id):
            raise NotFound("Their week is theirs, and for who leads them.")
        return _Shown(Whose(person_id=found.id), found, "")
    if wanted.team:
        if wanted.team not in teams:
            raise NotFound("There is nobody in that team whose week you may see.")
        return _Shown(Whose(team_id=wanted.team), None, teams[wanted.team])
    return _Shown(Whose(), None, "")


def _choices(db: DbSession, wanted: Wanted, of: _Shown, teams: Mapping[str, str], *, viewer: Viewer) -> Choices:
    """Return what the filters offer. At most two statements."""
    known = [wanted.zone] if wanted.zone in hours.zones() else []
    lived_in = {*queries.zones_lived_in(db), *known} - {viewer.person.time_zone}
    zones = sorted(((zone, weeks.place(zone)) for zone in lived_in), key=lambda one: (one[1], one[0]))
    offered = [("", "Theirs"), (_OWN_CLOCK, "None"), *zones] if of.person else [("", "None"), *zones]
    if not _chooses(viewer):
        return Choices([], [], offered)
    named = {
        row.id: row.name for row in queries.people_to_choose(db, wanted.team, actor=viewer.actor, limit=_MOST_PEOPLE)
    }
    if of.person:  # also when they are in another team, or have left
        named[of.person.id] = of.person.name
    return Choices([("", "Everybody"), *named.items()], [("", "All teams"), *teams.items()], offered)


def _second_zone(name: str, subject: Any | None, offered: Sequence[tuple[str, str]], *, own: str) -> str:
    """Return the zone of the second clock, or empty. Raises NotFound for a zone that there is not."""
    if not name:
        theirs: str = subject.time_zone if subject is not None else own
        return "" if theirs == own else theirs
    if name in (_OWN_CLOCK, own):
        return ""
    if name not in dict(offered):
        raise NotFound("There is no such time zone.")
    return name
