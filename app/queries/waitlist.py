"""Read who waits for a seat, in the scope of who asks and in the order in which seats are offered."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, literal, select

from app.db import DbSession
from app.models.tables import call, call_type_skill, seat, session, waitlist_entry
from app.queries import pool
from app.queries.rows import first_row
from app.queries.scopes import seen
from app.rules.access import Actor
from app.rules.needs import need
from app.vocabulary import IN_LINE, WaitlistStatus


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the places in line this actor may see: their own, and all for the calls they host; who
    leads somebody sees theirs.
    """
    return seen(actor, waitlist_entry.c.person_id, call.c.host_id)


def entry_by_id(db: DbSession, entry_id: str, *, actor: Actor, now: datetime) -> Any:
    """Return one place in line with its call's host and when its offer expires: `lapsed` from then on, whoever writes
    that down later. Raises NotFound.
    """
    return first_row(db, entries(now=now).where(waitlist_entry.c.id == entry_id, visible(actor)))


def line_of(db: DbSession, call_id: str, *, actor: Actor, now: datetime) -> list[Any]:
    """Return the places in line for a call that the actor may see, by need, then time, then id: who has an offer
    first. Four statements.
    """
    query = entries(now=now).where(waitlist_entry.c.call_id == call_id, waitlist_entry.c.status.in_(IN_LINE))
    rows = [row for row in db.execute(query.where(visible(actor))) if row.status in IN_LINE]
    needs = needs_of(db, call_id, [row.person_id for row in rows])
    return sorted(rows, key=lambda row: (row.status is WaitlistStatus.WAITING, *_order(row, needs)))


def waiting(db: DbSession, call_id: str) -> list[Any]:
    """Return who waits for a call without an offer, by need, then time, then id. Four statements."""
    rows = db.execute(
        select(waitlist_entry).where(
            waitlist_entry.c.call_id == call_id, waitlist_entry.c.status == WaitlistStatus.WAITING
        )
    ).all()
    needs = needs_of(db, call_id, [row.person_id for row in rows])
    return sorted(rows, key=lambda row: _order(row, needs))


def needs_of(db: DbSession, call_id: str, person_ids: Iterable[str]) -> dict[str, int]:
    """Return how much each of these people needs to hear this call. Three statements; none for nobody."""
    wanted = list(person_ids)
    if not wanted:
        return {}
    query = select(call_type_skill.c.skill).join(call, call.c.type == call_type_skill.c.call_type)
    skills = db.execute(query.where(call.c.id == call_id)).scalars().all()
    found = pool.skills_of(db, wanted)
    return {who: need(found.wants.get(who, {}), found.levels.get(who, {}), skills) for who in wanted}


def _order(row: Any, needs: dict[str, int]) -> tuple[Any, ...]:
    return -needs[row.person_id], row.created_at, row.id


def entries(*, now: datetime) -> Select[Any]:
    """Return the query of all places in line. What they were offered ends when its session expires."""
    lapsed = and_(waitlist_entry.c.status == WaitlistStatus.OFFERED, session.c.expires_at <= now)
    status = case((lapsed, literal(WaitlistStatus.LAPSED, waitlist_entry.c.status.type)), else_=waitlist_entry.c.status)
    columns = [column for column in waitlist_entry.c if column is not waitlist_entry.c.status]
    return (
        select(*columns, status.label("status"), call.c.host_id, session.c.expires_at.label("offered_until"))
        .join(call, call.c.id == waitlist_entry.c.call_id)
        .outerjoin(seat, seat.c.id == waitlist_entry.c.seat_id)
        .outerjoin(session, session.c.id == seat.c.session_id)
    )
