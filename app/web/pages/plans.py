"""The plans: whose seats for which week were proposed, and a new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid
from app.house import House
from app.models.tables import plan_run
from app.operations.changes import UnknownReference
from app.operations.plan_runs import start_plan_run
from app.queries import plans, programs, runs
from app.rules.access import leads, runs_program
from app.web import run_words
from app.web.addresses import Address
from app.web.clocks import day, moment
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.html import page
from app.web.lists import request_for
from app.web.weeks import Week

router = page_router()

_WEEKS_AHEAD = 4
"""This week and how many more may be chosen."""
_LONGEST_WEEK = timedelta(days=7, hours=1)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in the list."""

    id: str
    week: str
    whom: str
    words: str
    kind: str
    outcome: str
    started: str


@router.get("/plans")
def list_plans(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, cursor: str = "") -> Response:
    """Show the plans of programs that the viewer runs and of teams that they lead."""
    return _plans_page(db, the, Address("/plans", {"cursor": cursor} if cursor else {}), viewer=viewer, now=now)


@router.post("/plans")
def start_plan(the: TheHouse, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Start a plan of a week, and go where its answer will be. A refusal is said on the page."""
    zone = viewer.person.time_zone
    week = Week.named(fields.get("week", ""), zone) or Week.of(now, zone)
    kind, _, chosen = fields.get("whom", "").partition(":")
    scope: dict[str, Any] = {"program_id": None, "team_id": None, **({f"{kind}_id": chosen} if kind in _SCOPES else {})}

    def started(db: DbSession) -> Any:
        asked: dict[str, Any] = {"from_at": week.starts_at, "to_at": week.ends_at, **scope}
        return start_plan_run(db, **asked, actor=viewer.actor, now=now)

    try:
        run = database.written(the.engine, started)
    except (Conflict, Invalid) as refused:
        with database.transaction(the.engine, writes=False) as reading:
            why = refused.faults[0].detail if isinstance(refused, UnknownReference) else refused.detail
            return _plans_page(reading, the, Address("/plans", {}), viewer=viewer, now=now, refused=why)
    return RedirectResponse(f"/plans/{run.id}", 303)


_SCOPES = ("program", "team")


def week_words(run: Any, zone: str) -> str:
    """Return which days a plan is about, on the clocks of a zone: for one of a week the week in which most of it lies,
    for it was one on somebody else's clocks.
    """
    middle = run.from_at + (run.to_at - run.from_at) / 2
    if run.to_at - run.from_at <= _LONGEST_WEEK:
        return Week.of(middle, zone).label
    return f"{day(run.from_at, zone)} to {day(run.to_at, zone)}"


def scope_words(run: Any, teams: Mapping[str, str], of_programs: Mapping[str, str]) -> str:
    """Return for whom a plan is made."""
    return teams.get(run.team_id, "A team") if run.team_id else of_programs.get(run.program_id, "A program")


def _plans_page(
    db: DbSession, the: House, address: Address, *, viewer: Viewer, now: datetime, refused: str = ""
) -> Response:
    actor, zone = viewer.actor, viewer.person.time_zone
    found = runs.runs(db, plan_run, request_for(address, the), actor=actor)
    counts = plans.seats_planned(db, [run.id for run in found.rows])
    every = programs.list_programs(db, request_for(Address("/plans#programs", {}), the, limit=200)).rows
    teams = [(row.id, row.name) for row in plans.teams_to_plan(db, actor=actor)]
    named = dict(teams), {one.id: one.name for one in every}
    mine = [one for one in every if runs_program(actor, one.id)]
    week = Week.of(now, zone)
    ahead = [week]
    for _ in range(_WEEKS_AHEAD):
        ahead.append(ahead[-1].next)
    return page(
        "plans.html",
        status=422 if refused else 200,
        viewer=viewer.face,
        refused=refused,
        rows=[
            PlanRow(
                run.id,
                week_words(run, zone),
                scope_words(run, *named),
                *run_words.STATES[run.status],
                _outcome(run, counts),
                moment(run.created_at, zone, now=now),
            )
            for run in found.rows
        ],
        next=found.next_cursor,
        address=address,
        weeks=[(one.name, one.label) for one in ahead],
        next_week=week.next.name,
        whom=[
            *((f"program:{one.id}", f"Everybody in {one.name}") for one in mine),
            *((f"team:{team_id}", name) for team_id, name in teams),
        ]
        if mine or actor.reports
        else [],
        leads=leads(actor.role),
    )


def _outcome(run: Any, counts: Mapping[str, int]) -> str:
    """Return how many seats a plan has, and how many needs it leaves open; empty while it has no answer."""
    if run.inputs_hash is None:
        return ""
    seats, left = counts.get(run.id, 0), len(run.unmet)
    planned = f"{seats} {'seat' if seats == 1 else 'seats'}"
    return f"{planned}, {left} {'need' if left == 1 else 'needs'} open" if left else planned
