"""Read the people of a program for a match run or plan run: columns for all of them at once, in canonical order."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import enrollment, external_identity, match, pair_rule, person, person_skill, preference
from app.queries.rows import in_parts
from app.vocabulary import MatchStatus, PersonStatus, Side

STANDING = (MatchStatus.PENDING, MatchStatus.ACTIVE, MatchStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Somebody on one side of a program, with their row and the key that survives a re-import."""

    row: Any
    capacity: int
    key: str


@dataclass(frozen=True, slots=True)
class Skills:
    """What people can do, want and teach, by person id."""

    levels: dict[str, dict[str, int]]
    wants: dict[str, dict[str, int]]
    teaches: dict[str, frozenset[str]]


def enrolled(
    db: DbSession,
    program_id: str,
    side: Side,
    *,
    team_id: str | None = None,
    among: Collection[str] | None = None,
) -> list[Enrolled]:
    """Return the active people on one side of a program, or those `among` some, by key. Two statements."""
    query = select(*person.c, enrollment.c.capacity).join(enrollment, enrollment.c.person_id == person.c.id)
    query = query.where(
        enrollment.c.program_id == program_id, enrollment.c.side == side, person.c.status == PersonStatus.ACTIVE
    )
    if team_id is not None:
        query = query.where(person.c.team_id == team_id)
    if among is not None:
        query = query.where(person.c.id.in_(sorted(among)))
    rows = db.execute(query).all()
    keys = canonical_keys(db, "person", [(row.id, row.email) for row in rows])
    return sorted((Enrolled(row, row.capacity, keys[row.id]) for row in rows), key=lambda found: found.key)


def canonical_keys(db: DbSession, object_type: str, named: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return for each (id, own name) the key by which runs break ties: its first external identity, then its own name,
    then a number that tells those apart which share both, in the order in which they were made.

    A key is the same after a re-import into another database, where ids are not. One statement for 1,000 ids.
    """
    first: dict[str, str] = {}
    query = select(external_identity.c.object_id, external_identity.c.source, external_identity.c.external_id)
    query = query.where(external_identity.c.object_type == object_type)
    query = query.order_by(external_identity.c.source, external_identity.c.external_id)
    for some in in_parts(object_id for object_id, _ in named):
        for row in db.execute(query.where(external_identity.c.object_id.in_(some))):
            first.setdefault(row.object_id, f"{row.source}:{row.external_id}")
    alike: Counter[str] = Counter()
    keys: dict[str, str] = {}
    for object_id, name in sorted(named):
        key = f"{first.get(object_id, '')} {name}"
        alike[key] += 1
        keys[object_id] = f"{key} {alike[key]}"  # a number for each, so that no name can look like a numbered one
    return keys


def skills_of(db: DbSession, person_ids: Iterable[str]) -> Skills:
    """Return the skills of these people. One statement."""
    who = list(person_ids)
    found = Skills({key: {} for key in who}, {key: {} for key in who}, {})
    teaches: dict[str, set[str]] = {key: set() for key in who}
    for row in db.execute(select(person_skill).where(person_skill.c.person_id.in_(who))):
        if row.level:
            found.levels[row.person_id][row.skill] = row.level
        if row.wants:
            found.wants[row.person_id][row.skill] = row.wants
        if row.teaches:
            teaches[row.person_id].add(row.skill)
    found.teaches.update({key: frozenset(slugs) for key, slugs in teaches.items()})
    return found


def standing_mentors(db: DbSession, program_id: str) -> dict[str, str]:
    """Return the mentor of each mentee whose match stands, by person id. One statement."""
    rows = db.execute(
        select(match.c.mentee_id, match.c.mentor_id).where(
            match.c.program_id == program_id, match.c.status.in_(STANDING)
        )
    )
    return {row.mentee_id: row.mentor_id for row in rows}


def standing_matches(db: DbSession, program_id: str) -> dict[str, Any]:
    """Return the match that stands of each mentee who has one, by person id. One statement."""
    rows = db.execute(select(match).where(match.c.program_id == program_id, match.c.status.in_(STANDING)))
    return {row.mentee_id: row for row in rows}


def ended_matches(db: DbSession, program_id: str) -> list[Any]:
    """Return (mentee_id, mentor_id, started_at, ended_because) of each match that has ended. One statement."""
    columns = match.c.mentee_id, match.c.mentor_id, match.c.started_at, match.c.ended_because
    ended = match.c.program_id == program_id, match.c.status == MatchStatus.ENDED
    return list(db.execute(select(*columns).where(*ended)))


def pair_rules(db: DbSession, program_id: str) -> list[Any]:
    """Return what a program always says of two people, in the order in which it was said. One statement."""
    return list(db.execute(select(pair_rule).where(pair_rule.c.program_id == program_id).order_by(pair_rule.c.id)))


def preferences(db: DbSession, program_id: str, side: Side) -> dict[str, list[str]]:
    """Return whom the people on one side would like, best first, by person id. One statement."""
    found: dict[str, list[str]] = {}
    query = select(preference.c.person_id, preference.c.preferred_id).order_by(preference.c.rank)
    for row in db.execute(query.where(preference.c.program_id == program_id, preference.c.side == side)):
        found.setdefault(row.person_id, []).append(row.preferred_id)
    return found


def next_monday(now: datetime) -> date:
    """Return the Monday (UTC) from which a run looks ahead: the next one."""
    today = now.astimezone(UTC).date()
    return today + timedelta(days=7 - today.weekday())
