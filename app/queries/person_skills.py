"""Read what people can do and want to hear, in the scope of who asks."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import match, person_skill
from app.models.tables import skill_assessment as assessment
from app.queries import people
from app.rules.access import Actor, may_see, may_set_level
from app.rules.skills import SkillState
from app.vocabulary import MatchStatus


def person_with_skills(db: DbSession, person_id: str, *, actor: Actor) -> tuple[Any, str | None]:
    """Return the person's row, and as what the actor may speak of their skills; None when they may only see them.
    Raises NotFound unless they are the person, a mentor of theirs now, lead them, or see everything.
    """
    found = people.person_by_id(db, person_id, actor=actor)
    said_as = may_set_level(actor, person_id, mentors=_mentors(db, person_id))
    if said_as is None and not may_see(actor, person_id):
        raise NotFound
    return found, said_as


def skills_now(db: DbSession, person_id: str) -> dict[str, SkillState]:
    """Return what stands, by slug in order. One statement."""
    rows = db.execute(
        select(person_skill.c.skill, person_skill.c.level, person_skill.c.wants, person_skill.c.teaches)
        .where(person_skill.c.person_id == person_id)
        .order_by(person_skill.c.skill)
    )
    return {row.skill: SkillState(row.level, row.wants, row.teaches) for row in rows}


def levels_at(db: DbSession, person_id: str, as_of: datetime) -> dict[str, int]:
    """Return the last level that was stated of each skill until and including `as_of`, by slug. One statement."""
    newest = (
        func.row_number()
        .over(partition_by=assessment.c.skill, order_by=(assessment.c.set_at.desc(), assessment.c.id.desc()))
        .label("newest")
    )
    stated = (
        select(assessment.c.skill, assessment.c.level, newest)
        .where(assessment.c.person_id == person_id, assessment.c.set_at <= as_of)
        .subquery()
    )
    rows = db.execute(select(stated.c.skill, stated.c.level).where(stated.c.newest == 1).order_by(stated.c.skill))
    return {row.skill: row.level for row in rows}


def last_stated_at(db: DbSession, person_id: str) -> datetime | None:
    """Return when a level of this person was stated last."""
    found: datetime | None = db.execute(
        select(func.max(assessment.c.set_at)).where(assessment.c.person_id == person_id)
    ).scalar()
    return found


def _mentors(db: DbSession, person_id: str) -> frozenset[str]:
    stands = (match.c.mentee_id == person_id, match.c.status == MatchStatus.ACTIVE)
    return frozenset(db.execute(select(match.c.mentor_id).where(*stands)).scalars())
