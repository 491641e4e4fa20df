"""The solver on known planning instances, judged by plain loops and their published bounds."""

from collections import Counter
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app.rules.planning.arrays import WeekArrays, week_model
from app.rules.planning.greedy import rounds
from app.rules.planning.model import worth
from app.rules.planning.solve import solve_arrays

INSTANCES = Path(__file__).parent / "instances"
PROVEN = {"p2_20": 157_583, "p2_200": 1_772_619}


@pytest.mark.parametrize("name", PROVEN)
def test_the_plan_of_a_known_instance_is_feasible_and_within_a_2000th_of_the_proven_bound(name: str) -> None:
    week = an_instance(name)

    answer = solve_arrays(week)

    assert violations(week, answer.edges) == []
    assert answer.objective == points(week, answer.edges)
    assert answer.objective <= PROVEN[name]
    assert answer.objective <= answer.bound
    assert answer.gap_percent <= 0.05
    assert 100 * (PROVEN[name] - answer.objective) <= 0.05 * answer.objective
    assert not answer.timed_out


@pytest.mark.parametrize("name", PROVEN)
def test_greedy_rounds_on_a_known_instance_are_feasible_and_leave_nobody_out(name: str) -> None:
    week = an_instance(name)
    model = week_model(week)

    edges = rounds(model, np.zeros(0, dtype=np.int64))

    assert violations(week, edges) == []
    assert worth(model, edges).total == points(week, edges)
    assert 0.95 * PROVEN[name] < points(week, edges) <= PROVEN[name]


def an_instance(name: str) -> WeekArrays:
    with np.load(INSTANCES / f"{name}.npz") as arrays:
        given: dict[str, Any] = {one.name: arrays[one.name].astype(np.int32) for one in fields(WeekArrays)}
    return WeekArrays(**given)


def violations(week: WeekArrays, edges: npt.NDArray[np.int64]) -> list[str]:
    found = ["an edge twice"] if len(set(edges.tolist())) < len(edges) else []
    calls = Counter(week.edge_c[edges].tolist())
    found += [f"call {call} oversold" for call, taken in calls.items() if taken > week.seats[call]]
    hosts = Counter(week.call_host[week.edge_c[edges]].tolist())
    found += [f"host {host} overloaded" for host, taken in hosts.items() if taken > week.hostcap[host]]
    for observer, mine in heard(week, edges).items():
        if len(mine) > week.quota[observer]:
            found.append(f"{observer} beyond the quota")
        mine.sort(key=lambda call: week.call_start[call])
        if any(week.call_start[b] < week.call_end[a] for a, b in pairwise(mine)):
            found.append(f"{observer} is in two places")
        for what, limit in (
            (Counter(int(week.call_acct[call]) for call in mine), 1),
            (Counter(int(week.call_host[call]) for call in mine), week.per_host),
            (Counter(int(week.call_start[call]) // 96 for call in mine), week.per_day),
        ):
            if any(taken > limit for taken in what.values()):
                found.append(f"{observer}: more than {limit} of {what}")
    return found


def points(week: WeekArrays, edges: npt.NDArray[np.int64]) -> int:
    total = int(week.value[edges].sum())
    for mine in heard(week, edges).values():
        total += int(week.bonus[: len(mine)].sum())
    goals = {(int(week.edge_j[edge]), bit) for edge in edges for bit in range(8) if int(week.goalmask[edge]) >> bit & 1}
    return total + week.goal_bonus * len(goals)


def heard(week: WeekArrays, edges: npt.NDArray[np.int64]) -> dict[int, list[int]]:
    calls: dict[int, list[int]] = {}
    for edge in edges:
        calls.setdefault(int(week.edge_j[edge]), []).append(int(week.edge_c[edge]))
    return calls
