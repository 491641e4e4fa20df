"""Gather what a match run is asked: mentees, mentors and the time they could share."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import account, call, program
from app.queries import busy, people, pool
from app.queries.house_rules import house_rules
from app.queries.pool import Enrolled
from app.rules.availability import WEEK_CELLS, Range, WorkingHours, mask, week_masks, working_ranges
from app.rules.matching.problem import DEFAULT_WEIGHTS, MatchConstraints, MatchProblem, Mentee, Mentor
from app.vocabulary import CallStatus, Side

_WEEKS_AHEAD = 4
_CELL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Pool:
    """Both sides of a program, by person id, with all that the hard constraints look at and nothing else."""

    mentees: dict[str, Mentee]
    mentors: dict[str, Mentor]
    rows: dict[str, Any]
    hours: dict[str, WorkingHours]


def pool_of(db: DbSession, program_id: str, *, now: datetime) -> Pool:
    """Return who is enrolled in a program, each side by key, as they are now. Six statements."""
    mentees, mentors = pool.enrolled(db, program_id, Side.MENTEE), pool.enrolled(db, program_id, Side.MENTOR)
    rows = {found.row.id: found.row for found in (*mentees, *mentors)}
    hours, lines = busy.working_hours(db, list(rows.values())), people.reporting_lines(db)
    monday = pool.next_monday(now)
    weeks = {who: week_masks(hours[who], monday) for who in rows}

    def constrained(found: Enrolled) -> dict[str, Any]:
        row = found.row
        return {
            "key": found.key,
            "person": row.id,
            "reporting_line": lines[row.id],
            "team": row.team_id,
            "languages": frozenset(row.languages),
            "weeks": weeks[row.id],
            "zone_offset_minutes": _offset(row.time_zone, now),
        }

    return Pool(
        mentees={found.row.id: Mentee(**constrained(found)) for found in mentees},
        mentors={found.row.id: Mentor(**constrained(found), capacity=found.capacity) for found in mentors},
        rows=rows,
        hours=hours,
    )


def match_problem(db: DbSession, run: Any, *, now: datetime) -> tuple[MatchProblem, dict[str, str]]:
    """Return the problem of a run and the person behind each key of it. A dozen statements however many people."""
    found = pool_of(db, run.program_id, now=now)
    starts_at = datetime.combine(pool.next_monday(now), time(), UTC)
    ends_at = starts_at + timedelta(weeks=_WEEKS_AHEAD)
    taken = busy.taken(db, found.mentees, starts_at, ends_at, now=now)
    skills = pool.skills_of(db, found.rows)
    calls = _upcoming_calls(db, list(found.mentors), starts_at, ends_at)
    standing, past = pool.standing_mentors(db, run.program_id), pool.past_mentors(db, run.program_id)
    sides: tuple[Mapping[str, Mentee | Mentor], ...] = found.mentees, found.mentors
    keys = {who: enrolled.key for side in sides for who, enrolled in side.items()}

    def free(who: str) -> int:
        working = mask(working_ranges(found.hours[who], starts_at, ends_at), starts_at, _WEEKS_AHEAD * WEEK_CELLS)
        return working & ~mask(taken[who], starts_at, _WEEKS_AHEAD * WEEK_CELLS, outward=True)

    elsewhere = Counter(mentor for mentee, mentor in standing.items() if mentee not in found.mentees)
    problem = MatchProblem(
        mentees=tuple(
            replace(
                mentee,
                segments=frozenset(found.rows[who].segments),
                levels=skills.levels[who],
                wants=skills.wants[who],
                free=free(who),
                current_mentor=keys.get(standing.get(who, "")),
                past_mentors=frozenset(keys[m] for m in past.get(who, ()) if m in keys),
            )
            for who, mentee in found.mentees.items()
        ),
        mentors=tuple(
            replace(
                mentor,
                segments=frozenset(found.rows[who].segments),
                levels=skills.levels[who],
                teaches=skills.teaches[who],
                capacity=max(mentor.capacity - elsewhere[who], 0),
                calls=tuple(_cells(range_, starts_at) for range_ in calls[who]),
            )
            for who, mentor in found.mentors.items()
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
        call.c.stage.is_(None) | call.c.stage.not_in(house_rules(db).closed_stages),
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
