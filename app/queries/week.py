"""Read what the week page shows: who sits in where, and the open seats. Columns only, in the scope of who looks."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, null, or_, select, true

from app.db import DbSession
from app.models.tables import account, call, call_type, installation, person, seat
from app.queries import busy, calls, seats
from app.rules import seating
from app.rules.access import Actor, runs_the_house
from app.rules.availability import Range
from app.rules.seating import Observer
from app.vocabulary import LIVE_SEATS, CallStatus, PersonStatus

_observer = person.alias("observer")
_CANDIDATES = 100
"""Calls to look through for open ones that fit: hosts at their load limit drop out only afterwards."""
_STRETCHES = 200
"""Stretches of free time that one statement asks for: SQLite nests at most 1,000 conditions."""


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
    for an admin, who seats others, all that have one. By time, at most `limit`.

    One statement for an admin; six for anybody else, however many calls there are.
    """
    starts_at = max(starts_at, now)
    if starts_at >= ends_at:
        return []
    if runs_the_house(actor):
        this_week = and_(call.c.starts_at >= starts_at, call.c.starts_at < ends_at)
        return _joinable(db, this_week, actor=actor, now=now)[:limit]
    observing, _ = busy.loads(db, [observer], starts_at, ends_at)
    me = busy.observers(db, [observer], starts_at, ends_at, observing=observing, now=now)[observer.id]
    free = islice(_free_time(me, starts_at, ends_at), _STRETCHES)
    while_free = (and_(call.c.starts_at >= begins, call.c.ends_at <= stops) for begins, stops in free)
    found = _joinable(db, or_(false(), *while_free), actor=actor, now=now)
    hosts = list(busy.people_rows(db, [row.host_id for row in found]).values())
    _, hosting = busy.loads(db, hosts, starts_at, ends_at)
    return [row for row in found if seating.unfit(row, me, hosting[row.host_id]) is None][:limit]


def _calls(*more: ColumnElement[Any]) -> Select[Any]:
    """Return the query of calls with what may be shown: company and type, never a title or a contact's name."""
    return (
        select(
            call.c.id,
            call.c.starts_at,
            call.c.ends_at,
            call.c.status,
            call.c.stage,
            call.c.sensitive,
            call.c.seat_capacity,
            call.c.seats_taken,
            call.c.host_id,
            person.c.name.label("host_name"),
            (person.c.status == PersonStatus.ACTIVE).label("host_works_here"),
            person.c.seat_approval.label("host_approval"),
            account.c.name.label("account_name"),
            account.c.observers_allowed,
            installation.c.min_notice_minutes,
            installation.c.closed_stages,
            call_type.c.name.label("type_name"),
            *more,
        )
        .select_from(call)
        .join(person, person.c.id == call.c.host_id)
        .join(call_type, call_type.c.slug == call.c.type)
        .outerjoin(account, account.c.id == call.c.account_id)
        .join(installation, true())
    )


def _joinable(db: DbSession, when: ColumnElement[bool], *, actor: Actor, now: datetime) -> list[Any]:
    """Return calls that are open, have a seat and may be known of, by time. One statement."""
    query = _calls(null().label("observer_id")).where(
        when,
        call.c.status == CallStatus.SCHEDULED,
        call.c.seats_taken < call.c.seat_capacity,
        calls.visible(actor),
    )
    rows = db.execute(query.order_by(call.c.starts_at, call.c.id).limit(_CANDIDATES))
    return [row for row in rows if seating.closed(row, now=now) is None]


def _free_time(me: Observer, starts_at: datetime, ends_at: datetime) -> Iterator[Range]:
    """Yield working time in [starts_at, ends_at) that nothing takes, on days whose load limit leaves a seat.

    A sieve for the database; `seating.unfit` has the last word.
    """
    for begins, stops in me.working:
        at = max(begins, starts_at)
        for taken_from, taken_until in (*me.taken, (stops, stops)):
            until = min(taken_from, stops, ends_at)
            if at < until and min(me.load.left(at)) > 0:
                yield at, until
            at = max(at, taken_until)
