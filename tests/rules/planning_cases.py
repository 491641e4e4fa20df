"""Plan problems for the tests, and an independent judge of their answers: plain loops, no rows and no arrays."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations

from hypothesis import strategies as st

from app.rules.planning.problem import (
    HostLoad,
    PlanAnswer,
    PlanCall,
    PlanObserver,
    PlanPair,
    PlanProblem,
)

DAY = 24 * 60

Seating = frozenset[tuple[int, int]]
"""(observer, call) indices."""


def a_call(
    name: str = "demo",
    *,
    host: str = "hana",
    account: str | None = None,
    type: str = "demo",
    skills: tuple[str, ...] = ("demo.storytelling",),
    segment: str | None = None,
    starts_at: int = 600,
    minutes: int = 30,
    week: int = 0,
    seats: int = 1,
) -> PlanCall:
    return PlanCall(
        id=f"call_{name}",
        key=name,
        host=host,
        account=account,
        type=type,
        skills=skills,
        segment=segment,
        starts_at=starts_at,
        ends_at=starts_at + minutes,
        host_day=starts_at // DAY,
        host_week=week,
        seats_free=seats,
    )


def an_observer(
    name: str = "ola",
    *,
    goal: int = 5,
    gap: int = 0,
    wants: Mapping[str, int] | None = None,
    levels: Mapping[str, int] | None = None,
    needs: tuple[str, ...] = (),
    mentor: str | None = None,
    manager: str | None = None,
    segments: Iterable[str] = (),
    heard_before: int = 0,
    heard_types: Mapping[str, int] | None = None,
    accounts_taken: Iterable[str] = (),
    per_day_left: Mapping[int, int] | None = None,
    per_week_left: Mapping[int, int] | None = None,
) -> PlanObserver:
    return PlanObserver(
        id=f"per_{name}",
        key=name,
        weekly_goal=goal,
        gap_minutes=gap,
        wants={"demo.storytelling": 3} if wants is None else wants,
        levels=levels or {},
        needs=needs,
        mentor=mentor,
        manager=manager,
        segments=frozenset(segments),
        heard_before=heard_before,
        heard_types=heard_types or {},
        accounts_taken=frozenset(accounts_taken),
        per_day_left=per_day_left or {},
        per_week_left=per_week_left or {},
    )


def a_problem(
    observers: tuple[PlanObserver, ...],
    calls: tuple[PlanCall, ...],
    *,
    pairs: Iterable[tuple[int, int]] | None = None,
    hosts: Mapping[str, HostLoad] | None = None,
    strengths: Mapping[str, Mapping[str, int]] | None = None,
    per_host: int = 9,
    per_day: int = 9,
    per_week: int = 9,
    host_per_day: int = 9,
    host_per_week: int = 9,
    pins: tuple[tuple[int, int], ...] = (),
    dropped: tuple[tuple[int, int], ...] = (),
) -> PlanProblem:
    """Everybody may hear everything unless `pairs` says otherwise; observers share the hosts' zone. What is left of
    load limits is `per_day` and the like where neither observer nor host says it.
    """
    days, weeks = {call.host_day for call in calls}, {call.host_week for call in calls}
    given = {call.host: (hosts or {}).get(call.host, HostLoad({}, {})) for call in calls}
    allowed = [(o, c) for o in range(len(observers)) for c in range(len(calls))] if pairs is None else pairs
    return PlanProblem(
        calls=calls,
        observers=tuple(
            replace(
                one,
                per_day_left=dict.fromkeys(days, per_day) | dict(one.per_day_left),
                per_week_left=dict.fromkeys(weeks, per_week) | dict(one.per_week_left),
            )
            for one in observers
        ),
        pairs=tuple(PlanPair(o, c, day=calls[c].host_day, week=calls[c].host_week) for o, c in allowed),
        hosts={
            host: HostLoad(
                dict.fromkeys(days, host_per_day) | dict(load.per_day_left),
                dict.fromkeys(weeks, host_per_week) | dict(load.per_week_left),
            )
            for host, load in given.items()
        },
        strengths={call.host: {"demo.storytelling": 3} for call in calls} if strengths is None else strengths,
        per_host=per_host,
        pins=pins,
        dropped=dropped,
    )


def violations(problem: PlanProblem, seating: Seating) -> list[str]:
    """Everything that booking would refuse about these seats together."""
    found: list[str] = []
    allowed = {(pair.observer, pair.call): pair for pair in problem.pairs}
    found += [f"{seat} is not allowed" for seat in seating if seat not in allowed]
    found += [f"{seat} was dropped" for seat in seating & set(problem.dropped)]
    for c, call in enumerate(problem.calls):
        if sum(seat[1] == c for seat in seating) > max(call.seats_free, 0):
            found.append(f"{call.key} oversold")
    for host in {call.host for call in problem.calls}:
        hosted = [problem.calls[c] for c in hosted_indices(problem, seating, host)]
        load = problem.hosts[host]
        for day, taken in Counter(call.host_day for call in hosted).items():
            if taken > load.per_day_left[day]:
                found.append(f"{host} has too many on day {day}")
        for week, taken in Counter(call.host_week for call in hosted).items():
            if taken > load.per_week_left[week]:
                found.append(f"{host} has too many in week {week}")
    for o, observer in enumerate(problem.observers):
        mine = [pair for place, pair in allowed.items() if place in seating and place[0] == o]
        calls = sorted((problem.calls[pair.call] for pair in mine), key=lambda call: call.starts_at)
        pinned = sum(pin[0] == o for pin in set(problem.pins))
        if len(mine) > max(observer.weekly_goal, pinned):
            found.append(f"{observer.key} beyond the goal")
        for day, taken in Counter(pair.day for pair in mine).items():
            if taken > observer.per_day_left[day]:
                found.append(f"{observer.key} has too many on day {day}")
        for week, taken in Counter(pair.week for pair in mine).items():
            if taken > observer.per_week_left[week]:
                found.append(f"{observer.key} has too many in week {week}")
        for one, other in combinations(calls, 2):
            if other.starts_at < one.ends_at + observer.gap_minutes:
                found.append(f"{observer.key} is in two places: {one.key}, {other.key}")
        accounts = [call.account for call in calls if call.account is not None]
        if len(accounts) != len(set(accounts)) or observer.accounts_taken & set(accounts):
            found.append(f"{observer.key} hears an account twice")
        if any(taken > problem.per_host for taken in Counter(call.host for call in calls).values()):
            found.append(f"{observer.key} hears one host too often")
    return found


def hosted_indices(problem: PlanProblem, seating: Seating, host: str) -> list[int]:
    return [c for _, c in seating if problem.calls[c].host == host]


def points(problem: PlanProblem, seating: Seating) -> int:
    """What a seating is worth, spelled out once more."""
    total = 0
    for o, observer in enumerate(problem.observers):
        calls = [problem.calls[c] for who, c in seating if who == o]
        steps = [6_000 + 1_500 // (1 + observer.heard_before), 2_000, 1_000, 500, 250]
        total += sum(steps[: len(calls)]) + 125 * max(len(calls) - len(steps), 0)
        total += sum(seat_value(problem, observer, call) for call in calls)
        heard = {call.type for call in calls} | {skill for call in calls for skill in call.skills}
        total += 500 * len(heard & set(observer.needs))
    return total


def seat_value(problem: PlanProblem, observer: PlanObserver, call: PlanCall) -> int:
    taught = sum(
        observer.wants.get(skill, 0)
        * (4 - observer.levels.get(skill, 0))
        * problem.strengths.get(call.host, {}).get(skill, 0)
        for skill in call.skills
    )
    return (
        min(600, 3 * taught)
        + (150 if observer.mentor == call.host else 0)
        + (100 if observer.manager == call.host else 0)
        + (100 if call.segment in observer.segments else 0)
        + 150 // (1 + observer.heard_types.get(call.type, 0))
    )


def seating_of(problem: PlanProblem, answer: PlanAnswer) -> Seating:
    observers = {observer.id: i for i, observer in enumerate(problem.observers)}
    calls = {call.id: i for i, call in enumerate(problem.calls)}
    return frozenset((observers[seat.observer], calls[seat.call]) for seat in answer.seats)


def best_points(problem: PlanProblem) -> int | None:
    """Brute force over all subsets of the pairs that hold the pins; None when there is none."""
    places = [(pair.observer, pair.call) for pair in problem.pairs]
    best: int | None = None
    for picked in range(1 << len(places)):
        seating = frozenset(place for bit, place in enumerate(places) if picked >> bit & 1)
        if set(problem.pins) <= seating and not violations(problem, seating):
            best = max(points(problem, seating), -1 if best is None else best)
    return best


SKILLS = ("demo.storytelling", "objections.price", "craft.listening")
TYPES = ("demo", "discovery", "negotiation")
HOSTS = ("hana", "hugo")


@st.composite
def problems(
    draw: st.DrawFn, *, observers: int, calls: int, pairs: int, pins: int = 0, dropped: int = 0
) -> PlanProblem:
    """Crowded weeks: few hosts, days and accounts, so that every limit binds now and then."""
    small = st.integers(0, 3)
    levels = st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 4))
    lefts = st.dictionaries(st.integers(0, 1), st.integers(0, 2), max_size=2)
    some_calls = tuple(
        a_call(
            f"c{i:02}",
            host=draw(st.sampled_from(HOSTS)),
            account=draw(st.sampled_from((None, None, "acme", "birch"))),
            type=draw(st.sampled_from(TYPES)),
            skills=tuple(draw(st.lists(st.sampled_from(SKILLS), unique=True, max_size=2))),
            segment=draw(st.sampled_from((None, "smb", "enterprise"))),
            starts_at=draw(st.integers(0, 1)) * DAY + 600 + 15 * draw(st.integers(0, 12)),
            minutes=draw(st.sampled_from((15, 30, 60))),
            week=draw(st.integers(0, 1)),
            seats=draw(st.sampled_from((1, 1, 2, 0))),
        )
        for i in range(draw(st.integers(1, calls)))
    )
    some_observers = tuple(
        an_observer(
            f"o{i:02}",
            goal=draw(small),
            gap=draw(st.sampled_from((0, 10, 30))),
            wants=draw(st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 5))),
            levels=draw(levels),
            needs=tuple(draw(st.lists(st.sampled_from(SKILLS + TYPES), max_size=3))),
            mentor=draw(st.sampled_from((None, *HOSTS))),
            manager=draw(st.sampled_from((None, *HOSTS))),
            segments=draw(st.sets(st.sampled_from(("smb", "enterprise")))),
            heard_before=draw(small),
            heard_types=draw(st.dictionaries(st.sampled_from(TYPES), small)),
            accounts_taken=draw(st.sampled_from(((), (), ("acme",)))),
            per_day_left=draw(lefts),
            per_week_left=draw(lefts),
        )
        for i in range(draw(st.integers(1, observers)))
    )
    places = st.tuples(st.integers(0, len(some_observers) - 1), st.integers(0, len(some_calls) - 1))
    allowed = draw(st.lists(places, unique=True, max_size=pairs))
    return a_problem(
        some_observers,
        some_calls,
        pairs=allowed,
        hosts=draw(st.dictionaries(st.sampled_from(HOSTS), st.builds(HostLoad, lefts, lefts))),
        strengths={host: draw(levels) for host in HOSTS},
        per_host=draw(st.integers(1, 2)),
        per_day=draw(st.integers(1, 3)),
        per_week=draw(st.integers(1, 4)),
        host_per_day=draw(st.integers(1, 3)),
        host_per_week=draw(st.integers(1, 5)),
        pins=tuple(draw(st.lists(st.sampled_from(allowed), unique=True, max_size=pins))) if allowed and pins else (),
        dropped=tuple(draw(st.lists(places, unique=True, max_size=dropped))),
    )
