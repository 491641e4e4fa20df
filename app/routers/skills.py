"""Skills."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import Forbidden, NotFound, Stale
from app.operations import skills as operations
from app.operations.changes import InUse, SlugTaken
from app.queries import skills
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.shapes import Listing
from app.schemas.skills import CreateSkill, PatchSkill, SkillRead

router = APIRouter(prefix="/v1/skills", tags=["skills"], route_class=Route)


@router.get("", operation_id="skills_list", responses=refusals())
def list_skills(
    db: ReadDb,
    _actor: CurrentActor,
    page: Page,
    answer: Answer,
    group: Annotated[list[str], Query(description="The part of the slug before the first dot.")] = [],
) -> Listing[SkillRead]:
    """List the skills by slug."""
    found = skills.list_skills(db, group, page)
    data = [SkillRead.of(row) for row in found.rows]
    return answer.page(found, data)


@router.post("", status_code=201, operation_id="skills_create", responses=refusals(Forbidden, SlugTaken))
def create_skill(body: CreateSkill, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> SkillRead:
    """Add a skill. Its slug is for life."""
    made = operations.create_skill(db, slug=body.slug, name=body.name, actor=actor, now=now)
    return answer.created(f"/v1/skills/{made.slug}", made.version, SkillRead.of(made))


@router.get("/{slug}", operation_id="skills_get", responses=refusals(NotFound))
def get_skill(slug: str, db: ReadDb, _actor: CurrentActor, answer: Answer) -> SkillRead:
    """Read one skill."""
    found = skills.skill_by_slug(db, slug)
    return answer.version(found.version, SkillRead.of(found))


@router.patch("/{slug}", operation_id="skills_patch", responses=refusals(Forbidden, NotFound, Stale))
def patch_skill(
    slug: str, body: PatchSkill, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SkillRead:
    """Change a skill (JSON Merge Patch): absent keeps."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_skill(db, slug=slug, changes=changes, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, SkillRead.of(found))


@router.delete(
    "/{slug}", status_code=204, operation_id="skills_delete", responses=refusals(Forbidden, NotFound, InUse, Stale)
)
def delete_skill(slug: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Delete a skill that no call type and no person ever used."""
    operations.delete_skill(db, slug=slug, expected_version=if_match, actor=actor, now=now)
