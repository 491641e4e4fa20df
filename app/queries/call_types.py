"""Read the types that calls fall into, with the skills they show. Everybody may see them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import call_type, call_type_skill
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row


def call_type_by_slug(db: DbSession, slug: str) -> Any:
    """Return one call type's row. Raises NotFound."""
    return first_row(db, select(call_type).where(call_type.c.slug == slug))


def list_call_types(db: DbSession, page: PageRequest) -> PageOf[Any]:
    """Return a page of call types by slug. One statement."""
    return fetch(db, select(call_type), page, Order(call_type.c.slug, call_type.c.slug))


def skills_of(db: DbSession, slugs: Iterable[str]) -> dict[str, list[str]]:
    """Return the skills that calls of each type show, sorted; absent when they show none. One statement."""
    found: dict[str, list[str]] = {}
    rows = db.execute(
        select(call_type_skill.c.call_type, call_type_skill.c.skill).where(call_type_skill.c.call_type.in_(list(slugs)))
    )
    for row in sorted(rows):
        found.setdefault(row.call_type, []).append(row.skill)
    return found
