"""Read which calls somebody could take a seat on now.

A sieve in SQL and one over plain numbers pass over thousands of calls; the rule that booking asks has the last word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select, true, union_all

from app.db import DbSession
from app.models.tables import account, call, call_type, installation, person, seat, session, waitlist_entry
from app.queries import busy, calls, people
from app.queries.calls import CallFilter
from app.queries.house_rules import house_rules
from app.queries.instants import SECOND, Instants, Ints
from app.queries.pages import Order, PageOf, PageRequest, beyond, page_of, with_place
from app.queries.rows import in_parts, one_of
from app.rules import seating
from app.rules.access import Actor
from app.rules.loads import takes_more
from app.rules.seating import Host, Observer, Opening, Refusal
from app.vocabulary import IN_LINE, LIVE_SEATS, CallStatus, PersonStatus, SeatApproval, SeatStatus, SessionStatus

_FIRST = 200
"""Calls to look through before all of them: mostly a page is among these."""
_NEAREST = 20
"""Calls to look through on either side of one that was refused."""
_NEARBY = timedelta(days=14)
"""How far from a call that was refused another one is still near."""
_CANDIDATE = call.c.id, call.c.host_id, call.c.starts_at, call.c.ends_at
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Candidate(NamedTuple):
    """A call, as much of it as the search needs."""

    id: str
    host_id: str
    starts_at: datetime
    ends_at: datetime


class Several(NamedTuple):
    """Calls in columns: to make objects of thousands takes longer than to look through them."""

    ids: list[str]
    host_ids: list[str]
    starts: Ints
    """In microseconds since 1970."""
    ends: Ints

    def candidate(self, at: int) -> Candidate:
        """Return one of them."""
        return Candidate(self.ids[at], self.host_ids[at], _instant(self.starts[at]), _instant(self.ends[at]))


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rule must know of an observer, and of the hosts of the calls in question."""

    observer: Observer
    hosts: dict[str, Host]


def joinable_calls(
    db: DbSession,
    wanted: CallFilter,
    page: PageRequest,
    *,
    sort: str,
    descending: bool,
    observer_id: str,
    actor: Actor,
    now: datetime,
) -> PageOf[Any]:
    """Return a page of the calls on which this observer could take a seat now. At most 19 statements, however many
    calls there are; a dozen when the first calls fill the page. Raises NotFound for nobody.
    """
    order = Order(calls.SORTS[sort], call.c.id, descending)
    rest = beyond(page, order)
    observer = people.person_by_id(db, observer_id, actor=actor)
    query = calls.filtered(_open_calls(db, observer.id, now=now), wanted).where(*rest)
    found, facts = _first_fitting(db, query.order_by(*order.clauses()), observer, limit=page.limit + 1, now=now)
    rows = with_place(calls.scoped(actor), order).where(call.c.id.in_(found)).order_by(*order.clauses())
    shown = page_of(db.execute(rows).all() if found else [], page)
    # On PostgreSQL each statement sees what is committed by then: a call may have come to a host nobody asked about.
    known = [row for row in shown.rows if facts and row.host_id in facts.hosts]
    return replace(shown, rows=[row for row in known if facts and _refusal(row, facts, now=now) is None])


def joinable_ids(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, observer: Any, now: datetime, limit: int
) -> list[str]:
    """Return the ids of the first calls that start in [starts_at, ends_at) on which this observer, a row of `person`,
    could take a seat now, by time. At most `limit`, in at most nine statements; eight more when the first few calls
    are too few.
    """
    within = call.c.starts_at >= starts_at, call.c.starts_at < ends_at
    query = _open_calls(db, observer.id, now=now).where(*within).order_by(call.c.starts_at, call.c.id)
    return _first_fitting(db, query, observer, limit=limit, now=now)[0]


def next_calls(
    db: DbSession, *, observer_id: str, type: str, near: datetime | None = None, now: datetime, limit: int = 3
) -> list[Candidate]:
    """Return the next calls of a type on which this observer could take a seat now, by time; with `near`, those that
    start nearest to it, nearest first. Looks at the nearest twenty on either side within two weeks. At most ten
    statements.
    """
    found = busy.people_rows(db, [observer_id]).get(observer_id)
    if found is None:
        return []
    near = near or now
    query = _open_calls(db, observer_id, now=now).where(call.c.type == type)
    sides = [
        query.where(call.c.starts_at >= near, call.c.starts_at < near + _NEARBY).order_by(call.c.starts_at, call.c.id),
        query.where(call.c.starts_at < near, call.c.starts_at >= near - _NEARBY).order_by(
            call.c.starts_at.desc(), call.c.id
        ),
    ]
    rows = db.execute(union_all(*(select(side.limit(_NEAREST).subquery()) for side in sides)))
    nearest = sorted(
        (Candidate(*row) for row in rows), key=lambda one: (abs(one.starts_at - near), one.starts_at, one.id)
    )
    facts = _facts(db, nearest, found, now=now)
    if not facts:
        return []
    fitting = (one for one in nearest if not seating.unfit(one, facts.observer, facts.hosts[one.host_id]))
    return list(islice(fitting, limit))


