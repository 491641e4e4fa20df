"""Read who waits for a mentor, and why as far as is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import enrollment, match, match_run, pause, person, proposed_match
from app.queries import programs
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.pool import STANDING
from app.rules.access import Actor, sees_program
from app.vocabulary import PersonStatus, RunStatus, Side

_RUNS_BACK = 5
"""Who was in none of the last runs that came to an answer is as good as never looked at."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mentee without a match. `reason` is a constraint that a run named, or says what else is known: `paused`,
    `proposed` by a draft, `match_ended` since a run was published, or `never_run`.
    """

    mentee_id: str
    reason: str
    excluded: Mapping[str, int]
    run_id: str | None


def list_unmatched(
    db: DbSession, program_id: str, page: PageRequest, *, actor: Actor, now: datetime
) -> PageOf[Waiting]:
    """Return a page of the active mentees of a program in whose favour no match stands, by id. Five statements."""
    if not sees_program(actor, program_id):
        raise NotFound
    programs.program_by_id(db, program_id)
    has = select(match.c.id).where(
        match.c.program_id == program_id, match.c.mentee_id == person.c.id, match.c.status.in_(STANDING)
    )
    query = select(person.c.id, person.c.time_zone).join(enrollment, enrollment.c.person_id == person.c.id)
    query = query.where(
        enrollment.c.program_id == program_id,
        enrollment.c.side == Side.MENTEE,
        person.c.status == PersonStatus.ACTIVE,
        ~has.exists(),
    )
    found = fetch(db, query, page, Order(person.c.id, person.c.id))
    known = _said(db, program_id, [row.id for row in found.rows]) | _paused(db, found.rows, now=now)
    return PageOf([known.get(row.id, Waiting(row.id, "never_run", {}, None)) for row in found.rows], found.next_cursor)


def _said(db: DbSession, program_id: str, mentees: list[str]) -> dict[str, Waiting]:
    """Return what the newest run that looked at each of these said of them. Two statements."""
    answered = match_run.c.status.in_((RunStatus.DRAFT, RunStatus.PUBLISHED))
    columns = match_run.c.id, match_run.c.status, match_run.c.unmatched
    query = select(*columns).where(match_run.c.program_id == program_id, answered)
    runs = list(db.execute(query.order_by(match_run.c.id.desc()).limit(_RUNS_BACK)))
    proposals = select(proposed_match.c.run_id, proposed_match.c.mentee_id).where(
        proposed_match.c.run_id.in_([run.id for run in runs]), proposed_match.c.mentee_id.in_(mentees)
    )
    proposed = {(row.run_id, row.mentee_id) for row in db.execute(proposals)}
    said: dict[str, Waiting] = {}
    for run in runs:
        left: dict[str, Any] = {one["mentee_id"]: one for one in run.unmatched}
        for who in mentees:
            if who in left:
                said.setdefault(who, Waiting(who, left[who]["reason"], left[who]["excluded"], run.id))
            elif (run.id, who) in proposed:
                reason = "proposed" if run.status is RunStatus.DRAFT else "match_ended"
                said.setdefault(who, Waiting(who, reason, {}, run.id))
    return said


def _paused(db: DbSession, rows: list[Any], *, now: datetime) -> dict[str, Waiting]:
    """Return those of these people who take nothing new today, where they live. One statement."""
    today = {row.id: now.astimezone(ZoneInfo(row.time_zone)).date() for row in rows}
    pauses = db.execute(select(pause).where(pause.c.person_id.in_(list(today))))
    away = {one.person_id for one in pauses if one.starts_on <= today[one.person_id] <= one.ends_on}
    return {who: Waiting(who, "paused", {}, None) for who in away}
