"""Random weeks to plan, in the form of the shared planning instances: people in three regions, a few skills each."""

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from app.rules.planning.arrays import WeekArrays

SIZES = {
    "20": (20, 6, 100),
    "200": (200, 60, 1_000),
    "1000": (1_000, 300, 5_000),
    "10000": (10_000, 2_000, 40_000),
}
"""Juniors, hosts and calls."""

_BONUS = (4_000, 2_000, 1_000, 500, 250)
_GOAL_BONUS = 600
_MOST_GOALS = 3
_PER_HOST = _PER_DAY = 2
_SKILLS = 12
_SLOTS_PER_DAY = 96
_MORNINGS = (28, 36, 60)
"""The first working slot of a day in each region, UTC."""
_LONG_DAY = 40

Ints = npt.NDArray[np.int64]


def random_week(juniors: int, hosts: int, calls: int, *, pairs_each: int, seed: int) -> WeekArrays:
    """Return a week in which hosts are short: they take nine observers each, and are asked for ten.

    A junior may hear what lies in their working day, in their language and outside of their own meetings; of those
    they keep the `pairs_each` calls worth most. The same arguments give the same week.
    """
    rng = np.random.default_rng(seed)
    host_region, junior_region = rng.integers(0, 3, hosts), rng.integers(0, 3, juniors)
    host_skill = rng.integers(0, 5, (hosts, _SKILLS))
    junior_lack = rng.integers(0, 5, (juniors, _SKILLS)) * (rng.random((juniors, _SKILLS)) < 0.6)
    call_host = rng.integers(0, hosts, calls)
    morning = np.array(_MORNINGS)[host_region[call_host]]
    call_start = _SLOTS_PER_DAY * rng.integers(0, 5, calls) + morning + rng.integers(0, 34, calls)
    exercised = rng.random((calls, _SKILLS)) < 0.2
    goals = rng.permuted(np.tile(np.arange(_SKILLS), (juniors, 1)), axis=1)[:, :_MOST_GOALS]
    goals[np.arange(_MOST_GOALS) >= rng.integers(1, _MOST_GOALS + 1, juniors)[:, None]] = -1
    shown = exercised * host_skill[call_host]
    segment, at_home = rng.integers(0, 4, calls), rng.integers(0, 4, juniors)
    language, spoken = rng.random(calls) < 0.15, rng.random(juniors) < 0.4
    found: list[tuple[Ints, Ints, Ints]] = []
    for i in range(juniors):
        first = _MORNINGS[junior_region[i]]
        of_day = call_start % _SLOTS_PER_DAY
        meetings = rng.random(5 * _LONG_DAY) < 0.3
        fits = (of_day >= first) & (of_day < first + _LONG_DAY - 4) & (spoken[i] | ~language)
        within = np.flatnonzero(fits)
        within = within[~meetings[call_start[within] // _SLOTS_PER_DAY * _LONG_DAY + of_day[within] - first]]
        worth = 12 * shown[within] @ junior_lack[i] + 100 * (segment[within] == at_home[i])
        best = np.sort(np.argsort(-worth, kind="stable")[:pairs_each])
        mine = goals[i][goals[i] >= 0]
        meets = (shown[np.ix_(within[best], mine)] >= 3) @ (1 << np.arange(len(mine)))
        found.append((within[best], np.minimum(worth[best], 960), meets))
    counts = [len(edges) for edges, _, _ in found]
    return WeekArrays(
        quota=rng.choice((2, 3, 4, 5), juniors, p=(0.35, 0.3, 0.2, 0.15)),
        hostcap=rng.integers(4, 15, hosts),
        seats=rng.choice((0, 1, 2, 3), calls, p=(0.2, 0.4, 0.25, 0.15)),
        call_host=call_host,
        call_start=call_start,
        call_end=call_start + rng.integers(2, 5, calls),
        call_acct=rng.integers(0, 4 * calls, calls),
        edge_j=np.repeat(np.arange(juniors), counts),
        edge_c=np.concatenate([edges for edges, _, _ in found]),
        value=np.concatenate([worth for _, worth, _ in found]),
        goalmask=np.concatenate([meets for _, _, meets in found]),
        bonus=np.array(_BONUS),
        goal_bonus=_GOAL_BONUS,
        per_host=_PER_HOST,
        per_day=_PER_DAY,
    )


def as_instance(week: WeekArrays) -> dict[str, Any]:
    """Return the week as the arrays of an instance file, which its independent checker reads too."""
    goals = np.zeros(len(week.quota), dtype=np.int64)
    np.bitwise_or.at(goals, week.edge_j, week.goalmask.astype(np.int64))
    numbers = {
        "nj": len(week.quota),
        "nh": len(week.hostcap),
        "nc": len(week.seats),
        "ngoal": np.bitwise_count(goals),
    }
    arrays = {field.name: getattr(week, field.name) for field in fields(week)}
    return {"kind": "p2", **numbers, **arrays}
