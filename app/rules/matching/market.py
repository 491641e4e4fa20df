"""The cheapest assignment as a market: prices for the mentors' places at which every mentee takes what is cheapest.

Good prices make the assignment easy to find, and exact ones prove it: where no pair is cheaper to its mentee than the
one taken, and every place that costs something is taken, no assignment is better (linear programming duality).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from app.rules.matching.columns import Bools, Ints

# How the first prices are found: steps, from a quarter of what a mentee's pairs differ by down to a hundredth of that.
_STEPS, _FIRST_STEP, _LAST_STEP = 20, 1 / 4, 1 / 100

_PART = 1_000_000
"""Pairs looked at together: bounds the memory beside the pairs themselves (~60 MB)."""


@dataclass(frozen=True, slots=True)
class Market:
    """Pairs by mentee (`start`, `mentor`) with a cost > 0, a whole number, and the places that each mentor has left."""

    start: Ints
    mentor: NDArray[np.int32]
    cost: Ints
    left: Ints
    unmatched_cost: int
    """More than everybody's pairs together: one person more who is matched outweighs all."""

    @classmethod
    def of(cls, start: Ints, mentor: NDArray[np.int32], gain: Ints, left: Ints) -> "Market":
        """Build from what each pair is worth, which becomes its cost in place. All sums stay below 2**53, where float64
        is exact.
        """
        cost = np.subtract(gain.max(initial=0) + 1, gain, out=gain)
        return cls(start, mentor, cost, left, int((len(start) - 1) * cost.max(initial=0) + 1))

    def solve(self, candidates: int) -> Ints:
        """The pair that each mentee takes, -1 = none: most people matched, at the least cost; the same for ties.

        The best `candidates` of each mentee, and a few spread over all mentors, are assigned first. Exact prices then
        show which other pairs could improve the answer; those join, until there are none.
        """
        taken = np.full(len(self.start) - 1, -1, np.int64)
        rows = np.flatnonzero(np.diff(self.start))
        if not len(rows):
            return taken
        market = Market(
            np.append(self.start[rows], self.start[-1]), self.mentor, self.cost, self.left, self.unmatched_cost
        )
        taken[rows] = market._solved(candidates)
        return taken

    def _solved(self, candidates: int) -> Ints:
        none = np.zeros(len(self.left), np.int64)
        spread = candidates // 4 + 1  # so that nobody starves where many want the same few
        if np.diff(self.start).max() <= candidates + spread:
            active = np.arange(len(self.cost))
            _, taken = self._assigned(active, (self._guess(active), none))
            return taken
        guess = self._guess(self._cheapest(none, candidates))
        active = _both(self._cheapest(guess, candidates), self._cheapest(None, spread), len(self.cost))
        tries: tuple[Ints, ...] = guess, none
        while True:
            start_from, taken = self._assigned(active, tries)
            prices = self._prices(start_from, active, taken)
            better = self._cheapest(prices, candidates, than=taken)
            if not len(better):
                return taken
            active, tries = _both(active, better, len(self.cost)), (prices, guess, none)

    # --- which pairs to look at -------------------------------------------------------------------------------------

    def _cheapest(self, prices: Ints | None, count: int, *, than: Ints | None = None) -> Ints:
        """The `count` cheapest pairs of each mentee at these prices, of those that are cheaper `than` the taken ones;
        without prices, any.

        A fraction of a point, another for each pair, decides between equals: twins must not all want the same few
        mentors. Some mentees at a time, which bounds the memory.
        """
        found = []
        for first, last in self._parts():
            edges = np.arange(self.start[first], self.start[last])
            row = np.repeat(np.arange(first, last), np.diff(self.start[first : last + 1]))
            priced = np.zeros(len(edges), np.int64)
            if prices is not None:
                priced = self.cost[edges] + prices[self.mentor[edges]]
            if than is not None and prices is not None:
                own = than[first:last]
                pays = np.where(own < 0, self.unmatched_cost, self.cost[own] + prices[self.mentor[own]])
                less = np.flatnonzero(priced < pays[row - first])
                edges, row, priced = edges[less], row[less], priced[less]
            found.append(edges[_lowest(row - first, priced + _scattered(row, self.mentor[edges]), count)])
        return np.concatenate(found)

    def _parts(self) -> Iterator[tuple[int, int]]:
        """Ranges of mentees with about as many pairs as fit the memory."""
        first, nj = 0, len(self.start) - 1
        while first < nj:
            last = max(int(np.searchsorted(self.start, self.start[first] + _PART, side="right")) - 1, first + 1)
            yield first, last
            first = last

    def _rows(self, active: Ints) -> tuple[Ints, Ints]:
        """Where each mentee's pairs begin among the active, and the mentee of each."""
        start = np.searchsorted(active, self.start)
        return start, np.repeat(np.arange(len(start) - 1), np.diff(start))

    # --- prices -----------------------------------------------------------------------------------------------------

    def _guess(self, active: Ints) -> Ints:
        """Prices near those of the market: what more people want than there are places for becomes dearer, and the
        other way round, by ever smaller steps (a subgradient ascent of the dual). Only speed depends on them.
        """
        start, row = self._rows(active)
        mentor, cost = self.mentor[active].astype(np.int64), self.cost[active].astype(float)
        first, count = start[:-1], len(start) - 1
        lowest = np.minimum.reduceat(cost, first)
        step = _FIRST_STEP * float((np.add.reduceat(cost, first) / np.diff(start) - lowest).mean())
        prices, places = np.zeros(len(self.left)), np.maximum(self.left, 1)
        for _ in range(_STEPS):
            priced = cost + prices[mentor]
            wanted = np.flatnonzero(priced == np.minimum.reduceat(priced, first)[row])
            # Who wants several mentors alike wants a part of each.
            part = None if len(wanted) == count else 1 / np.bincount(row[wanted])[row[wanted]]
            demand = np.bincount(mentor[wanted], part, len(prices))
            prices = np.maximum(prices + step * np.minimum(demand / places - 1, 1), 0)
            step *= (_LAST_STEP / _FIRST_STEP) ** (1 / _STEPS)
        return np.floor(prices).astype(np.int64)

    def _prices(self, prices: Ints, active: Ints, taken: Ints) -> Ints:
        """The lowest prices from these up at which nobody wants another active pair than the one taken.

        A place is at least as dear as whoever wants it would pay beside what they have: longest paths over the mentors
        (Bellman-Ford), vectorised over the pairs; rounds = the longest chain of moves.
        """
        _, row = self._rows(active)
        at = np.where(taken < 0, len(prices), self.mentor[taken])
        own = np.where(taken < 0, self.unmatched_cost, self.cost[taken])
        by_mentor = np.argsort(self.mentor[active], kind="stable")
        target, origin = self.mentor[active][by_mentor], at[row[by_mentor]]
        dearer = own[row[by_mentor]] - self.cost[active][by_mentor]
        others = origin != target
        target, origin, dearer = target[others], origin[others], dearer[others]
        first = np.flatnonzero(np.diff(target, prepend=-1))
        wanted = target[first]
        prices = np.append(prices, 0)  # being unmatched costs nothing beside
        while len(first):
            higher = np.maximum(prices[wanted], np.maximum.reduceat(prices[origin] + dearer, first))
            if (higher == prices[wanted]).all():
                break
            prices[wanted] = higher
        return prices[:-1]

    # --- the assignment ---------------------------------------------------------------------------------------------

    def _assigned(self, active: Ints, prices: tuple[Ints, ...]) -> tuple[Ints, Ints]:
        """A cheapest assignment over the active pairs, and the first of these prices that it could be found from.

        Prices are added to the costs before the solve, which then has little left to do. That changes no answer in
        which every place with a price is taken; any other says that the prices were too high. None are never too high.
        """
        for tried in prices:
            taken = self._at_prices(active, tried)
            load = np.bincount(self.mentor[taken[taken >= 0]], minlength=len(self.left))
            if not ((load < self.left) & (tried > 0)).any():
                break
        return tried, taken

    def _at_prices(self, active: Ints, prices: Ints) -> Ints:
        """The pair that each mentee takes, -1 = none.

        A matrix with a column per place (Jonker-Volgenant for sparse matrices). Its rows are those of the scarcer side:
        each row that ends at its dummy, unmatched, has searched the whole matrix.
        """
        start, row = self._rows(active)
        mentor = self.mentor[active].astype(np.int64)
        priced = (self.cost[active] + prices[mentor]).astype(float)
        copies = np.minimum(self.left, np.bincount(mentor, minlength=len(self.left)))
        first = np.cumsum(copies) - copies
        width = copies[mentor]
        nj, places = len(start) - 1, int(copies.sum())
        owner = np.repeat(np.arange(len(copies)), copies)
        # Each pair once for each place of the mentor.
        rows, costs = np.repeat(row, width), np.repeat(priced, width)
        place = np.repeat(first[mentor] - np.cumsum(width) + width, width) + np.arange(len(rows))
        if nj <= places:
            column = _assignment(rows, place, costs, (nj, places), self.unmatched_cost)
            mentees = np.flatnonzero(column < places)
            mentors = owner[column[mentees]]
        else:
            by_place = np.argsort(place, kind="stable")
            column = _assignment(place[by_place], rows[by_place], costs[by_place], (places, nj), self.unmatched_cost)
            mentees, mentors = column[column < nj], owner[column < nj]
        taken = np.full(nj, -1, np.int64)
        # Pairs are sorted by mentee and mentor: find each chosen one by its key.
        taken[mentees] = active[np.searchsorted(row * len(copies) + mentor, mentees * len(copies) + mentors)]
        return taken


