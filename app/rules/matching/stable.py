"""Stable matches: nobody finds a mentor or mentee who would rather have them too."""

from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np

from app.rules.matching.assign import Pool
from app.rules.matching.columns import Ints
from app.rules.matching.problem import Disruption

_UNRANKED = 1 << 31


def stable_pool(
    pool: Pool,
    mentees_prefer: Sequence[Sequence[int]],
    mentors_prefer: Sequence[Sequence[int]],
    disruption: Disruption = "some",
) -> Ints:
    """Each mentee's mentor, -1 = unmatched: of all stable assignments the one that is best for every mentee.

    Both sides rank whom they have listed first, then everybody else by score, then by number; with `least` disruption
    their standing pairs before all. Pinned pairs keep their places and take no part. Deferred acceptance with
    capacities (Gale and Shapley 1962); O(pairs × log pairs).
    """
    mentor_of = pool.pin.astype(np.int64)
    left = (pool.cap - np.bincount(mentor_of[mentor_of >= 0], minlength=len(pool.cap))).tolist()
    rank_of_mentee = [{j: rank for rank, j in enumerate(listed)} for listed in mentors_prefer]
    held: list[list[tuple[int, int, int, int]]] = [[] for _ in left]  # the least wanted on top
    waiting = [j for j in range(len(mentor_of)) if mentor_of[j] < 0]
    choices = {j: _choices(pool, j, mentees_prefer[j], disruption) for j in waiting}
    asked = dict.fromkeys(waiting, 0)
    while waiting:
        j = waiting.pop()
        while asked[j] < len(choices[j]):
            edge = choices[j][asked[j]]
            asked[j] += 1
            m = int(pool.mentor[edge])
            if left[m] <= 0:
                continue
            stands = disruption == "least" and pool.current[j] == m
            heappush(held[m], (int(stands), -rank_of_mentee[m].get(j, _UNRANKED), int(pool.score[edge]), -j))
            if len(held[m]) <= left[m]:
                break
            j = -heappop(held[m])[-1]
    for m, mentees in enumerate(held):
        for *_, j in mentees:
            mentor_of[-j] = m
    return mentor_of


def _choices(pool: Pool, j: int, listed: Sequence[int], disruption: Disruption) -> list[int]:
    """The mentee's pairs, best first."""
    first, end = int(pool.start[j]), int(pool.start[j + 1])
    mentors, score = pool.mentor[first:end], pool.score[first:end]
    rank = np.full(end - first, _UNRANKED, np.int64)
    place = {m: n for n, m in enumerate(listed)}
    rank[:] = [place.get(m, _UNRANKED) for m in mentors.tolist()]
    if disruption == "least":
        rank[mentors == pool.current[j]] = -1
    order: list[int] = (first + np.lexsort((-score.astype(np.int64), rank))).tolist()
    return order
