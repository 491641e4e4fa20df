"""Read when people are free, taken and loaded: columns for many people at once, for booking and planning alike."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, case, func, literal_column, or_, select, union_all

from app.db import DbSession
from app.models.tables import availability, busy, call, claim, pause, person, seat, session
from app.rules.availability import Range, WorkingHours, working_ranges
from app.rules.seating import Host, Load, Observer, Week, local_day, week_of
from app.vocabulary import LIVE_SEATS, CallStatus, PersonStatus, SeatStatus

LOADING = (SeatStatus.REQUESTED, SeatStatus.CONFIRMED, SeatStatus.ATTENDED, SeatStatus.ATTEMPTED, SeatStatus.NO_SHOW)
"""Seats that count towards load limits."""
LONGEST_BUFFER = timedelta(minutes=120)
"""What anybody keeps free around a session at most."""
_AROUND = timedelta(days=8)
"""More than a week and any zone's offset: all seats of the local weeks that a time may fall in."""


# What booking asks for under locks is built once: SQLAlchemy takes longer to build a statement than to run it.
_WHO: BindParameter[Any] = bindparam("who", expanding=True)
_FROM, _TO, _NOW = (bindparam(name, type_=call.c.starts_at.type) for name in ("starts_at", "ends_at", "now"))


def _meeting(table: Any) -> ColumnElement[bool]:
    return and_(table.c.starts_at < _TO, table.c.ends_at > _FROM)


TAKING = union_all(
    select(claim.c.person_id, claim.c.starts_at, claim.c.ends_at).where(
        claim.c.person_id.in_(_WHO),
        claim.c.active,
        or_(claim.c.expires_at.is_(None), claim.c.expires_at > _NOW),
        claim.c.session_id.not_in(bindparam("ignoring", expanding=True)),
        _meeting(claim),
    ),
    select(busy.c.person_id, busy.c.starts_at, busy.c.ends_at).where(busy.c.person_id.in_(_WHO), _meeting(busy)),
    select(call.c.host_id.label("person_id"), call.c.starts_at, call.c.ends_at).where(
        call.c.host_id.in_(_WHO), call.c.status.in_((CallStatus.SCHEDULED, CallStatus.LIVE)), _meeting(call)
    ),
)
"""What takes the time of people `who` in [starts_at, ends_at): claims that have not expired `now`, imported busy time
and calls they host. Claims of the sessions in `ignoring` don't count: a session may move over itself.
"""
_COUNTS = (
    seat.c.status.in_(LOADING),
    or_(session.c.expires_at.is_(None), session.c.expires_at > _NOW),
    call.c.starts_at >= _FROM,
    call.c.starts_at < _TO,
)
_CALL = call.c.id, call.c.starts_at, call.c.ends_at
# Each part goes its own way through the indexes: either one or the other in one condition would read all calls.
_LOADING = union_all(
    select(seat.c.observer_id.label("person_id"), literal_column("0").label("hosting"), *_CALL)
    .add_columns(literal_column("1").label("seats"), literal_column("0").label("live"))
    .select_from(seat.join(call, call.c.id == seat.c.call_id).join(session, session.c.id == seat.c.session_id))
    .where(seat.c.observer_id.in_(_WHO), *_COUNTS),
    select(call.c.host_id, literal_column("1"), *_CALL)
    .add_columns(func.count(), func.sum(case((seat.c.status.in_(LIVE_SEATS), 1), else_=0)))
    .select_from(call.join(session, session.c.call_id == call.c.id).join(seat, seat.c.session_id == session.c.id))
    .where(call.c.host_id.in_(_WHO), *_COUNTS)
    .group_by(call.c.id),
)
_PAUSES = select(pause).where(pause.c.person_id.in_(_WHO)).order_by(pause.c.starts_on)
_HOURS = select(availability).where(availability.c.person_id.in_(_WHO))


def people_rows(db: DbSession, person_ids: Iterable[str]) -> dict[str, Any]:
    """Return the rows of these people. One statement."""
    rows = db.execute(select(person).where(person.c.id.in_(sorted(set(person_ids)))))
    return {row.id: row for row in rows}


def working_hours(db: DbSession, people: Collection[Any]) -> dict[str, WorkingHours]:
    """Return the working hours of people, given their rows, with their pauses and buffers. Two statements."""
    zones = {row.id: row.time_zone for row in people}
    pauses: dict[str, list[tuple[date, date]]] = {}
    for row in db.execute(_PAUSES, {"who": list(zones)}):
        pauses.setdefault(row.person_id, []).append((row.starts_on, row.ends_on))
    rows = db.execute(_HOURS, {"who": list(zones)})
    return {
        row.person_id: WorkingHours(
            time_zone=zones[row.person_id],
            weekly=tuple((day, start, end) for day, start, end in row.weekly),
            exceptions=tuple(
                (date.fromisoformat(day), tuple((start, end) for start, end in ranges))
                for day, ranges in sorted(row.exceptions.items())
            ),
            pauses=tuple(pauses.get(row.person_id, ())),
            buffer_before_minutes=row.buffer_before_minutes,
            buffer_after_minutes=row.buffer_after_minutes,
        )
        for row in rows
    }


