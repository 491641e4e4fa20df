"""Change what people can do, want to hear and teach; say who stated each level, and never forget it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, update

from app import ids
from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid, NotFound
from app.models import Person
from app.models.tables import person, person_skill, skill_assessment
from app.operations.changes import check_admin, check_version
from app.operations.events import tell, tell_many
from app.operations.skills import check_skills
from app.queries import person_skills
from app.queries.access import check_acts
from app.queries.rows import in_parts, row_for_update
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
        check_acts(actor)
        raise NotFound
    found = row_for_update(db, Person, person_id)
    check_version(found, expected_version)
    check_teaching(skills)
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
    if stated:
        _state(db, person_id, stated, said_as=said_as, actor=actor, now=now)
    found.version += 1
    found.updated_at = now
    db.flush()
    tell(db, "skills.changed", person_id, version=found.version, actor=actor, now=now, object_type="person")


def set_first_skills(
    db: DbSession, several: Mapping[str, Mapping[str, SkillState]], *, actor: Actor, now: datetime
) -> None:
    """State the skills of people, by id, who were added in this transaction: nothing was said of them before. Who adds
    people speaks as an admin. Refused as `set_skills` is. Six statements for all, and one per thousand.
    """
    check_admin(actor)
    several = {who: skills for who, skills in several.items() if skills}
    for skills in several.values():
        check_teaching(skills)
    check_skills(db, list(dict.fromkeys(slug for skills in several.values() for slug in skills)), pointer="/skills")
    stand = [
        {"person_id": who, "skill": slug, "level": at.level, "wants": at.wants, "teaches": at.teaches}
        for who, skills in several.items()
        for slug, at in skills.items()
    ]
    if not stand:
        return
    db.execute(insert(person_skill), stand)
    stated = [(who, slug, at.level) for who, skills in several.items() for slug, at in sorted(skills.items())]
    _write_statements(db, [one for one in stated if one[2]], said_as="admin", set_at=now, actor=actor, now=now)
    for part in in_parts(several):
        db.execute(update(person).where(person.c.id.in_(part)).values(version=person.c.version + 1, updated_at=now))
    second = [(who, 2) for who in several]
    tell_many(db, "skills.changed", second, actor=actor, now=now, object_type="person")


def check_teaching(skills: Mapping[str, SkillState]) -> None:
    """Raise TeachesBelow3, pointing at each skill by its place, when somebody would teach what they can't yet."""
    below = tuple(
        Fault(f"/skills/{index}/teaches", TeachesBelow3.code, f"needs level {TEACHES_FROM} or 4")
        for index, state in enumerate(skills.values())
        if state.teaches and state.level < TEACHES_FROM
    )
    if below:
        raise TeachesBelow3("Raise the level, or don't let them teach it yet.", faults=below)


def _state(
    db: DbSession, person_id: str, stated: list[tuple[str, int]], *, said_as: str, actor: Actor, now: datetime
) -> None:
    # `now` was read before the lock: one who waited for it speaks after the one who had it, whatever their clocks say.
    last = person_skills.last_stated_at(db, person_id)
    set_at = now if last is None or last < now else last + timedelta(microseconds=1)
    about_them = [(person_id, slug, level) for slug, level in stated]
    _write_statements(db, about_them, said_as=said_as, set_at=set_at, actor=actor, now=now)


def _write_statements(
    db: DbSession,
    stated: Sequence[tuple[str, str, int]],
    *,
    said_as: str,
    set_at: datetime,
    actor: Actor,
    now: datetime,
) -> None:
    """Write down who said which level of whom: (person, skill, level)."""
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
        for person_id, slug, level in stated
    ]
    if rows:
        db.execute(insert(skill_assessment), rows)
