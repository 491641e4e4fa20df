"""The seat model as a linear programme: its rows, and what any prices of them prove."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csc_array

from app.rules.planning.model import IntArray, SeatModel

FloatArray = npt.NDArray[np.float64]

_GRAIN = 2.0**16
"""Prices are whole 65,536ths: sums of them with worths below 2³⁶ points are then exact in a float."""


@dataclass(frozen=True, slots=True)
class Programme:
    """Maximise worth · x where columns · x ≤ cap and lower ≤ x ≤ 1.

    Columns: the `edges` of the model, then the steps of its bonus, then its goals; edges are whole in a plan. A falling
    bonus then fills its steps in order and to the full, and goals follow their edges.
    """

    worth: FloatArray
    lower: FloatArray
    columns: csc_array
    cap: FloatArray
    edges: int

    def only(self, columns: IntArray, taken: IntArray) -> tuple["Programme", IntArray]:
        """The programme over these columns, ascending, with the taken ones at 1 and all others at 0; and which rows of
        this one can still bind: they are its rows, less what the taken columns use.
        """
        by_column = self.columns[:, columns]
        positive = by_column.copy()
        positive.data = np.maximum(positive.data, 0)
        cap = self.cap - self.columns[:, taken].sum(axis=1)
        binding = np.flatnonzero(positive.sum(axis=1) > cap)
        part = Programme(
            worth=self.worth[columns],
            lower=self.lower[columns],
            columns=csc_array(by_column.tocsr()[binding]),
            cap=cap[binding],
            edges=int(np.searchsorted(columns, self.edges)),
        )
        return part, binding

    def reduced(self, prices: FloatArray) -> FloatArray:
        """What each column is worth beyond the prices of its rows."""
        reduced: FloatArray = self.worth - self.columns.T @ prices
        return reduced

    def bound(self, prices: FloatArray, reduced: FloatArray) -> float:
        """No x is worth more than `prices · cap + Σ max(0, reduced)`, a column that must be 1 counting fully.

        Weak duality: worth · x = reduced · x + prices · (columns · x). With prices ≥ 0 and an x that keeps the rows the
        second part is at most prices · cap; the first is greatest where x is 1 for exactly the positive columns.
        It needs no optimal prices and holds for fractional x, hence for plans.
        """
        return float(prices @ self.cap + np.where(self.lower > 0, reduced, np.maximum(reduced, 0)).sum())


def on_grain(prices: FloatArray) -> FloatArray:
    """Prices near these that are ≥ 0 and make the bound free of rounding."""
    return np.round(np.maximum(prices, 0) * _GRAIN) / _GRAIN


def programme(model: SeatModel, pinned: IntArray) -> Programme:
    """The relaxation of the model in which the pinned edges are taken. Rows that cannot bind are left out."""
    edges, steps, goals = len(model.value), model.bonus.size, len(model.goal_worth)
    observers, per_observer = model.bonus.shape
    rows = _Rows()
    for limit in model.limits:
        binding = np.bincount(limit.row, minlength=len(limit.cap)) > limit.cap
        inside = binding[limit.row]
        rows.add((np.cumsum(binding) - 1)[limit.row[inside]], limit.member[inside], 1, limit.cap[binding])
    sessions = np.zeros(observers, dtype=np.int64)
    rows.add(np.repeat(np.arange(observers), per_observer), edges + np.arange(steps), 1, sessions)
    rows.add_to_last(model.observer, np.arange(edges), -1)
    met = np.zeros(goals, dtype=np.int64)
    rows.add(np.arange(goals), edges + steps + np.arange(goals), 1, met)
    rows.add_to_last(model.goal, model.goal_edge, -1)
    lower = np.zeros(edges + steps + goals)
    lower[pinned] = 1
    return Programme(
        worth=np.concatenate([model.value, model.bonus.reshape(-1), model.goal_worth]).astype(np.float64),
        lower=lower,
        columns=rows.matrix(len(lower)),
        cap=rows.caps(),
        edges=edges,
    )


class _Rows:
    """Rows "sum ≤ cap", collected family by family."""

    def __init__(self) -> None:
        self._row: list[IntArray] = []
        self._column: list[IntArray] = []
        self._sign: list[FloatArray] = []
        self._cap: list[IntArray] = []
        self._count = 0

    def add(self, row: IntArray, column: IntArray, sign: int, cap: IntArray) -> None:
        """A family of rows, numbered from 0, with the entries of one sign."""
        self._cap.append(cap)
        self._entries(row + self._count, column, sign)
        self._count += len(cap)

    def add_to_last(self, row: IntArray, column: IntArray, sign: int) -> None:
        """Further entries of the family added last."""
        self._entries(row + self._count - len(self._cap[-1]), column, sign)

    def _entries(self, row: IntArray, column: IntArray, sign: int) -> None:
        self._row.append(row.astype(np.int32))
        self._column.append(column.astype(np.int32))
        self._sign.append(np.full(len(row), sign, dtype=np.float64))

    def caps(self) -> FloatArray:
        """The right-hand sides."""
        return np.concatenate(self._cap).astype(np.float64)

    def matrix(self, columns: int) -> csc_array:
        """All rows as one sparse matrix."""
        entries = np.concatenate(self._sign), (np.concatenate(self._row), np.concatenate(self._column))
        return csc_array(coo_array(entries, shape=(self._count, columns)))