def buffers(db: DbSession, person_ids: Iterable[str]) -> dict[str, tuple[timedelta, timedelta]]:
    """Return what each person keeps free before and after a session. One statement."""
    columns = (availability.c.person_id, availability.c.buffer_before_minutes, availability.c.buffer_after_minutes)
    rows = db.execute(select(*columns).where(availability.c.person_id.in_(sorted(set(person_ids)))))
    return {who: (timedelta(minutes=before), timedelta(minutes=after)) for who, before, after in rows}


def taken(
    db: DbSession,
    person_ids: Collection[str],
    starts_at: datetime,
    ends_at: datetime,
    *,
    now: datetime,
    ignoring: Collection[str] = (),
) -> dict[str, list[Range]]:
    """Return what takes each person's time in [starts_at, ends_at), as `TAKING` says. Sorted by start; may overlap.
    One statement.
    """
    found: dict[str, list[Range]] = {person_id: [] for person_id in person_ids}
    for row in db.execute(TAKING, during(starts_at, ends_at, found, now=now, ignoring=ignoring)):
        found[row.person_id].append((row.starts_at, row.ends_at))
    for ranges in found.values():
        ranges.sort()
    return found


def during(
    starts_at: datetime, ends_at: datetime, person_ids: Iterable[str], *, now: datetime, ignoring: Iterable[str] = ()
) -> dict[str, Any]:
    """Return what `TAKING` binds."""
    who, sessions = list(person_ids), list(ignoring)
    return {"who": who, "starts_at": starts_at, "ends_at": ends_at, "now": now, "ignoring": sessions}


def loads(
    db: DbSession, people: Collection[Any], starts_at: datetime, ends_at: datetime, *, now: datetime
) -> tuple[dict[str, Load], dict[str, Host]]:
    """Return the load of each person as observer and as host, for days and weeks that touch [starts_at, ends_at).

    Counted in the zone of the person whose limit it is; seats that nobody confirmed in time don't count. One statement.
    """
    rows = {row.id: row for row in people}
    as_observer: dict[str, list[datetime]] = {person_id: [] for person_id in rows}
    as_host: dict[str, list[datetime]] = {person_id: [] for person_id in rows}
    observed: dict[str, dict[str, Range]] = {person_id: {} for person_id in rows}
    around = {"who": list(rows), "starts_at": starts_at - _AROUND, "ends_at": ends_at + _AROUND, "now": now}
    for person_id, hosting, call_id, begins, stops, seats, live in db.execute(_LOADING, around):
        (as_host if hosting else as_observer)[person_id] += [begins] * seats
        if live:
            observed[person_id][call_id] = (begins, stops)
    observing = {
        key: _load(row.time_zone, row.observe_per_day, row.observe_per_week, as_observer[key])
        for key, row in rows.items()
    }
    as_hosts = {
        key: Host(
            load=_load(row.time_zone, row.host_per_day, row.host_per_week, as_host[key]),
            gap=timedelta(minutes=row.host_gap_minutes),
            observed=observed[key],
        )
        for key, row in rows.items()
    }
    return observing, as_hosts


def observers(
    db: DbSession,
    people: Collection[Any],
    starts_at: datetime,
    ends_at: datetime,
    *,
    observing: dict[str, Load],
    now: datetime,
) -> dict[str, Observer]:
    """Return what seating must know of these people for calls in [starts_at, ends_at). Two statements."""
    hours = working_hours(db, people)
    in_the_way = taken(db, [row.id for row in people], starts_at - LONGEST_BUFFER, ends_at + LONGEST_BUFFER, now=now)
    return {
        row.id: Observer(
            id=row.id,
            works_here=row.status is PersonStatus.ACTIVE,
            working=working_ranges(hours[row.id], starts_at, ends_at),
            taken=in_the_way[row.id],
            load=observing[row.id],
            before=timedelta(minutes=hours[row.id].buffer_before_minutes),
            after=timedelta(minutes=hours[row.id].buffer_after_minutes),
        )
        for row in people
    }


def _load(time_zone: str, per_day: int, per_week: int, starts: Iterable[datetime]) -> Load:
    days: Counter[date] = Counter(local_day(instant, time_zone) for instant in starts)
    weeks: Counter[Week] = Counter()
    for day, number in days.items():
        weeks[week_of(day)] += number
    return Load(time_zone, per_day, per_week, days, weeks)
