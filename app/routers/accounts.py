"""Accounts."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.operations import accounts as operations
from app.operations.changes import InUse
from app.operations.external import ExternalIdTaken
from app.queries import accounts, external
from app.routers import batches
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.accounts import (
    AccountRead,
    CreateAccount,
    PatchAccount,
    UpsertAccount,
    UpsertAccounts,
)
from app.schemas.shapes import BatchRead, Listing
from app.vocabulary import ExternalId, Instant, Source

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Route)


@router.get("", operation_id="accounts_list", responses=refusals())
def list_accounts(
    db: ReadDb,
    _actor: CurrentActor,
    page: Page,
    answer: Answer,
    segment: Annotated[list[str], Query()] = [],
    q: Annotated[str | None, Query(max_length=100, description="Part of a name.")] = None,
    updated_at_gte: Annotated[Instant | None, Query()] = None,
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] = "created_at",
) -> Listing[AccountRead]:
    """List the accounts."""
    wanted = accounts.AccountFilter(tuple(segment), q, updated_at_gte)
    found = accounts.list_accounts(db, wanted, page, sort=sort.lstrip("-"), descending=sort.startswith("-"))
    names = external.identities(db, [row.id for row in found.rows])
    data = [AccountRead.of(row, names.get(row.id, [])) for row in found.rows]
    return answer.page(found, data)


@router.post("", status_code=201, operation_id="accounts_create", responses=refusals(Forbidden, ExternalIdTaken))
def create_account(body: CreateAccount, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> AccountRead:
    """Add an account."""
    fields = body.model_dump(exclude={"external"})
    refs = [(ref.source, ref.id) for ref in body.external]
    made = operations.create_account(db, fields=fields, refs=refs, actor=actor, now=now)
    return answer.created(f"/v1/accounts/{made.id}", made.version, _read(db, made))


@router.get("/{account_id}", operation_id="accounts_get", responses=refusals(NotFound))
def get_account(account_id: str, db: ReadDb, _actor: CurrentActor, answer: Answer) -> AccountRead:
    """Read one account."""
    found = accounts.account_by_id(db, account_id)
    return answer.version(found.version, _read(db, found))


@router.patch("/{account_id}", operation_id="accounts_patch", responses=refusals(Forbidden, NotFound, Stale))
def patch_account(
    account_id: str, body: PatchAccount, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> AccountRead:
    """Change an account (JSON Merge Patch): absent keeps, null clears. Upcoming calls follow; taken seats stay."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_account(
        db, account_id=account_id, changes=changes, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, _read(db, found))


@router.delete(
    "/{account_id}",
    status_code=204,
    operation_id="accounts_delete",
    responses=refusals(Forbidden, NotFound, InUse, Stale),
)
def delete_account(account_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Delete an account that no call was with."""
    operations.delete_account(db, account_id=account_id, expected_version=if_match, actor=actor, now=now)


@router.put(
    "/by-external-id/{source}/{external_id:path}",
    operation_id="accounts_upsert",
    responses={201: {"model": AccountRead, "description": "A new account"}, **refusals(Forbidden)},
)
def upsert_account(
    source: Source,
    external_id: ExternalId,
    body: UpsertAccount,
    db: Db,
    now: Now,
    actor: CurrentActor,
    answer: Answer,
) -> AccountRead:
    """Create or change the account that another system calls `external_id`. Safe to repeat and to send late."""
    changes = body.model_dump(exclude_unset=True)
    done = operations.upsert_account(db, source=source, external_id=external_id, changes=changes, actor=actor, now=now)
    if done.status == "created":
        answer.response.status_code = 201
    found = accounts.account_by_id(db, done.id)
    return answer.version(found.version, _read(db, found))


@router.post(
    "/batch-upsert",
    operation_id="accounts_batch_upsert",
    responses={
        207: {"model": BatchRead, "description": "Some items were refused"},
        **refusals(Forbidden, batches.BatchRefused),
    },
)
def batch_upsert_accounts(body: UpsertAccounts, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> BatchRead:
    """Create or change up to 200 accounts, and say of each what happened."""
    return batches.upsert_all(
        db,
        body.items,
        atomic=body.atomic,
        lock=partial(operations.lock_for_upserts, db, actor=actor),
        upsert=partial(operations.upsert_account, db, actor=actor, now=now),
        response=answer.response,
    )


def _read(db: DbSession, row: Any) -> AccountRead:
    return AccountRead.of(row, external.identities(db, [row.id]).get(row.id, []))
