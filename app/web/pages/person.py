"""One person: what colleagues may know, and for those who may see more their week, skills, hours, limits and matches.

Who leads them changes some of it, an admin all; nobody but an admin lets them go.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.house import House
from app.operations.people import patch_person
from app.operations.person_skills import set_skills
from app.queries import availability, busy, heard, matches, people, person_skills, sessions, skills
from app.queries.house_rules import house_rules
from app.queries.pages import PageRequest
from app.queries.sessions import SessionFilter
from app.rules.access import (
    decides_access,
    may_act_for,
    may_see,
    may_see_figures,
    may_stand_in,
    may_stand_in_for,
    runs_the_house,
)
from app.rules.skills import TEACHES_FROM, SkillState
from app.schemas.people import PatchPerson
from app.vocabulary import Door, MatchStatus, PersonStatus, SeatApproval, SessionStatus
from app.web import hours, weeks
from app.web.clocks import day, moment
from app.web.dependencies import LongForm, Now, Pressing, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.filled import Misfilled, of_refusal, one, read, tags, whole
from app.web.html import page
from app.web.own_fields import Form, limits_of, read_limits
from app.web.pages.people import ALL, WRONG, Taken, manager_of, role_options, taken, team_options
from app.web.private_reads import note_private
from app.web.words import KINDS, LEVELS, ROLES, STATUSES

router = page_router()

Do = Literal["details", "limits", "levels", "leave", "return", "left"]

_SAID: Mapping[str, str] = {
    "added": "Added. They work Monday to Friday, 09:00 to 17:00 in their zone, until they say otherwise.",
    "details": "Saved.",
    "limits": "Saved. They hold for what is booked from now on.",
    "levels": "Saved, and kept in the history as your word.",
    "leave": "On leave: nobody books them, and what is booked stays.",
    "return": "Back: they can be booked again.",
    "left": "They have left: their seats are free, their sessions are off, and their sign-ins and keys are over.",
}
_APPROVALS: Mapping[SeatApproval, str] = {
    SeatApproval.AUTO: "whoever the rules let",
    SeatApproval.HOST: "whom they approve",
    SeatApproval.NONE: "nobody",
}
_STANDS = (MatchStatus.PENDING, MatchStatus.ACTIVE, MatchStatus.PAUSED)
_AHEAD = (SessionStatus.REQUESTED, SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS)
_NEXT = PageRequest(limit=6, cursor=None, filters="", secret_key="")


@dataclass(frozen=True, slots=True)
class SkillRow:
    """A skill of theirs: its level, and what they say of it."""

    slug: str
    name: str
    level: int
    words: str
    """Of the level; empty for none."""
    wants: int
    teaches: bool


@dataclass(frozen=True, slots=True)
class NextSession:
    """A session ahead, on the viewer's clocks."""

    id: str
    at: str
    kind: str
    others: tuple[Face, ...]


@dataclass(frozen=True, slots=True)
class TheirMatch:
    """A match that stands or waits for a yes, by the other of the two."""

    id: str
    other: Face
    words: str


@dataclass(frozen=True, slots=True)
class Private:
    """What of somebody's hours and limits those see who may see them."""

    weekly: tuple[tuple[str, str], ...]
    """Days and their ranges, in words, days alike together."""
    away: tuple[str, ...]
    listens: str
    door: str
    limits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """How much somebody hears and hosts this week, and when they heard a call last."""

    hears: Taken
    hosts: Taken
    heard: str


