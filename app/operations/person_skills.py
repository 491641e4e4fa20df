"""Change what people can do, want to hear and teach; say who stated each level, and never forget it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, insert

from app import ids
from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid, NotFound
from app.models import Person
from app.models.tables import person_skill, skill_assessment
from app.operations.changes import check_version
from app.operations.events import tell
from app.operations.skills import check_skills
from app.queries import person_skills
from app.queries.rows import row_for_update
from app.rules.access import Actor
from app.rules.skills import TEACHES_FROM, SkillState, may_change


class TeachesBelow3(Invalid):
    """Somebody would teach what they can't yet do alone."""

    code = "teaches_below_3"
    title = "A person teaches a skill at level 3 or 4"


def set_skills(
    db: DbSession,
    *,
    person_id: str,
    skills: Mapping[str, SkillState],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Replace what stands for a person; a skill that is left out falls to level 0 without a wish. Each level that
    differs is stated once more in the history, as the actor's word. Saying the same again changes nothing.
    Locks the person.
    """
    _, said_as = person_skills.person_with_skills(db, person_id, actor=actor)
    if said_as is None:
        raise NotFound
    found = row_for_update(db, Person, person_id)
    check_version(found, expected_version)
    _check_teaching(skills)
    check_skills(db, list(skills), pointer="/skills/{}/slug")
    before = person_skills.skills_now(db, person_id)
    if skills == before:
        return
    none = SkillState()
    both = sorted({*before, *skills})
    if not all(may_change(before.get(s, none), skills.get(s, none), said_as=said_as) for s in both):
        raise Forbidden("You can state their levels; what they want and teach is theirs to say.")
    db.execute(delete(person_skill).where(person_skill.c.person_id == person_id))
    if skills:
        db.execute(
            insert(person_skill),
            [
                {"person_id": person_id, "skill": slug, "level": at.level, "wants": at.wants, "teaches": at.teaches}
                for slug, at in skills.items()
            ],
        )
    stated = [(slug, level) for slug in both if (level := skills.get(slug, none).level) != before.get(slug, none).level]
    _state(db, person_id, stated, said_as=said_as, actor=actor, now=now)
    found.version += 1
    found.updated_at = now
    db.flush()
    tell(db, "skills.changed", person_id, version=found.version, actor=actor, now=now, object_type="person")


def _state(
    db: DbSession, person_id: str, stated: list[tuple[str, int]], *, said_as: str, actor: Actor, now: datetime
) -> None:
    if not stated:
        return
    # `now` was read before the lock: one who waited for it speaks after the one who had it, whatever their clocks say.
    last = person_skills.last_stated_at(db, person_id)
    set_at = now if last is None or last < now else last + timedelta(microseconds=1)
    rows = [
        {
            "id": ids.new("ska", now),
            "person_id": person_id,
            "skill": slug,
            "level": level,
            "set_by": actor.name,
            "set_as": said_as,
            "set_at": set_at,
        }
        for slug, level in stated
    ]
    db.execute(insert(skill_assessment), rows)


def _check_teaching(skills: Mapping[str, SkillState]) -> None:
    below = tuple(
        Fault(f"/skills/{index}/teaches", TeachesBelow3.code, f"needs level {TEACHES_FROM} or 4")
        for index, state in enumerate(skills.values())
        if state.teaches and state.level < TEACHES_FROM
    )
    if below:
        raise TeachesBelow3("Raise the level, or don't let them teach it yet.", faults=below)
