"""The rules of the house, what holds and who says so, what staff are told, and how long things are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Invalid, NotFound
from app.operations.changes import check_admin
from app.operations.privacy import patch_privacy
from app.operations.retention import patch_retention
from app.operations.settings import patch_settings
from app.queries import call_types
from app.queries.effective_settings import Effective, effective_settings
from app.queries.house_rules import house_rules
from app.queries.pages import PageRequest
from app.rules import retention
from app.rules.access import decides_access, runs_the_house, sees_the_house
from app.rules.personal import NOTICE
from app.schemas.privacy import PatchPrivacySettings, PatchRetention
from app.schemas.settings import PatchSettings
from app.vocabulary import SettingLayer
from app.web import setting_words
from app.web.dependencies import LongForm, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.filled import Misfilled, one, read, tags, whole
from app.web.html import page
from app.web.setting_words import RECORDS, RULES

router = page_router()

TABS = (
    ("/settings", "Rules"),
    ("/settings/call-types", "Call types"),
    ("/settings/skills", "Skills"),
    ("/settings/matching", "Matching"),
    ("/settings/messages", "Mails"),
    ("/settings/privacy", "Privacy"),
    ("/settings/retention", "Keeping"),
)
ALL = PageRequest(limit=200, cursor=None, filters="", secret_key="")
SAID = "Saved."
Form = Mapping[str, tuple[str, ...]]


LAYERS: Mapping[SettingLayer, str] = {
    SettingLayer.SHIPPED: "Earshot",
    SettingLayer.ORG: "the house",
    SettingLayer.PROGRAM: "the program",
    SettingLayer.CALL_TYPE: "the call type",
    SettingLayer.HOST: "the host",
    SettingLayer.PERSON: "the person",
    SettingLayer.ACCOUNT: "the account",
    SettingLayer.CALL: "the call",
}


@dataclass(frozen=True, slots=True)
class Holding:
    """A setting, what holds of it, and who says so."""

    words: str
    value: str
    by: str
    could: str
    """Who else may say something."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Records of a kind, and for how many days they are kept."""

    name: str
    label: str
    says: str
    days: int
    chosen: str
    """What the house chose; empty: as it ships."""
    least: int
    most: int
    ships: int


def seen_by(viewer: Viewer) -> None:
    """Refuse who does not see the house."""
    if not sees_the_house(viewer.actor):
        raise NotFound


def changed_by(viewer: Viewer) -> None:
    """Refuse who does not see the house, and who only looks at it."""
    seen_by(viewer)
    check_admin(viewer.actor)


@router.get("/settings")
def show_rules(db: ReadDb, viewer: SignedIn, said: str = "", type: str = "") -> Response:
    """Show the rules of the house, and every setting as it holds, for calls of a type."""
    seen_by(viewer)
    return _rules_page(db, viewer, type=type, said=SAID if said else "")


@router.post("/settings")
def change_rules(the: TheHouse, now: Now, viewer: Pressing, form: LongForm) -> Response:
    """Change the rules of the house."""
    changed_by(viewer)
    try:
        filled = {rule.name: whole(one(form, rule.name)) for rule in RULES}
        wrong = {rule.name: rule.wrong for rule in RULES}
        stages = {"closed_stages": tags(one(form, "closed_stages").lower())}
        wrong["closed_stages"] = "Stages are short words of letters, digits, - and _, such as legal_review."
        changes = read(PatchSettings, {**filled, **stages}, wrong).model_dump()
        database.written(the.engine, lambda db: patch_settings(db, changes=changes, actor=viewer.actor, now=now))
    except Misfilled as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _rules_page(reading, viewer, errors=refused.errors, form=form)
    return RedirectResponse("/settings?said=save", 303)


@router.get("/settings/retention")
def show_retention(db: ReadDb, viewer: SignedIn, said: str = "") -> Response:
    """Show how long each kind of record is kept."""
    seen_by(viewer)
    return _retention_page(db, viewer, said=SAID if said else "")


@router.post("/settings/retention")
def change_retention(the: TheHouse, now: Now, viewer: Pressing, form: LongForm) -> Response:
    """Change how long records are kept."""
    seen_by(viewer)
    wrong = {
        name: f"{RECORDS[name]}: {kind.least:,} to {kind.most:,} days, or nothing."
        for name, kind in retention.KINDS.items()
    }
    try:
        days = {name: whole(one(form, name)) for name in retention.KINDS}
        if bad := [name for name, count in days.items() if isinstance(count, str)]:
            raise Misfilled({name: wrong[name] for name in bad})
        chosen = read(PatchRetention, {"days": days}, {}).days
        database.written(the.engine, lambda db: _kept(db, chosen, viewer=viewer, now=now))
    except (Misfilled, Invalid) as refused:
        named = refused.errors if isinstance(refused, Misfilled) else _named(refused, wrong)
        with database.transaction(the.engine, writes=False) as reading:
            return _retention_page(reading, viewer, errors=named, form=form)
    return RedirectResponse("/settings/retention?said=save", 303)


