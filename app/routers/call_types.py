"""Call types."""

from typing import Any

from fastapi import APIRouter

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.operations import call_types as operations
from app.operations.changes import InUse, SlugTaken, UnknownReference
from app.queries import call_types
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.call_types import CallTypeRead, CreateCallType, PatchCallType
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1/call-types", tags=["call types"], route_class=Route)


@router.get("", operation_id="call_types_list", responses=refusals())
def list_call_types(db: ReadDb, _actor: CurrentActor, page: Page, answer: Answer) -> Listing[CallTypeRead]:
    """List the call types by slug."""
    found = call_types.list_call_types(db, page)
    skills = call_types.skills_of(db, [row.slug for row in found.rows])
    data = [CallTypeRead.of(row, skills.get(row.slug, [])) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "", status_code=201, operation_id="call_types_create", responses=refusals(Forbidden, SlugTaken, UnknownReference)
)
def create_call_type(body: CreateCallType, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> CallTypeRead:
    """Add a call type. Its slug is for life."""
    fields = body.model_dump(exclude={"skills"})
    made = operations.create_call_type(db, fields=fields, skills=body.skills, actor=actor, now=now)
    return answer.created(f"/v1/call-types/{made.slug}", made.version, _read(db, made))


@router.get("/{slug}", operation_id="call_types_get", responses=refusals(NotFound))
def get_call_type(slug: str, db: ReadDb, _actor: CurrentActor, answer: Answer) -> CallTypeRead:
    """Read one call type."""
    found = call_types.call_type_by_slug(db, slug)
    return answer.version(found.version, _read(db, found))


@router.patch(
    "/{slug}",
    operation_id="call_types_patch",
    responses=refusals(Forbidden, NotFound, Stale, UnknownReference),
)
def patch_call_type(
    slug: str, body: PatchCallType, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> CallTypeRead:
    """Change a call type (JSON Merge Patch): absent keeps, a list replaces the list."""
    changes = body.model_dump(exclude_unset=True)
    skills = changes.pop("skills", None)
    found = operations.patch_call_type(
        db, slug=slug, changes=changes, skills=skills, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, _read(db, found))


@router.delete(
    "/{slug}", status_code=204, operation_id="call_types_delete", responses=refusals(Forbidden, NotFound, InUse, Stale)
)
def delete_call_type(slug: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Delete a call type that no call is of."""
    operations.delete_call_type(db, slug=slug, expected_version=if_match, actor=actor, now=now)


def _read(db: DbSession, row: Any) -> CallTypeRead:
    return CallTypeRead.of(row, call_types.skills_of(db, [row.slug]).get(row.slug, []))
