"""Read who waits for a seat, in the scope of who asks and in the order in which seats are offered."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, literal, select

from app.db import DbSession
from app.models.tables import call, call_type_skill, seat, session, waitlist_entry
from app.queries import calls, pool
from app.queries.rows import first_row, one_of
from app.queries.scopes import seen
from app.rules.access import Actor
from app.rules.needs import need
from app.vocabulary import IN_LINE, WaitlistStatus

_IN_LINE = one_of(waitlist_entry.c.status, IN_LINE)
"""Goes along with narrower conditions, too: a line is found by an index of those who are in one."""
WAITS = and_(_IN_LINE, waitlist_entry.c.status == WaitlistStatus.WAITING)
"""Who is in line, and has been offered nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands in line for a call, from 1."""

    entry_id: str
    number: int


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
    query = entries(now=now).where(waitlist_entry.c.call_id == call_id, _IN_LINE)
    rows = [row for row in db.execute(query.where(visible(actor))) if row.status in IN_LINE]
    needs = needs_of(db, call_id, [row.person_id for row in rows])
    return sorted(rows, key=lambda row: (row.status is WaitlistStatus.WAITING, *_order(row, needs)))


def waiting(db: DbSession, call_id: str) -> list[Any]:
    """Return who waits for a call without an offer, by need, then time, then id. Four statements."""
    rows = db.execute(select(waitlist_entry).where(waitlist_entry.c.call_id == call_id, WAITS)).all()
    needs = needs_of(db, call_id, [row.person_id for row in rows])
    return sorted(rows, key=lambda row: _order(row, needs))


def places_of(db: DbSession, person_id: str, call_ids: Collection[str]) -> dict[str, Place]:
    """Return by call where somebody who is offered nothing stands in line; absent: they don't wait for it. Three
    statements; one when they wait for none.
    """
    waits = WAITS, waitlist_entry.c.call_id.in_(call_ids)
    theirs = select(waitlist_entry.c.call_id).where(*waits, waitlist_entry.c.person_id == person_id)
    line = select(waitlist_entry, call.c.type).join(call, call.c.id == waitlist_entry.c.call_id)
    rows = db.execute(line.where(*waits, waitlist_entry.c.call_id.in_(theirs))).all()
    if not rows:
        return {}
    shown, found = calls.skills_by_type(db), pool.skills_of(db, {row.person_id for row in rows})
    lines: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        needed = need(found.wants[row.person_id], found.levels[row.person_id], shown.get(row.type, ()))
        lines.setdefault(row.call_id, []).append((*_order(row, {row.person_id: needed}), row.person_id))
    return {
        call_id: Place(one[2], number)
        for call_id, stand in lines.items()
        for number, one in enumerate(sorted(stand), start=1)
        if one[3] == person_id
    }


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
