"""Read teams. Everybody may see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import team
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row

SORTS = {"created_at": team.c.created_at, "updated_at": team.c.updated_at, "name": team.c.name}


@dataclass(frozen=True, slots=True)
class TeamFilter:
    """Which teams: all that is given is required."""

    q: str | None = None
    updated_at_gte: datetime | None = None


def team_by_id(db: DbSession, team_id: str) -> Any:
    """Return one team's row. Raises NotFound."""
    return first_row(db, select(team).where(team.c.id == team_id))


def id_by_name(db: DbSession, name: str) -> str | None:
    """Return the id of the team with exactly this name."""
    found: str | None = db.execute(select(team.c.id).where(team.c.name == name)).scalar()
    return found


def list_teams(db: DbSession, wanted: TeamFilter, page: PageRequest, *, sort: str, descending: bool) -> PageOf[Any]:
    """Return a page of teams. One statement."""
    column = SORTS[sort]
    query = select(team)
    if wanted.q:
        query = query.where(team.c.name.icontains(wanted.q, autoescape=True))
    if wanted.updated_at_gte:
        query = query.where(team.c.updated_at >= wanted.updated_at_gte)
    return fetch(db, query, page, Order(column, team.c.id, descending))
