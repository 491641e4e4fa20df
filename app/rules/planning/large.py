"""Plans too large for one mixed-integer programme: prices first, then whole seats on the few edges that pay."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil

import numpy as np

from app.rules.planning.greedy import fitting, rounds
from app.rules.planning.mip import Optimum, SolverFailed, solution, whole
from app.rules.planning.model import IntArray, SeatModel, worth
from app.rules.planning.prices import Priced, best_of_each, priced
from app.rules.planning.programme import Programme, programme

_SETTLED = 0.9
"""An edge of which the relaxation takes so much is taken."""
_NEAR = 20
"""Points by which an edge may cost more than it is worth and still come into a plan's making."""
_NEAR_OF_OBSERVER, _SHARE_AT_LEAST = 6, 0.01
"""Of such edges come in so many of each observer's, and all of which the relaxation takes so much."""
_POLISH_UP_TO_EDGES = 6_000
_GAP = 1e-4
"""How much of the bound HiGHS may leave open before the polish, which leaves nothing."""

_NOTHING = np.zeros(0, dtype=np.int64)


def by_prices(model: SeatModel, pinned: IntArray, start: IntArray, *, seconds_left: Callable[[], float]) -> Optimum:
    """A plan within a small proven gap, no worse than `start`, which is feasible and holds the pins.

    Near-optimal prices settle most edges; HiGHS chooses among the rest, rounds fill what still fits. When few edges
    can matter HiGHS then looks at all of those at once, settled or not, which may prove the plan best.
    """
    relaxed = programme(model, pinned)
    prices = priced(model, relaxed, start=start, over=lambda: seconds_left() <= 0)
    best = Optimum(start, prices.bound, timed_out=seconds_left() <= 0)
    try:
        best = _better(model, best, _settled(model, relaxed, prices, pinned, seconds_left()))
        return _better(model, best, _polished(model, relaxed, prices, best, seconds_left()))
    except SolverFailed:
        return replace(best, timed_out=True)


def _better(model: SeatModel, one: Optimum, other: Optimum) -> Optimum:
    """The plan worth more, the former of equals, with the lower bound of the two."""
    edges = max(one.edges, other.edges, key=lambda chosen: worth(model, chosen).total)
    return Optimum(edges, min(one.bound, other.bound), one.timed_out or other.timed_out)


def _settled(model: SeatModel, relaxed: Programme, prices: Priced, pinned: IntArray, seconds: float) -> Optimum:
    """What the relaxation takes almost wholly is taken; HiGHS completes it with edges that all but pay."""
    clear = np.flatnonzero(prices.share > _SETTLED)
    clear = clear[np.argsort(-prices.share[clear], kind="stable")]
    taken = fitting(model, np.concatenate([pinned, clear[~np.isin(clear, pinned)]]))
    near = np.zeros(len(model.value), dtype=bool)
    near[best_of_each(prices.reduced, model.observer, _NEAR_OF_OBSERVER)] = True
    near |= prices.share > _SHARE_AT_LEAST
    near &= prices.reduced > -_NEAR
    near[taken] = False
    edges = np.flatnonzero(near)
    part, _ = relaxed.only(np.concatenate([edges, np.arange(relaxed.edges, len(relaxed.worth))]), np.sort(taken))
    found = whole(part, start=None, gap=_GAP * prices.bound, time_limit_seconds=seconds)
    chosen = rounds(model, np.sort(np.concatenate([taken, edges[found.edges]])))
    return Optimum(chosen, prices.bound, found.timed_out)


def _polished(model: SeatModel, relaxed: Programme, prices: Priced, best: Optimum, seconds: float) -> Optimum:
    """The best plan over the edges that most likely matter, when those are few; else `best`.

    A plan worth more than `best` holds no edge that costs more than the gap. Where even fewer edges come in, a plan
    with one that stays out is still worth no more than its bound says: the answer's bound, the larger of that and what
    HiGHS proves of the edges inside, holds for all plans.
    """
    objective = worth(model, best.edges).total
    if best.bound <= objective or (prices.reduced > -_NEAR).sum() > _POLISH_UP_TO_EDGES:
        return best
    inside = prices.reduced > objective - prices.bound
    inside[np.argsort(-prices.reduced, kind="stable")[_POLISH_UP_TO_EDGES:]] = False
    inside[best.edges] = True
    edges = np.flatnonzero(inside)
    columns = np.concatenate([edges, np.arange(relaxed.edges, len(relaxed.worth))])
    part, _ = relaxed.only(columns, _NOTHING)
    start = solution(model, best.edges)[columns]
    found = whole(part, start=start, gap=0, time_limit_seconds=seconds)
    outside = prices.bound + ceil(min(prices.reduced[~inside].max(initial=-prices.bound), 0))
    bound = min(prices.bound, max(found.bound, outside))
    return Optimum(rounds(model, edges[found.edges]), bound, found.timed_out)
