"""What admins list for everybody: call types, skills, and the words of mails."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid
from app.operations import call_types as type_operations
from app.operations import message_templates as mail_operations
from app.operations import skills as skill_operations
from app.queries import call_types, message_templates, skills
from app.rules.access import runs_the_house
from app.rules.languages import LANGUAGE
from app.rules.messages import CATALOGUE
from app.rules.templates import Words
from app.schemas.call_types import CreateCallType, PatchCallType
from app.schemas.message_templates import PutMessageTemplate
from app.schemas.skills import CreateSkill, PatchSkill
from app.vocabulary import MessageKind
from app.web.dependencies import LongForm, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.filled import Misfilled, of_refusal, one, read, tags, whole
from app.web.html import page
from app.web.pages.settings import ALL, TABS, Form, changed_by, seen_by

router = page_router()

Do = Literal["add", "save", "delete"]
SAID: Mapping[str, str] = {
    "add": "Added.",
    "save": "Saved.",
    "delete": "Deleted.",
}
_NEW = "new"
_SLUG = "A short name is of small letters, digits and _, with dots between parts: it begins with a letter."
_TYPE_WRONG = {
    "slug": _SLUG,
    "name": "A name is one line of 1 to 200 characters.",
    "seat_capacity": "Seats are a whole number from 0 to 50.",
    "keywords": "At most 100 keywords, each up to 64 characters.",
    "stages": "Stages are short words of letters, digits, - and _, such as negotiation.",
    "skills": "Choose skills of the list.",
}
_MAIL_WRONG = {
    "subject": "A subject is one line of 1 to 200 characters.",
    "text": "A text has 1 to 5,000 characters, and no control characters.",
}


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A call type."""

    slug: str
    name: str
    seats: int
    keywords: tuple[str, ...]
    stages: tuple[str, ...]
    skills: tuple[str, ...]


@router.get("/settings/call-types")
def show_types(db: ReadDb, viewer: SignedIn, change: str = "", said: str = "") -> Response:
    """Show the call types; with `change`, one of them to be changed."""
    seen_by(viewer)
    return _types_page(db, viewer, change, said=SAID.get(said, ""))


@router.post("/settings/call-types")
def change_types(do: Do, the: TheHouse, now: Now, viewer: Pressing, form: LongForm, of: str = "") -> Response:
    """Add, change or delete a call type."""
    changed_by(viewer)
    try:
        database.written(the.engine, lambda db: _act_on_type(db, do, of, form, viewer=viewer, now=now))
    except (Misfilled, Conflict, Invalid) as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _types_page(reading, viewer, of or _NEW, refused=refused, form=form)
    return RedirectResponse(f"/settings/call-types?said={do}", 303)


def _act_on_type(db: DbSession, do: Do, slug: str, form: Form, *, viewer: Viewer, now: datetime) -> None:
    by: dict[str, Any] = {"actor": viewer.actor, "now": now}
    if do == "delete":
        type_operations.delete_call_type(db, slug=slug, **by)
        return
    values = {
        "name": one(form, "name"),
        "seat_capacity": whole(one(form, "seat_capacity")),
        "keywords": [line.strip() for line in one(form, "keywords").splitlines() if line.strip()],
        "stages": tags(one(form, "stages").lower()),
        "skills": list(form.get("skills", ())),
    }
    try:
        if do == "add":
            new = read(CreateCallType, {"slug": one(form, "slug"), **values}, _TYPE_WRONG)
            fields = new.model_dump(exclude={"skills"})
            type_operations.create_call_type(db, fields=fields, skills=new.skills, **by)
        else:
            changes = read(PatchCallType, values, _TYPE_WRONG).model_dump()
            chosen = changes.pop("skills")
            type_operations.patch_call_type(db, slug=slug, changes=changes, skills=chosen, **by)
    except Invalid as refused:
        raise of_refusal(refused, otherwise="skills") from refused


def _types_page(
    db: DbSession,
    viewer: Viewer,
    change: str,
    *,
    said: str = "",
    refused: Misfilled | Conflict | Invalid | None = None,
    form: Form | None = None,
) -> Response:
    found = call_types.list_call_types(db, ALL).rows
    heard = call_types.skills_of(db, [row.slug for row in found])
    names = {row.slug: row.name for row in skills.list_skills(db, (), ALL).rows}
    rows = [
        TypeRow(
            row.slug,
            row.name,
            row.seat_capacity,
            tuple(row.keywords),
            tuple(row.stages),
            tuple(heard.get(row.slug, ())),
        )
        for row in found
    ]
    may_change = runs_the_house(viewer.actor)
    changed = next((row for row in rows if row.slug == change), None)
    return page(
        "settings_types.html",
        status=_status(refused),
        viewer=viewer.face,
        said=said,
        tabs=TABS,
        rows=rows,
        names=names,
        chosen=changed,
        is_open=may_change and (changed is not None or change == _NEW),
        filled=_filled(changed) if form is None or "name" not in form else _refilled(form),
        errors=refused.errors if isinstance(refused, Misfilled) else {},
        refused="" if refused is None or isinstance(refused, Misfilled) else refused.detail,
        may_change=may_change,
    )


def _filled(row: TypeRow | None) -> dict[str, Any]:
    """Return what stands in the form: a type as it is, or what a new one begins with."""
    row = row or TypeRow("", "", 2, (), (), ())
    keywords, stages = "\n".join(row.keywords), ", ".join(row.stages)
    return {
        "slug": row.slug,
        "name": row.name,
        "seat_capacity": row.seats,
        "keywords": keywords,
        "stages": stages,
        "skills": row.skills,
    }


