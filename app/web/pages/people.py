"""Who works here: the list, with what they hear and host where figures may be seen; and somebody new."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid
from app.house import House
from app.operations.changes import check_admin
from app.operations.people import create_person
from app.queries import busy, heard, people, skills, teams
from app.queries.house_rules import house_rules
from app.queries.pages import PageRequest
from app.queries.people import PeopleFilter
from app.queries.teams import TeamFilter
from app.rules.access import decides_access, may_see_figures, runs_the_house, sees_the_house
from app.rules.seating import Load, week_of
from app.schemas.people import CreatePerson
from app.vocabulary import PERSON_ROLES, PersonStatus, Role
from app.web import hours, weeks
from app.web.addresses import Address
from app.web.dependencies import LongForm, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.filled import Misfilled, of_refusal, one, read
from app.web.html import page
from app.web.lists import brief, request_for
from app.web.words import ROLES, STATUSES

router = page_router()

Form = Mapping[str, tuple[str, ...]]

_HERE = (PersonStatus.ACTIVE, PersonStatus.ON_LEAVE)
WRONG: Mapping[str, str] = {
    "name": "Write their name, in one line.",
    "email": "Write their e-mail address, such as nora@company.example.",
    "time_zone": "Choose a zone from the list, such as Europe/Berlin.",
    "role": "Choose a role from the list.",
    "manager": "Nobody here has this address.",
    "manager_id": "Choose a manager who does not report to this person.",
    "team_id": "Choose a team from the list.",
    "started_on": "Say since when they work here as a day, or leave it empty.",
    "grade": "The grade is a number from 0 to 20, or nothing.",
    "languages": "Write languages as short tags, such as en, de, pt-BR: 20 at most.",
}
ALL = PageRequest(limit=200, cursor=None, filters="", secret_key="")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which people the address asks for."""

    q: Annotated[str, Query(max_length=100)] = ""
    team: Annotated[str, Query(max_length=48)] = ""
    role: str = ""
    status: str = ""
    wants: Annotated[str, Query(max_length=64)] = ""
    teaches: Annotated[str, Query(max_length=64)] = ""
    sort: str = ""
    cursor: Annotated[str | None, Query(max_length=2000)] = None

    @property
    def address(self) -> Address:
        """Where they are shown."""
        return Address("/people", {name: value for name, value in asdict(self).items() if value})

    @property
    def is_filtered(self) -> bool:
        """Whether fewer are shown than work here."""
        return bool(self.q or self.team or self.role or self.status or self.wants or self.teaches)

    @property
    def filter(self) -> PeopleFilter:
        """What the query takes; a role or a status that there is not is none."""
        return PeopleFilter(
            team_id=_given(self.team),
            role=tuple(role for role in PERSON_ROLES if role == self.role),
            status=tuple(status for status in PersonStatus if status == self.status) or _HERE,
            skill=_given(self.teaches),
            wants=_given(self.wants),
            q=self.q.strip() or None,
        )


Filters = Annotated[Wanted, Depends()]


@dataclass(frozen=True, slots=True)
class Taken:
    """How much of a week's limit somebody has taken."""

    number: int
    limit: int


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody in the list. Figures are None where the viewer may not see them."""

    id: str
    face: Face
    role: str
    team: str
    place: str
    status: str
    """Empty while they are here."""
    hears: Taken | None
    hosts: Taken | None
    heard: str
    """On the viewer's clocks."""


@router.get("/people")
def show_people(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, wanted: Filters) -> Response:
    """Show those who work here."""
    return _people_page(db, the, wanted, viewer=viewer, now=now)


@router.post("/people")
def add_person(
    do: Literal["add"],  # noqa: ARG001 - what the button says
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    form: LongForm,
) -> Response:
    """Add somebody, and lead to their page."""
    check_admin(viewer.actor)
    try:
        made: str = database.written(the.engine, lambda db: _add(db, form, viewer=viewer, now=now))
    except Misfilled as wrong:
        errors = wrong.errors
    except Invalid as refused:
        errors = {name: WRONG.get(name, said) for name, said in of_refusal(refused, otherwise="name").errors.items()}
    except Conflict as refused:
        errors = {"email": f"{refused.title}. {refused.detail}"}
    else:
        return RedirectResponse(f"/people/{made}?said=added", 303)
    with database.transaction(the.engine, writes=False) as reading:
        return _people_page(reading, the, Wanted(), viewer=viewer, now=now, errors=errors, form=form)


