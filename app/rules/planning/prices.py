"""Prices of seats, hosts and juniors' time at which the plan all but falls out: the duals of the relaxation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import floor, inf, sqrt

import numpy as np
from scipy.sparse import csr_array

from app.rules.planning.model import BoolArray, IntArray, SeatModel
from app.rules.planning.problem import PlanLimit
from app.rules.planning.programme import FloatArray, Programme, on_grain

_STEPS, _LAST_STEPS, _ROUNDS_AT_MOST = 400, 1_000, 15
_COMPLETE = 5e-5
"""The edges outside of the part may add so much of the bound; then come the last, longer steps."""
_SEEDS_OF_OBSERVER, _SEEDS_OF_CALL = 12, 3
_MORE_OF_OBSERVER = 15
_LOOK_EVERY = 50
_STEADY = 0.8
"""What a restart keeps of the balance, as an exponent: less lets it swing on weeks with many ties."""


@dataclass(frozen=True, slots=True)
class Priced:
    """What the search for prices came to.

    No plan is worth more than `bound`, and none that holds edge e more than `bound + min(reduced[e], 0)` rounded up:
    take e = 1 in the proof of `Programme.bound`. `share` says how much of an edge the relaxation takes, about.
    """

    bound: int
    reduced: FloatArray
    share: FloatArray


def priced(model: SeatModel, whole: Programme, *, start: IntArray, over: Callable[[], bool]) -> Priced:
    """Near-optimal prices, found on a growing part of the edges; what they prove holds for all.

    The part begins with `start`, each observer's best edges and, lest an unwanted call look free, each call's best
    observers. When `over` says so the search stops early, and its bound is only the looser for it. Each step costs a
    few passes over the part's entries. The same model gives the same prices.
    """
    edges = len(model.value)
    inside = _seeds(model)
    inside[start] = True
    inside[whole.lower[:edges] > 0] = True
    point = _Point(np.zeros(len(whole.worth)), np.zeros(len(whole.cap)), _balance(whole))
    best = Priced(floor(whole.worth.sum()), whole.worth[:edges], point.x[:edges])
    settled = False
    for _ in range(_ROUNDS_AT_MOST):
        columns = np.concatenate([np.flatnonzero(inside), np.arange(edges, len(whole.worth))])
        part, binding = whole.only(columns, np.zeros(0, dtype=np.int64))
        local = _Point(point.x[columns], point.prices[binding], point.balance)
        local, prices = _settle(part, local, _LAST_STEPS if settled else _STEPS, over)
        point = _Point(_spread(local.x, columns, whole.worth), _spread(local.prices, binding, whole.cap), local.balance)
        of_part = part.bound(prices, part.reduced(prices))
        prices = on_grain(_spread(prices, binding, whole.cap))
        reduced = whole.reduced(prices)
        bound = floor(whole.bound(prices, reduced))
        if bound <= best.bound:
            best = Priced(bound, reduced[:edges], point.x[:edges])
        complete = bound - of_part <= _COMPLETE * bound
        if (complete and settled) or over():
            break
        settled = complete
        wanted = np.flatnonzero((reduced[:edges] > 0) & ~inside)
        inside[wanted[best_of_each(reduced[wanted], model.observer[wanted], _MORE_OF_OBSERVER)]] = True
    return replace(best, share=point.x[:edges])


def best_of_each(score: FloatArray | IntArray, group: IntArray, most: int) -> IntArray:
    """Indices of the `most` highest scores in each group, ties by index."""
    order = np.lexsort((-score, group))
    place = np.arange(len(order))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = group[order][1:] != group[order][:-1]
    return order[place - np.maximum.accumulate(np.where(begins, place, 0)) < most]


def _seeds(model: SeatModel) -> BoolArray:
    """Which edges the part begins with."""
    goals = np.bincount(model.goal_edge, weights=model.goal_worth[model.goal], minlength=len(model.value))
    gain = model.value + goals.astype(np.int64)
    seats = next(limit for limit in model.limits if limit.name is PlanLimit.SEATS)
    inside = np.zeros(len(model.value), dtype=bool)
    inside[best_of_each(gain, model.observer, _SEEDS_OF_OBSERVER)] = True
    inside[seats.member[best_of_each(gain[seats.member], seats.row, _SEEDS_OF_CALL)]] = True
    return inside


@dataclass(frozen=True, slots=True)
class _Point:
    """Where the search stands; `balance` is how far prices move for what x moves."""

    x: FloatArray
    prices: FloatArray
    balance: float


def _settle(part: Programme, point: _Point, steps: int, over: Callable[[], bool]) -> tuple[_Point, FloatArray]:
    """Where so many steps lead, and the prices on the way there that prove the lowest bound of the part.

    The primal-dual hybrid gradient (Chambolle and Pock, 2011) with a step length for each column and row (Pock and
    Chambolle, 2011: one over the number of its entries, which are all 1 or -1). Each step is reflected and drawn back
    towards where the run began, less and less (Halpern); a run ends when a step has become much shorter than its
    first, and the balance then follows the way that x and prices went (Lu and Yang, 2024).
    """
    rows, columns = csr_array(part.columns), part.columns.T.tocsr()
    per_row = 1 / np.maximum(np.diff(rows.indptr), 1)
    per_column = 1 / np.maximum(np.diff(columns.indptr), 1)
    x, prices, balance = point.x, point.prices, point.balance
    next_x, next_prices = x, prices
    lowest, proof = inf, prices
    run = _Run(x, prices)
    for step in range(1, steps + 1):
        next_x = np.clip(x + per_column / balance * (part.worth - columns @ prices), part.lower, 1)
        next_prices = np.maximum(prices + per_row * balance * (rows @ (2 * next_x - x) - part.cap), 0)
        run.steps += 1
        if run.steps == 1 or run.steps % _LOOK_EVERY == 0:
            length = balance * _square(next_x - x, per_column) + _square(next_prices - prices, per_row) / balance
            bound = part.bound(next_prices, part.reduced(next_prices))
            if bound < lowest:
                lowest, proof = bound, next_prices
            if over():
                break
            if run.is_over(sqrt(length), step):
                moved, paid = _square(next_x - run.x), _square(next_prices - run.prices)
                if moved > 0 and paid > 0:
                    balance = balance**_STEADY * sqrt(paid / moved) ** (1 - _STEADY)
                x, prices = next_x, next_prices
                run = _Run(x, prices)
                continue
        ahead = run.steps / (run.steps + 1)
        x = ahead * (2 * next_x - x) + (1 - ahead) * run.x
        prices = ahead * (2 * next_prices - prices) + (1 - ahead) * run.prices
    return _Point(next_x, next_prices, balance), proof


class _Run:
    """Steps between two restarts, and where they began."""

    def __init__(self, x: FloatArray, prices: FloatArray) -> None:
        self.x, self.prices = x, prices
        self.steps = 0
        self._first = self._last = inf

    def is_over(self, length: float, step: int) -> bool:
        """Whether the step at which it now looks, of this length, is the last; `step` counts those of all runs."""
        if self.steps == 1:
            self._first = length
            return False
        longer, self._last = length > self._last, length
        much_shorter = length <= 0.2 * self._first or (length <= 0.8 * self._first and longer)
        return much_shorter or self.steps >= 0.36 * step


def _balance(whole: Programme) -> float:
    return sqrt(max(_square(whole.worth), 1) / max(_square(whole.cap), 1))


def _square(vector: FloatArray, steps: FloatArray | float = 1.0) -> float:
    return float(vector @ (vector / steps))


def _spread(values: FloatArray, at: IntArray, like: FloatArray) -> FloatArray:
    spread = np.zeros_like(like)
    spread[at] = values
    return spread
