"""The matches: who has which mentor, who waits for a yes or for a mentor, and the runs that propose them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Invalid
from app.house import House
from app.models.tables import match_run
from app.operations.match_runs import start_match_run
from app.operations.match_settings import Wanted
from app.queries import matches, programs, runs, unmatched
from app.queries.busy import people_rows
from app.queries.house_rules import house_rules
from app.queries.pages import PageRequest
from app.rules.access import runs_program, sees_program
from app.rules.matching.lives import EXPIRES_AFTER
from app.vocabulary import Approver, Disruption, MatchStatus, Objective
from app.web import run_words
from app.web.addresses import Address
from app.web.clocks import day, moment
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.lists import request_for

router = page_router()

_RUNS, _UNDECIDED, _WAITING = 8, 8, 12
"""How many are shown beside the list."""
_LONGEST_NAME = 200
_STATUSES: Mapping[str, tuple[str, tuple[MatchStatus, ...]]] = {
    "": ("Active or at rest", (MatchStatus.ACTIVE, MatchStatus.PAUSED)),
    "pending": ("Waits for a yes", (MatchStatus.PENDING,)),
    "active": ("Active", (MatchStatus.ACTIVE,)),
    "paused": ("At rest", (MatchStatus.PAUSED,)),
    "ended": ("Over", (MatchStatus.ENDED,)),
    "all": ("All", tuple(MatchStatus)),
}
"""What the filter calls statuses."""
_TAGS: Mapping[MatchStatus, tuple[str, str]] = {
    MatchStatus.PENDING: ("Waits for a yes", "open"),
    MatchStatus.ACTIVE: ("Active", "good"),
    MatchStatus.PAUSED: ("At rest", ""),
    MatchStatus.ENDED: ("Over", ""),
}


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A match in the list; days on the viewer's clocks."""

    id: str
    mentee: Face
    mentor: Face
    program: str
    words: str
    kind: str
    on: str
    """Since when it is a match, or when it was asked for."""
    points: int | None
    """None where the viewer may not know, or nobody has counted."""
    awaits: str
    """Whose yes is missing, in words; empty when nobody's is."""
    until: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in short."""

    id: str
    at: str
    words: str
    kind: str
    outcome: str


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """Somebody who waits for a mentor."""

    face: Face
    why: str


@dataclass(frozen=True, slots=True)
class Inside:
    """What those see of a program who see it from inside."""

    program_id: str
    name: str
    may_run: bool
    runs: Sequence[RunRow]
    waiting: Sequence[WaitingRow]
    more_waiting: bool


@router.get("/matches")
def list_matches(
    db: ReadDb,
    the: TheHouse,
    now: Now,
    viewer: SignedIn,
    status: str = "",
    program: str = "",
    q: str = "",
    cursor: str = "",
) -> Response:
    """Show the matches that the viewer may see; and who runs a program, its runs and who waits for a mentor."""
    asked = {"status": status, "program": program, "q": q[:_LONGEST_NAME], "cursor": cursor}
    address = Address("/matches", {name: value for name, value in asked.items() if value})
    return _matches_page(db, the, address, viewer=viewer, now=now)


@router.post("/matches")
def start_run(the: TheHouse, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Start a match run, and go where its answer will be. A refusal is said on the page."""
    wanted = Wanted(
        program_id=fields.get("program") or None,
        objective=next((one for one in Objective if one == fields.get("objective")), Objective.UTIL),
        disruption=next((one for one in Disruption if one == fields.get("disruption")), Disruption.SOME),
    )
    try:
        run = database.written(the.engine, lambda db: start_match_run(db, wanted, actor=viewer.actor, now=now))
    except Invalid as refused:
        with database.transaction(the.engine, writes=False) as reading:
            why = _why_not_started(reading, refused)
            return _matches_page(reading, the, Address("/matches", {}), viewer=viewer, now=now, refused=why)
    return RedirectResponse(f"/matches/runs/{run.id}", 303)


