"""A week as plain arrays, the form in which planning instances are exchanged and solvers compared."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.rules.planning.model import IntArray, SeatModel, at_most, one_at_a_time
from app.rules.planning.problem import PlanLimit

_SLOTS_PER_DAY = 96

Whole = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class WeekArrays:
    """Observers, hosts and calls by index; times in quarter-hour slots, `[call_start, call_end)`, 96 to the day.

    Edge e seats `edge_j[e]` on `edge_c[e]` for `value[e]` points and meets that observer's goals in the bits of
    `goalmask[e]`. `quota` limits an observer's sessions, `hostcap` a host's seats, `per_host` and `per_day` an
    observer's calls of one host and on one day; `bonus[n]` is what the session after n others is worth, `goal_bonus`
    what a goal is.
    """

    quota: Whole
    hostcap: Whole
    seats: Whole
    call_host: Whole
    call_start: Whole
    call_end: Whole
    call_acct: Whole
    edge_j: Whole
    edge_c: Whole
    value: Whole
    goalmask: Whole
    bonus: Whole
    goal_bonus: int
    per_host: int
    per_day: int


def week_model(week: WeekArrays) -> SeatModel:
    """The week as a seat model, edge for edge."""
    who, call = week.edge_j.astype(np.int64), week.edge_c.astype(np.int64)
    host, start = week.call_host[call].astype(np.int64), week.call_start[call].astype(np.int64)
    account = week.call_acct[call].astype(np.int64)
    quota = week.quota.astype(np.int64)
    bonus = np.where(np.arange(len(week.bonus)) < quota[:, None], week.bonus, 0).astype(np.int64)
    edge, bit = np.nonzero((week.goalmask.astype(np.int64)[:, None] >> np.arange(8)) & 1)
    goals, goal = np.unique(8 * who[edge] + bit, return_inverse=True)
    return SeatModel(
        observer=who,
        value=week.value.astype(np.int64),
        bonus=bonus,
        goal=goal,
        goal_edge=edge,
        goal_worth=np.full(len(goals), int(week.goal_bonus), dtype=np.int64),
        limits=(
            at_most(PlanLimit.SEATS, week.seats.astype(np.int64)[call], call),
            at_most(PlanLimit.HOST_WEEK, week.hostcap.astype(np.int64)[host], host),
            at_most(PlanLimit.GOAL, quota[who], who),
            at_most(PlanLimit.DAY, _everywhere(who, week.per_day), who, start // _SLOTS_PER_DAY),
            one_at_a_time(PlanLimit.TIME, who, start, week.call_end[call].astype(np.int64)),
            at_most(PlanLimit.ACCOUNT, _everywhere(who, 1), who, account),
            at_most(PlanLimit.HOST_VARIETY, _everywhere(who, week.per_host), who, host),
        ),
    )


def _everywhere(like: IntArray, cap: int) -> IntArray:
    return np.full(len(like), int(cap), dtype=np.int64)
