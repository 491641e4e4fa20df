"""Change which types calls fall into, and which skills each shows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from app.db import DbSession
from app.models import CallType
from app.models.tables import call, call_type, call_type_skill
from app.operations.capacity import lock_calls_where, rules_changed
from app.operations.changes import SlugTaken, amend, check_admin, check_unused, check_version, differing
from app.operations.events import tell
from app.operations.skills import check_skills
from app.queries import call_types
from app.queries.rows import row_for_update
from app.rules.access import Actor


def create_call_type(
    db: DbSession, *, fields: Mapping[str, Any], skills: Sequence[str] = (), actor: Actor, now: datetime
) -> CallType:
    """Add a call type. Refused as `slug_taken`."""
    check_admin(actor)
    if db.execute(select(call_type.c.slug).where(call_type.c.slug == fields["slug"])).first():
        raise SlugTaken("Change that call type, or use another slug.")
    check_skills(db, skills, pointer="/skills/{}")
    made = CallType(created_at=now, updated_at=now, **fields)
    db.add(made)
    db.flush()
    _show(db, made.slug, skills)
    tell(db, "call_type.created", made.slug, version=made.version, actor=actor, now=now)
    return made


def patch_call_type(
    db: DbSession,
    *,
    slug: str,
    changes: Mapping[str, Any],
    skills: Sequence[str] | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> CallType:
    """Change what is given; skills, when given, replace those it showed. Calls keep their type. Locks it."""
    check_admin(actor)
    found = row_for_update(db, CallType, slug)
    check_version(found, expected_version)
    also = []
    if skills is not None and set(skills) != set(call_types.skills_of(db, [slug]).get(slug, [])):
        check_skills(db, skills, pointer="/skills/{}")
        db.execute(delete(call_type_skill).where(call_type_skill.c.call_type == slug))
        _show(db, slug, skills)
        also.append("skills")
    if also or "seat_capacity" in differing(found, changes):
        lock_calls_where(db, call.c.type == slug)
    changed = amend(db, found, changes, act="call_type.changed", object_id=slug, actor=actor, now=now, also=also)
    if {"skills", "seat_capacity"}.intersection(changed):
        rules_changed(db, call.c.type == slug, actor=actor, now=now)
    return found


def delete_call_type(
    db: DbSession, *, slug: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Delete a call type. Refused as `in_use` when a call, even a past one, is of it."""
    check_admin(actor)
    found = row_for_update(db, CallType, slug)
    check_version(found, expected_version)
    check_unused(db, select(call.c.id).where(call.c.type == slug))
    db.execute(delete(call_type_skill).where(call_type_skill.c.call_type == slug))
    db.delete(found)
    db.flush()
    tell(db, "call_type.deleted", slug, version=found.version + 1, actor=actor, now=now)


def _show(db: DbSession, slug: str, skills: Sequence[str]) -> None:
    if skills:
        db.execute(insert(call_type_skill), [{"call_type": slug, "skill": skill} for skill in dict.fromkeys(skills)])
