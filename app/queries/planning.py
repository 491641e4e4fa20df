"""Gather what a plan run is asked: open calls, observers, and the pairs that booking would accept by themselves.

The pairs come from the very rule that booking asks (`rules/seating`), so what is planned books.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import call, seat
from app.queries import busy, calls, pool
from app.queries.pool import Enrolled, Skills
from app.rules import seating
from app.rules.planning.problem import HostLoad, PlanCall, PlanObserver, PlanPair, PlanProblem
from app.rules.seating import Host, Load, Observer, local_day, week_of
from app.vocabulary import LIVE_SEATS, CallStatus, SeatStatus, Side

SESSIONS_PER_WEEK = 5
"""What a week of a junior rep should hold, when their load limit allows."""
CALLS_PER_HOST = 2
"""In one plan, an observer hears one host at most so often: variety teaches."""
_LOOK_BACK = timedelta(weeks=4)
_NEEDED_WISH, _MASTERED = 3, 3


def plan_problem(db: DbSession, run: Any, *, now: datetime) -> PlanProblem:
    """Return the problem of a plan run over [from_at, to_at). A dozen statements however many people and calls."""
    juniors = pool.enrolled(db, run.program_id, Side.MENTEE, team_id=run.team_id)
    open_calls = _open_calls(db, run, now=now)
    hosts = busy.people_rows(db, {row.host_id for row in open_calls})
    everybody = {**hosts, **{found.row.id: found.row for found in juniors}}
    observing, hosting = busy.loads(db, list(everybody.values()), run.from_at, run.to_at, now=now)
    observers = busy.observers(db, [j.row for j in juniors], run.from_at, run.to_at, observing=observing, now=now)
    skills = pool.skills_of(db, everybody)
    keys = pool.canonical_keys(
        db, "call", [(row.id, f"{hosts[row.host_id].email} {row.starts_at} {row.title}") for row in open_calls]
    )
    held = _held(db, [found.row.id for found in juniors], run, now=now)
    mentors = pool.standing_mentors(db, run.program_id)
    by_type = calls.skills_by_type(db)
    plan_calls = tuple(_call(row, keys[row.id], by_type, run.from_at) for row in open_calls)
    return PlanProblem(
        calls=plan_calls,
        observers=tuple(
            _observer(found, skills, held.get(found.row.id, ()), observers[found.row.id], mentors, by_type, run)
            for found in juniors
        ),
        pairs=_apart(_pairs(open_calls, juniors, observers, hosting, held), open_calls, plan_calls, hosting),
        hosts={row.id: _host_load(hosting[row.id].load, open_calls) for row in hosts.values()},
        strengths={host: skills.levels[host] for host in sorted(hosts)},
        per_host=CALLS_PER_HOST,
    )


def _open_calls(db: DbSession, run: Any, *, now: datetime) -> list[Any]:
    """Return the calls with free seats that somebody could join now, by start, then id."""
    query = calls.calls_with_hosts().where(
        call.c.status == CallStatus.SCHEDULED,
        call.c.starts_at >= run.from_at,
        call.c.starts_at < run.to_at,
        call.c.seats_taken < call.c.seat_capacity,
    )
    rows = db.execute(query.order_by(call.c.starts_at, call.c.id)).all()
    return [row for row in rows if not seating.closed(row, now=now)]


def _pairs(
    open_calls: Sequence[Any],
    juniors: Sequence[Enrolled],
    observers: dict[str, Observer],
    hosting: dict[str, Host],
    held: dict[str, list[Any]],
) -> tuple[PlanPair, ...]:
    found = []
    for o, junior in enumerate(juniors):
        observer = observers[junior.row.id]
        seated = {row.call_id for row in held.get(junior.row.id, ()) if row.status in LIVE_SEATS}
        understood = set(junior.row.languages)
        for c, row in enumerate(open_calls):
            if row.language not in understood or row.id in seated:
                continue
            if seating.unfit(row, observer, hosting[row.host_id]) is None:
                day = local_day(row.starts_at, observer.load.time_zone)
                found.append(PlanPair(o, c, day.toordinal(), _week(day)))
    return tuple(found)


def _apart(
    pairs: Sequence[PlanPair], open_calls: Sequence[Any], plan_calls: Sequence[PlanCall], hosting: dict[str, Host]
) -> tuple[PlanPair, ...]:
    """Leave out calls of a host that lie closer together than their host wants: of those that nobody observes yet as
    many stay as can, the first to end first.

    Conservative: which of two such calls gets observers is settled before the plan, which might have chosen the other.
    """
    last_end: dict[str, datetime] = {}
    kept = set()
    for c in sorted({pair.call for pair in pairs}, key=lambda c: (open_calls[c].ends_at, plan_calls[c].key)):
        row = open_calls[c]
        host = hosting[row.host_id]
        if host.gap and row.id not in host.observed:
            if row.host_id in last_end and row.starts_at < last_end[row.host_id] + host.gap:
                continue
            last_end[row.host_id] = row.ends_at
        kept.add(c)
    return tuple(pair for pair in pairs if pair.call in kept)


def _call(row: Any, key: str, by_type: dict[str, list[str]], start: datetime) -> PlanCall:
    day = local_day(row.starts_at, row.host_time_zone)
    return PlanCall(
        id=row.id,
        key=key,
        host=row.host_id,
        account=row.account_id,
        type=row.type,
        skills=tuple(by_type.get(row.type, ())),
        segment=row.account_segment,
        starts_at=_minutes(row.starts_at - start),
        ends_at=-_minutes(start - row.ends_at),
        host_day=day.toordinal(),
        host_week=_week(day),
        seats_free=row.seat_capacity - row.seats_taken,
    )


def _observer(
    found: Enrolled,
    skills: Skills,
    held: Iterable[Any],
    observer: Observer,
    mentors: dict[str, str],
    by_type: dict[str, list[str]],
    run: Any,
) -> PlanObserver:
    row, load, held = found.row, observer.load, list(held)
    levels, wants = skills.levels[row.id], skills.wants[row.id]
    heard_types = Counter(seat_row.type for seat_row in held)
    coming = [s for s in held if s.status in LIVE_SEATS and run.from_at <= s.starts_at < run.to_at]
    days = _days(run, load.time_zone)
    weeks = {week_of(day) for day in days}
    goal = min(SESSIONS_PER_WEEK, load.per_week) * max(1, round((run.to_at - run.from_at) / timedelta(weeks=1)))
    wished = [slug for slug, wish in wants.items() if wish >= _NEEDED_WISH and levels.get(slug, 0) < _MASTERED]
    return PlanObserver(
        id=row.id,
        key=found.key,
        weekly_goal=max(goal - len(coming), 0),
        gap_minutes=(observer.before + observer.after) // timedelta(minutes=1),
        wants=wants,
        levels=levels,
        needs=tuple(sorted({kind for kind in by_type if kind not in heard_types and kind != "other"} | set(wished))),
        mentor=mentors.get(row.id),
        manager=row.manager_id,
        segments=frozenset(row.segments),
        heard_before=len(held),
        heard_types=heard_types,
        accounts_taken=frozenset(s.account_id for s in coming if s.account_id),
        per_day_left={day.toordinal(): max(load.per_day - load.on_day.get(day, 0), 0) for day in days},
        per_week_left={
            week[0] * 100 + week[1]: max(load.per_week - load.in_week.get(week, 0), 0) for week in sorted(weeks)
        },
    )


def _host_load(load: Load, open_calls: Sequence[Any]) -> HostLoad:
    days = {local_day(row.starts_at, load.time_zone) for row in open_calls}
    weeks = {week_of(day) for day in days}
    return HostLoad(
        per_day_left={day.toordinal(): max(load.per_day - load.on_day.get(day, 0), 0) for day in sorted(days)},
        per_week_left={
            week[0] * 100 + week[1]: max(load.per_week - load.in_week.get(week, 0), 0) for week in sorted(weeks)
        },
    )


def _held(db: DbSession, observer_ids: list[str], run: Any, *, now: datetime) -> dict[str, list[Any]]:
    """Return each observer's seats of the last weeks and to come, with call type and account. One statement."""
    query = select(seat.c.observer_id, seat.c.status, seat.c.call_id, call.c.type, call.c.starts_at, call.c.account_id)
    query = query.join(call, call.c.id == seat.c.call_id)
    query = query.where(
        seat.c.observer_id.in_(observer_ids),
        seat.c.status.in_((*LIVE_SEATS, SeatStatus.ATTENDED)),
        call.c.starts_at >= min(now, run.from_at) - _LOOK_BACK,
    )
    found: dict[str, list[Any]] = {}
    for row in db.execute(query):
        found.setdefault(row.observer_id, []).append(row)
    return found


def _days(run: Any, time_zone: str) -> list[date]:
    first, last = local_day(run.from_at, time_zone), local_day(run.to_at, time_zone)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _week(day: date) -> int:
    year, week = week_of(day)
    return year * 100 + week


def _minutes(length: timedelta) -> int:
    """Whole minutes, rounded down: a start lies no later and, negated, an end no earlier than it really is."""
    return length // timedelta(minutes=1)
