"""Gather what a match run is asked: mentees, mentors and the time they could share."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import account, call, program
from app.queries import busy, people, pool
from app.queries.pool import Enrolled
from app.rules.availability import WEEK_CELLS, Range, mask, week_masks, working_ranges
from app.rules.matching.problem import DEFAULT_WEIGHTS, MatchConstraints, MatchProblem, Mentee, Mentor
from app.rules.seating import CLOSED_STAGES
from app.vocabulary import CallStatus, Side

_WEEKS_AHEAD = 4
_CELL = timedelta(minutes=15)


def match_problem(db: DbSession, run: Any, *, now: datetime) -> tuple[MatchProblem, dict[str, str]]:
    """Return the problem of a run and the person behind each key of it. A dozen statements however many people."""
    mentees = pool.enrolled(db, run.program_id, Side.MENTEE)
    mentors = pool.enrolled(db, run.program_id, Side.MENTOR)
    everybody = {found.row.id: found for found in (*mentees, *mentors)}
    monday = pool.next_monday(now)
    starts_at = datetime.combine(monday, time(), UTC)
    ends_at = starts_at + timedelta(weeks=_WEEKS_AHEAD)

    hours = busy.working_hours(db, [found.row for found in everybody.values()])
    taken = busy.taken(db, [found.row.id for found in mentees], starts_at, ends_at)
    lines = people.reporting_lines(db)
    skills = pool.skills_of(db, everybody)
    calls = _upcoming_calls(db, [found.row.id for found in mentors], starts_at, ends_at)
    standing, past = pool.standing_mentors(db, run.program_id), pool.past_mentors(db, run.program_id)
    keys = {key: found.key for key, found in everybody.items()}
    weeks = {key: week_masks(hours[key], monday) for key in everybody}

    def shared(found: Enrolled) -> dict[str, Any]:
        row = found.row
        return {
            "key": found.key,
            "person": row.id,
            "reporting_line": lines[row.id],
            "team": row.team_id,
            "languages": frozenset(row.languages),
            "segments": frozenset(row.segments),
            "levels": skills.levels[row.id],
            "weeks": weeks[row.id],
            "zone_offset_minutes": _offset(row.time_zone, now),
        }

    def free(found: Enrolled) -> int:
        working = mask(working_ranges(hours[found.row.id], starts_at, ends_at), starts_at, _WEEKS_AHEAD * WEEK_CELLS)
        return working & ~mask(taken[found.row.id], starts_at, _WEEKS_AHEAD * WEEK_CELLS, outward=True)

    here = {found.row.id for found in mentees}
    elsewhere = [mentor for mentee, mentor in standing.items() if mentee not in here]
    problem = MatchProblem(
        mentees=tuple(
            Mentee(
                **shared(found),
                wants=skills.wants[found.row.id],
                free=free(found),
                current_mentor=keys.get(standing.get(found.row.id, "")),
                past_mentors=frozenset(keys[m] for m in past.get(found.row.id, ()) if m in keys),
            )
            for found in mentees
        ),
        mentors=tuple(
            Mentor(
                **shared(found),
                teaches=skills.teaches[found.row.id],
                capacity=max(found.capacity - elsewhere.count(found.row.id), 0),
                calls=tuple(_cells(range_, starts_at) for range_ in calls[found.row.id]),
            )
            for found in mentors
        ),
        weights={**DEFAULT_WEIGHTS, **program_weights(db, run.program_id), **run.weights},
        objective=run.objective.value,
        constraints=MatchConstraints(**run.constraints),
        pins=frozenset((keys[a], keys[b]) for a, b in run.pins if a in keys and b in keys),
        forbidden=frozenset((keys[a], keys[b]) for a, b in run.forbidden if a in keys and b in keys),
    )
    return problem, {key: person_id for person_id, key in keys.items()}


def program_weights(db: DbSession, program_id: str) -> dict[str, int]:
    """Return the weights that a program sets."""
    return dict(db.execute(select(program.c.weights).where(program.c.id == program_id)).scalar_one())


def _upcoming_calls(db: DbSession, hosts: list[str], starts_at: datetime, ends_at: datetime) -> dict[str, list[Range]]:
    """Return the calls of each host that somebody could hear, by start."""
    query = select(call.c.host_id, call.c.starts_at, call.c.ends_at).outerjoin(
        account, account.c.id == call.c.account_id
    )
    query = query.where(
        call.c.host_id.in_(hosts),
        call.c.status == CallStatus.SCHEDULED,
        call.c.starts_at >= starts_at,
        call.c.ends_at <= ends_at,
        call.c.seat_capacity > 0,
        call.c.sensitive.is_(False),
        call.c.stage.is_(None) | call.c.stage.not_in(CLOSED_STAGES),
        account.c.id.is_(None) | account.c.observers_allowed,
    )
    found: dict[str, list[Range]] = {host: [] for host in hosts}
    for row in db.execute(query.order_by(call.c.starts_at, call.c.ends_at)):
        found[row.host_id].append((row.starts_at, row.ends_at))
    return found


def _cells(range_: Range, starts_at: datetime) -> tuple[int, int]:
    """Return the quarter hours that a call touches."""
    return (range_[0] - starts_at) // _CELL, -((starts_at - range_[1]) // _CELL)


def _offset(time_zone: str, now: datetime) -> int:
    offset = now.astimezone(ZoneInfo(time_zone)).utcoffset() or timedelta()
    return int(offset.total_seconds() // 60)
