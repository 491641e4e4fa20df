"""What people can do and want to hear."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import Forbidden, NotFound, Stale
from app.operations import person_skills as operations
from app.operations.changes import UnknownReference
from app.queries import person_skills
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, ReadDb, Route
from app.routers.private_reads import private
from app.routers.problems import refusals
from app.rules.skills import SkillState
from app.schemas.person_skills import PersonSkillsRead, SetSkills
from app.vocabulary import Instant

router = APIRouter(
    prefix="/v1/people/{person_id}/skills", tags=["skills"], route_class=Route, dependencies=[private("skills")]
)


@router.get("", operation_id="person_skills_get", responses=refusals(NotFound))
def get_skills(
    person_id: str,
    db: ReadDb,
    actor: CurrentActor,
    answer: Answer,
    as_of: Annotated[Instant | None, Query(description="Levels as they were at this instant.")] = None,
) -> PersonSkillsRead:
    """Read a person's skills: your own, those of people you mentor or manage, or anybody's as an admin."""
    found, _ = person_skills.person_with_skills(db, person_id, actor=actor)
    if as_of is not None:
        levels = person_skills.levels_at(db, person_id, as_of)
        return answer.version(found.version, PersonSkillsRead.then(found, levels, as_of=as_of))
    return answer.version(found.version, PersonSkillsRead.of(found, person_skills.skills_now(db, person_id)))


@router.put(
    "",
    operation_id="person_skills_put",
    responses=refusals(Forbidden, NotFound, Stale, UnknownReference, operations.TeachesBelow3),
)
def put_skills(
    person_id: str, body: SetSkills, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PersonSkillsRead:
    """Replace a person's skills. Every level that changes is kept in the history with who stated it and as what.

    Mentors and managers state levels; what somebody wants and teaches is theirs to say.
    """
    skills = {entry.slug: SkillState(entry.level, entry.wants, entry.teaches) for entry in body.skills}
    operations.set_skills(db, person_id=person_id, skills=skills, expected_version=if_match, actor=actor, now=now)
    found, _ = person_skills.person_with_skills(db, person_id, actor=actor)
    return answer.version(found.version, PersonSkillsRead.of(found, person_skills.skills_now(db, person_id)))
