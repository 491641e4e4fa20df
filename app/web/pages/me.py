"""What somebody says of themselves: when they work and are away, what they want to hear, how much they take on, and
which mail they get.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Invalid
from app.house import House
from app.operations import availability as operations
from app.operations.mail_settings import change_mail_settings
from app.operations.people import patch_person
from app.operations.person_skills import set_skills
from app.queries import availability, mail_settings, person_skills, skills
from app.queries.pages import PageRequest
from app.rules.access import acts
from app.rules.skills import TEACHES_FROM, SkillState
from app.schemas.availability import CreatePause, DayHours
from app.schemas.mail_settings import PatchMailSettings
from app.schemas.people import PatchPerson
from app.vocabulary import ZoneName, zone
from app.web import hours
from app.web.dependencies import LongForm, Now, Pressing, TheHouse, Viewer, page_router
from app.web.filled import Misfilled, of_refusal, one, read, tags, whole
from app.web.html import page
from app.web.own_fields import Form, limits_of, read_limits
from app.web.private_reads import note_private
from app.web.words import LEVELS, WISHES

router = page_router()

Do = Literal["work", "away", "other-hours", "back", "usual-hours", "skills", "limits", "doors", "mail", "keys"]

_SAID: Mapping[Do, str] = {
    "work": "Saved. New sessions stay within these hours.",
    "away": "Saved. You are asked for nothing new on these days; what is booked stays.",
    "other-hours": "Saved. These hours hold on that day alone.",
    "back": "You are not away then any more.",
    "usual-hours": "Your usual hours hold on that day again.",
    "skills": "Saved. Matches and seats follow what you want to hear.",
    "limits": "Saved. They hold for what is booked from now on.",
    "doors": "Saved. Your next call begins like this.",
    "mail": "Saved. It holds for everything that is not sent yet.",
    "keys": "Saved.",
}
_WRONG: Mapping[str, str] = {
    "time_zone": "Choose a zone from the list, such as Europe/Berlin.",
    "languages": "Write languages as short tags, such as en, de, pt-BR: 20 at most.",
    "language": "Write the language as a short tag, such as en or pt-BR; or leave it empty.",
    "buffer_before_minutes": "Minutes kept free before a session: a number from 0 to 120.",
    "buffer_after_minutes": "Minutes kept free after a session: a number from 0 to 120.",
    "starts_on": "Say the first and the last day; the last is not before the first.",
    "ends_on": "Say the last day, too: it is not before the first.",
    "date": "Say on which day.",
    "ranges": "Say from when to when, or leave both times empty for a day off.",
    "quiet_hours": "Quiet hours need two times that differ. To hear nothing at all, switch reminders and digest off.",
}
_HOURS = {
    "night_shift": "A day ends later than it begins. Past midnight it is the next day: write up to 00:00, and from"
    " 00:00 there.",
    "overlap": "Two ranges of this day overlap. Join them, or move them apart.",
}
_USUAL_QUIET = ("20:00", "07:00")
"""What is proposed to who has no quiet hours."""
_ALL = PageRequest(limit=200, cursor=None, filters="", secret_key="")


@dataclass(frozen=True, slots=True)
class SkillRow:
    """A skill, and what the viewer says of it."""

    slug: str
    name: str
    level: str
    """In words; empty when nobody has stated one."""
    wants: str
    teaches: bool
    may_teach: bool


@dataclass(frozen=True, slots=True)
class Away:
    """Days on which the viewer is away or works other hours, in words, and what takes that back."""

    of: str
    days: str
    words: str
    do: Do


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that can't be saved as it is."""

    do: Do
    form: Form
    errors: Mapping[str, str]


@router.get("/me")
def show_me(the: TheHouse, now: Now, viewer: Pressing, said: str = "") -> Response:
    """Show what somebody says of themselves."""
    return _shown(the, viewer=viewer, now=now, said=next((words for do, words in _SAID.items() if do == said), ""))


@router.post("/me")
def change_me(do: Do, the: TheHouse, now: Now, viewer: Pressing, form: LongForm, of: str = "") -> Response:
    """Save one of the forms, or take back the days that `of` names. What can't be saved is said field by field."""
    try:
        database.written(the.engine, lambda db: _ACTS[do](db, form, of, viewer, now))
    except Misfilled as wrong:
        return _shown(the, viewer=viewer, now=now, refused=Refused(do, form, wrong.errors))
    return RedirectResponse(f"/me?said={do}", 303)


