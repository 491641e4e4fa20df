"""Diallers: who may say that calls start and end, and how what they say is read."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.errors import Forbidden, NotFound, Stale
from app.operations import diallers as operations
from app.operations.diallers import IssuedDialler
from app.queries import diallers
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Reply, Route
from app.routers.problems import refusals
from app.schemas.diallers import (
    CreateDiallerConnection,
    DiallerConnectionIssued,
    DiallerConnectionRead,
    PatchDiallerConnection,
)
from app.schemas.shapes import Listing
from app.vocabulary import DiallerStatus

router = APIRouter(prefix="/v1/dialler-connections", tags=["diallers"], route_class=Route)


@router.get("", operation_id="dialler_connections_list", responses=refusals(NotFound))
def list_connections(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    status: Annotated[list[DiallerStatus], Query()] = [],
) -> Listing[DiallerConnectionRead]:
    """List the diallers that say when calls start and end, oldest first."""
    found = diallers.list_connections(db, page, status=tuple(status), actor=actor)
    return answer.page(found, [DiallerConnectionRead.model_validate(row) for row in found.rows])


@router.post("", status_code=201, operation_id="dialler_connections_create", responses=refusals(Forbidden))
def create_connection(
    body: CreateDiallerConnection, db: Db, now: Now, actor: CurrentActor, answer: Answer
) -> DiallerConnectionIssued:
    """Listen to a dialler from now on. The secret by which it signs is shown only now.

    It posts to `/hooks/dialler/{id}`, signed by the Standard Webhooks specification: docs/diallers.md says how.
    """
    made = operations.create_connection(
        db, name=body.name, mapping=body.mapping.model_dump(exclude_none=True), actor=actor, now=now
    )
    return answer.created(f"/v1/dialler-connections/{made.connection.id}", made.connection.version, _issued(made))


@router.get("/{connection_id}", operation_id="dialler_connections_get", responses=refusals(NotFound))
def get_connection(connection_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> DiallerConnectionRead:
    """Read one dialler: how it is read, and how it does. Its secret is not shown again."""
    return _answered(answer, diallers.connection_by_id(db, connection_id, actor=actor))


@router.patch(
    "/{connection_id}", operation_id="dialler_connections_patch", responses=refusals(Forbidden, NotFound, Stale)
)
def patch_connection(
    connection_id: str,
    body: PatchDiallerConnection,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
) -> DiallerConnectionRead:
    """Change a dialler: absent keeps, and a mapping takes the place of the one before as a whole.

    What a paused one says is refused as if it were not there.
    """
    found = operations.patch_connection(
        db,
        connection_id=connection_id,
        changes=body.model_dump(exclude_unset=True, exclude_none=True),
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return _answered(answer, found)


@router.delete(
    "/{connection_id}",
    status_code=204,
    operation_id="dialler_connections_delete",
    responses=refusals(Forbidden, NotFound, Stale),
)
def delete_connection(connection_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Listen to a dialler no longer. The calls that it spoke of stay as they are."""
    operations.delete_connection(db, connection_id=connection_id, expected_version=if_match, actor=actor, now=now)


@router.post(
    "/{connection_id}/rotate-secret",
    operation_id="dialler_connections_rotate_secret",
    responses=refusals(Forbidden, NotFound, Stale),
)
def rotate_secret(
    connection_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> DiallerConnectionIssued:
    """Give a dialler another secret, shown only now. The one before is worth nothing from this moment on."""
    made = operations.rotate_dialler_secret(
        db, connection_id=connection_id, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(made.connection.version, _issued(made), shows=_health(made.connection))


def _issued(made: IssuedDialler) -> DiallerConnectionIssued:
    return DiallerConnectionIssued.of(made.connection, secret=made.secret)


def _answered(answer: Reply, found: Any) -> DiallerConnectionRead:
    return answer.version(found.version, DiallerConnectionRead.model_validate(found), shows=_health(found))


def _health(found: Any) -> str:
    """Tell states of a dialler apart that nobody changed: what it says is no version of it."""
    health = (found.last_heard_at, found.last_error)
    return hashlib.sha256(repr(health).encode()).hexdigest()[:12] if any(health) else ""
