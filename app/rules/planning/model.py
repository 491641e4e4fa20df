"""The plan as arrays: edges to choose from, "at most" rows, a concave bonus per session and goals to cover."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.rules.planning.problem import PlanLimit

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Limit:
    """Rows of one kind: at most `cap[r]` of the members of row r; entry k puts `member[k]` into row `row[k]`."""

    name: PlanLimit
    row: IntArray
    member: IntArray
    cap: IntArray

    def load(self, chosen: IntArray) -> IntArray:
        """How many of the chosen members each row holds."""
        return np.bincount(self.row[np.isin(self.member, chosen)], minlength=len(self.cap))


@dataclass(frozen=True, slots=True)
class SeatModel:
    """Choose edges to maximise bonus + value + goals under every limit.

    An edge gives `observer[e]` a seat for `value[e]` ≥ 0 points. An observer's session after n others adds
    `bonus[i, n]` points, never more than the one before it, and nothing beyond the last column. Entry k says that
    `goal_edge[k]` meets `goal[k]`; a goal is worth `goal_worth[g]` once. The members of `limits` are edges. Every
    limit is an "at most": each part of a feasible choice is feasible too.
    """

    observer: IntArray
    value: IntArray
    bonus: IntArray
    goal: IntArray
    goal_edge: IntArray
    goal_worth: IntArray
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Worth:
    """What chosen edges are worth: the session bonus, and what is learnt (values and goals)."""

    fairness: int
    learning: int

    @property
    def total(self) -> int:
        """Both together: the objective."""
        return self.fairness + self.learning


def worth(model: SeatModel, chosen: IntArray) -> Worth:
    """The objective of a choice in exact integers, however it was found."""
    reached, covered = reached_steps(model, chosen), covered_goals(model, chosen)
    learning = model.value[chosen].sum() + model.goal_worth[covered].sum()
    return Worth(fairness=int(model.bonus[reached].sum()), learning=int(learning))


def reached_steps(model: SeatModel, chosen: IntArray) -> BoolArray:
    """Which cells of `bonus` the chosen edges earn."""
    observers, steps = model.bonus.shape
    sessions = np.bincount(model.observer[chosen], minlength=observers)
    return np.arange(steps)[None, :] < sessions[:, None]


def covered_goals(model: SeatModel, chosen: IntArray) -> BoolArray:
    """Which goals the chosen edges meet."""
    covered = np.zeros(len(model.goal_worth), dtype=bool)
    covered[model.goal[np.isin(model.goal_edge, chosen)]] = True
    return covered


def broken(model: SeatModel, chosen: IntArray) -> PlanLimit | None:
    """The first limit that the chosen edges break; None when they are feasible."""
    return next((limit.name for limit in model.limits if (limit.load(chosen) > limit.cap).any()), None)


def blocked(model: SeatModel, chosen: IntArray) -> Iterator[tuple[PlanLimit, BoolArray]]:
    """Per limit, the edges that would not fit beside the chosen ones; meaningless for the chosen edges themselves."""
    for limit in model.limits:
        full = limit.load(chosen) >= limit.cap
        edges = np.zeros(len(model.value), dtype=bool)
        edges[limit.member[full[limit.row]]] = True
        yield limit.name, edges


def at_most(name: PlanLimit, cap: IntArray, *key: IntArray, where: BoolArray | None = None) -> Limit:
    """One row for each distinct key among the edges `where` holds; `cap` is per edge and equal for equal keys."""
    edge = np.arange(len(cap)) if where is None else np.flatnonzero(where)
    row = np.zeros(len(edge), dtype=np.int64)
    for part in key:
        _, number = np.unique(part[edge], return_inverse=True)
        _, first, row = np.unique(row * (number.max(initial=0) + 1) + number, return_index=True, return_inverse=True)
    return Limit(name, row=row, member=edge, cap=np.maximum(cap[edge][first], 0))


def one_at_a_time(name: PlanLimit, who: IntArray, start: IntArray, end: IntArray) -> Limit:
    """At most one of a person's intervals [start, end) at any moment: a row for each maximal set that overlaps.

    Cliques, not clashing pairs: the relaxation is far tighter, and intervals have no more maximal cliques than members.
    O(n log n + n·w) for w intervals of one person that start within the longest length.
    """
    order = np.lexsort((end, start, who))
    who, start, end = who[order], start[order], end[order]
    longest = (end - start).max(initial=0)
    rows, members = [np.arange(len(who))], [np.arange(len(who))]
    first_end = end.copy()
    for back in range(1, len(who)):
        near = (who[back:] == who[:-back]) & (start[back:] - start[:-back] < longest)
        if not near.any():
            break
        alive = np.flatnonzero(near & (end[:-back] > start[back:]))
        rows.append(alive + back)
        members.append(alive)
        first_end[alive + back] = np.minimum(first_end[alive + back], end[alive])
    row, member = np.concatenate(rows), np.concatenate(members)
    # The clique at one start lies inside the next one exactly when nobody leaves before that start.
    swallowed = np.zeros(len(who), dtype=bool)
    swallowed[:-1] = (who[:-1] == who[1:]) & (first_end[:-1] > start[1:])
    kept = ~swallowed & (np.bincount(row, minlength=len(who)) > 1)
    number = np.cumsum(kept) - 1
    inside = kept[row]
    cap = np.ones(int(kept.sum()), dtype=np.int64)
    return Limit(name, row=number[row[inside]], member=order[member[inside]], cap=cap)
