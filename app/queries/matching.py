"""Gather what a match run is asked: mentees, mentors and the time they could share."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import account, call
from app.queries import busy, people, pool
from app.queries.house_rules import house_rules
from app.queries.pool import Enrolled
from app.rules.availability import WEEK_CELLS, Range, WorkingHours, mask, week_masks, working_ranges
from app.rules.matching.pairs import blockers
from app.rules.matching.problem import MatchConstraints, MatchProblem, Mentee, Mentor
from app.vocabulary import CallStatus, Disruption, EndedBecause, MatchStatus, Objective, PairRuleKind, Side

_WEEKS_AHEAD = 4
_CELL = timedelta(minutes=15)
_NO = (EndedBecause.DECLINED, EndedBecause.NOT_A_FIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a match run is asked, people by id. The row of a run says the same in columns of the same names."""

    program_id: str
    objective: Objective
    disruption: Disruption
    weights: Mapping[str, int]
    constraints: Mapping[str, Any]
    pins: Sequence[tuple[str, str]]
    forbidden: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Pool:
    """Both sides of a program, by person id, with all that the hard constraints look at and nothing else."""

    mentees: dict[str, Mentee]
    mentors: dict[str, Mentor]
    rows: dict[str, Any]
    hours: dict[str, WorkingHours]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The problem of a run, the person behind each key of it, the matches that stand, by mentee, and the mentees, by
    key, whom only a rule of the program pins.
    """

    problem: MatchProblem
    person_of: dict[str, str]
    standing: dict[str, Any]
    by_rule: frozenset[str]

    @property
    def key_of(self) -> dict[str, str]:
        """The key of each person."""
        return {person_id: key for key, person_id in self.person_of.items()}


def pool_of(db: DbSession, program_id: str, *, among: Collection[str] | None = None, now: datetime) -> Pool:
    """Return who of a program, or of those `among` it, could be matched: each side by key, as they are now. Nobody who
    is on leave or pauses today. Nine statements.
    """
    mentees = pool.enrolled(db, program_id, Side.MENTEE, among=among)
    mentors = pool.enrolled(db, program_id, Side.MENTOR, among=among)
    rows = {found.row.id: found.row for found in (*mentees, *mentors)}
    hours, lines = busy.working_hours(db, list(rows.values())), people.reporting_lines(db)
    keys = {found.row.id: found.key for found in (*mentees, *mentors)}
    past, monday = _past_mentors(db, program_id), pool.next_monday(now)
    here = {who for who in rows if not _pauses(hours[who], now)}
    weeks = {who: week_masks(hours[who], monday) for who in here}
    wish = {side: pool.preferences(db, program_id, side) for side in Side}

    def constrained(found: Enrolled, side: Side) -> dict[str, Any]:
        row = found.row
        return {
            "key": found.key,
            "person": row.id,
            "reporting_line": lines[row.id],
            "team": row.team_id,
            "languages": frozenset(row.languages),
            "weeks": weeks[row.id],
            "zone_offset_minutes": _offset(row.time_zone, now),
            "grade": row.grade,
            "prefers": tuple(keys.get(other, other) for other in wish[side].get(row.id, ())),
        }

    def mentee(found: Enrolled) -> Mentee:
        had = frozenset(keys[mentor] for mentor in past.get(found.row.id, ()) if mentor in keys)
        return Mentee(**constrained(found, Side.MENTEE), past_mentors=had)

    def mentor(found: Enrolled) -> Mentor:
        return Mentor(**constrained(found, Side.MENTOR), capacity=found.capacity)

    return Pool(
        mentees={found.row.id: mentee(found) for found in mentees if found.row.id in here},
        mentors={found.row.id: mentor(found) for found in mentors if found.row.id in here},
        rows=rows,
        hours=hours,
    )


def close_up(db: DbSession, program_id: str, *, among: Collection[str], now: datetime) -> Pool:
    """Return these people with all that the criteria look at, and mentors with all their places. A dozen statements."""
    return _full_people(db, pool_of(db, program_id, among=among, now=now), {}, now=now)


def match_problem(db: DbSession, asked: Asked, *, now: datetime) -> Gathered:
    """Return the problem of a run over people as they are now. Two dozen statements however many people.

    Left out, with the place that they take, are mentees whose match goes on whatever a run says, unless it pins them:
    it is paused, or its mentor is away; or it is pinned and cannot be a pin of the run. Nor has a run that disturbs as
    little as can be a say about mentees of somebody who has more of them than they take from now on. Pairs that the
    program forces are pins where the run pins nothing else for the mentee.
    """
    found = pool_of(db, asked.program_id, now=now)
    standing, rules = pool.standing_matches(db, asked.program_id), pool.pair_rules(db, asked.program_id)
    forbidden = {(mentee, mentor) for mentee, mentor in asked.forbidden}
    forbidden |= kept_apart(db, asked.program_id, despite=asked.pins)
    load = Counter(row.mentor_id for row in standing.values())
    pins: dict[str, str] = dict(asked.pins)
    held: set[str] = set()
    by_rule: set[str] = set()
    for mentee, row in standing.items():
        if mentee in pins:
            continue
        here = mentee in found.mentees and row.mentor_id in found.mentors
        full = here and load[row.mentor_id] > found.mentors[row.mentor_id].capacity
        paused = row.status is MatchStatus.PAUSED
        if row.pinned and here and not paused and not full and _may_stay(found, row, asked, forbidden):
            pins[mentee] = row.mentor_id
        elif row.pinned or paused or not here or (full and asked.disruption is Disruption.LEAST):
            held.add(mentee)
    for rule in rules:
        if _forces(rule) and rule.mentor_id in found.mentors and rule.mentee_id not in held | pins.keys():
            pins[rule.mentee_id] = rule.mentor_id
            by_rule.add(rule.mentee_id)
    mentees = {who: mentee for who, mentee in found.mentees.items() if who not in held}
    people_in = _full_people(db, replace(found, mentees=mentees), standing, now=now)
    keys = {who: one.key for side in (found.mentees, found.mentors) for who, one in side.items()}
    problem = MatchProblem(
        mentees=tuple(people_in.mentees.values()),
        mentors=tuple(people_in.mentors.values()),
        weights=dict(asked.weights),
        objective=asked.objective.value,
        disruption=asked.disruption.value,
        constraints=MatchConstraints(**asked.constraints),
        # A mentor who has gone since the run was asked is unknown to the solver, which says so of the pin.
        pins=frozenset((keys[a], keys.get(b, b)) for a, b in pins.items() if a in people_in.mentees),
        forbidden=frozenset((keys[a], keys[b]) for a, b in forbidden if a in keys and b in keys),
    )
    return Gathered(
        problem,
        person_of={key: person_id for person_id, key in keys.items()},
        standing=standing,
        by_rule=frozenset(keys[who] for who in by_rule if who in keys),
    )


def forced_mentors(db: DbSession, program_id: str) -> dict[str, str]:
    """Return whom the program says that a mentee has, by person id. One statement."""
    return {rule.mentee_id: rule.mentor_id for rule in pool.pair_rules(db, program_id) if _forces(rule)}


def kept_apart(db: DbSession, program_id: str, *, despite: Iterable[Sequence[str]] = ()) -> set[tuple[str, str]]:
    """Return the pairs that a program does not match: by its rules, or because one said no to the other, but for those
    whom an admin puts together `despite` that no, as a rule that forces them does. Two statements.
    """
    by_kind: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for rule in pool.pair_rules(db, program_id):
        by_kind[_forces(rule)].add((rule.mentee_id, rule.mentor_id))
    ended = pool.ended_matches(db, program_id)
    turned_down = {(row.mentee_id, row.mentor_id) for row in ended if row.ended_because in _NO}
    return by_kind[False] | turned_down - by_kind[True] - {(mentee, mentor) for mentee, mentor in despite}


def _full_people(db: DbSession, found: Pool, standing: Mapping[str, Any], *, now: datetime) -> Pool:
    """Return the people with all that the criteria look at, and mentors with the places that are left to the run."""
    starts_at = datetime.combine(pool.next_monday(now), time(), UTC)
    ends_at = starts_at + timedelta(weeks=_WEEKS_AHEAD)
    taken = busy.taken(db, found.mentees, starts_at, ends_at, now=now)
    skills = pool.skills_of(db, found.rows)
    calls = _upcoming_calls(db, list(found.mentors), starts_at, ends_at)
    elsewhere = Counter(row.mentor_id for mentee, row in standing.items() if mentee not in found.mentees)

    def free(who: str) -> int:
        working = mask(working_ranges(found.hours[who], starts_at, ends_at), starts_at, _WEEKS_AHEAD * WEEK_CELLS)
        return working & ~mask(taken[who], starts_at, _WEEKS_AHEAD * WEEK_CELLS, outward=True)

    def current(who: str) -> str | None:
        mentor = found.mentors.get(standing[who].mentor_id) if who in standing else None
        return mentor.key if mentor else None

    return Pool(
        mentees={
            who: replace(
                mentee,
                segments=frozenset(found.rows[who].segments),
                levels=skills.levels[who],
                wants=skills.wants[who],
                free=free(who),
                current_mentor=current(who),
            )
            for who, mentee in found.mentees.items()
        },
        mentors={
            who: replace(
                mentor,
                segments=frozenset(found.rows[who].segments),
                levels=skills.levels[who],
                teaches=skills.teaches[who],
                capacity=max(mentor.capacity - elsewhere[who], 0),
                calls=tuple(_cells(range_, starts_at) for range_ in calls[who]),
            )
            for who, mentor in found.mentors.items()
        },
        rows=found.rows,
        hours=found.hours,
    )


def _may_stay(found: Pool, row: Any, asked: Asked, forbidden: Collection[tuple[str, str]]) -> bool:
    """Whether a match that stands is one that the run could propose."""
    mentee, mentor = found.mentees[row.mentee_id], found.mentors[row.mentor_id]
    apart = any(blockers(mentee, mentor, MatchConstraints(**asked.constraints)))
    return not apart and (row.mentee_id, row.mentor_id) not in forbidden


def _pauses(hours: WorkingHours, now: datetime) -> bool:
    today = now.astimezone(ZoneInfo(hours.time_zone)).date()
    return any(first <= today <= last for first, last in hours.pauses)


def _forces(rule: Any) -> bool:
    return rule.kind is PairRuleKind.FORCED


def _past_mentors(db: DbSession, program_id: str) -> dict[str, set[str]]:
    """Return whom each mentee had as a mentor, by person id: what was asked for and never began does not count."""
    found: dict[str, set[str]] = {}
    for row in pool.ended_matches(db, program_id):
        if row.started_at is not None:
            found.setdefault(row.mentee_id, set()).add(row.mentor_id)
    return found


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
