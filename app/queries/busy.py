"""Read when people are free, taken and loaded: columns for many people at once, for booking and planning alike."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, or_, select, union_all

from app.db import DbSession
from app.models.tables import availability, busy, call, claim, pause, person, seat
from app.rules.availability import Range, WorkingHours, working_ranges
from app.rules.seating import Host, Load, Observer, Week, local_day, week_of
from app.vocabulary import LIVE_SEATS, CallStatus, PersonStatus, SeatStatus

LOADING = (SeatStatus.REQUESTED, SeatStatus.CONFIRMED, SeatStatus.ATTENDED, SeatStatus.ATTEMPTED, SeatStatus.NO_SHOW)
"""Seats that count towards load limits."""
LONGEST_BUFFER = timedelta(minutes=120)
"""What anybody keeps free around a session at most."""
_AROUND = timedelta(days=8)
"""More than a week and any zone's offset: all seats of the local weeks that a time may fall in."""


def people_rows(db: DbSession, person_ids: Iterable[str]) -> dict[str, Any]:
    """Return the rows of these people. One statement."""
    rows = db.execute(select(person).where(person.c.id.in_(sorted(set(person_ids)))))
    return {row.id: row for row in rows}


def working_hours(db: DbSession, people: Collection[Any]) -> dict[str, WorkingHours]:
    """Return the working hours of people, given their rows, with their pauses and buffers. Two statements."""
    zones = {row.id: row.time_zone for row in people}
    pauses: dict[str, list[tuple[date, date]]] = {}
    for row in db.execute(select(pause).where(pause.c.person_id.in_(list(zones))).order_by(pause.c.starts_on)):
        pauses.setdefault(row.person_id, []).append((row.starts_on, row.ends_on))
    rows = db.execute(select(availability).where(availability.c.person_id.in_(list(zones))))
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
    """Return what takes each person's time in [starts_at, ends_at), as `taking` says. Sorted by start; may overlap.
    One statement.
    """
    found: dict[str, list[Range]] = {person_id: [] for person_id in person_ids}
    for row in db.execute(taking(person_ids, starts_at, ends_at, now=now, ignoring=ignoring)):
        found[row.person_id].append((row.starts_at, row.ends_at))
    for ranges in found.values():
        ranges.sort()
    return found


def taking(
    person_ids: Collection[str],
    starts_at: datetime,
    ends_at: datetime,
    *,
    now: datetime,
    ignoring: Collection[str] = (),
) -> CompoundSelect[str, datetime, datetime]:
    """Select what takes people's time in [starts_at, ends_at): claims that have not expired, imported busy time and
    calls they host.

    Claims of the sessions in `ignoring` don't count: a session may move over itself.
    """
    who = list(person_ids)
    return union_all(
        select(claim.c.person_id, claim.c.starts_at, claim.c.ends_at).where(
            claim.c.person_id.in_(who),
            claim.c.active,
            or_(claim.c.expires_at.is_(None), claim.c.expires_at > now),
            claim.c.session_id.not_in(list(ignoring)),
            *_in(claim, starts_at, ends_at),
        ),
        select(busy.c.person_id, busy.c.starts_at, busy.c.ends_at).where(
            busy.c.person_id.in_(who), *_in(busy, starts_at, ends_at)
        ),
        select(call.c.host_id.label("person_id"), call.c.starts_at, call.c.ends_at).where(
            call.c.host_id.in_(who),
            call.c.status.in_((CallStatus.SCHEDULED, CallStatus.LIVE)),
            *_in(call, starts_at, ends_at),
        ),
    )


def loads(
    db: DbSession, people: Collection[Any], starts_at: datetime, ends_at: datetime
) -> tuple[dict[str, Load], dict[str, Host]]:
    """Return the load of each person as observer and as host, for days and weeks that touch [starts_at, ends_at).

    Counted in the zone of the person whose limit it is. One statement.
    """
    rows = {row.id: row for row in people}
    as_observer: dict[str, list[datetime]] = {person_id: [] for person_id in rows}
    as_host: dict[str, list[datetime]] = {person_id: [] for person_id in rows}
    observed: dict[str, dict[str, Range]] = {person_id: {} for person_id in rows}
    query = select(seat.c.observer_id, seat.c.status, call.c.id, call.c.host_id, call.c.starts_at, call.c.ends_at)
    query = query.join(call, call.c.id == seat.c.call_id)
    query = query.where(
        seat.c.status.in_(LOADING),
        call.c.starts_at >= starts_at - _AROUND,
        call.c.starts_at < ends_at + _AROUND,
        seat.c.observer_id.in_(list(rows)) | call.c.host_id.in_(list(rows)),
    )
    for row in db.execute(query):
        if row.observer_id in as_observer:
            as_observer[row.observer_id].append(row.starts_at)
        if row.host_id in as_host:
            as_host[row.host_id].append(row.starts_at)
            if row.status in LIVE_SEATS:
                observed[row.host_id][row.id] = (row.starts_at, row.ends_at)
    observing = {
        key: _load(row.time_zone, row.observe_per_day, row.observe_per_week, as_observer[key])
        for key, row in rows.items()
    }
    hosting = {
        key: Host(
            load=_load(row.time_zone, row.host_per_day, row.host_per_week, as_host[key]),
            gap=timedelta(minutes=row.host_gap_minutes),
            observed=observed[key],
        )
        for key, row in rows.items()
    }
    return observing, hosting


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


def _in(table: Any, starts_at: datetime, ends_at: datetime) -> tuple[Any, Any]:
    return table.c.starts_at < ends_at, table.c.ends_at > starts_at


def _load(time_zone: str, per_day: int, per_week: int, starts: Iterable[datetime]) -> Load:
    days: Counter[date] = Counter(local_day(instant, time_zone) for instant in starts)
    weeks: Counter[Week] = Counter()
    for day, number in days.items():
        weeks[week_of(day)] += number
    return Load(time_zone, per_day, per_week, days, weeks)
