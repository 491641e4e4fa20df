"""Every component on one page, for tests to look at and people to read; the product does not serve it."""

import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.rules.access import Actor
from app.vocabulary import Role
from app.web import html
from app.web.addresses import Address
from app.web.faces import Face, ViewerFace
from app.web.grids import Grid, grid
from app.web.navigation import sections_for
from app.web.week_rows import CallRow, DayRows, Listener, MeetingRow, Row

_MONDAY = date(2026, 11, 23)
_NAMES = ("Mara Okafor", "Aisha Bello", "Jonas Lindqvist", "Priya Raman", "Nora Quinn", "Hana Sato")


def shown(_request: Request) -> Response:
    """Answer with the page."""
    return HTMLResponse(text())


def text() -> str:
    """Return the page."""
    found = html._TEMPLATES.overlay(
        loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent), html._TEMPLATES.loader or FileSystemLoader([])])
    )
    faces = [Face(name, "".join(word[0] for word in name.split()), hue) for hue, name in enumerate(_NAMES)]
    me = ViewerFace("Nora Quinn", "NQ", 4, place="London", navigation=sections_for(Actor("c", Role.ADMIN, "per_1")))
    source = (Path(html.__file__).parent / "templates" / "parts.html").read_text()
    return found.get_template("styleguide.html").render(
        viewer=me,
        said="Seat taken on Mara’s call. Microphone stays off.",
        undo="/logout",
        faces=faces,
        long="Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        week=_week(faces),
        theme=lambda: "auto",
        address=Address("/week", {"sort": "name", "cursor": "x", "team": "emea"}),
        icons=re.findall(r'^  "(\w+)": "', source, re.MULTILINE),
    )


def _week(faces: list[Face]) -> Grid[Row] | None:
    mara, aisha, jonas, priya, nora, hana = faces
    rows: list[Row] = [
        _call(0, "09:30", 45, jonas, "Helio Energy", nora, is_over=True),
        _meeting(0, "10:30", 30, "Debrief", jonas, is_over=True),
        _call(2, "09:00", 45, mara, "Northwind Freight", nora),
        _call(2, "14:00", 60, nora, "Tidewater", mara, is_viewers=True, is_subjects=True),
        _call(2, "14:15", 45, priya, "Atlas", nora, state="asks"),
        _call(3, "10:00", 60, jonas, "Finch Co", aisha),
        _meeting(3, "13:05", 30, "One-on-one", hana, state="unanswered"),
        _call(4, "14:30", 15, mara, "Orbit Labs", nora),
    ]
    by_day = groupby(rows, key=lambda row: row.starts_at.date())
    days = [DayRows(on, False, tuple(found)) for on, found in by_day]
    return grid(_MONDAY, days, now=datetime(2026, 11, 25, 9, 22, tzinfo=UTC))


def _times(day: int, clock: str, minutes: int) -> dict[str, Any]:
    at = datetime.combine(_MONDAY + timedelta(days=day), time.fromisoformat(clock), UTC)
    return {"starts_at": at, "ends_at": at + timedelta(minutes=minutes)}


def _call(day: int, clock: str, minutes: int, host: Face, account: str, listens: Face, **more: Any) -> CallRow:
    is_nora = listens.name == "Nora Quinn"
    listener = Listener(listens, is_nora, more.pop("state", "listens"), is_subject=is_nora)
    told: dict[str, Any] = {"is_viewers": False, "is_over": False, **more, **_times(day, clock, minutes)}
    told |= {"id": "call_1", "host": host, "account": account, "type": "Discovery", "listeners": (listener,)}
    return CallRow(**told, others=0, seats_taken=1, seats=3)


def _meeting(day: int, clock: str, minutes: int, kind: str, other: Face, **more: Any) -> MeetingRow:
    told: dict[str, Any] = {"state": None, "is_over": False, **more, **_times(day, clock, minutes)}
    return MeetingRow(id="ses_1", kind=kind, others=(other,), **told)
