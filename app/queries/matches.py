"""Read matches, in the scope of who asks."""

from typing import Any

from sqlalchemy import ColumnElement, or_, select, true

from app.db import DbSession
from app.models.tables import match
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, runs_the_house
from app.vocabulary import MatchStatus


def visible_matches(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the matches this actor may see: their own."""
    if runs_the_house(actor):
        return true()
    return or_(match.c.mentee_id == actor.person_id, match.c.mentor_id == actor.person_id)


def match_by_id(db: DbSession, match_id: str, *, actor: Actor) -> Any:
    """Return one match. Raises NotFound when absent or not for this actor."""
    return first_row(db, select(match).where(match.c.id == match_id, visible_matches(actor)))


def list_matches(
    db: DbSession,
    page: PageRequest,
    *,
    status: tuple[MatchStatus, ...],
    mentee_id: tuple[str, ...],
    mentor_id: tuple[str, ...],
    actor: Actor,
) -> PageOf[Any]:
    """Return a page of matches that the actor may see, oldest first. One statement."""
    query = select(match).where(visible_matches(actor))
    for column, values in ((match.c.status, status), (match.c.mentee_id, mentee_id), (match.c.mentor_id, mentor_id)):
        if values:
            query = query.where(column.in_(values))
    return fetch(db, query, page, Order(match.c.id, match.c.id))