def _assignment(rows: Ints, columns: Ints, costs: NDArray[np.float64], shape: tuple[int, int], dummy: int) -> Ints:
    """The column of each row in a cheapest assignment, from the number of columns on: its dummy. Rows ascend."""
    height, width = shape
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=height) + 1)))
    # A row is its entries and then the dummy: an entry has one dummy per row before it.
    entry, dummies = np.arange(len(rows)) + rows, indptr[1:] - 1
    indices, data = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float64)
    indices[entry], data[entry] = columns, costs
    indices[dummies], data[dummies] = width + np.arange(height), dummy
    graph = csr_array((data, indices, indptr.astype(np.int32)), shape=(height, width + height))
    _, column = min_weight_full_bipartite_matching(graph)
    return column.astype(np.int64)


def _lowest(row: Ints, key: NDArray[np.float64], count: int) -> Bools:
    """Whether each key is among the `count` lowest of its row. Rows ascend."""
    degree = np.bincount(row, minlength=1)
    if degree.max() <= count:
        return np.ones(len(row), bool)
    table = np.full((len(degree), degree.max()), np.inf)
    table[row, np.arange(len(row)) - np.repeat(np.cumsum(degree) - degree, degree)] = key
    lowest: Bools = key <= np.partition(table, count - 1, axis=1)[row, count - 1]
    return lowest


def _both(some: Ints, others: Ints, size: int) -> Ints:
    """The numbers below `size` that are in either, ascending."""
    marks = np.zeros(size, bool)
    marks[some] = marks[others] = True
    return np.flatnonzero(marks)


def _scattered(row: Ints, mentor: NDArray[np.int32]) -> NDArray[np.float64]:
    """A fraction for each pair that looks like chance and is none: multiplicative hashing (Knuth, TAOCP 6.4)."""
    mixed = (
        row.astype(np.uint64) * np.uint64(2654435761) + mentor.astype(np.uint64) * np.uint64(2246822519)
    ) * np.uint64(0x9E3779B1)
    return ((mixed >> np.uint64(13)) & np.uint64(0xFFFF)) / 65536
