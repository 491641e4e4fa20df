"""Calendars that somebody has elsewhere: connected, changed, read again, disconnected. What opens them is not shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid, NotFound, Stale
from app.house import House
from app.operations import connected_calendars as operations
from app.queries import connected_calendars
from app.queries.access import check_acts
from app.queries.pages import PageRequest
from app.rules.access import acts
from app.schemas.calendars import ConnectCalendar, PatchCalendar
from app.vocabulary import CalendarHealth, CalendarKind, CalendarUse
from app.web.clocks import moment
from app.web.dependencies import Fields, Now, Pressing, TheHouse, Viewer, page_router
from app.web.filled import Misfilled, of_refusal, read, version
from app.web.html import page
from app.web.private_reads import note_private

router = page_router()

Do = Literal["connect", "change", "refresh", "disconnect"]

_SAID: Mapping[str, str] = {
    "connect": "Connected. It is read now, and every 15 minutes.",
    "change": "Changed. It is read anew in a moment.",
    "refresh": "It is read again in a moment.",
    "disconnect": "Forgotten, with what it said of your time.",
}
_WRONG: Mapping[str, str] = {
    "url": "Paste the whole address of the calendar, from https:// or webcal:// on.",
    "name": "Give it a name, in one line.",
    "username": "A password comes with a user name, which has no colon.",
    "password": "Paste the password as it was given to you, in one line.",
    "title_contains": "Write the words in one line, or leave them out.",
    "kind": "Choose how it is read.",
    "use": "Choose what its events are.",
}
_FIELDS = ("kind", "url", "name", "username", "password", "use", "title_contains")
_CHANGES = ("name", "use", "title_contains")
_OPENS = ("username", "password")
"""What opens it, and is not shown: what is left empty stays."""
_SECRET = frozenset({"url", "password"})
"""What is not sent back into the page: an address may open the calendar by itself."""
_ALL = PageRequest(limit=50, cursor=None, filters="", secret_key="")


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A connected calendar and how it does."""

    id: str
    name: str
    host: str
    health: CalendarHealth
    why: str
    read: str
    """When it was read last, on the viewer's clocks; empty while it was not."""
    due: str
    words: str
    """What its events are."""
    values: Mapping[str, str]
    """As the form has it that changes it."""


@router.get("/me/calendars")
def show_calendars(the: TheHouse, now: Now, viewer: Pressing, said: str = "") -> Response:
    """Show which calendars somebody has connected; not to who is never booked."""
    if not acts(viewer.actor):
        raise NotFound
    return _shown(the, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/me/calendars")
def change_calendars(do: Do, the: TheHouse, now: Now, viewer: Pressing, fields: Fields, of: str = "") -> Response:
    """Connect a calendar, change one, have one read again, or forget one, once the word is typed: its address is gone
    then.
    """
    check_acts(viewer.actor)
    try:
        database.written(the.engine, lambda db: _act(db, do, of, fields, the, viewer=viewer, now=now))
    except Misfilled as wrong:
        status, errors = 422, wrong.errors
    except Invalid as refused:
        status, errors = 422, of_refusal(refused, otherwise="url").errors
    except Conflict as refused:
        status, errors = 409, {"url": f"{refused.title}. {refused.detail}"}
    except Stale:
        status, errors = 409, {"name": "It was changed meanwhile. Look at it, then change it."}
    else:
        return RedirectResponse(f"/me/calendars?said={do}", 303)
    if do == "change":
        errors = {f"{name}-{of}": sentence for name, sentence in errors.items()}
    return _shown(the, viewer=viewer, now=now, status=status, errors=errors, sent=fields, of=of)


def _act(
    db: DbSession, do: Do, of: str, fields: Mapping[str, str], the: House, *, viewer: Viewer, now: datetime
) -> None:
    by: dict[str, Any] = {"person_id": viewer.person.id, "actor": viewer.actor, "now": now}
    if do == "refresh":
        operations.ask_for_refresh(db, calendar_id=of, **by)
    elif do == "disconnect":
        if fields.get("typed", "").strip().lower() != do:
            raise Misfilled(
                {f"typed-{of}": "Type disconnect to go on: calls ahead that were made of it are cancelled."}
            )
        operations.disconnect_calendar(db, calendar_id=of, **by)
    elif do == "change":
        given = {name: value for name in _OPENS if (value := fields.get(name, "").strip())}
        asked = {name: fields.get(name, "").strip() or None for name in _CHANGES}
        changes = read(PatchCalendar, {**asked, **given}, _WRONG).model_dump(exclude_unset=True)
        operations.patch_calendar(db, calendar_id=of, changes=changes, expected_version=version(fields), **by)
    else:
        values = {name: fields.get(name, "").strip() or None for name in _FIELDS}
        body = read(ConnectCalendar, values, _WRONG)
        operations.connect_calendar(db, **body.model_dump(), allowed=the.settings.outbound_allow, **by)


def _shown(the: House, *, viewer: Viewer, now: datetime, **more: Any) -> Response:
    """Return the page, and note that it was read when somebody acts on their behalf."""
    with database.transaction(the.engine, writes=False) as reading:
        answer = _calendars_page(reading, viewer=viewer, now=now, **more)
    note_private(the, ("calendars",), viewer.person.id, viewer=viewer, now=now)
    return answer


def _calendars_page(
    db: DbSession,
    *,
    viewer: Viewer,
    now: datetime,
    said: str = "",
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
    of: str = "",
) -> Response:
    found = connected_calendars.list_calendars(db, viewer.person.id, _ALL, actor=viewer.actor).rows
    typed = sent or {}
    values = {name: "" if name in _SECRET or of else typed.get(name, "") for name in _FIELDS}
    return page(
        "calendars.html",
        status=status,
        viewer=viewer.face,
        said=said,
        calendars=[_row(db, row, viewer.person.time_zone, typed if row.id == of else {}, now=now) for row in found],
        errors=errors or {},
        values=values,
        most=operations.MOST,
        kinds=[
            (CalendarKind.ICS.value, "A file at an address (ICS)"),
            (CalendarKind.CALDAV.value, "CalDAV, with a password"),
        ],
        uses=[
            (CalendarUse.BUSY.value, "Time in which you are taken"),
            (CalendarUse.CALLS.value, "That, and your customer calls"),
        ],
    )


def _row(db: DbSession, row: Any, time_zone: str, typed: Mapping[str, str], *, now: datetime) -> CalendarRow:
    calls = f"calls with “{row.title_contains}” in the title" if row.title_contains else "calls with somebody outside"
    return CalendarRow(
        row.id,
        row.name,
        connected_calendars.host_of(db, row) or "an address that can’t be read any more: connect it again",
        row.health,
        row.why or "",
        moment(row.read_at, time_zone, now=now) if row.read_at else "",
        moment(max(row.due_at, now), time_zone, now=now),
        "When you are taken" if row.use is CalendarUse.BUSY else f"When you are taken, and {calls}",
        {
            "name": row.name,
            "use": row.use.value,
            "title_contains": row.title_contains or "",
            **{name: typed[name] for name in _CHANGES if name in typed},
            "version": str(row.version),
        },
    )