def _add(db: DbSession, form: Form, *, viewer: Viewer, now: datetime) -> str:
    values: dict[str, object] = {name: one(form, name) for name in ("name", "email", "time_zone")}
    if "role" in form:
        values["role"] = one(form, "role")
    values["team_id"] = one(form, "team_id") or None
    body = read(CreatePerson, values, WRONG)
    fields = body.model_dump(exclude={"external"}) | {"manager_id": manager_of(db, form)}
    return create_person(db, fields=fields, actor=viewer.actor, now=now).id


def manager_of(db: DbSession, form: Form) -> str | None:
    """Return who was named as manager by their address; None for nobody. Raises Misfilled for an address of nobody."""
    email = one(form, "manager").lower()
    found = people.ids_by_email(db, [email]).get(email) if email else None
    if email and found is None:
        raise Misfilled({"manager": WRONG["manager"]})
    return found


def team_options(db: DbSession) -> list[tuple[str, str]]:
    """Return the teams as a select has them, by name."""
    found = teams.list_teams(db, TeamFilter(), ALL, sort="name", descending=False).rows
    return [("", "None"), *((row.id, row.name) for row in found)]


def role_options() -> list[tuple[str, str]]:
    """Return the roles as a select has them, the usual one first."""
    return [(role.value, ROLES[role]) for role in (Role.REP, *(one for one in PERSON_ROLES if one is not Role.REP))]


def _people_page(
    db: DbSession,
    the: House,
    wanted: Wanted,
    *,
    viewer: Viewer,
    now: datetime,
    errors: Mapping[str, str] | None = None,
    form: Form | None = None,
) -> Response:
    part, down = request_for(wanted.address, the), wanted.sort == "-name"
    found = people.list_people(db, wanted.filter, part, sort="name", descending=down, actor=viewer.actor)
    named = dict(team_options(db))
    known = [(row.slug, row.name) for row in skills.list_skills(db, (), ALL).rows]
    shows_figures = sees_the_house(viewer.actor) or bool(viewer.actor.reports)
    adds = runs_the_house(viewer.actor)
    return page(
        "people.html",
        status=422 if errors else 200,
        viewer=viewer.face,
        address=wanted.address,
        wanted=wanted,
        is_filtered=wanted.is_filtered,
        rows=_rows(db, found.rows, named, viewer=viewer, now=now) if found.rows else [],
        next=found.next_cursor,
        shows_figures=shows_figures,
        teams=[("", "All teams"), *list(named.items())[1:]],
        roles=[("", "All roles"), *role_options()],
        statuses=[("", "Here"), *((status.value, STATUSES[status].capitalize()) for status in PersonStatus)],
        skills=[("", "Any skill"), *known],
        adds=adds,
        gives_roles=decides_access(viewer.actor),
        zones=hours.zones() if adds else (),
        errors=errors or {},
        values={name: one(form or {}, name) for name in ("name", "email", "time_zone", "role", "team_id", "manager")},
    )


def _rows(
    db: DbSession, found: list[Any], named: Mapping[str, str], *, viewer: Viewer, now: datetime
) -> list[PersonRow]:
    allowed = house_rules(db).person_insights
    seen = [row for row in found if may_see_figures(viewer.actor, row.id, allowed=allowed)]
    observing, hosting = busy.loads(db, seen, now, now, now=now) if seen else ({}, {})
    last = heard.last_heard(db, [row.id for row in seen])
    zone = viewer.person.time_zone
    return [
        PersonRow(
            row.id,
            Face.of(row.id, row.name),
            ROLES[row.role],
            named.get(row.team_id, ""),
            weeks.place(row.time_zone),
            "" if row.status is PersonStatus.ACTIVE else STATUSES[row.status],
            taken(observing[row.id], row.time_zone, now=now) if row.id in observing else None,
            taken(hosting[row.id].load, row.time_zone, now=now) if row.id in hosting else None,
            brief(last[row.id], zone, now=now) if row.id in last else "",
        )
        for row in found
    ]


def taken(load: Load, time_zone: str, *, now: datetime) -> Taken:
    """Return what somebody has taken of this week's limit, on their clocks."""
    return Taken(load.in_week.get(week_of(now.astimezone(ZoneInfo(time_zone)).date()), 0), load.per_week)


def _given(value: str) -> tuple[str, ...]:
    return (value,) if value else ()