def _refilled(form: Form) -> dict[str, Any]:
    names = ("slug", "name", "seat_capacity", "keywords", "stages")
    return {**{name: one(form, name) for name in names}, "skills": form.get("skills", ())}


@router.get("/settings/skills")
def show_skills(db: ReadDb, viewer: SignedIn, change: str = "", said: str = "") -> Response:
    """Show the skills by group; with `change`, one of them to be renamed."""
    seen_by(viewer)
    return _skills_page(db, viewer, change, said=SAID.get(said, ""))


@router.post("/settings/skills")
def change_skills(do: Do, the: TheHouse, now: Now, viewer: Pressing, form: LongForm, of: str = "") -> Response:
    """Add, rename or delete a skill."""
    changed_by(viewer)
    try:
        database.written(the.engine, lambda db: _act_on_skill(db, do, of, form, viewer=viewer, now=now))
    except (Misfilled, Conflict) as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _skills_page(reading, viewer, of, refused=refused, form=form)
    return RedirectResponse(f"/settings/skills?said={do}", 303)


def _act_on_skill(db: DbSession, do: Do, slug: str, form: Form, *, viewer: Viewer, now: datetime) -> None:
    by: dict[str, Any] = {"actor": viewer.actor, "now": now}
    values = {"name": one(form, "name")}
    if do == "delete":
        skill_operations.delete_skill(db, slug=slug, **by)
    elif do == "save":
        changes = read(PatchSkill, values, _TYPE_WRONG).model_dump()
        skill_operations.patch_skill(db, slug=slug, changes=changes, **by)
    else:
        new = read(CreateSkill, {"slug": one(form, "slug"), **values}, _TYPE_WRONG)
        skill_operations.create_skill(db, slug=new.slug, name=new.name, **by)


def _skills_page(
    db: DbSession,
    viewer: Viewer,
    change: str,
    *,
    said: str = "",
    refused: Misfilled | Conflict | None = None,
    form: Form | None = None,
) -> Response:
    rows = skills.list_skills(db, (), ALL).rows
    groups = groupby(rows, key=lambda row: row.slug.partition(".")[0])
    chosen = next((row for row in rows if row.slug == change), None)
    usual = {"slug": "", "name": chosen.name if chosen else ""}
    return page(
        "settings_skills.html",
        status=_status(refused),
        viewer=viewer.face,
        said=said,
        tabs=TABS,
        groups=[(group.replace("_", " "), list(its)) for group, its in groups],
        chosen=chosen,
        filled=usual if form is None or "name" not in form else {name: one(form, name) for name in usual},
        errors=refused.errors if isinstance(refused, Misfilled) else {},
        refused=refused.detail if isinstance(refused, Conflict) else "",
        may_change=runs_the_house(viewer.actor),
    )


@router.get("/settings/messages")
def show_mails(
    db: ReadDb, viewer: SignedIn, kind: MessageKind | None = None, language: str = LANGUAGE, said: str = ""
) -> Response:
    """Show the words of mails; with `kind`, those of one kind, as they are and as they read."""
    seen_by(viewer)
    return _mails_page(db, viewer, kind, language, said=SAID.get(said, ""))


@router.post("/settings/messages")
def change_mails(
    do: Literal["save", "preview", "delete"],
    kind: MessageKind,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    form: LongForm,
    language: str = LANGUAGE,
) -> Response:
    """Save the words of one kind of mail, take them back, or see how they would read: that saves nothing."""
    changed_by(viewer)
    by: dict[str, Any] = {"kind": kind, "language": language, "actor": viewer.actor}
    filled = {"subject": one(form, "subject"), "text": one(form, "text")}
    errors: Mapping[str, str] = {}
    try:
        if do == "delete":
            database.written(the.engine, lambda db: mail_operations.delete_template(db, now=now, **by))
        else:
            given = read(PutMessageTemplate, filled, _MAIL_WRONG)
            words = Words(given.subject, given.text)
            if do == "save":
                database.written(the.engine, lambda db: mail_operations.put_template(db, words=words, now=now, **by))
            else:
                message_templates.check_tokens(kind, words)
    except Misfilled as refused:
        errors = refused.errors
    except Invalid as refused:
        errors = of_refusal(refused, otherwise="text").errors
    if errors or do == "preview":
        with database.transaction(the.engine, writes=False) as reading:
            return _mails_page(reading, viewer, kind, language, errors=errors, filled=filled)
    return RedirectResponse(f"/settings/messages?kind={kind}&language={language}&said={do}", 303)


def _mails_page(
    db: DbSession,
    viewer: Viewer,
    kind: MessageKind | None,
    language: str,
    *,
    said: str = "",
    errors: Mapping[str, str] | None = None,
    filled: Mapping[str, str] | None = None,
) -> Response:
    actor = viewer.actor
    rows = message_templates.list_templates(db, ALL, actor=actor).rows
    chosen = next((row for row in rows if (row.kind, row.language) == (kind, language)), None)
    shown: Any = None
    if chosen is not None and not errors:
        given = filled or {"subject": chosen.words.subject, "text": chosen.words.text}
        shown = message_templates.preview(
            db, chosen.kind, language, subject=given["subject"], text=given["text"], actor=actor
        )
    return page(
        "settings_mails.html",
        status=422 if errors else 200,
        viewer=viewer.face,
        said=said,
        tabs=TABS,
        rows=rows,
        chosen=chosen,
        tokens=CATALOGUE[chosen.kind].tokens if chosen else (),
        filled=filled or (chosen and {"subject": chosen.words.subject, "text": chosen.words.text}),
        shown=shown,
        errors=errors or {},
        may_change=runs_the_house(actor),
    )


def _status(refused: Misfilled | Conflict | Invalid | None) -> int:
    if refused is None:
        return 200
    return 409 if isinstance(refused, Conflict) else 422