@router.get("/people/{person_id}")
def show_person(person_id: str, the: TheHouse, now: Now, viewer: Pressing, said: str = "") -> Response:
    """Show somebody to a colleague, as far as it is theirs to see."""
    return _shown(the, person_id, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/people/{person_id}")
def change_person(person_id: str, do: Do, the: TheHouse, now: Now, viewer: Pressing, form: LongForm) -> Response:
    """Save what one form says. What can't be is said at its field, with everything as it was."""
    if not may_act_for(viewer.actor, person_id) and do != "levels":
        with database.transaction(the.engine, writes=False) as reading:
            people.person_by_id(reading, person_id, actor=viewer.actor)
        raise Forbidden("Who leads them changes that, or an admin.")
    try:
        database.written(the.engine, lambda db: _ACTS[do](db, person_id, form, viewer, now))
    except Misfilled as wrong:
        status, errors = 422, wrong.errors
    except Invalid as refused:
        status, errors = 422, {name: WRONG.get(name, said) for name, said in _named(refused)}
    except Conflict as refused:
        status, errors = 409, {"email" if refused.code == "email_taken" else "typed": _sentence(refused)}
    else:
        return RedirectResponse(f"/people/{person_id}?said={do}", 303)
    return _shown(the, person_id, viewer=viewer, now=now, status=status, errors=errors, sent=(do, form))


def _named(refused: Invalid) -> Iterable[tuple[str, str]]:
    otherwise = "manager_id" if refused.code == "manager_cycle" else "name"
    return of_refusal(refused, otherwise=otherwise).errors.items()


def _sentence(refused: Conflict) -> str:
    return f"{refused.title}. {refused.detail}"


def _set_details(db: DbSession, person_id: str, form: Form, viewer: Viewer, now: datetime) -> None:
    values: dict[str, object] = {name: one(form, name) for name in ("name", "email", "time_zone", "role")}
    values |= {"languages": tags(one(form, "languages")), "grade": whole(one(form, "grade"))}
    values |= {"started_on": one(form, "started_on") or None, "team_id": one(form, "team_id") or None}
    if "role" not in form:
        del values["role"]
    changes = read(PatchPerson, values, WRONG).model_dump(exclude_unset=True)
    _patch(db, person_id, changes | {"manager_id": manager_of(db, form)}, viewer, now)


def _set_limits(db: DbSession, person_id: str, form: Form, viewer: Viewer, now: datetime) -> None:
    _patch(db, person_id, read_limits(form).model_dump(exclude_unset=True), viewer, now)


def _set_levels(db: DbSession, person_id: str, form: Form, viewer: Viewer, now: datetime) -> None:
    """State the levels that were sent. Who falls below the level from which people teach teaches no more."""
    person_skills.person_with_skills(db, person_id, actor=viewer.actor)
    held = person_skills.skills_now(db, person_id)
    after = dict(held)
    for slug, level in ((name.partition(".")[2], one(form, name)) for name in form if name.startswith("level.")):
        if level not in map(str, LEVELS):
            raise Misfilled({f"level.{slug}": "Choose a level from the list."})
        was = held.get(slug, SkillState())
        state = SkillState(int(level), was.wants, was.teaches and int(level) >= TEACHES_FROM)
        after = {name: at for name, at in {**after, slug: state}.items() if at != SkillState()}
    set_skills(db, person_id=person_id, skills=after, actor=viewer.actor, now=now)


def _leave(db: DbSession, person_id: str, _form: Form, viewer: Viewer, now: datetime) -> None:
    _patch(db, person_id, {"status": PersonStatus.ON_LEAVE}, viewer, now)


def _return(db: DbSession, person_id: str, _form: Form, viewer: Viewer, now: datetime) -> None:
    _patch(db, person_id, {"status": PersonStatus.ACTIVE}, viewer, now)


def _let_go(db: DbSession, person_id: str, form: Form, viewer: Viewer, now: datetime) -> None:
    if one(form, "typed").lower() != "left":
        raise Misfilled({"typed": "Type left to go on: their seats and sessions can’t be brought back."})
    _patch(db, person_id, {"status": PersonStatus.LEFT}, viewer, now)


def _patch(db: DbSession, person_id: str, changes: Mapping[str, Any], viewer: Viewer, now: datetime) -> None:
    patch_person(db, person_id=person_id, changes=changes, actor=viewer.actor, now=now)


_ACTS: Mapping[Do, Callable[[DbSession, str, Form, Viewer, datetime], None]] = {
    "details": _set_details,
    "limits": _set_limits,
    "levels": _set_levels,
    "leave": _leave,
    "return": _return,
    "left": _let_go,
}


def _shown(the: House, person_id: str, *, viewer: Viewer, now: datetime, **more: Any) -> Response:
    """Return the page, and note what of it is private to somebody else."""
    with database.transaction(the.engine, writes=False) as reading:
        answer, nouns = _person_page(reading, person_id, viewer=viewer, now=now, **more)
    note_private(the, nouns, person_id, viewer=viewer, now=now)
    return answer


def _person_page(
    db: DbSession,
    person_id: str,
    *,
    viewer: Viewer,
    now: datetime,
    said: str = "",
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    sent: tuple[Do, Form] | None = None,
) -> tuple[Response, list[str]]:
    """Return the page, and what of it is private to the person."""
    actor, row = viewer.actor, people.person_by_id(db, person_id, actor=viewer.actor)
    is_me, is_here = row.id == viewer.person.id, row.status is not PersonStatus.LEFT
    lead = busy.people_rows(db, [row.manager_id])[row.manager_id] if row.manager_id else None
    options = team_options(db)
    said_as, shown_skills = _skills(db, person_id, viewer=viewer)
    figures_allowed = may_see_figures(actor, row.id, allowed=house_rules(db).person_insights)
    values = _details(row, lead)
    if sent:
        values |= {name: one(sent[1], name) for name in sent[1]}
    nouns = (["availability", "sessions"] if may_see(actor, row.id) else []) + (["skills"] if shown_skills else [])
    shown = page(
        "person.html",
        status=status,
        viewer=viewer.face,
        said=said,
        person=row,
        face=Face.of(row.id, row.name),
        role=ROLES[row.role],
        state="" if row.status is PersonStatus.ACTIVE else STATUSES[row.status],
        team=dict(options).get(row.team_id, "") if row.team_id else "",
        lead=lead and Face.of(lead.id, lead.name),
        lead_id=row.manager_id,
        place=weeks.place(row.time_zone),
        offset=weeks.offset(now, row.time_zone),
        since=f"{row.started_on.day} {row.started_on:%B %Y}" if row.started_on else "",
        is_me=is_me,
        private=_private(db, row, viewer=viewer, now=now) if "availability" in nouns else None,
        figures=_figures(db, row, viewer=viewer, now=now) if figures_allowed else None,
        skills=[one for one in shown_skills if said_as or one.level or one.wants],
        said_as=said_as if is_here else None,
        levels=[(str(level), f"{level} {words}") for level, words in LEVELS.items()],
        sessions=_next_sessions(db, row.id, viewer=viewer, now=now),
        matches=_matches(db, row.id, viewer=viewer),
        **_acts(row, viewer=viewer),
        errors=errors or {},
        values=values,
        limit_values=limits_of(row) | (values if sent and sent[0] == "limits" else {}),
        teams=options,
        roles=role_options(),
        zones=hours.zones() if runs_the_house(actor) else (),
    )
    return shown, nouns


def _acts(row: Any, *, viewer: Viewer) -> dict[str, bool]:
    """Return what the viewer may do about somebody, by the name that the page has for it."""
    actor, is_me, is_here = viewer.actor, row.id == viewer.person.id, row.status is not PersonStatus.LEFT
    admin = runs_the_house(actor)
    return {
        "steers": is_here and may_act_for(actor, row.id),
        "admin": admin,
        "gives_roles": not is_me and decides_access(actor),
        "goes": admin and not is_me,
        "stands_in": is_here and not is_me and may_stand_in(actor) and may_stand_in_for(row.role),
    }


def _details(row: Any, lead: Any) -> dict[str, str]:
    """Return what holds of somebody, by the names of the form's fields."""
    told = {
        name: getattr(row, name) for name in ("name", "email", "time_zone", "role", "team_id", "grade", "started_on")
    }
    told |= {"languages": ", ".join(row.languages), "manager": lead.email if lead else "", "typed": ""}
    return {name: "" if value is None else str(value) for name, value in told.items()}


def _skills(db: DbSession, person_id: str, *, viewer: Viewer) -> tuple[str | None, list[SkillRow]]:
    """Return as what the viewer may state levels, and the skills; nothing where they may not see them."""
    try:
        _, said_as = person_skills.person_with_skills(db, person_id, actor=viewer.actor)
    except NotFound:
        return None, []
    held = person_skills.skills_now(db, person_id)
    rows = [(row, held.get(row.slug, SkillState())) for row in skills.list_skills(db, (), ALL).rows]
    return said_as, [
        SkillRow(row.slug, row.name, at.level, LEVELS[at.level] if at.level else "", at.wants, at.teaches)
        for row, at in rows
    ]


def _private(db: DbSession, row: Any, *, viewer: Viewer, now: datetime) -> Private:
    held = availability.hours_of(db, row.id, actor=viewer.actor)
    pauses = availability.list_pauses(db, row.id, ALL, actor=viewer.actor).rows
    today = now.astimezone(ZoneInfo(row.time_zone)).date()
    return Private(
        weekly=tuple(_weekly(held.weekly)),
        away=tuple(hours.days(one.starts_on, one.ends_on) for one in pauses if one.ends_on >= today),
        listens=_APPROVALS[row.seat_approval],
        door="open" if row.door_default is Door.OPEN else "closed",
        limits=limits_of(row),
    )


def _weekly(weekly: Iterable[tuple[int, int, int]]) -> Iterable[tuple[str, str]]:
    """Yield working days that follow each other with the same hours: `Monday to Friday`, `09:00 to 17:00`."""
    by_day = [(number, hours.in_words([(a, b) for on, a, b in weekly if on == number])) for number in range(1, 8)]
    for words, same in groupby(by_day, key=lambda pair: pair[1]):
        names = [hours.WEEKDAYS[number - 1] for number, _ in same]
        if words:
            yield (names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"), words


def _figures(db: DbSession, row: Any, *, viewer: Viewer, now: datetime) -> Figures:
    observing, hosting = busy.loads(db, [row], now, now, now=now)
    last = heard.last_heard(db, [row.id]).get(row.id)
    return Figures(
        taken(observing[row.id], row.time_zone, now=now),
        taken(hosting[row.id].load, row.time_zone, now=now),
        day(last, viewer.person.time_zone) if last else "",
    )


def _next_sessions(db: DbSession, person_id: str, *, viewer: Viewer, now: datetime) -> list[NextSession]:
    """Return the next sessions of theirs that the viewer may see."""
    wanted = SessionFilter(person_id=(person_id,), status=_AHEAD, starts_at_gte=now)
    found = sessions.list_sessions(db, wanted, _NEXT, sort="starts_at", descending=False, actor=viewer.actor).rows
    in_them = sessions.participants(db, [row.id for row in found])
    names = busy.people_rows(db, {one.person_id for several in in_them.values() for one in several})
    return [
        NextSession(
            row.id,
            moment(row.starts_at, viewer.person.time_zone, now=now),
            KINDS[row.kind],
            tuple(
                Face.of(one.person_id, names[one.person_id].name)
                for one in in_them.get(row.id, ())
                if one.person_id != person_id
            ),
        )
        for row in found
    ]


def _matches(db: DbSession, person_id: str, *, viewer: Viewer) -> list[TheirMatch]:
    """Return the matches of theirs that the viewer may see: their mentors first, then their mentees."""
    as_mentee = matches.list_matches(
        db, ALL, status=_STANDS, mentee_id=(person_id,), mentor_id=(), actor=viewer.actor
    ).rows
    as_mentor = matches.list_matches(
        db, ALL, status=_STANDS, mentee_id=(), mentor_id=(person_id,), actor=viewer.actor
    ).rows
    others = [(row, row.mentor_id, "Mentor") for row in as_mentee] + [
        (row, row.mentee_id, "Mentee") for row in as_mentor
    ]
    names = busy.people_rows(db, {other for _, other, _ in others})
    words = {MatchStatus.ACTIVE: "", MatchStatus.PAUSED: ", rests", MatchStatus.PENDING: ", waits for a yes"}
    return [
        TheirMatch(row.id, Face.of(other, names[other].name), part + words[row.status]) for row, other, part in others
    ]
