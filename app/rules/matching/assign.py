"""The exact assignment of mentees to mentors on plain arrays: who gets whom, for every objective but stability.

Because a mentee takes one mentor, every fairness of a pair's score is a plain edge weight, and one assignment with a
copy of a mentor for each place and a costly dummy of one's own for whom no place is left is exact.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.rules.matching.columns import Bools, Ints
from app.rules.matching.market import Market
from app.rules.matching.problem import Disruption, Objective

# `util`: what a better worst case is worth, in points. A pair below a band costs its penalty; a pair kept earns a
# little, so that twenty mentors who leave do not move nine hundred others.
BANDS = ((5500, 600), (4500, 1500), (3500, 4000))
CONTINUITY = 250

# Best pairs per mentee given to the first solve. More of them make each round slower and save none.
CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class Pool:
    """The feasible pairs of a run by index: those of mentee j are `start[j]` up to `start[j + 1]`, by mentor."""

    start: Ints
    mentor: NDArray[np.int32]
    score: NDArray[np.int32]
    cap: Ints
    """Places of each mentor, pinned ones included."""
    current: Ints
    """Each mentee's current mentor, -1 = none."""
    pin: Ints
    """Each mentee's pinned mentor, -1 = none. A pin need not be a feasible pair."""

    @classmethod
    def of(cls, nj: int, cap: Ints, edge_j: Ints, edge_m: Ints, score: Ints, current: Ints, pin: Ints) -> "Pool":
        """Build from pairs in any order, each once."""
        key = edge_j.astype(np.int64) * len(cap) + edge_m
        if (np.diff(key) <= 0).any():
            order = np.argsort(key)
            edge_j, edge_m, score = edge_j[order], edge_m[order], score[order]
        start = np.concatenate(([0], np.cumsum(np.bincount(edge_j, minlength=nj))))
        return cls(start, edge_m.astype(np.int32), score.astype(np.int32), cap, current, pin)

    def edge(self, j: int, m: int) -> int:
        """Where the pair of mentee j and mentor m is in the arrays, -1 = it is not feasible."""
        first, end = self.start[j : j + 2]
        at = int(first + np.searchsorted(self.mentor[first:end], m))
        return at if at < end and self.mentor[at] == m else -1

    def edges(self, mentor_of: Ints) -> Ints:
        """Each mentee's pair in the arrays, -1 for those without a mentor."""
        return np.array([-1 if m < 0 else self.edge(j, m) for j, m in enumerate(mentor_of.tolist())], np.int64)

    def with_pin(self, j: int, m: int) -> "Pool":
        """The pool with one more pin."""
        pin = self.pin.copy()
        pin[j] = m
        return replace(self, pin=pin)

    def with_place(self, m: int) -> "Pool":
        """The pool with one more place at a mentor."""
        cap = self.cap.copy()
        cap[m] += 1
        return replace(self, cap=cap)

    def kept(self) -> Bools:
        """Which pairs are a mentee's current one."""
        kept: Bools = self.mentor == np.repeat(self.current.astype(np.int32), np.diff(self.start))
        return kept

    def only(self, which: Bools) -> "Pool":
        """The pool with these pairs alone."""
        before = np.concatenate(([0], np.cumsum(which)))
        return replace(self, start=before[self.start], mentor=self.mentor[which], score=self.score[which])


def solve_pool(
    pool: Pool, objective: Objective, disruption: Disruption = "some", *, candidates: int = CANDIDATES
) -> Ints:
    """Each mentee's mentor, -1 = unmatched: most people matched first, then the objective; proven optimal.

    `total` is the sum of scores; ties of it go to the assignment that keeps more current mentors. `util` is the sum of
    `banded`. `lex` is the largest t such that all pairs but the pinned score at least t, then `total`. With `least`
    disruption the most current mentors kept come before any of them. Raises ValueError for more pins than capacity.
    """
    mentor_of = pool.pin.astype(np.int64)
    left = pool.cap - np.bincount(mentor_of[mentor_of >= 0], minlength=len(pool.cap))
    if (left < 0).any():
        raise ValueError("more pins than capacity")
    pinned = np.repeat(mentor_of >= 0, np.diff(pool.start))
    if pinned.any() or (left == 0).any():
        pool = pool.only(~pinned & (left[pool.mentor] > 0))
    solve = _lexicographic if objective == "lex" else _one_sum
    chosen = solve(pool, left, objective, disruption, candidates)
    matched = chosen >= 0
    mentor_of[matched] = pool.mentor[chosen[matched]]
    return mentor_of


def banded(score: NDArray[np.int32], kept: Bools) -> NDArray[np.int32]:
    """What a pair adds to `util`: its score, less the penalties of the bands it is below, plus continuity."""
    gain: NDArray[np.int32] = score + np.int32(CONTINUITY) * kept
    for band, penalty in BANDS:
        gain -= np.int32(penalty) * (score < band)
    return gain


def _one_sum(pool: Pool, left: Ints, objective: Objective, disruption: Disruption, candidates: int) -> Ints:
    """The pair of each mentee in the arrays, -1 = none, with the greatest sum of gains."""
    kept = pool.kept()
    if objective == "util":
        gain = banded(pool.score, kept).astype(np.int64)
    elif disruption == "least":
        gain = pool.score.astype(np.int64)
    else:
        gain = pool.score * np.int64(len(pool.current) + 1) + kept
    if disruption == "least" and len(gain):
        gain += kept * (len(pool.current) * (gain.max() - gain.min()) + 1)
    return Market.of(pool.start, pool.mentor, gain, left).solve(candidates)


def _lexicographic(pool: Pool, left: Ints, objective: Objective, disruption: Disruption, candidates: int) -> Ints:
    """The same with the best worst pair first: bisection over the scores, each step an assignment without the lower
    pairs. An assignment that is as good tells by its own worst pair where to go on.
    """
    kept = pool.kept()

    def solved(least: int) -> tuple[Ints, tuple[int, int]]:
        high = np.flatnonzero(pool.score >= least)
        found = _one_sum(pool.only(pool.score >= least), left, objective, disruption, candidates)
        found[found >= 0] = high[found[found >= 0]]
        matched = found[found >= 0]
        return found, (len(matched), int(kept[matched].sum()) if disruption == "least" else 0)

    best, reached = solved(int(pool.score.min(initial=0)))
    if reached[0] == 0:
        return best
    levels = np.unique(pool.score)
    if reached[0] == np.count_nonzero(np.diff(pool.start)):
        # Everybody who can be matched is, so nobody's best pair may be cut off.
        rows = pool.start[:-1][np.diff(pool.start) > 0]
        levels = levels[levels <= np.maximum.reduceat(pool.score, rows).min()]
    low, high = int(np.searchsorted(levels, pool.score[best[best >= 0]].min())), len(levels) - 1
    while low < high:
        middle = (low + high + 1) // 2
        found, now = solved(int(levels[middle]))
        if now == reached:
            best, low = found, int(np.searchsorted(levels, pool.score[found[found >= 0]].min()))
        else:
            high = middle - 1
    return best