def refusals(db: DbSession, rows: Sequence[Any], observer: Any, *, now: datetime) -> dict[str, Refusal | None]:
    """Return by id why this observer may not take a seat on each of these calls, given as rows with what decides
    whether it is open; None where they may. At most nine statements.
    """
    found: dict[str, Refusal | None] = dict.fromkeys(
        db.execute(_seated(observer.id, now=now).where(seat.c.call_id.in_([row.id for row in rows]))).scalars(),
        Refusal("already_booked", "This observer has a seat on this call.", observer.id),
    )
    found |= {row.id: why for row in rows if row.id not in found and (why := seating.closed(row, now=now))}
    left = [row for row in rows if row.id not in found]
    facts = _facts(db, left, observer, now=now)
    if not facts:
        return found
    full = [row.id for row in left if seating.full(row)]
    freed = set(db.execute(_comes_free(now=now).where(call.c.id.in_(full))).scalars()) if full else set()
    for row in left:
        why = _refusal(row, facts, now=now) or (None if row.id in freed else seating.full(row))
        found[row.id] = why and seating.with_gap(why, row, facts.observer)
    return found


def open_now(db: DbSession, *, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return what `seating.closed` and `seating.full` let pass, as conditions on calls with their accounts. One
    statement.
    """
    house = house_rules(db)
    soonest = now + timedelta(minutes=house.min_notice_minutes)
    # Not as a join, or SQLite goes through the hosts first and has to sort what it could read in order.
    takes_nobody = or_(person.c.status != PersonStatus.ACTIVE, person.c.seat_approval == SeatApproval.NONE)
    asks = person.c.seat_approval == SeatApproval.HOST
    return (
        call.c.status == CallStatus.SCHEDULED,
        call.c.starts_at > now,
        call.c.starts_at >= soonest,
        or_(call.c.starts_at > soonest, call.c.host_id.not_in(select(person.c.id).where(asks))),
        call.c.host_id.not_in(select(person.c.id).where(takes_nobody)),
        func.coalesce(account.c.observers_allowed, True),
        call.c.sensitive.is_(False),
        or_(call.c.stage.is_(None), call.c.stage.not_in(house.closed_stages)),
        or_(call.c.seats_taken < call.c.seat_capacity, call.c.id.in_(_comes_free(now=now))),
    )


def _comes_free(*, now: datetime) -> Select[Any]:
    """Return the query of the calls on which nobody confirmed a seat in time, nobody waits for it, and the rules still
    give it (`seating.allotment`): booking takes it back first. A worker does within seconds.
    """
    waited_for = select(waitlist_entry.c.call_id).where(one_of(waitlist_entry.c.status, IN_LINE))
    overdue = (
        select(seat.c.call_id, func.count().label("seats"))
        .join(session, session.c.id == seat.c.session_id)
        .where(
            session.c.status == literal_column(f"'{SessionStatus.REQUESTED}'"),  # as the partial index has it
            session.c.expires_at <= now,
            one_of(seat.c.status, LIVE_SEATS),
            seat.c.status == SeatStatus.REQUESTED,
            seat.c.call_id.not_in(waited_for),
        )
        .group_by(seat.c.call_id)
        .subquery()
    )
    left = call.c.seats_taken - overdue.c.seats
    faces = left + 1 + call.c.colleagues_invited
    by_hand, of_account, of_host = call.c.seat_capacity_override, account.c.seat_capacity, person.c.seat_capacity
    query = select(call.c.id).join(overdue, overdue.c.call_id == call.c.id).join(person, person.c.id == call.c.host_id)
    query = query.join(call_type, call_type.c.slug == call.c.type).join(installation, true())
    return query.outerjoin(account, account.c.id == call.c.account_id).where(
        func.coalesce(by_hand, of_account, of_host, call_type.c.seat_capacity) > left,
        func.coalesce(account.c.own_side_ceiling > faces, True),
        func.coalesce(installation.c.own_side_ceiling > faces, True),
    )


def _open_calls(db: DbSession, observer_id: str, *, now: datetime) -> Select[Any]:
    """Return the query of calls that are open, but for those that the observer hosts or has a seat on: id, host, start
    and end. One statement.
    """
    query = select(*_CANDIDATE).outerjoin(account, account.c.id == call.c.account_id)
    not_theirs = call.c.host_id != observer_id, call.c.id.not_in(_seated(observer_id, now=now))
    return query.where(*open_now(db, now=now), *not_theirs)


def _seated(observer_id: str, *, now: datetime) -> Select[Any]:
    """Return the query of the calls on which somebody has a seat, but for those that nobody confirmed in time."""
    query = select(seat.c.call_id).join(session, session.c.id == seat.c.session_id)
    return query.where(
        seat.c.observer_id == observer_id,
        seat.c.status.in_(LIVE_SEATS),
        or_(session.c.expires_at.is_(None), session.c.expires_at > now),
    )


def _first_fitting(
    db: DbSession, query: Select[Any], observer: Any, *, limit: int, now: datetime
) -> tuple[list[str], Facts | None]:
    """Return the ids of the first calls of this query that neither the observer's time and limits nor the host's stand
    against, and the facts by which that was found.
    """
    some = _columns(db, query.limit(_FIRST))
    found, facts = _fitting(db, some, observer, limit=limit, now=now)
    if len(found) == limit or len(some.ids) < _FIRST:
        return found, facts
    return _fitting(db, _columns(db, query), observer, limit=limit, now=now)


def _columns(db: DbSession, query: Select[Any]) -> Several:
    """Return what the query finds, in its order. One statement."""
    one = query.subquery()  # both engines aggregate what is sorted in its order, as long as nothing is joined to it
    ids, host_ids = (func.aggregate_strings(column, " ") for column in (one.c.id, one.c.host_id))
    found = db.execute(select(ids, host_ids, Instants(one.c.starts_at), Instants(one.c.ends_at))).one()
    return Several((found[0] or "").split(), (found[1] or "").split(), *found[2:])


def _fitting(
    db: DbSession, some: Several, observer: Any, *, limit: int, now: datetime
) -> tuple[list[str], Facts | None]:
    if not some.ids:
        return [], None
    starts_at, ends_at = _instant(some.starts.min()), _instant(some.ends.max())
    me = _observer(db, observer, starts_at, ends_at, now=now)
    in_time = np.flatnonzero(timely(some.starts, some.ends, seating.openings(me))).tolist()
    hosts = _hosts(db, (some.host_ids[at] for at in in_time), starts_at, ends_at, now=now)
    seconds = (some.starts // SECOND).tolist()
    left = (some.candidate(at) for at in in_time if takes_more(hosts[some.host_ids[at]].load, seconds[at]))
    welcome = (one.id for one in left if seating.unwelcome(one, hosts[one.host_id]) is None)
    return list(islice(welcome, limit)), Facts(me, hosts)


def timely(starts: Ints, ends: Ints, openings: Sequence[Opening]) -> NDArray[np.bool_]:
    """Return which of the calls lie in one of these openings, given when they start and end in microseconds since 1970.
    O(calls × log openings).
    """
    if not openings:
        return np.zeros(len(starts), np.bool_)
    starts_from, starts_before, ends_by = np.array([_in_microseconds(one) for one in openings]).T
    at = np.searchsorted(starts_from, starts, side="right") - 1  # the last that begins by then
    fits: NDArray[np.bool_] = (at >= 0) & (starts < starts_before[at]) & (ends <= ends_by[at])
    return fits


def _in_microseconds(opening: Opening) -> list[int]:
    bounds = opening.starts_from, opening.starts_before, opening.ends_by
    return [(bound - _EPOCH) // _MICROSECOND for bound in bounds]


def _instant(microseconds: int) -> datetime:
    return _EPOCH + int(microseconds) * _MICROSECOND


def _facts(db: DbSession, rows: Sequence[Any], observer: Any, *, now: datetime) -> Facts | None:
    """Return what the rule must know for these calls; None for none. At most seven statements."""
    if not rows:
        return None
    first, last = min(row.starts_at for row in rows), max(row.ends_at for row in rows)
    hosts = _hosts(db, (row.host_id for row in rows), first, last, now=now)
    return Facts(_observer(db, observer, first, last, now=now), hosts)


def _observer(db: DbSession, observer: Any, starts_at: datetime, ends_at: datetime, *, now: datetime) -> Observer:
    observing, _ = busy.loads(db, [observer], starts_at, ends_at, now=now)
    return busy.observers(db, [observer], starts_at, ends_at, observing=observing, now=now)[observer.id]


def _hosts(
    db: DbSession, host_ids: Iterable[str], starts_at: datetime, ends_at: datetime, *, now: datetime
) -> dict[str, Host]:
    found: dict[str, Host] = {}
    for part in in_parts(host_ids):
        rows = db.execute(select(*busy.LIMITS).where(person.c.id.in_(part))).all()
        _, hosting = busy.loads(db, rows, starts_at, ends_at, now=now)
        found |= hosting
    return found


def _refusal(row: Any, facts: Facts, *, now: datetime) -> Refusal | None:
    """What `seating.refusal` says, but for the call's being full, which `open_now` knows better."""
    return seating.closed(row, now=now) or seating.unfit(row, facts.observer, facts.hosts[row.host_id])
