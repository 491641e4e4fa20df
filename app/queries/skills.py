"""Read the skills that people can have. Everybody may see them."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import or_, select

from app.db import DbSession
from app.models.tables import skill
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row


def skill_by_slug(db: DbSession, slug: str) -> Any:
    """Return one skill's row. Raises NotFound."""
    return first_row(db, select(skill).where(skill.c.slug == slug))


def known_slugs(db: DbSession, slugs: Iterable[str]) -> frozenset[str]:
    """Return those of these slugs that are skills. One statement."""
    return frozenset(db.execute(select(skill.c.slug).where(skill.c.slug.in_(sorted(set(slugs))))).scalars())


def list_skills(db: DbSession, groups: Sequence[str], page: PageRequest) -> PageOf[Any]:
    """Return a page of skills by slug, of these groups (what is before the first dot) if any. One statement."""
    query = select(skill)
    if groups:
        within = (or_(skill.c.slug == group, skill.c.slug.startswith(f"{group}.", autoescape=True)) for group in groups)
        query = query.where(or_(*within))
    return fetch(db, query, page, Order(skill.c.slug, skill.c.slug))
