"""Read what a page shows of plans: their seats with names, what is booked by now, and for whom somebody may plan."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, func, select

from app.db import DbSession
from app.models.tables import account, call, call_type, person, plan_seat, seat, skill, team
from app.queries.calls import visible
from app.queries.rows import in_parts
from app.queries.runs import teams_led
from app.rules.access import Actor, runs_the_house
from app.vocabulary import LIVE_SEATS, SeatStatus

_CALL = (
    call.c.id.label("call_id"),
    call.c.starts_at,
    call.c.ends_at,
    call.c.host_id,
    person.c.name.label("host_name"),
    account.c.name.label("account_name"),
    call_type.c.name.label("type_name"),
)


def planned_calls(db: DbSession, call_ids: Collection[str], *, actor: Actor) -> dict[str, Row[Any]]:
    """Return when these calls are, with the names of host, account and type, by id, and whether each `is_visible` to
    this actor. One statement for each thousand.
    """
    query = select(*_CALL, visible(actor).label("is_visible"))
    query = query.join(person, person.c.id == call.c.host_id).join(call_type, call_type.c.slug == call.c.type)
    query = query.outerjoin(account, account.c.id == call.c.account_id)
    rows = [row for part in in_parts(call_ids) for row in db.execute(query.where(call.c.id.in_(part)))]
    return {row.call_id: row for row in rows}


def seats_booked(db: DbSession, run: Any) -> dict[str, int]:
    """Return how many seats each person has on calls that start in the range of a plan, whoever booked them; who has
    none is left out. One statement.
    """
    query = select(seat.c.observer_id, func.count().label("seats")).join(call, call.c.id == seat.c.call_id)
    query = query.where(seat.c.status.in_(LIVE_SEATS), call.c.starts_at >= run.from_at, call.c.starts_at < run.to_at)
    return {row.observer_id: row.seats for row in db.execute(query.group_by(seat.c.observer_id))}


def seat_states(db: DbSession, seat_ids: Collection[str]) -> dict[str, SeatStatus]:
    """Return what has become of these seats by now. One statement for each thousand."""
    query = select(seat.c.id, seat.c.status)
    return {row.id: row.status for part in in_parts(seat_ids) for row in db.execute(query.where(seat.c.id.in_(part)))}


def seats_planned(db: DbSession, run_ids: Collection[str]) -> dict[str, int]:
    """Return how many seats each of these plans has; one without any is left out. One statement."""
    query = select(plan_seat.c.run_id, func.count().label("seats")).where(plan_seat.c.run_id.in_(run_ids))
    return {row.run_id: row.seats for row in db.execute(query.group_by(plan_seat.c.run_id))}


def need_names(db: DbSession) -> dict[str, str]:
    """Return how the types of calls and the skills are called that somebody may yet have to hear. Two statements."""
    tables = call_type, skill
    return {row.slug: row.name for table in tables for row in db.execute(select(table.c.slug, table.c.name))}


def teams_to_plan(db: DbSession, *, actor: Actor) -> list[Row[Any]]:
    """Return (id, name) of the teams for which the actor may plan: every one of who runs a program, and those in which
    all report to them. One statement.
    """
    query = select(team.c.id, team.c.name).order_by(team.c.name, team.c.id)
    if not (runs_the_house(actor) or actor.programs):
        query = query.where(team.c.id.in_(teams_led(actor)))
    return list(db.execute(query))
