"""Change which skills there are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import Fault
from app.models import Skill
from app.models.tables import call_type_skill, person_skill, skill, skill_assessment
from app.operations.changes import SlugTaken, UnknownReference, amend, check_admin, check_unused, check_version
from app.operations.events import tell
from app.queries import skills
from app.queries.rows import row_for_update
from app.rules.access import Actor


def create_skill(db: DbSession, *, slug: str, name: str, actor: Actor, now: datetime) -> Skill:
    """Add a skill. Refused as `slug_taken`."""
    check_admin(actor)
    if db.execute(select(skill.c.slug).where(skill.c.slug == slug)).first():
        raise SlugTaken("Change that skill, or use another slug.")
    made = Skill(slug=slug, name=name, created_at=now, updated_at=now)
    db.add(made)
    db.flush()
    tell(db, "skill.created", slug, version=made.version, actor=actor, now=now)
    return made


def patch_skill(
    db: DbSession,
    *,
    slug: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Skill:
    """Change what is given; the slug stays. Locks the skill."""
    check_admin(actor)
    found = row_for_update(db, Skill, slug)
    check_version(found, expected_version)
    amend(db, found, changes, act="skill.changed", object_id=slug, actor=actor, now=now)
    return found


def delete_skill(db: DbSession, *, slug: str, expected_version: int | None = None, actor: Actor, now: datetime) -> None:
    """Delete a skill. Refused as `in_use` while calls of a type show it, or when anybody has it or ever had a level."""
    check_admin(actor)
    found = row_for_update(db, Skill, slug)
    check_version(found, expected_version)
    check_unused(
        db,
        select(call_type_skill.c.skill).where(call_type_skill.c.skill == slug),
        select(person_skill.c.skill).where(person_skill.c.skill == slug),
        select(skill_assessment.c.id).where(skill_assessment.c.skill == slug),
    )
    db.delete(found)
    db.flush()
    tell(db, "skill.deleted", slug, version=found.version + 1, actor=actor, now=now)


def check_skills(db: DbSession, slugs: Sequence[str], *, pointer: str) -> None:
    """Raise UnknownReference that points at each slug that is no skill; `{}` in the pointer stands for its index."""
    known = skills.known_slugs(db, slugs)
    unknown = tuple(
        Fault(pointer.format(index), "unknown", "There is no such skill.")
        for index, slug in enumerate(slugs)
        if slug not in known
    )
    if unknown:
        raise UnknownReference(faults=unknown)