def _matches_page(
    db: DbSession, the: House, address: Address, *, viewer: Viewer, now: datetime, refused: str = ""
) -> Response:
    actor, asked = viewer.actor, address.query
    status = asked.get("status", "") if asked.get("status") in _STATUSES else ""
    program, name = asked.get("program", ""), asked.get("q", "")
    every = programs.list_programs(db, _first(the, "programs", 200)).rows
    seen = [one for one in every if sees_program(actor, one.id)]
    inside = next((one for one in seen if one.id == program), next(iter(seen), None))
    like: dict[str, Any] = {"program_id": program, "name": name, "actor": actor}
    found = matches.named_matches(db, request_for(address, the), status=_STATUSES[status][1], **like)
    begins = not status and "cursor" not in asked
    waits = (MatchStatus.PENDING,)
    pending = matches.named_matches(db, _first(the, "undecided", _UNDECIDED), status=waits, **like) if begins else None
    return page(
        "matches.html",
        status=422 if refused else 200,
        viewer=viewer.face,
        refused=refused,
        rows=[_row(row, viewer=viewer, now=now) for row in found.rows],
        next=found.next_cursor,
        undecided=[_row(row, viewer=viewer, now=now) for row in pending.rows] if pending else [],
        more_undecided=pending is not None and pending.next_cursor is not None,
        address=address,
        status_chosen=status,
        statuses=[(key, words) for key, (words, _) in _STATUSES.items()],
        program=program,
        programs=[("", "All"), *((one.id, one.name) for one in every)] if len(every) > 1 else [],
        run_in=[(one.id, one.name) for one in seen if runs_program(actor, one.id)],
        name=name,
        is_filtered=bool(status or program or name),
        inside=_inside(db, the, inside, viewer=viewer, now=now) if inside else None,
        objectives=list(run_words.OBJECTIVES.items()),
        disruptions=list(run_words.DISRUPTIONS.items()),
        shows_points=bool(seen) and house_rules(db).person_insights,
    )


def _first(the: House, which: str, limit: int) -> PageRequest:
    """Return the beginning of a list that has no place of its own in the address."""
    return request_for(Address(f"/matches#{which}", {}), the, limit=limit)


def _row(row: Any, *, viewer: Viewer, now: datetime) -> MatchRow:
    zone = viewer.person.time_zone
    words, kind = _TAGS[row.status]
    began = row.started_at or row.asked_at
    waits = row.status is MatchStatus.PENDING and row.asked_at
    return MatchRow(
        id=row.id,
        mentee=Face.of(row.mentee_id, row.mentee_name),
        mentor=Face.of(row.mentor_id, row.mentor_name),
        program=row.program,
        words=words,
        kind=kind,
        on=day(began, zone) if began else "",
        points=row.score if row.terms and sees_program(viewer.actor, row.program_id) else None,
        awaits=" and ".join(_whose(row, viewer)),
        until=moment(row.asked_at + EXPIRES_AFTER, zone, now=now) if waits else "",
    )


def _whose(row: Any, viewer: Viewer) -> Iterator[str]:
    """Yield whose yes is missing."""
    sides = {Approver.MENTOR: (row.mentor_id, row.mentor_name), Approver.MENTEE: (row.mentee_id, row.mentee_name)}
    for part in row.awaiting:
        who, name = sides.get(part, ("", "An admin"))
        yield "You" if who == viewer.person.id else name


def _inside(db: DbSession, the: House, program: Any, *, viewer: Viewer, now: datetime) -> Inside:
    actor, zone = viewer.actor, viewer.person.time_zone
    of_runs = runs.runs(db, match_run, _first(the, "runs", _RUNS), actor=actor)
    counts = runs.proposed_counts(db, [run.id for run in of_runs.rows])
    waiting = unmatched.list_unmatched(db, program.id, _first(the, "waiting", _WAITING), actor=actor, now=now)
    people = people_rows(db, [one.mentee_id for one in waiting.rows])
    return Inside(
        program_id=program.id,
        name=program.name,
        may_run=runs_program(actor, program.id),
        runs=[
            RunRow(run.id, moment(run.created_at, zone, now=now), *run_words.STATES[run.status], _outcome(run, counts))
            for run in of_runs.rows
        ],
        waiting=[
            WaitingRow(
                Face.of(one.mentee_id, people[one.mentee_id].name), run_words.WITHOUT.get(one.reason, "Left without")
            )
            for one in waiting.rows
        ],
        more_waiting=waiting.next_cursor is not None,
    )


def _outcome(run: Any, counts: Mapping[str, int]) -> str:
    """Return how many a run matches, and how many not; empty while it has no answer."""
    if run.inputs_hash is None:
        return ""
    pairs, left = counts.get(run.id, 0), len(run.unmatched)
    matched = f"{pairs} {'pair' if pairs == 1 else 'pairs'}"
    return f"{matched}, {left} without" if left else matched


def _why_not_started(db: DbSession, refused: Invalid) -> str:
    """Say why a run can't be asked: whose pair contradicts what, by name."""
    pair = [str(refused.extra[side]) for side in ("mentee_id", "mentor_id") if side in refused.extra]
    if not pair:
        return refused.detail
    names = people_rows(db, pair)
    mentee, mentor = (names[who].name if who in names else "Somebody" for who in pair)
    why = run_words.BETWEEN.get(str(refused.extra.get("constraint")), refused.title)
    return f"The program forces {mentee} with {mentor}. {why}: take the rule back, or what is in its way."
