"""API keys: everybody has their own, and admins have all in hand."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import Forbidden, NotFound, Stale
from app.operations import api_keys as operations
from app.operations.changes import UnknownReference
from app.queries import api_keys
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.api_keys import ApiKeyIssued, ApiKeyRead, CreateApiKey, PatchApiKey, RotateApiKey
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1/api-keys", tags=["access"], route_class=Route)


@router.get("", operation_id="api_keys_list", responses=refusals())
def list_api_keys(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    person_id: Annotated[str | None, Query(max_length=48, description="Those that act as them.")] = None,
) -> Listing[ApiKeyRead]:
    """List your API keys; an admin and an auditor see everybody's. What they hold is not shown again."""
    found = api_keys.list_keys(db, page, person_id=person_id, actor=actor)
    return answer.page(found, [ApiKeyRead.model_validate(row) for row in found.rows])


@router.post("", status_code=201, operation_id="api_keys_create", responses=refusals(Forbidden, UnknownReference))
def create_api_key(body: CreateApiKey, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> ApiKeyIssued:
    """Make an API key. What it holds is shown only now.

    You make keys for yourself, narrowed by scopes if you like; an admin makes them for anybody, and for programs.
    """
    made = operations.issue_api_key(db, **dict(body), actor=actor, now=now)
    return answer.created(f"/v1/api-keys/{made.key.id}", made.key.version, _issued(made))


@router.get("/{key_id}", operation_id="api_keys_get", responses=refusals(NotFound))
def get_api_key(key_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> ApiKeyRead:
    """Read one API key, without what it holds."""
    found = api_keys.key_by_id(db, key_id, actor=actor)
    return answer.version(found.version, ApiKeyRead.model_validate(found), shows=_moment(found.last_used_at))


@router.patch(
    "/{key_id}",
    operation_id="api_keys_patch",
    responses=refusals(Forbidden, NotFound, Stale, operations.KeyRevoked),
)
def patch_api_key(
    key_id: str, body: PatchApiKey, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> ApiKeyRead:
    """Change an API key's name, scopes, expiry or rate (JSON Merge Patch): absent keeps, null clears."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_api_key(
        db, key_id=key_id, changes=changes, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, ApiKeyRead.model_validate(found))


@router.post(
    "/{key_id}/rotate",
    operation_id="api_keys_rotate",
    responses=refusals(Forbidden, NotFound, Stale, operations.KeyRevoked),
)
def rotate_api_key(
    key_id: str, body: RotateApiKey, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> ApiKeyIssued:
    """Give an API key something else to hold, shown only now. What it held before works for `overlap_hours` more."""
    overlap = timedelta(hours=body.overlap_hours)
    made = operations.rotate_api_key(
        db, key_id=key_id, overlap=overlap, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(made.key.version, _issued(made))


@router.post("/{key_id}/revoke", operation_id="api_keys_revoke", responses=refusals(Forbidden, NotFound, Stale))
def revoke_api_key(key_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> ApiKeyRead:
    """End an API key at once and for good."""
    found = operations.revoke_api_key(db, key_id=key_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, ApiKeyRead.model_validate(found))


def _issued(made: operations.Issued) -> ApiKeyIssued:
    return ApiKeyIssued.of(made.key, secret=made.secret)


def _moment(last_used_at: datetime | None) -> str:
    return f"{last_used_at.timestamp():.0f}" if last_used_at else ""
