"""Read accounts. Everybody may see them: an observer knows whose call it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import account
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row

SORTS = {"created_at": account.c.created_at, "updated_at": account.c.updated_at, "name": account.c.name}


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts: segments are alternatives, fields are all required."""

    segment: tuple[str, ...] = ()
    q: str | None = None
    updated_at_gte: datetime | None = None


def account_by_id(db: DbSession, account_id: str) -> Any:
    """Return one account's row. Raises NotFound."""
    return first_row(db, select(account).where(account.c.id == account_id))


def list_accounts(
    db: DbSession, wanted: AccountFilter, page: PageRequest, *, sort: str, descending: bool
) -> PageOf[Any]:
    """Return a page of accounts. One statement."""
    column = SORTS[sort]
    query = select(account)
    if wanted.segment:
        query = query.where(account.c.segment.in_(wanted.segment))
    if wanted.q:
        query = query.where(account.c.name.icontains(wanted.q, autoescape=True))
    if wanted.updated_at_gte:
        query = query.where(account.c.updated_at >= wanted.updated_at_gte)
    return fetch(db, query, page, Order(column, account.c.id, descending))
