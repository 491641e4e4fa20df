"""What Earshot is connected to: calendars outside, diallers, mail both ways, the identity provider; how each is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.house import House
from app.operations.changes import check_admin
from app.operations.connected_calendars import ask_for_refresh
from app.operations.mail_troubles import clear_trouble
from app.queries import connected_calendars, mail_troubles
from app.rules.access import runs_the_house
from app.vocabulary import CalendarHealth
from app.web.addresses import Address
from app.web.clocks import moment
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.lists import brief, request_for
from app.web.pages import diallers
from app.web.pages.settings import seen_by

router = page_router()

SAID: Mapping[str, str] = {
    "read": "It is read within a minute. Look again then.",
    "clear": "Mail goes to this address again. What was not sent meanwhile stays unsent.",
}
_HEALTHS: Mapping[CalendarHealth, tuple[str, str]] = {
    CalendarHealth.NEW: ("Not read yet", ""),
    CalendarHealth.OK: ("Well", "good"),
    CalendarHealth.DEGRADED: ("Can’t be read now", "bad"),
    CalendarHealth.DISABLED: ("Off", ""),
}
_MOST_TROUBLES = 50
_FEW = 8
"""Diallers; their own page has the rest."""


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A calendar outside, and how it is."""

    id: str
    owner_id: str
    owner: Face
    name: str
    host: str
    words: str
    kind: str
    why: str
    checked: str
    due: str


@dataclass(frozen=True, slots=True)
class Line:
    """One way in or out, and what it is set to."""

    title: str
    words: str
    is_on: bool


@router.get("/connections")
def show(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, cursor: str | None = None, said: str = "") -> Response:
    """Show how everything outside is: to who sees the house."""
    seen_by(viewer)
    address = Address("/connections", {"cursor": cursor} if cursor else {})
    found = connected_calendars.calendars_of_all(db, request_for(address, the), actor=viewer.actor)
    part = request_for(Address("troubles", {}), the, limit=_MOST_TROUBLES)
    troubles = mail_troubles.list_troubles(db, part, actor=viewer.actor).rows
    counts = connected_calendars.healths(db, actor=viewer.actor)
    zone = viewer.person.time_zone
    some, more = diallers.rows(db, Address("diallers", {}), the, limit=_FEW, viewer=viewer, now=now)
    return page(
        "connections.html",
        viewer=viewer.face,
        said=SAID.get(said, ""),
        address=address,
        next=found.next_cursor,
        calendars=[_calendar(db, row, zone, now=now) for row in found.rows],
        counts=[(words, counts[health]) for health, (words, _) in _HEALTHS.items() if health in counts],
        diallers=some,
        more_diallers=more is not None,
        lines=_lines(the),
        tests_mail=bool(the.settings.smtp_host) and viewer.actor.behind is None,
        email=viewer.person.email,
        troubles=[(one.email, one.why, moment(one.since, zone, now=now)) for one in troubles],
        may_change=runs_the_house(viewer.actor),
    )


@router.post("/connections")
def change(do: Literal["read", "clear"], the: TheHouse, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Have a calendar read now, or let mail go to an address again."""
    seen_by(viewer)
    check_admin(viewer.actor)
    database.written(the.engine, lambda db: _act(db, do, fields, viewer=viewer, now=now))
    return RedirectResponse(f"/connections?said={do}", 303)


def _act(db: DbSession, do: str, fields: Mapping[str, str], *, viewer: Viewer, now: datetime) -> None:
    if do == "clear":
        clear_trouble(db, email=fields.get("email", ""), actor=viewer.actor, now=now)
    else:
        whose, which = fields.get("person", ""), fields.get("calendar", "")
        ask_for_refresh(db, person_id=whose, calendar_id=which, actor=viewer.actor, now=now)


def _calendar(db: DbSession, row: Any, time_zone: str, *, now: datetime) -> CalendarRow:
    words, kind = _HEALTHS[row.health]
    return CalendarRow(
        id=row.id,
        owner_id=row.person_id,
        owner=Face.of(row.person_id, row.owner_name),
        name=row.name,
        host=connected_calendars.host_of(db, row) or "its key is missing",
        words=words,
        kind=kind,
        why=row.why or "",
        checked=brief(row.checked_at, time_zone, now=now) if row.checked_at else "never",
        due=brief(row.due_at, time_zone, now=now),
    )


def _lines(the: House) -> tuple[Line, ...]:
    """Return what is set where Earshot was started: nothing of it is a secret."""
    given = the.settings
    out = (
        f"By {given.smtp_host}, from {given.mail_from}."
        if given.smtp_host
        else "Mail stays in a folder: set EARSHOT_SMTP_HOST."
    )
    back = (
        f"Read from {given.imap_host}."
        if given.imap_host
        else "A gateway hands them in, or nobody: set EARSHOT_IMAP_HOST."
    )
    sign_in = (
        f"With {given.oidc_name}, and by mail."
        if given.oidc_issuer
        else "By mail alone: set EARSHOT_OIDC_ISSUER for a company account."
    )
    return (
        Line("Mail out", out, bool(given.smtp_host)),
        Line("Replies and bounces", back, bool(given.imap_host)),
        Line("Sign-in", sign_in, bool(given.oidc_issuer)),
    )
