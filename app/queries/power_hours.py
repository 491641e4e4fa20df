"""Read power hours, in the scope of who asks: their people see them, who leads one of those, and who sees the house."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, true

from app.db import DbSession
from app.models.tables import person, power_hour, power_hour_part
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.queries.scopes import acted_for
from app.rules import rotation
from app.rules.access import Actor, sees_the_house
from app.rules.rotation import Turn
from app.rules.wording import hours
from app.vocabulary import Part


@dataclass(frozen=True, slots=True)
class PowerHourFilter:
    """Which power hours: values of one field are alternatives, fields are all required."""

    person_id: tuple[str, ...] = ()
    """Hours in which one of them takes part."""
    team_id: tuple[str, ...] = ()
    starts_at_gte: datetime | None = None
    starts_at_lt: datetime | None = None
    ends_at_gte: datetime | None = None


@dataclass(frozen=True, slots=True)
class PowerHourPeople:
    """Who takes part, in the order of the rotation: their ids."""

    hosts: tuple[str, ...] = ()
    observers: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Everybody."""
        return self.hosts + self.observers

    def name(self, person_id: str) -> str:
        """Return the name of somebody who takes part."""
        return (self.names or {})[person_id]


@dataclass(frozen=True, slots=True)
class TurnNow:
    """What somebody does in the power hour in which they are now."""

    power_hour_id: str
    name: str
    is_host: bool
    others: tuple[str, ...]
    """The names of whom they hear, or who hears them; empty: nobody at the moment."""
    until: datetime
    """The end of the turn; of the hour where no turn is on."""


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for power hours that the actor may see."""
    if sees_the_house(actor):
        return true()
    theirs = select(power_hour_part.c.power_hour_id).where(acted_for(actor, power_hour_part.c.person_id))
    return power_hour.c.id.in_(theirs)


def power_hour_by_id(db: DbSession, power_hour_id: str, *, actor: Actor) -> Any:
    """Return one power hour's row. Raises NotFound when absent or not for this actor."""
    return first_row(db, select(power_hour).where(power_hour.c.id == power_hour_id, visible(actor)))


def list_power_hours(
    db: DbSession, wanted: PowerHourFilter, page: PageRequest, *, descending: bool = False, actor: Actor
) -> PageOf[Any]:
    """Return a page of power hours that the actor may see, by when they start. One statement."""
    query = select(power_hour).where(visible(actor), *_conditions(wanted))
    return fetch(db, query, page, Order(power_hour.c.starts_at, power_hour.c.id, descending))


def people_of(db: DbSession, power_hour_ids: Iterable[str]) -> dict[str, PowerHourPeople]:
    """Return who takes part in each of these power hours, with their names. One statement."""
    query = (
        select(power_hour_part, person.c.name.label("person_name"))
        .join(person, person.c.id == power_hour_part.c.person_id)
        .where(power_hour_part.c.power_hour_id.in_(sorted(set(power_hour_ids))))
        .order_by(power_hour_part.c.place, power_hour_part.c.person_id)
    )
    rows: dict[str, list[Any]] = {}
    for row in db.execute(query):
        rows.setdefault(row.power_hour_id, []).append(row)
    return {power_hour_id: _people(found) for power_hour_id, found in rows.items()}


def between(
    db: DbSession, starts_at: datetime, ends_at: datetime, *which: ColumnElement[bool], limit: int
) -> list[tuple[Any, PowerHourPeople]]:
    """Return such power hours that start in [starts_at, ends_at), by time, each with who takes part. At most `limit`.
    One statement.
    """
    those = select(power_hour.c.id).where(power_hour.c.starts_at >= starts_at, power_hour.c.starts_at < ends_at, *which)
    those = those.order_by(power_hour.c.starts_at, power_hour.c.id).limit(limit)
    query = select(power_hour, power_hour_part.c.person_id, power_hour_part.c.part, person.c.name.label("person_name"))
    query = query.join(power_hour_part, power_hour_part.c.power_hour_id == power_hour.c.id)
    query = query.join(person, person.c.id == power_hour_part.c.person_id).where(power_hour.c.id.in_(those))
    by_place = power_hour_part.c.place, power_hour_part.c.person_id
    rows = db.execute(query.order_by(power_hour.c.starts_at, power_hour.c.id, *by_place))
    several = [list(group) for _, group in groupby(rows, key=lambda row: row.id)]
    return [(group[0], _people(group)) for group in several]


