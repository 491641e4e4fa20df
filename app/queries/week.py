"""Read what the week page shows: who sits in where, and the open seats. Columns only, in the scope of who looks."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, null, select

from app.db import DbSession
from app.models.tables import account, call, call_type, person, seat
from app.queries import busy, joinable, seats
from app.rules.access import Actor, runs_the_house
from app.vocabulary import LIVE_SEATS

_observer = person.alias("observer")


def first_session_at(db: DbSession, *, actor: Actor, now: datetime) -> datetime | None:
    """Return the start of the first session still to come, or on now, that the actor may see. One statement."""
    query = select(func.min(call.c.starts_at)).select_from(seat).join(call, call.c.id == seat.c.call_id)
    found: datetime | None = db.execute(
        query.where(seat.c.status.in_(LIVE_SEATS), call.c.ends_at > now, seats.visible(actor))
    ).scalar_one()
    return found


def taken_seats(db: DbSession, starts_at: datetime, ends_at: datetime, *, actor: Actor, limit: int) -> list[Any]:
    """Return the seats on calls that start in [starts_at, ends_at) and that the actor may see, by time, call and
    number. At most `limit`. One statement.
    """
    query = _calls(seat.c.observer_id, _observer.c.name.label("observer_name"), seat.c.status.label("seat_status"))
    query = query.join(seat, seat.c.call_id == call.c.id).join(_observer, _observer.c.id == seat.c.observer_id)
    query = query.where(
        seat.c.status.in_(busy.LOADING),
        call.c.starts_at >= starts_at,
        call.c.starts_at < ends_at,
        seats.visible(actor),
    )
    return list(db.execute(query.order_by(call.c.starts_at, call.c.id, seat.c.seat_no).limit(limit)))


def open_calls(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, actor: Actor, observer: Any, now: datetime, limit: int
) -> list[Any]:
    """Return the next calls in [starts_at, ends_at) with a seat that the observer, a row of `person`, could take now;
    for an admin, who seats others, all that have one. By time, at most `limit`. A constant number of statements.
    """
    starts_at = max(starts_at, now)
    if starts_at >= ends_at:
        return []
    if runs_the_house(actor):
        which = and_(call.c.starts_at >= starts_at, call.c.starts_at < ends_at, *joinable.open_now(db, now=now))
    else:
        which = call.c.id.in_(joinable.joinable_ids(db, starts_at, ends_at, observer=observer, now=now, limit=limit))
    query = _calls(null().label("observer_id")).where(which)
    return list(db.execute(query.order_by(call.c.starts_at, call.c.id).limit(limit)))


def _calls(*more: ColumnElement[Any]) -> Select[Any]:
    """Return the query of calls with what may be shown: company and type, never a title or a contact's name."""
    return (
        select(
            call.c.id,
            call.c.starts_at,
            call.c.ends_at,
            call.c.seat_capacity,
            call.c.seats_taken,
            call.c.host_id,
            person.c.name.label("host_name"),
            account.c.name.label("account_name"),
            call_type.c.name.label("type_name"),
            *more,
        )
        .select_from(call)
        .join(person, person.c.id == call.c.host_id)
        .join(call_type, call_type.c.slug == call.c.type)
        .outerjoin(account, account.c.id == call.c.account_id)
    )
