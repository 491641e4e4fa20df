"""Programmes whose edges must be whole, solved by HiGHS with the bound that it proves."""

from dataclasses import dataclass
from math import floor, inf

import highspy
import numpy as np

from app.rules.planning.model import IntArray, SeatModel, covered_goals, reached_steps
from app.rules.planning.programme import FloatArray, Programme, programme


class SolverFailed(RuntimeError):
    """HiGHS gave up for another reason than the clock."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """Chosen edges, ascending; no choice is worth more than `bound`. `timed_out`: the clock stopped the search."""

    edges: IntArray
    bound: int
    timed_out: bool


def maximise(model: SeatModel, *, start: IntArray, pinned: IntArray, time_limit_seconds: float) -> Optimum:
    """The best choice that holds the pinned edges.

    HiGHS improves on `start`, which is feasible and holds the pins. Permuted edges may give another choice of equal
    worth: sort them first.
    """
    relaxed = programme(model, pinned)
    found = whole(relaxed, start=solution(model, start), gap=0, time_limit_seconds=time_limit_seconds)
    return Optimum(edges=found.edges, bound=min(found.bound, plain_bound(model)), timed_out=found.timed_out)


def whole(part: Programme, *, start: FloatArray | None, gap: float, time_limit_seconds: float) -> Optimum:
    """A whole solution of a programme within `gap` points of the best; `start`, or nothing, when none is found in time.

    One thread and a fixed seed: the same programme gives the same edges, unless the clock cut in.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, setting in (
        ("output_flag", False),
        ("threads", 1),
        ("parallel", "off"),
        ("random_seed", 0),
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", max(gap, 0.99)),  # worths are whole: a bound less than one point away is a proof
        ("time_limit", max(time_limit_seconds, 0.0)),
    ):
        solver.setOptionValue(option, setting)
    solver.passModel(_for_highs(part))
    found = np.zeros(part.edges) if start is None else start[: part.edges]
    if start is not None:
        given = highspy.HighsSolution()
        given.col_value = start.tolist()
        solver.setSolution(given)
    solver.run()
    status = solver.getModelStatus()
    timed_out = status == highspy.HighsModelStatus.kTimeLimit
    if not timed_out and status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
        raise SolverFailed(f"HiGHS stopped with {solver.modelStatusToString(status)}")
    info = solver.getInfo()
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        found = np.asarray(solver.getSolution().col_value)[: part.edges]
    bound = part.worth.sum()
    if info.mip_dual_bound < inf:
        bound = min(bound, info.mip_dual_bound)
    # Worths are whole; 1e-3 for HiGHS's tolerances.
    return Optimum(edges=np.flatnonzero(found > 0.5), bound=floor(bound + 1e-3), timed_out=timed_out)


def solution(model: SeatModel, chosen: IntArray) -> FloatArray:
    """The chosen edges as values of all columns of the model's programme."""
    edges = np.zeros(len(model.value))
    edges[chosen] = 1
    return np.concatenate([edges, reached_steps(model, chosen).reshape(-1), covered_goals(model, chosen)])


def plain_bound(model: SeatModel) -> int:
    """Everything at once, as if no limit bound: true before anything has been proven."""
    return int(model.value.sum() + model.bonus.sum() + model.goal_worth.sum())


def _for_highs(part: Programme) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(part.worth), len(part.cap)
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = part.worth, part.lower, np.ones(len(part.worth))
    lp.row_lower_ = np.full(len(part.cap), -highspy.kHighsInf)
    lp.row_upper_ = part.cap
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
    lp.a_matrix_.start_ = part.columns.indptr
    lp.a_matrix_.index_ = part.columns.indices
    lp.a_matrix_.value_ = part.columns.data
    must, may = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
    lp.integrality_ = [must] * part.edges + [may] * (len(part.worth) - part.edges)
    return lp
