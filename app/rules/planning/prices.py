"""Prices of seats, hosts and juniors' time at which the plan all but falls out: the duals of the relaxation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import floor, sqrt

import numpy as np
from scipy.sparse import csr_array

from app.rules.planning.model import BoolArray, IntArray, SeatModel
from app.rules.planning.problem import PlanLimit
from app.rules.planning.programme import FloatArray, Programme, on_grain

_ROUNDS = (400, 300, 1_000)
"""Steps on the columns so far; after each round but the last come the columns that its prices ask for."""
_SEEDS_OF_OBSERVER, _SEEDS_OF_CALL = 12, 3
_MORE_OF_OBSERVER = 15
_LOOK_EVERY = 50
_MUCH_BETTER, _LONG = 0.4, 0.36
"""Restart when the error fell to this part of that at the last restart, or after this part of all steps so far."""


@dataclass(frozen=True, slots=True)
class Priced:
    """What the search for prices came to.

    No plan is worth more than `bound`, and none that holds edge e more than `bound + min(reduced[e], 0)`: take e = 1
    in the proof of `Programme.bound`. `share` says how much of an edge the relaxation takes, about.
    """

    bound: int
    reduced: FloatArray
    share: FloatArray


def priced(model: SeatModel, whole: Programme, *, start: IntArray, over: Callable[[], bool]) -> Priced:
    """Near-optimal prices, found on a growing part of the edges; the bound holds for all of them.

    The part begins with `start`, each observer's best edges and, lest an unwanted call look free, each call's best
    observers. When `over` says so the search stops early, and its bound is only the looser for it. Each step costs a
    few passes over the part's entries. The same model gives the same prices.
    """
    edges = len(model.value)
    inside = _seeds(model)
    inside[start] = True
    inside[whole.lower[:edges] > 0] = True
    point = _Point(np.zeros(len(whole.worth)), np.zeros(len(whole.cap)), _balance(whole))
    best = Priced(int(whole.worth.sum()), whole.worth[:edges], point.x[:edges])
    for steps in _ROUNDS:
        columns = np.concatenate([np.flatnonzero(inside), np.arange(edges, len(whole.worth))])
        part, binding = whole.only(columns, np.zeros(0, dtype=np.int64))
        local = _Point(point.x[columns], point.prices[binding], point.balance)
        local, prices = _settle(part, local, steps, over)
        point = _Point(_spread(local.x, columns, whole.worth), _spread(local.prices, binding, whole.cap), local.balance)
        prices = on_grain(_spread(prices, binding, whole.cap))
        reduced = whole.reduced(prices)
        bound = floor(whole.bound(prices, reduced))
        if bound <= best.bound:
            best = Priced(bound, reduced[:edges], point.x[:edges])
        wanted = np.flatnonzero((reduced[:edges] > 0) & ~inside)
        inside[wanted[best_of_each(reduced[wanted], model.observer[wanted], _MORE_OF_OBSERVER)]] = True
        if over():
            break
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


class _Mean:
    """The mean of the points since the last restart."""

    def __init__(self, point: _Point) -> None:
        self.since = point
        self.count = 0
        self._x, self._prices = np.zeros_like(point.x), np.zeros_like(point.prices)

    def add(self, x: FloatArray, prices: FloatArray) -> None:
        self._x += x
        self._prices += prices
        self.count += 1

    def value(self) -> tuple[FloatArray, FloatArray]:
        return self._x / self.count, self._prices / self.count


def _settle(part: Programme, point: _Point, steps: int, over: Callable[[], bool]) -> tuple[_Point, FloatArray]:
    """Where so many steps lead, and the prices on the way there that prove the lowest bound of the part.

    The primal-dual hybrid gradient (Chambolle and Pock, 2011) with a step length per column and row (Pock and
    Chambolle, 2011); it restarts from the mean of the latest points, and then weighs x against prices anew, as PDLP
    does (Applegate et al., 2021). The sum of a row's or column's entries, all 1 or -1, is their number.
    """
    rows, columns = csr_array(part.columns), part.columns.T.tocsr()
    per_row = 1 / np.maximum(np.diff(rows.indptr), 1)
    per_column = 1 / np.maximum(np.diff(columns.indptr), 1)
    x, prices, balance = point.x, point.prices, point.balance
    reduced = part.worth - columns @ prices
    mean, last_error = _Mean(point), np.inf
    lowest, proof = np.inf, prices
    for step in range(1, steps + 1):
        ahead = np.clip(x + per_column / balance * reduced, part.lower, 1)
        prices = np.maximum(prices + per_row * balance * (rows @ (2 * ahead - x) - part.cap), 0)
        x, reduced = ahead, part.worth - columns @ prices
        mean.add(x, prices)
        if step % _LOOK_EVERY:
            continue
        mean_x, mean_prices = mean.value()
        mean_reduced = part.worth - columns @ mean_prices
        bound, error = _error(part, rows, x, prices, reduced, balance)
        mean_bound, mean_error = _error(part, rows, mean_x, mean_prices, mean_reduced, balance)
        for candidate, proven in ((mean_prices, mean_bound), (prices, bound)):
            if proven < lowest:
                lowest, proof = proven, candidate
        if min(error, mean_error) < _MUCH_BETTER * last_error or mean.count >= _LONG * step:
            if mean_error < error:
                x, prices, reduced = mean_x, mean_prices, mean_reduced
            last_error = min(error, mean_error)
            moved, cost = _length(x - mean.since.x), _length(prices - mean.since.prices)
            if moved > 0 and cost > 0:
                balance = sqrt(balance * cost / moved)
            mean = _Mean(_Point(x, prices, balance))
        if over():
            break
    return _Point(x, prices, balance), proof


def _error(
    part: Programme, rows: csr_array, x: FloatArray, prices: FloatArray, reduced: FloatArray, balance: float
) -> tuple[float, float]:
    """The bound of these prices, and how far from optimal the point is: the gap, and rows broken at their price."""
    bound = part.bound(prices, reduced)
    broken = np.maximum(rows @ x - part.cap, 0) @ np.maximum(prices, balance)
    return bound, float(abs(bound - part.worth @ x) + broken)


def _balance(whole: Programme) -> float:
    return _length(whole.worth) / max(_length(whole.cap), 1)


def _length(vector: FloatArray) -> float:
    return sqrt(float(vector @ vector))


def _spread(values: FloatArray, at: IntArray, like: FloatArray) -> FloatArray:
    spread = np.zeros_like(like)
    spread[at] = values
    return spread
