"""The seat model as one mixed-integer programme for HiGHS, with the bound that it proves."""

from dataclasses import dataclass
from math import floor, inf

import highspy
import numpy as np
import numpy.typing as npt

from app.rules.planning.model import IntArray, Limit, SeatModel, covered_goals, reached_steps


@dataclass(frozen=True, slots=True)
class Optimum:
    """Chosen edges, ascending; no choice is worth more than `bound`. `timed_out`: the clock stopped the search."""

    edges: IntArray
    bound: int
    timed_out: bool


def maximise(
    model: SeatModel, *, start: IntArray, pinned: IntArray, relative_gap: float, time_limit_seconds: float
) -> Optimum:
    """The best choice that holds the pinned edges, to within `relative_gap` of the bound.

    HiGHS improves on `start`, which is feasible and holds the pins. One thread and a fixed seed: the same model gives
    the same edges, unless the clock cut in. Permuted edges may give another choice of equal worth: sort them first.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, setting in (
        ("output_flag", False),
        ("threads", 1),
        ("parallel", "off"),
        ("random_seed", 0),
        ("mip_rel_gap", relative_gap),
        ("mip_abs_gap", 0.99),  # every objective is an integer: a bound less than one point away is a proof
        ("time_limit", time_limit_seconds),
    ):
        solver.setOptionValue(option, setting)
    solver.passModel(_programme(model, pinned))
    solver.setSolution(_solution(model, start))
    solver.run()
    status = solver.getModelStatus()
    timed_out = status == highspy.HighsModelStatus.kTimeLimit
    if not timed_out and status != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS stopped with {solver.modelStatusToString(status)}")
    info = solver.getInfo()
    found = start
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        columns = np.asarray(solver.getSolution().col_value)
        found = np.flatnonzero(columns[: len(model.value)] > 0.5)
    bound = plain_bound(model)
    if info.mip_dual_bound < inf:
        bound = min(bound, floor(info.mip_dual_bound + 1e-3))  # worths are whole; 1e-3 for HiGHS's tolerances
    return Optimum(edges=found, bound=bound, timed_out=timed_out)


def _programme(model: SeatModel, pinned: IntArray) -> highspy.HighsLp:
    """Columns: edges, bonus steps, goals. Rows: limits, steps ≤ sessions, goal ≤ its edges.

    Only edges need be whole: a falling bonus then fills the steps in order and to the full, and a goal follows its
    edges.
    """
    edges, steps, goals = len(model.value), model.bonus.size, len(model.goal_worth)
    observers, per_observer = model.bonus.shape
    cost = np.concatenate([model.value, model.bonus.reshape(-1), model.goal_worth]).astype(np.float64)
    lower = np.zeros(len(cost))
    lower[pinned] = 1
    rows = _Rows()
    for limit in model.limits:
        rows.add_limit(limit)
    rows.add(
        np.concatenate([model.observer, np.repeat(np.arange(observers), per_observer)]),
        np.arange(edges + steps),
        np.concatenate([-np.ones(edges), np.ones(steps)]),
        np.zeros(observers, dtype=np.int64),
    )
    rows.add(
        np.concatenate([model.goal, np.arange(goals)]),
        np.concatenate([model.goal_edge, np.arange(edges + steps, edges + steps + goals)]),
        np.concatenate([-np.ones(len(model.goal)), np.ones(goals)]),
        np.zeros(goals, dtype=np.int64),
    )
    return rows.programme(cost, lower, binary=edges)


class _Rows:
    """Rows "sum ≤ upper" collected family by family, then laid out row-wise in one piece."""

    def __init__(self) -> None:
        self._row: list[IntArray] = []
        self._column: list[IntArray] = []
        self._value: list[npt.NDArray[np.float64]] = []
        self._upper: list[IntArray] = []
        self._count = 0

    def add(self, row: IntArray, column: IntArray, value: npt.NDArray[np.float64], upper: IntArray) -> None:
        """A family of rows, numbered from 0."""
        self._row.append(row + self._count)
        self._column.append(column)
        self._value.append(value)
        self._upper.append(upper)
        self._count += len(upper)

    def add_limit(self, limit: Limit) -> None:
        """The rows of a limit that can bind at all, over its members' columns."""
        binding = np.bincount(limit.row, minlength=len(limit.cap)) > limit.cap
        number, inside = np.cumsum(binding) - 1, binding[limit.row]
        columns = limit.member[inside]
        self.add(number[limit.row[inside]], columns, np.ones(len(columns)), limit.cap[binding])

    def programme(
        self, cost: npt.NDArray[np.float64], lower: npt.NDArray[np.float64], *, binary: int
    ) -> highspy.HighsLp:
        """Maximise cost over columns in [lower, 1], the first `binary` of them whole."""
        row, column, value = np.concatenate(self._row), np.concatenate(self._column), np.concatenate(self._value)
        order = np.lexsort((column, row))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(cost), self._count
        lp.sense_ = highspy.ObjSense.kMaximize
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, np.ones(len(cost))
        lp.row_lower_ = np.full(self._count, -highspy.kHighsInf)
        lp.row_upper_ = np.concatenate(self._upper).astype(np.float64)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
        lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=self._count))])
        lp.a_matrix_.index_ = column[order]
        lp.a_matrix_.value_ = value[order]
        whole, real = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        lp.integrality_ = [whole] * binary + [real] * (len(cost) - binary)
        return lp


def _solution(model: SeatModel, chosen: IntArray) -> highspy.HighsSolution:
    """The chosen edges as values of all columns, for a warm start."""
    edges = np.zeros(len(model.value))
    edges[chosen] = 1
    solution = highspy.HighsSolution()
    columns = [edges, reached_steps(model, chosen).reshape(-1), covered_goals(model, chosen)]
    solution.col_value = np.concatenate(columns).tolist()
    return solution


def plain_bound(model: SeatModel) -> int:
    """Everything at once, as if no limit bound: true before HiGHS has proven anything."""
    return int(model.value.sum() + model.bonus.sum() + model.goal_worth.sum())
