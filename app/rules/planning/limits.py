"""Every reason for which booking would refuse a seat beside the others of the plan, as rows of the seat model."""

import numpy as np

from app.rules.planning.model import IntArray, Limit, SeatModel, at_most, broken, one_at_a_time
from app.rules.planning.problem import ContradictoryPin, PlanLimit, PlanProblem
from app.rules.planning.score import NEED_MET, session_bonus


def seat_model(problem: PlanProblem, value: IntArray) -> SeatModel:
    """The problem over its pairs as edges, in their order. A pin may take an observer past their weekly goal."""
    pinned = np.bincount(_array([observer for observer, _ in problem.pins]), minlength=len(problem.observers))
    goal = np.maximum(_array([o.weekly_goal for o in problem.observers]), pinned)
    bonus = np.zeros((len(goal), goal.max(initial=0)), dtype=np.int64)
    for i, observer in enumerate(problem.observers):
        bonus[i, : goal[i]] = session_bonus(observer, int(goal[i]))
    observers = _array([pair.observer for pair in problem.pairs])
    needs, need_edges = _needs(problem)
    return SeatModel(
        observer=observers,
        value=value,
        bonus=bonus,
        goal=needs,
        goal_edge=need_edges,
        goal_worth=np.full(needs.max(initial=-1) + 1, NEED_MET, dtype=np.int64),
        limits=(
            _by_hand(problem),
            *_of_hosts(problem),
            at_most(PlanLimit.GOAL, goal[observers], observers),
            *_of_observers(problem),
        ),
    )


def pinned_edges(problem: PlanProblem, model: SeatModel) -> IntArray:
    """The edges of the pins, ascending; ContradictoryPin names the first pair that is refused or no longer fits.

    Every limit is an "at most": pins that break no row together can be kept together.
    """
    edge_of = {(pair.observer, pair.call): edge for edge, pair in enumerate(problem.pairs)}
    kept: list[int] = []
    for pin in sorted(set(problem.pins)):
        names = problem.observers[pin[0]].id, problem.calls[pin[1]].id
        if pin not in edge_of:
            raise ContradictoryPin(*names, None)
        kept.append(edge_of[pin])
        if limit := broken(model, _array(kept)):
            raise ContradictoryPin(*names, limit)
    return _array(kept)


def heard_needs(problem: PlanProblem) -> list[tuple[str, ...]]:
    """For each pair, what its observer still needs that its call lets them hear: worked out once per kind of call."""
    known: dict[tuple[int, str, tuple[str, ...]], tuple[str, ...]] = {}
    found = []
    for pair in problem.pairs:
        call = problem.calls[pair.call]
        kind = pair.observer, call.type, call.skills
        if kind not in known:
            known[kind] = problem.observers[pair.observer].needs_call(call)
        found.append(known[kind])
    return found


def _needs(problem: PlanProblem) -> tuple[IntArray, IntArray]:
    """(need, edge) for each need that an edge lets its observer hear; each observer's needs are their own."""
    number: dict[tuple[int, str], int] = {}
    entries = [
        (number.setdefault((pair.observer, need), len(number)), edge)
        for edge, (pair, needs) in enumerate(zip(problem.pairs, heard_needs(problem), strict=True))
        for need in needs
    ]
    need, edge = np.array(entries, dtype=np.int64).reshape(-1, 2).T
    return need, edge


def _by_hand(problem: PlanProblem) -> Limit:
    """None of the dropped pairs. They stay edges, so that a need can say that somebody took its call away."""
    dropped = set(problem.dropped)
    where = np.array([(pair.observer, pair.call) in dropped for pair in problem.pairs], dtype=bool)
    nothing = np.zeros(len(where), dtype=np.int64)
    return at_most(PlanLimit.DROPPED, nothing, nothing, where=where)


def _of_hosts(problem: PlanProblem) -> tuple[Limit, ...]:
    """Seats of each call; observers a host takes on one of their days, and in one of their weeks."""
    calls = [problem.calls[pair.call] for pair in problem.pairs]
    host = _numbers([c.host for c in calls])
    per_day = [problem.hosts[c.host].per_day_left[c.host_day] for c in calls]
    per_week = [problem.hosts[c.host].per_week_left[c.host_week] for c in calls]
    return (
        at_most(PlanLimit.SEATS, _array([c.seats_free for c in calls]), _array([p.call for p in problem.pairs])),
        at_most(PlanLimit.HOST_DAY, _array(per_day), host, _array([c.host_day for c in calls])),
        at_most(PlanLimit.HOST_WEEK, _array(per_week), host, _array([c.host_week for c in calls])),
    )


def _of_observers(problem: PlanProblem) -> tuple[Limit, ...]:
    """Load limits per local day and week, one place at a time and the gap, an account once, few calls of a host."""
    pairs = problem.pairs
    calls = [problem.calls[pair.call] for pair in pairs]
    people = [problem.observers[pair.observer] for pair in pairs]
    who = _array([pair.observer for pair in pairs])
    per_day = [o.per_day_left[p.day] for o, p in zip(people, pairs, strict=True)]
    per_week = [o.per_week_left[p.week] for o, p in zip(people, pairs, strict=True)]
    account = [int(c.account not in o.accounts_taken) for o, c in zip(people, calls, strict=True)]
    return (
        at_most(PlanLimit.DAY, _array(per_day), who, _array([p.day for p in pairs])),
        at_most(PlanLimit.WEEK, _array(per_week), who, _array([p.week for p in pairs])),
        one_at_a_time(
            PlanLimit.TIME,
            who,
            _array([c.starts_at for c in calls]),
            _array([c.ends_at + o.gap_minutes for o, c in zip(people, calls, strict=True)]),
        ),
        at_most(
            PlanLimit.ACCOUNT,
            _array(account),
            who,
            _numbers([c.account for c in calls]),
            where=np.array([c.account is not None for c in calls], dtype=bool),
        ),
        at_most(PlanLimit.HOST_VARIETY, np.full(len(pairs), problem.per_host), who, _numbers([c.host for c in calls])),
    )


def _array(numbers: list[int]) -> IntArray:
    return np.array(numbers, dtype=np.int64)


def _numbers(names: list[str] | list[str | None]) -> IntArray:
    """The names numbered by first appearance: by the order of the calls, never by id."""
    number: dict[str | None, int] = {}
    return _array([number.setdefault(name, len(number)) for name in names])
