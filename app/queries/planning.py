"""Gather what a plan run is asked: open calls, observers, and the pairs that booking would accept by themselves; and
ask again, once there is a plan, what booking would say to it now.

The pairs come from the very rules that booking asks (`rules/seating`), so what is planned books.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import call, seat
from app.queries import busy, calls, joinable, pool
from app.queries.instants import SECOND, Ints
from app.queries.pool import Enrolled, Skills
from app.queries.rows import in_parts
from app.rules import seating
from app.rules.loads import takes_more
from app.rules.planning.problem import ContradictoryPin, HostLoad, PlanCall, PlanObserver, PlanPair, PlanProblem
from app.rules.rehearsal import Place, rehearsal
from app.rules.seating import Host, Load, Observer, Refusal, local_day, week_of
from app.vocabulary import LIVE_SEATS, CallStatus, SeatStatus, Side

SESSIONS_PER_WEEK = 5
"""What a week of a junior rep should hold, when their load limit allows."""
CALLS_PER_HOST = 2
"""In one plan, an observer hears one host at most so often: variety teaches."""
_LOOK_BACK = timedelta(weeks=4)
_NEEDED_WISH, _MASTERED = 3, 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plan_problem(db: DbSession, run: Any, *, now: datetime) -> PlanProblem:
    """Return the problem of a plan run over [from_at, to_at). A dozen statements however many people and calls.

    Raises ContradictoryPin for a pin that booking would refuse, but for one that is booked already: that is kept.
    """
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
    seated = {(who, row.call_id) for who, rows in held.items() for row in rows if row.status in LIVE_SEATS}
    pins = {(who, call_id) for who, call_id in run.pins} - seated
    pairs = _pairs(open_calls, juniors, observers, hosting, seated=seated, pinned=pins)
    plan_calls = tuple(_call(row, keys[row.id], by_type, run.from_at) for row in open_calls)
    at = _Places(juniors, open_calls)
    pinned = at.of_pins(pins)
    return PlanProblem(
        calls=plan_calls,
        observers=tuple(
            _observer(found, skills, held.get(found.row.id, ()), observers[found.row.id], mentors, by_type, run)
            for found in juniors
        ),
        pairs=_apart(pairs, open_calls, plan_calls, hosting, pinned={c for _, c in pinned}),
        hosts={host_id: _host_load(hosting[host_id].load, its) for host_id, its in _by_host(plan_calls).items()},
        strengths={host: skills.levels[host] for host in sorted(hosts)},
        per_host=CALLS_PER_HOST,
        pins=pinned,
        dropped=at.of_known((who, call_id) for who, call_id in run.dropped),
    )


def rehearsed(db: DbSession, places: Collection[Place], *, now: datetime) -> dict[Place, Refusal | None]:
    """Return why booking would refuse each of these seats now, those before it being booked; None where it would not.
    Eight statements however many there are, and two more for each thousand calls.
    """
    if not places:
        return {}
    observer_ids, call_ids = {who for who, _ in places}, {call_id for _, call_id in places}
    rows = {row.id: row for row in _calls_with_hosts(db, call_ids)}
    first, last = min(row.starts_at for row in rows.values()), max(row.ends_at for row in rows.values())
    people = busy.people_rows(db, observer_ids | {row.host_id for row in rows.values()})
    observing, hosting = busy.loads(db, list(people.values()), first, last, now=now)
    seekers = [people[who] for who in sorted(observer_ids)]
    booked = select(seat.c.observer_id, seat.c.call_id).where(seat.c.status.in_(LIVE_SEATS))
    return rehearsal(
        places,
        calls=rows,
        observers=busy.observers(db, seekers, first, last, observing=observing, now=now),
        hosts=hosting,
        booked={
            (row.observer_id, row.call_id)
            for part in in_parts(call_ids)
            for row in db.execute(booked.where(seat.c.call_id.in_(part)))
        },
        now=now,
    )


def stale(db: DbSession, planned: Sequence[Any], *, now: datetime) -> dict[str, str]:
    """Return by id of the planned seat the code with which booking would refuse it now, were the plan published; absent
    when it would accept, or was tried before. As many statements as `rehearsed`.
    """
    untried = [one for one in planned if one.seat_id is None and one.refusal is None]
    turn = {call_id: at for at, call_id in enumerate(dict.fromkeys(one.call_id for one in untried))}
    in_turn = sorted(untried, key=lambda one: turn[one.call_id])  # publishing books call by call
    said = rehearsed(db, [(one.observer_id, one.call_id) for one in in_turn], now=now)
    return {one.id: why.code for one in untried if (why := said[one.observer_id, one.call_id])}


def lesson(db: DbSession, run: Any, observer: Any, call_ids: Collection[str], *, now: datetime) -> PlanProblem:
    """Return what these calls would teach one observer, a row of `person`: the problem of the run over these alone,
    with every pair of them, whatever booking thinks of it. To tell what a seat is worth, not who may have it.
    """
    rows = sorted(_calls_with_hosts(db, call_ids), key=lambda row: (row.starts_at, row.id))
    who = Enrolled(observer, 0, observer.email)
    observing, _ = busy.loads(db, [observer], run.from_at, run.to_at, now=now)
    observers = busy.observers(db, [observer], run.from_at, run.to_at, observing=observing, now=now)
    skills = pool.skills_of(db, {observer.id} | {row.host_id for row in rows})
    by_type, mentors = calls.skills_by_type(db), pool.standing_mentors(db, run.program_id)
    held = _held(db, [observer.id], run, now=now).get(observer.id, ())
    days = _days_of(rows, observer.time_zone)
    return PlanProblem(
        calls=tuple(_call(row, row.id, by_type, run.from_at) for row in rows),
        observers=(_observer(who, skills, held, observers[observer.id], mentors, by_type, run),),
        pairs=tuple(PlanPair(0, c, *day) for c, day in enumerate(days)),
        hosts={},
        strengths={row.host_id: skills.levels[row.host_id] for row in rows},
        per_host=CALLS_PER_HOST,
    )


class _Places:
    """Where the people and calls of a problem stand in it."""

    def __init__(self, juniors: Sequence[Enrolled], open_calls: Sequence[Any]) -> None:
        self._observer = {found.row.id: at for at, found in enumerate(juniors)}
        self._call = {row.id: at for at, row in enumerate(open_calls)}

    def of_pins(self, places: Iterable[Place]) -> tuple[tuple[int, int], ...]:
        """Return the indices of these pins. Raises ContradictoryPin for who or what is not in the problem."""
        for who, call_id in sorted(places := set(places)):
            if who not in self._observer or call_id not in self._call:
                raise ContradictoryPin(who, call_id, None)
        return self.of_known(places)

    def of_known(self, places: Iterable[Place]) -> tuple[tuple[int, int], ...]:
        """Return the indices of those places whose observer and call are in the problem, sorted."""
        return tuple(
            sorted((self._observer[w], self._call[c]) for w, c in places if w in self._observer and c in self._call)
        )


def _calls_with_hosts(db: DbSession, call_ids: Iterable[str]) -> list[Any]:
    query = calls.calls_with_hosts()
    return [row for part in in_parts(call_ids) for row in db.execute(query.where(call.c.id.in_(part)))]


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
    observers: Mapping[str, Observer],
    hosting: Mapping[str, Host],
    *,
    seated: Collection[Place],
    pinned: Collection[Place],
) -> list[PlanPair]:
    """Return the pairs of observer and open call that `seating.unfit` finds nothing against, in a language that the
    observer understands, unless an admin has pinned them. Hosts are asked once for each call, and what is against the
    observer is found in columns: there are a million pairs in the week of 250 juniors.
    """
    if not open_calls:
        return []
    starts, ends = (_columns(open_calls, name) for name in ("starts_at", "ends_at"))
    seconds = (starts // SECOND).tolist()
    ids = [row.id for row in open_calls]
    host_ids, languages = (np.array([getattr(row, name) for row in open_calls]) for name in ("host_id", "language"))
    welcome = np.array([seating.unwelcome(row, hosting[row.host_id]) is None for row in open_calls], np.bool_)
    at = {call_id: c for c, call_id in enumerate(ids)}
    days: dict[str, list[tuple[int, int]]] = {}
    found: list[PlanPair] = []
    for o, junior in enumerate(juniors):
        observer, load = observers[junior.row.id], observers[junior.row.id].load
        understood = np.isin(languages, junior.row.languages)
        understood[[at[call_id] for who, call_id in pinned if who == observer.id and call_id in at]] = True
        fits = welcome & understood & (host_ids != observer.id)
        fits &= joinable.timely(starts, ends, seating.openings(observer))
        if load.time_zone not in days:
            days[load.time_zone] = _days_of(open_calls, load.time_zone)
        of_day = days[load.time_zone]
        found.extend(
            PlanPair(o, c, *of_day[c])
            for c in np.flatnonzero(fits).tolist()
            # A local day whose midnight the clock skips or repeats may be cut short in the openings.
            if takes_more(load, seconds[c]) and (observer.id, ids[c]) not in seated
        )
    return found


def _columns(rows: Sequence[Any], name: str) -> Ints:
    """Return an instant of each row in microseconds since 1970."""
    return np.array([(getattr(row, name) - _EPOCH) // timedelta(microseconds=1) for row in rows], np.int64)


def _days_of(rows: Sequence[Any], time_zone: str) -> list[tuple[int, int]]:
    """Return the local day and week on which each of these calls starts, as numbers."""
    days = [local_day(row.starts_at, time_zone) for row in rows]
    return [(day.toordinal(), _week(day)) for day in days]


def _apart(
    pairs: Sequence[PlanPair],
    open_calls: Sequence[Any],
    plan_calls: Sequence[PlanCall],
    hosting: Mapping[str, Host],
    *,
    pinned: Collection[int],
) -> tuple[PlanPair, ...]:
    """Leave out calls that lie closer together than their host wants: of those that nobody observes yet those stay that
    seat the most observers between them, pinned calls before all. O(n log n).

    Conservative: which of two such calls gets observers is settled before the plan, which might have chosen the other.
    It is no row of the seat model, whose rows count seats: here, ten seats on one call are as good as one.
    """
    asked = Counter(pair.call for pair in pairs)
    by_host: dict[str, list[int]] = {}
    kept = set()
    for c in sorted(asked, key=lambda c: (open_calls[c].ends_at, plan_calls[c].key)):
        host = hosting[open_calls[c].host_id]
        if host.gap and open_calls[c].id not in host.observed:
            by_host.setdefault(open_calls[c].host_id, []).append(c)
        else:
            kept.add(c)
    most = sum(plan_call.seats_free for plan_call in plan_calls) + 1
    for host_id, its in by_host.items():
        seats = [min(asked[c], plan_calls[c].seats_free) + most * (c in pinned) for c in its]
        ranges = [(open_calls[c].starts_at - hosting[host_id].gap, open_calls[c].ends_at) for c in its]
        kept |= {its[at] for at in heaviest_apart(ranges, seats)}
    return tuple(pair for pair in pairs if pair.call in kept)


def heaviest_apart(ranges: Sequence[tuple[datetime, datetime]], weights: Sequence[int]) -> list[int]:
    """Return those of the intervals, sorted by end, that don't overlap and weigh the most; of several such choices the
    one that ends first. Weighted interval scheduling: O(n log n).
    """
    ends = [end for _, end in ranges]
    before = [min(bisect_right(ends, start), at) for at, (start, _) in enumerate(ranges)]
    best = [0]
    for at, weight in enumerate(weights):
        best.append(max(best[at], best[before[at]] + weight))
    chosen, left = [], len(ranges)
    while left:
        if best[left] == best[left - 1]:
            left -= 1
        else:
            chosen.append(left - 1)
            left = before[left - 1]
    return chosen


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


def _by_host(plan_calls: Iterable[PlanCall]) -> dict[str, list[PlanCall]]:
    found: dict[str, list[PlanCall]] = {}
    for one in plan_calls:
        found.setdefault(one.host, []).append(one)
    return found


def _host_load(load: Load, its_calls: Sequence[PlanCall]) -> HostLoad:
    days = {date.fromordinal(one.host_day) for one in its_calls}
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
