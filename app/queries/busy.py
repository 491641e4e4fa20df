"""Read when people are free, taken and loaded: columns for many people at once, for booking and planning alike."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, literal_column, or_, select, true, union_all

from app.db import DbSession
from app.models.tables import availability, busy, call, claim, pause, person, seat, session
from app.queries.instants import SECOND, Instants
from app.queries.rows import is_so, one_of
from app.rules.availability import Range, WorkingHours, working_ranges
from app.rules.loads import load
from app.rules.seating import Host, Load, Observer
from app.vocabulary import LIVE_SEATS, CallStatus, PersonStatus, SeatStatus

LOADING = (SeatStatus.REQUESTED, SeatStatus.CONFIRMED, SeatStatus.ATTENDED, SeatStatus.ATTEMPTED, SeatStatus.NO_SHOW)
"""Seats that count towards load limits."""
LONGEST_BUFFER = timedelta(minutes=120)
"""What anybody keeps free around a session at most."""
LIMITS = (
    person.c.id,
    person.c.time_zone,
    person.c.observe_per_day,
    person.c.observe_per_week,
    person.c.host_per_day,
    person.c.host_per_week,
    person.c.host_gap_minutes,
)
"""What `loads` reads of people."""
LOCAL_WEEK = timedelta(days=8)
"""More than a week and any zone's offset: so far from a time, the local week that it falls in is over everywhere."""


# What booking asks for under locks is built once: SQLAlchemy takes longer to build a statement than to run it.
_WHO: BindParameter[Any] = bindparam("who", expanding=True)
_FROM, _TO, _NOW = (bindparam(name, type_=call.c.starts_at.type) for name in ("starts_at", "ends_at", "now"))


def _meeting(table: Any) -> ColumnElement[bool]:
    return and_(table.c.starts_at < _TO, table.c.ends_at > _FROM)


TAKING = union_all(
    select(claim.c.person_id, claim.c.starts_at, claim.c.ends_at).where(
        claim.c.person_id.in_(_WHO),
        is_so(claim.c.active),
        or_(claim.c.expires_at.is_(None), claim.c.expires_at > _NOW),
        claim.c.session_id.not_in(bindparam("ignoring", expanding=True)),
        _meeting(claim),
    ),
    select(busy.c.person_id, busy.c.starts_at, busy.c.ends_at).where(busy.c.person_id.in_(_WHO), _meeting(busy)),
    select(call.c.host_id.label("person_id"), call.c.starts_at, call.c.ends_at).where(
        call.c.host_id.in_(_WHO), one_of(call.c.status, (CallStatus.SCHEDULED, CallStatus.LIVE)), _meeting(call)
    ),
)
"""What takes the time of people `who` in [starts_at, ends_at): claims that have not expired `now`, imported busy time
and calls they host. Claims of the sessions in `ignoring` don't count: a session may move over itself.
"""
_COUNTS = (
    one_of(seat.c.status, LOADING),
    or_(session.c.expires_at.is_(None), session.c.expires_at > _NOW),
)
_WITHIN = and_(call.c.starts_at >= _FROM, call.c.starts_at < _TO)
_HOSTED = call.join(session, session.c.call_id == call.c.id).join(seat, seat.c.session_id == session.c.id)
# Each part goes its own way through the indexes: either one or the other in one condition would read all calls.
_LOADING = union_all(
    select(seat.c.observer_id.label("person_id"), literal_column("0"), Instants(call.c.starts_at))
    .select_from(seat.join(call, call.c.id == seat.c.call_id).join(session, session.c.id == seat.c.session_id))
    # A condition that no index serves: of times it does not know, PostgreSQL believes that few calls lie between them,
    # and would read all of those for the few seats that a person has.
    .where(seat.c.observer_id.in_(_WHO), *_COUNTS, _WITHIN.is_(true()))
    .group_by(seat.c.observer_id),
    select(call.c.host_id, literal_column("1"), Instants(call.c.starts_at))
    .select_from(_HOSTED)
    .where(call.c.host_id.in_(_WHO), *_COUNTS, _WITHIN)
    .group_by(call.c.host_id),
)
"""The starts of the calls on which people have seats (0) or observers (1), once for each seat that counts."""
_OBSERVED = (
    select(call.c.host_id, call.c.id, call.c.starts_at, call.c.ends_at)
    .select_from(_HOSTED)
    .where(call.c.host_id.in_(_WHO), seat.c.status.in_(LIVE_SEATS), *_COUNTS, _WITHIN)
    .distinct()
)
_HOURS = (
    select(availability.c.person_id, availability.c.weekly, availability.c.exceptions)
    .add_columns(availability.c.buffer_before_minutes, availability.c.buffer_after_minutes)
    .add_columns(pause.c.starts_on, pause.c.ends_on)
    .outerjoin(pause, pause.c.person_id == availability.c.person_id)
    .where(availability.c.person_id.in_(_WHO))
    .order_by(availability.c.person_id, pause.c.starts_on)
)
"""A row per person and pause; one without a pause for those who have none."""


