"""Read seats, in the scope of who asks."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, literal, or_, select

from app.db import DbSession
from app.models.tables import call, claim, person, seat, session
from app.queries import busy
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row, is_so, one_of
from app.queries.scopes import seen
from app.rules import seating
from app.rules.access import Actor
from app.rules.seating import Host, Observer, Refusal
from app.vocabulary import LIVE_SEATS, CallStatus, ClaimKind, SeatStatus, SessionKind


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the seats this actor may see: their own, and all on the calls they host; who leads
    somebody sees theirs.
    """
    return seen(actor, seat.c.observer_id, call.c.host_id)


def seat_by_id(db: DbSession, seat_id: str, *, actor: Actor, now: datetime) -> Any:
    """Return one seat's row with its call's host. Raises NotFound when absent or not for this actor."""
    return first_row(db, seats_with_hosts(now=now).where(seat.c.id == seat_id, visible(actor)))


def seats_with_hosts(*, now: datetime) -> Select[Any]:
    """Return the query of all seats with their calls' hosts: `expired` once nobody confirmed one in time, whoever
    writes that down later.
    """
    over = and_(seat.c.status == SeatStatus.REQUESTED, session.c.expires_at <= now)
    status = case((over, literal(SeatStatus.EXPIRED, seat.c.status.type)), else_=seat.c.status).label("status")
    columns = [column for column in seat.c if column is not seat.c.status]
    query = select(*columns, status, call.c.host_id).join(call, call.c.id == seat.c.call_id)
    return query.join(session, session.c.id == seat.c.session_id)


def seats_of_call(db: DbSession, call_id: str, page: PageRequest, *, actor: Actor, now: datetime) -> PageOf[Any]:
    """Return a page of the live seats of a call that the actor may see, by number; without those that nobody confirmed
    in time. One statement.
    """
    query = select(seat).join(call, call.c.id == seat.c.call_id).join(session, session.c.id == seat.c.session_id)
    query = query.where(or_(session.c.expires_at.is_(None), session.c.expires_at > now))
    query = query.where(seat.c.call_id == call_id, one_of(seat.c.status, LIVE_SEATS), visible(actor))
    return fetch(db, query, page, Order(seat.c.seat_no, seat.c.id))


def named_seats(db: DbSession, call_id: str, *, actor: Actor) -> list[Any]:
    """Return the seats of a call that the actor may see, held now or used, with the observers' names; by number. One
    statement.
    """
    query = select(*seat.c, person.c.name.label("observer_name")).join(call, call.c.id == seat.c.call_id)
    query = query.join(person, person.c.id == seat.c.observer_id)
    query = query.where(seat.c.call_id == call_id, seat.c.status.in_(busy.LOADING), visible(actor))
    return list(db.execute(query.order_by(seat.c.seat_no, seat.c.id)))


def awaiting_host(db: DbSession, session_ids: Collection[str], *, now: datetime) -> set[str]:
    """Return those of these sessions whose seats the host has yet to approve: they are neither held nor offered, nor is
    it too late. One statement; none for none.
    """
    if not session_ids:
        return set()
    asked = claim.c.session_id.in_(list(session_ids)), claim.c.active, claim.c.kind == ClaimKind.PENDING
    return set(db.execute(select(claim.c.session_id).where(*asked, claim.c.expires_at > now)).scalars())


def facts(
    db: DbSession, call: Any, observers: Collection[Any], host: Any, *, now: datetime
) -> tuple[dict[str, Observer], Host]:
    """Return what the rule must know of people who want to sit in on a call, and of its host, given their rows. Three
    statements, however many there are, and one more where somebody keeps time between calls.
    """
    observing, hosting = busy.loads(db, [*observers, host], call.starts_at, call.ends_at, now=now)
    found = busy.observers(db, observers, call.starts_at, call.ends_at, observing=observing, now=now)
    return found, hosting[host.id]


def refusal(
    db: DbSession, call: Any, observer: Any, host: Any, *, kind: SessionKind = SessionKind.SHADOW, now: datetime
) -> Refusal | None:
    """Why this observer may not take a seat on this call now, given their rows; None when they may. What it says holds
    for as long as their locks do: booking asks under locks, pages without. As many statements as `facts`.
    """
    observers, hosting = facts(db, call, [observer], host, now=now)
    return seating.refusal(call, observers[observer.id], hosting, kind=kind, now=now)


def under_own_calls(db: DbSession, person_ids: Collection[str], *, now: datetime) -> list[Any]:
    """Return the seats of these people, and what is only held for them, at a time at which they host another call:
    person, session and its call, None for time without one; by session. Nothing that is over is in the way of anything.
    One statement.
    """
    own = call.alias("own")
    query = (
        select(claim.c.person_id, claim.c.session_id, session.c.call_id)
        .join(session, session.c.id == claim.c.session_id)
        .join(own, and_(own.c.host_id == claim.c.person_id, own.c.id.is_distinct_from(session.c.call_id)))
        .where(
            claim.c.person_id.in_(person_ids),
            is_so(claim.c.active),
            or_(claim.c.expires_at.is_(None), claim.c.expires_at > now),
            or_(session.c.call_id.is_not(None), claim.c.kind == ClaimKind.HOLD),
            session.c.ends_at > now,
            own.c.status.in_((CallStatus.SCHEDULED, CallStatus.LIVE)),
            own.c.starts_at < claim.c.ends_at,
            own.c.ends_at > claim.c.starts_at,
            own.c.ends_at > now,
        )
        .order_by(claim.c.session_id)
    )
    return list(db.execute(query.distinct()))
