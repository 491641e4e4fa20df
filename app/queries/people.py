"""Read people, in the scope of who asks."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, case, cast, func, or_, select, true

from app.db import DbSession
from app.models.tables import person, person_skill, team
from app.queries.busy import LIMITS
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.queries.scopes import acted_for, seen
from app.rules.access import Actor, runs_the_house, sees_the_house
from app.vocabulary import PersonStatus, Role

_FOR_UPDATE = (
    select(person)
    .where(person.c.id.in_(bindparam("person_ids", expanding=True)))
    .order_by(person.c.id)
    .with_for_update(key_share=True)
)
_TO_SIT = _FOR_UPDATE.with_only_columns(person.c.status, *LIMITS)
SORTS = {"created_at": person.c.created_at, "updated_at": person.c.updated_at, "name": person.c.name}


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people: values of one field are alternatives, fields are all required."""

    team_id: tuple[str, ...] = ()
    manager_id: tuple[str, ...] = ()
    role: tuple[Role, ...] = ()
    status: tuple[PersonStatus, ...] = ()
    skill: tuple[str, ...] = ()
    """People at level 3 or more in one of these: those who may host observers for it. Levels are private: of those
    whose levels they may not see, an actor finds who says that they teach it."""
    q: str | None = None
    updated_at_gte: datetime | None = None
    wants: tuple[str, ...] = ()
    """People who want to learn one of these skills, of those whose wishes the actor may see."""


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the people this actor may see: colleagues who are here, themselves and who reports to
    them.
    """
    if sees_the_house(actor):
        return true()
    return or_(person.c.status != PersonStatus.LEFT, acted_for(actor, person.c.id))


def person_by_id(db: DbSession, person_id: str, *, actor: Actor) -> Any:
    """Return one person's row. Raises NotFound when absent or not for this actor."""
    return first_row(db, select(person).where(person.c.id == person_id, visible(actor)))


def lock_people(db: DbSession, person_ids: Iterable[str]) -> dict[str, Any]:
    """Lock people in the order of their ids, so that no two transactions wait for each other; return their rows."""
    rows = db.execute(_FOR_UPDATE, {"person_ids": sorted(set(person_ids))})
    return {row.id: row for row in rows}


def people_to_sit(db: DbSession, person_ids: Iterable[str]) -> dict[str, Any]:
    """Lock people as `lock_people` does, but return only what decides about seats: each column has its price."""
    rows = db.execute(_TO_SIT, {"person_ids": sorted(set(person_ids))})
    return {row.id: row for row in rows}


def list_people(
    db: DbSession, wanted: PeopleFilter, page: PageRequest, *, sort: str, descending: bool, actor: Actor
) -> PageOf[Any]:
    """Return a page of people whom the actor may see. One statement."""
    column = SORTS[sort]
    query = _filtered(select(person), wanted, actor)
    return fetch(db, query.where(visible(actor)), page, Order(column, person.c.id, descending))


def people_acted_for(
    db: DbSession,
    *,
    q: str = "",
    team_id: str | None = None,
    only: Collection[str] | None = None,
    first_team_id: str | None = None,
    at_most: int,
    actor: Actor,
) -> list[Any]:
    """Return the id, name and team of people who are here for whom the actor may act, those of one team first where it
    is given, by name. One statement.
    """
    query = select(person.c.id, person.c.name, person.c.team_id).where(*_here_for(actor))
    if q:
        query = query.where(_called(q))
    if team_id is not None:
        query = query.where(person.c.team_id == team_id)
    if only is not None:
        query = query.where(person.c.id.in_(sorted(only)))
    if first_team_id is not None:
        query = query.order_by(case((person.c.team_id == first_team_id, 0), else_=1))
    return list(db.execute(query.order_by(person.c.name, person.c.id).limit(at_most)))


def teams_acted_for(db: DbSession, *, actor: Actor) -> list[tuple[str, str]]:
    """Return id and name of the teams in which there is somebody for whom the actor may act, by name. One statement."""
    theirs = select(person.c.team_id).where(*_here_for(actor))
    query = select(team.c.id, team.c.name).where(team.c.id.in_(theirs)).order_by(team.c.name, team.c.id)
    return [(row.id, row.name) for row in db.execute(query)]


def _here_for(actor: Actor) -> list[ColumnElement[bool]]:
    """Return the conditions for people who are here for whom the actor may act."""
    scope = [] if runs_the_house(actor) else [acted_for(actor, person.c.id)]
    return [person.c.status == PersonStatus.ACTIVE, *scope]


def ids_by_email(db: DbSession, emails: Iterable[str]) -> dict[str, str]:
    """Return the id of the person behind each of these addresses (lower case); absent when nobody has it."""
    rows = db.execute(select(person.c.email, person.c.id).where(person.c.email.in_(sorted(set(emails)))))
    return {row.email: row.id for row in rows}


def managers_of(db: DbSession, person_id: str) -> frozenset[str]:
    """Return somebody's managers, upward to the top. One statement, which reads no other line."""
    line = select(person.c.manager_id).where(person.c.id == person_id).cte("line", recursive=True)
    line = line.union(select(person.c.manager_id).where(person.c.id == line.c.manager_id))
    return frozenset(db.execute(select(line.c.manager_id).where(line.c.manager_id.is_not(None))).scalars())


def reporting_lines(db: DbSession) -> dict[str, frozenset[str]]:
    """Return everybody's managers, upward to the top. One statement."""
    manager = {row.id: row.manager_id for row in db.execute(select(person.c.id, person.c.manager_id))}
    return {who: frozenset(_upward(who, manager)) for who in manager}


def _upward(who: str, manager: dict[str, str | None]) -> Iterable[str]:
    above = manager[who]
    while above is not None:
        yield above
        above = manager[above]


def _filtered(query: Select[Any], wanted: PeopleFilter, actor: Actor) -> Select[Any]:
    for column, values in (
        (person.c.team_id, wanted.team_id),
        (person.c.manager_id, wanted.manager_id),
        (person.c.role, wanted.role),
        (person.c.status, wanted.status),
    ):
        if values:
            query = query.where(column.in_(values))
    if wanted.skill:
        able = select(person_skill.c.person_id).where(person_skill.c.skill.in_(wanted.skill), person_skill.c.level >= 3)
        able = able.where(or_(person_skill.c.teaches, seen(actor, person_skill.c.person_id)))
        query = query.where(person.c.id.in_(able))
    if wanted.wants:
        keen = select(person_skill.c.person_id).where(person_skill.c.skill.in_(wanted.wants), person_skill.c.wants > 0)
        query = query.where(person.c.id.in_(keen.where(seen(actor, person_skill.c.person_id))))
    if wanted.q:
        query = query.where(_called(wanted.q))
    if wanted.updated_at_gte:
        query = query.where(person.c.updated_at >= wanted.updated_at_gte)
    return query


def _called(q: str) -> ColumnElement[bool]:
    """Return the condition for people in whose name or address this stands."""
    pattern = q.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    text = func.lower(cast(person.c.name, String) + " " + person.c.email)
    return text.like(f"%{pattern}%", escape="\\")