def with_people(db: DbSession, power_hour_ids: Collection[str]) -> dict[str, tuple[Any, PowerHourPeople]]:
    """Return these power hours, as far as they stand, each with who takes part. Two statements, none for no hour."""
    if not power_hour_ids:
        return {}
    rows = db.execute(select(power_hour).where(power_hour.c.id.in_(sorted(power_hour_ids)))).all()
    people = people_of(db, power_hour_ids)
    return {row.id: (row, people.get(row.id, PowerHourPeople())) for row in rows}


def turns_of(row: Any, people: PowerHourPeople) -> list[Turn]:
    """Return who listens to whom when in a power hour."""
    return rotation.turns(
        people.hosts,
        people.observers,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        rotation_minutes=row.rotation_minutes,
    )


def turns_in_words(row: Any, people: PowerHourPeople, person_id: str, time_zone: str) -> tuple[str, ...]:
    """Return whom somebody in a power hour hears when, or who hears them, on the clocks of a zone."""
    heard_by: dict[tuple[datetime, datetime], list[str]] = {}
    hearing: list[str] = []
    for turn in turns_of(row, people):
        if turn.host == person_id:
            heard_by.setdefault((turn.starts_at, turn.ends_at), []).append(people.name(turn.observer))
        elif turn.observer == person_id:
            at = hours(turn.starts_at, turn.ends_at, time_zone)
            hearing.append(f"{at} You listen to {people.name(turn.host)}")
    heard = (f"{hours(*at, time_zone)} You are heard by {' and '.join(names)}" for at, names in heard_by.items())
    return (*hearing, *heard)


def turns_now(db: DbSession, person_ids: Collection[str], *, now: datetime) -> dict[str, TurnNow]:
    """Return by person what each does in the power hour in which they are now; absent who is in none. Two statements at
    most.
    """
    found = db.execute(_ON_NOW, {"person_ids": list(person_ids), "now": now}).all()
    people = people_of(db, {row.id for row in found}) if found else {}
    on = {row.id: [one for one in turns_of(row, people[row.id]) if one.starts_at <= now < one.ends_at] for row in found}
    return {row.person_id: _turn(row, people[row.id], on[row.id]) for row in found}


def name_of(db: DbSession, person_id: str) -> str:
    """Return the name of somebody who takes part in a power hour. One statement."""
    found: str = db.execute(select(person.c.name).where(person.c.id == person_id)).scalar_one()
    return found


_ON_NOW = (
    select(power_hour, power_hour_part.c.person_id, power_hour_part.c.part)
    .join(power_hour_part, power_hour_part.c.power_hour_id == power_hour.c.id)
    .where(
        power_hour_part.c.person_id.in_(bindparam("person_ids", expanding=True)),
        power_hour.c.starts_at <= bindparam("now", type_=power_hour.c.starts_at.type),
        power_hour.c.ends_at > bindparam("now", type_=power_hour.c.starts_at.type),
    )
    .order_by(power_hour.c.starts_at, power_hour.c.id)
)


def _turn(row: Any, people: PowerHourPeople, on: Sequence[Turn]) -> TurnNow:
    is_host = row.part is Part.HOST
    if is_host:
        others = [one.observer for one in on if one.host == row.person_id]
    else:
        others = [one.host for one in on if one.observer == row.person_id]
    until = on[0].ends_at if on else row.ends_at
    return TurnNow(row.id, row.name, is_host, tuple(people.name(one) for one in others), until)


def _people(rows: Iterable[Any]) -> PowerHourPeople:
    found = list(rows)
    hosts, observers = (
        tuple(row.person_id for row in found if row.part is part) for part in (Part.HOST, Part.OBSERVER)
    )
    return PowerHourPeople(hosts, observers, {row.person_id: row.person_name for row in found})


def _conditions(wanted: PowerHourFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.person_id:
        taking = select(power_hour_part.c.power_hour_id).where(power_hour_part.c.person_id.in_(wanted.person_id))
        found.append(power_hour.c.id.in_(taking))
    if wanted.team_id:
        found.append(power_hour.c.team_id.in_(wanted.team_id))
    if wanted.starts_at_gte is not None:
        found.append(power_hour.c.starts_at >= wanted.starts_at_gte)
    if wanted.starts_at_lt is not None:
        found.append(power_hour.c.starts_at < wanted.starts_at_lt)
    if wanted.ends_at_gte is not None:
        found.append(power_hour.c.ends_at >= wanted.ends_at_gte)
    return found