@router.get("/settings/privacy")
def show_privacy(db: ReadDb, viewer: SignedIn, said: str = "") -> Response:
    """Show what staff are told about being listened to, and whether figures about one person are shown."""
    seen_by(viewer)
    return _privacy_page(db, viewer, said=SAID if said else "")


@router.post("/settings/privacy")
def change_privacy(the: TheHouse, now: Now, viewer: Pressing, form: LongForm) -> Response:
    """Change what staff are told, or whether figures about one person are shown."""
    seen_by(viewer)
    notice, figures = one(form, "monitoring_notice").replace("\r\n", "\n"), "person_insights" in form
    values = {"monitoring_notice": notice or None, "person_insights": figures}
    by: dict[str, Any] = {"expected_version": None, "actor": viewer.actor, "now": now}
    try:
        changes = read(PatchPrivacySettings, values, {"monitoring_notice": "The notice has 5,000 characters at most."})
        sent = changes.model_dump()
        database.written(the.engine, lambda db: patch_privacy(db, changes=sent, **by))
    except Misfilled as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _privacy_page(reading, viewer, errors=refused.errors, sent=(notice, figures))
    return RedirectResponse("/settings/privacy?said=save", 303)


def _privacy_page(
    db: DbSession,
    viewer: Viewer,
    *,
    errors: Mapping[str, str] | None = None,
    sent: tuple[str, bool] | None = None,
    said: str = "",
) -> Response:
    house = house_rules(db)
    notice, figures = sent or (house.monitoring_notice or "", house.person_insights)
    return page(
        "settings_privacy.html",
        status=422 if errors else 200,
        viewer=viewer.face,
        said=said,
        tabs=TABS,
        notice=notice,
        ships=NOTICE.splitlines(),
        figures=figures,
        errors=errors or {},
        may_change=decides_access(viewer.actor),
    )


def _kept(db: DbSession, days: Mapping[str, int | None], *, viewer: Viewer, now: datetime) -> None:
    patch_retention(db, days=days, expected_version=None, actor=viewer.actor, now=now)


def _named(refused: Invalid, wrong: Mapping[str, str]) -> dict[str, str]:
    return {name: wrong[name] for fault in refused.faults if (name := fault.pointer.rpartition("/")[2]) in wrong}


def _rules_page(
    db: DbSession,
    viewer: Viewer,
    *,
    type: str = "",
    errors: Mapping[str, str] | None = None,
    form: Form | None = None,
    said: str = "",
) -> Response:
    house, types = house_rules(db), call_types.list_call_types(db, ALL).rows
    known = next((row.slug for row in types if row.slug == type), None)
    found = effective_settings(db, call_id=None, person_id=None, program_id=None, call_type=known, actor=viewer.actor)
    values = {rule.name: "" if (held := getattr(house, rule.name)) is None else held for rule in RULES}
    values["closed_stages"] = ", ".join(house.closed_stages)
    return page(
        "settings.html",
        status=422 if errors else 200,
        viewer=viewer.face,
        said=said,
        tabs=TABS,
        rules=RULES,
        closed_stages=setting_words.CLOSED_STAGES,
        values=values if form is None else {name: one(form, name) for name in values},
        errors=errors or {},
        may_change=runs_the_house(viewer.actor),
        holding=[_holding(setting) for setting in found],
        types=[("", "No type in particular"), *((row.slug, row.name) for row in types)],
        type=known or "",
    )


def _holding(setting: Effective) -> Holding:
    could = [LAYERS[one.layer] for one in setting.layers if one.layer is not setting.layer]
    return Holding(
        words=setting_words.SETTINGS[setting.name],
        value=setting_words.value(setting.name, setting.value),
        by=LAYERS[setting.layer] if setting.layer else "",
        could=", ".join(could),
    )


def _retention_page(
    db: DbSession, viewer: Viewer, *, errors: Mapping[str, str] | None = None, form: Form | None = None, said: str = ""
) -> Response:
    chosen = house_rules(db).retention_days
    held = retention.kept(chosen)
    kinds = [
        Kept(
            name=name,
            label=RECORDS[name],
            says=kind.says,
            days=held[name].days,
            chosen=str(chosen.get(name, "")) if form is None else one(form, name),
            least=kind.least,
            most=kind.most,
            ships=kind.days,
        )
        for name, kind in retention.KINDS.items()
    ]
    return page(
        "settings_retention.html",
        status=422 if errors else 200,
        viewer=viewer.face,
        said=said,
        tabs=TABS,
        kinds=kinds,
        errors=errors or {},
        may_change=decides_access(viewer.actor),
    )