def people_rows(db: DbSession, person_ids: Iterable[str]) -> dict[str, Any]:
    """Return the rows of these people. One statement."""
    rows = db.execute(select(person).where(person.c.id.in_(sorted(set(person_ids)))))
    return {row.id: row for row in rows}


def working_hours(db: DbSession, people: Collection[Any]) -> dict[str, WorkingHours]:
    """Return the working hours of people, given their rows, with their pauses and buffers. One statement."""
    zones = {row.id: row.time_zone for row in people}
    found: dict[str, WorkingHours] = {}
    for person_id, its in groupby(db.execute(_HOURS, {"who": list(zones)}), attrgetter("person_id")):
        rows = list(its)
        row = rows[0]
        found[person_id] = WorkingHours(
            time_zone=zones[person_id],
            weekly=tuple((day, start, end) for day, start, end in row.weekly),
            exceptions=tuple(
                (date.fromisoformat(day), tuple((start, end) for start, end in ranges))
                for day, ranges in sorted(row.exceptions.items())
            ),
            pauses=tuple((one.starts_on, one.ends_on) for one in rows if one.starts_on),
            buffer_before_minutes=row.buffer_before_minutes,
            buffer_after_minutes=row.buffer_after_minutes,
        )
    return found


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
    """Return the load of each person as observer and as host, for days and weeks that touch [starts_at, ends_at), given
    their `LIMITS`.

    Counted in the zone of the person whose limit it is; seats that nobody confirmed in time don't count. One statement,
    and one more for the calls of those who keep time between them; which calls others host with observers is not read.
    """
    around = {"starts_at": starts_at - LOCAL_WEEK, "ends_at": ends_at + LOCAL_WEEK, "now": now}
    starts: dict[tuple[str, int], list[int]] = {}
    for person_id, hosting, instants in db.execute(_LOADING, around | {"who": [row.id for row in people]}):
        starts[person_id, hosting] = (instants // SECOND).tolist()
    observed = _observed(db, [row.id for row in people if row.host_gap_minutes], around)
    observing = {
        row.id: load(row.time_zone, row.observe_per_day, row.observe_per_week, starts.get((row.id, 0), ()))
        for row in people
    }
    hosting = {
        row.id: Host(
            load=load(row.time_zone, row.host_per_day, row.host_per_week, starts.get((row.id, 1), ())),
            gap=timedelta(minutes=row.host_gap_minutes),
            observed=observed.get(row.id, {}),
        )
        for row in people
    }
    return observing, hosting


def _observed(db: DbSession, host_ids: Collection[str], around: dict[str, Any]) -> dict[str, dict[str, Range]]:
    """Return each host's calls with observers, by id. One statement; none for nobody."""
    found: dict[str, dict[str, Range]] = {host_id: {} for host_id in host_ids}
    for host_id, call_id, starts_at, ends_at in db.execute(_OBSERVED, around | {"who": list(found)}) if found else ():
        found[host_id][call_id] = (starts_at, ends_at)
    return found


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
            hours=hours[row.id],
            working=working_ranges(hours[row.id], starts_at, ends_at),
            taken=in_the_way[row.id],
            load=observing[row.id],
            before=timedelta(minutes=hours[row.id].buffer_before_minutes),
            after=timedelta(minutes=hours[row.id].buffer_after_minutes),
        )
        for row in people
    }