def _set_work(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    weekly, fields = hours.read_weekly(form)
    me, actor = viewer.person.id, viewer.actor
    names = ("buffer_before_minutes", "buffer_after_minutes")
    before, after = (_minutes(name, one(form, name)) for name in names)
    body = read(PatchPerson, {"languages": tags(one(form, "languages"))}, _WRONG)
    held = availability.hours_of(db, me, actor=actor)
    try:
        operations.set_availability(
            db,
            person_id=me,
            time_zone=_zone(one(form, "time_zone")),
            weekly=weekly,
            exceptions=held.exceptions,
            buffers=(before, after),
            actor=actor,
            now=now,
        )
    except Invalid as refused:
        nth = [one.pointer.removeprefix("/weekly/") for one in refused.faults]
        raise Misfilled({fields[int(n)]: _HOURS[refused.code] for n in nth}) from refused
    patch_person(db, person_id=me, changes={"languages": body.languages}, actor=actor, now=now)


def _set_away(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    body = read(CreatePause, {name: one(form, name) for name in ("starts_on", "ends_on")}, _WRONG)
    days = {"starts_on": body.starts_on, "ends_on": body.ends_on}
    operations.create_pause(db, person_id=viewer.person.id, actor=viewer.actor, now=now, **days)


def _take_back(db: DbSession, _form: Form, of: str, viewer: Viewer, now: datetime) -> None:
    operations.delete_pause(db, person_id=viewer.person.id, pause_id=of, actor=viewer.actor, now=now)


def _set_other_hours(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    start, end = one(form, "from"), one(form, "to")
    ranges = [{"start": start, "end": "24:00" if end == "00:00" else end}] if start or end else []
    body = read(DayHours, {"date": one(form, "date"), "ranges": ranges}, _WRONG)
    spans = [(hours.minute(one.start) or 0, hours.minute(one.end) or 24 * 60) for one in body.ranges]
    _except(db, {body.date.isoformat(): spans}, viewer=viewer, now=now)


def _usual_hours(db: DbSession, _form: Form, of: str, viewer: Viewer, now: datetime) -> None:
    _except(db, {of: None}, viewer=viewer, now=now)


def _except(
    db: DbSession, changed: Mapping[str, list[tuple[int, int]] | None], *, viewer: Viewer, now: datetime
) -> None:
    """Change what replaces the usual hours on some dates; None lets them hold again."""
    held = availability.hours_of(db, viewer.person.id, actor=viewer.actor)
    after = {on: ranges for on, ranges in {**held.exceptions, **changed}.items() if ranges is not None}
    try:
        operations.set_availability(
            db,
            person_id=viewer.person.id,
            time_zone=held.time_zone,
            weekly=held.weekly,
            exceptions=after,
            buffers=(held.buffer_before_minutes, held.buffer_after_minutes),
            actor=viewer.actor,
            now=now,
        )
    except Invalid as refused:
        raise Misfilled({"ranges": _HOURS[refused.code]}) from refused


def _set_skills(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    me, held = viewer.person.id, person_skills.skills_now(db, viewer.person.id)
    said = {name.partition(".")[2]: one(form, name) for name in form if name.startswith("wants.")}
    after = dict(held)
    for slug, wish in said.items():
        if wish not in WISHES:
            raise Misfilled({f"wants.{slug}": "Choose how much you want to hear it."})
        level = held.get(slug, SkillState()).level
        state = SkillState(level, int(wish), level >= TEACHES_FROM and slug in form.get("teaches", ()))
        if state == SkillState():
            after.pop(slug, None)
        else:
            after[slug] = state
    set_skills(db, person_id=me, skills=after, actor=viewer.actor, now=now)


def _set_limits(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    _patch(db, read_limits(form), viewer, now)


def _set_doors(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    body = {name: one(form, name) for name in ("door_default", "seat_approval")}
    _patch(db, read(PatchPerson, body, _WRONG), viewer, now)


def _set_keys(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    zones = {"time_zone": _zone(one(form, "time_zone"))} if "time_zone" in form else {}
    _patch(db, read(PatchPerson, {"shortcuts": "shortcuts" in form, **zones}, _WRONG), viewer, now)


def _patch(db: DbSession, body: PatchPerson, viewer: Viewer, now: datetime) -> None:
    changes = body.model_dump(exclude_unset=True)
    patch_person(db, person_id=viewer.person.id, changes=changes, actor=viewer.actor, now=now)


def _set_mail(db: DbSession, form: Form, _of: str, viewer: Viewer, now: datetime) -> None:
    quiet = {"from": one(form, "quiet_from"), "to": one(form, "quiet_to")} if "quiet" in form else None
    language = one(form, "language") or None
    switches = {name: name in form for name in ("reminders", "digest")}
    body = read(PatchMailSettings, {**switches, "quiet_hours": quiet, "language": language}, _WRONG)
    try:
        change_mail_settings(db, person_id=viewer.person.id, changes=body.changes(), actor=viewer.actor, now=now)
    except Invalid as refused:
        named = of_refusal(refused, otherwise="quiet_hours")
        raise Misfilled({name: _WRONG[name] for name in named.errors}) from refused


_ACTS: Mapping[Do, Callable[[DbSession, Form, str, Viewer, datetime], None]] = {
    "work": _set_work,
    "away": _set_away,
    "back": _take_back,
    "other-hours": _set_other_hours,
    "usual-hours": _usual_hours,
    "skills": _set_skills,
    "limits": _set_limits,
    "doors": _set_doors,
    "mail": _set_mail,
    "keys": _set_keys,
}


def _minutes(name: str, text: str) -> int:
    number = whole(text)
    if not isinstance(number, int) or number > 120:
        raise Misfilled({name: _WRONG[name]})
    return number


def _zone(name: str) -> ZoneName:
    try:
        return zone(name)
    except ValueError as unknown:
        raise Misfilled({"time_zone": _WRONG["time_zone"]}) from unknown


def _shown(the: House, *, viewer: Viewer, now: datetime, **more: Any) -> Response:
    """Return the page, and note what of it is private when somebody acts on their behalf."""
    with database.transaction(the.engine, writes=False) as reading:
        answer = _me_page(reading, viewer=viewer, now=now, **more)
    note_private(the, ("availability", "mail_settings", "skills"), viewer.person.id, viewer=viewer, now=now)
    return answer


def _me_page(
    db: DbSession, *, viewer: Viewer, now: datetime, refused: Refused | None = None, said: str = ""
) -> Response:
    me, actor = viewer.person, viewer.actor
    held = availability.hours_of(db, me.id, actor=actor)
    mail = mail_settings.mail_settings_of(db, me.id, actor=actor)
    today = now.astimezone(ZoneInfo(held.time_zone)).date()
    values = _held(me, held, mail)
    if refused:
        values |= _sent(refused.form)
    return page(
        "me.html",
        status=422 if refused else 200,
        viewer=viewer.face,
        said=said,
        errors=refused.errors if refused else {},
        email=me.email,
        acts=acts(actor),
        values=values,
        zones=hours.zones(),
        days=hours.sent_workdays(refused.form) if refused and refused.do == "work" else hours.workdays(held.weekly),
        away=_away(db, me.id, held, today, viewer=viewer),
        skills=_skill_rows(db, me.id, refused),
        wishes=list(WISHES.items()),
    )


def _held(me: Any, held: Any, mail: Any) -> dict[str, str]:
    """Return what holds, by the names of fields; a switch that is off has nothing."""
    chosen = {name: getattr(me, name) for name in ("time_zone", "door_default", "seat_approval")}
    free = {name: getattr(held, name) for name in ("buffer_before_minutes", "buffer_after_minutes")}
    switches = {"reminders": mail.reminders, "digest": mail.digest, "quiet": mail.quiet_from, "shortcuts": me.shortcuts}
    quiet = {"quiet_from": mail.quiet_from or _USUAL_QUIET[0], "quiet_to": mail.quiet_to or _USUAL_QUIET[1]}
    texts = {"languages": ", ".join(me.languages), "language": mail.language, **quiet}
    new = dict.fromkeys(("starts_on", "ends_on", "date", "from", "to"))
    told = {**limits_of(me), **chosen, **free, **texts, **new}
    return {name: "" if value is None else str(value) for name, value in told.items()} | {
        name: "on" if is_on else "" for name, is_on in switches.items()
    }


def _sent(form: Form) -> dict[str, str]:
    """Return what was sent, as `_held` does. A form that has a switch sends what is beside it, too."""
    beside = {"quiet_from": ("reminders", "digest", "quiet")}
    off = {name: "" for field, names in beside.items() if field in form for name in names}
    return off | {name: one(form, name) for name in form}


def _skill_rows(db: DbSession, person_id: str, refused: Refused | None) -> list[SkillRow]:
    held = person_skills.skills_now(db, person_id)
    sent = refused.form if refused and refused.do == "skills" else None
    return [_skill_row(row, held.get(row.slug, SkillState()), sent) for row in skills.list_skills(db, (), _ALL).rows]


def _skill_row(row: Any, state: SkillState, sent: Form | None) -> SkillRow:
    wants = one(sent, f"wants.{row.slug}") if sent else str(state.wants)
    teaches = row.slug in sent.get("teaches", ()) if sent else state.teaches
    level = LEVELS[state.level] if state.level else ""
    return SkillRow(row.slug, row.name, level, wants, teaches, state.level >= TEACHES_FROM)


def _away(db: DbSession, person_id: str, held: Any, today: date, *, viewer: Viewer) -> list[Away]:
    """Return the days ahead on which the viewer is away or works other hours, the next first."""
    pauses = availability.list_pauses(db, person_id, _ALL, actor=viewer.actor).rows
    away = [
        (row.starts_on, Away(row.id, hours.days(row.starts_on, row.ends_on), "Away", "back"))
        for row in pauses
        if row.ends_on >= today
    ]
    other = ((date.fromisoformat(on), ranges) for on, ranges in held.exceptions.items())
    away += [
        (on, Away(on.isoformat(), hours.days(on, on), hours.in_words(ranges) or "Day off", "usual-hours"))
        for on, ranges in other
        if on >= today
    ]
    return [shown for _, shown in sorted(away, key=lambda pair: (pair[0], pair[1].of))]
