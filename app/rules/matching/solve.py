"""The exact assignment of mentees to mentors, and the whole match run.

Runs in a child process: scipy holds the interpreter lock for the whole solve.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from app.rules.matching.columns import Bools, Ints
from app.rules.matching.constraints import exclusions, shared_minutes
from app.rules.matching.problem import (
    NO_MENTORS,
    Blocker,
    ContradictoryPins,
    MatchAnswer,
    MatchProblem,
    Mentee,
    Mentor,
    Objective,
    ProposedPair,
    UnmatchedMentee,
)
from app.rules.matching.score import terms

# `util`: what a better worst case is worth, in points. A pair below a band costs its penalty; a pair kept earns a
# little, so that twenty mentors who leave do not move nine hundred others.
BANDS = ((5500, 600), (4500, 1500), (3500, 4000))
CONTINUITY = 250

# Pairs per mentee given to the first solve. Fewer make each round faster and the rounds more: at 5,000 × 1,000 with 57
# each, one round with all of them took 1.0 s, the rounds from 24 took 2.6 s and from 6 1.8 s.
CANDIDATES = 64


def solve(problem: MatchProblem) -> MatchAnswer:
    """The optimal matches of a pool, with each score's terms and each unmatched mentee's reason.

    The same for any input order. Raises `ContradictoryPins`, naming them all, when a pin breaks a hard rule or another
    pin; ValueError for a key used twice on one side. Forbidden pairs and current mentors outside the pool are ignored.
    Time and memory are those of the mentees × mentors matrix.
    """
    mentees = sorted(problem.mentees, key=lambda mentee: mentee.key)
    mentors = sorted(problem.mentors, key=lambda mentor: mentor.key)
    column = {mentor.key: m for m, mentor in enumerate(mentors)}
    if len({mentee.key for mentee in mentees}) < len(mentees) or len(column) < len(mentors):
        raise ValueError("a key is used twice")
    shared = shared_minutes(mentees, mentors)
    excluded = exclusions(mentees, mentors, problem.constraints, problem.forbidden, shared)
    pin = _pinned(problem, mentees, mentors, excluded)
    blocked = np.logical_or.reduce(list(excluded.values()))
    edge_j, edge_m = np.nonzero(~blocked)
    points = terms(mentees, mentors, problem.weights, shared, edge_j, edge_m)
    score = np.zeros(len(edge_j), np.int64)
    for column_points in points.values():
        score += column_points
    current = np.array([column.get(mentee.current_mentor or "", -1) for mentee in mentees], np.int64)
    cap = np.array([max(mentor.capacity, 0) for mentor in mentors], np.int64)
    mentor_of = solve_edges(len(mentees), cap, edge_j, edge_m, score, current, pin, problem.objective)

    matched = np.flatnonzero(mentor_of >= 0)
    edges = np.searchsorted(edge_j * len(mentors) + edge_m, matched * len(mentors) + mentor_of[matched])
    pairs = tuple(
        ProposedPair(
            mentees[j].key,
            mentors[m].key,
            int(score[edge]),
            {name: int(each[edge]) for name, each in points.items()},
            pinned=bool(pin[j] == m),
        )
        for j, m, edge in zip(matched, mentor_of[matched], edges, strict=True)
    )
    unmatched = tuple(
        _unmatched(mentees[j], {name: each[j] for name, each in excluded.items()})
        for j in np.flatnonzero(mentor_of < 0)
    )
    value = score[edges]
    if problem.objective == "util":
        value = banded(value, current[matched] == mentor_of[matched])
    return MatchAnswer(pairs, unmatched, value=int(value.sum()), gap=0)


def _pinned(
    problem: MatchProblem, mentees: Sequence[Mentee], mentors: Sequence[Mentor], excluded: Mapping[Blocker, Bools]
) -> Ints:
    """Each mentee's pinned mentor or -1."""
    row = {mentee.key: j for j, mentee in enumerate(mentees)}
    column = {mentor.key: m for m, mentor in enumerate(mentors)}
    pins = sorted(problem.pins)
    by_mentee, by_mentor = Counter(j for j, _ in pins), Counter(m for _, m in pins)
    pin = np.full(len(mentees), -1, np.int64)
    wrong: list[tuple[str, str, str]] = []
    for mentee, mentor in pins:
        if mentee not in row or mentor not in column:
            wrong.append((mentee, mentor, "unknown"))
            continue
        j, m = row[mentee], column[mentor]
        broken = [str(name) for name, pairs in excluded.items() if pairs[j, m]]
        if by_mentee[mentee] > 1:
            broken.append("pinned_twice")
        elif by_mentor[mentor] > mentors[m].capacity:
            broken.append(Blocker.CAPACITY)
        if broken:
            wrong.append((mentee, mentor, broken[0]))
        pin[j] = m
    if wrong:
        raise ContradictoryPins(tuple(wrong))
    return pin


def _unmatched(mentee: Mentee, excluded: Mapping[Blocker, Bools]) -> UnmatchedMentee:
    """Why: the constraint whose end would open most mentors, then the one that excludes most; else all places went."""
    rows = np.array(list(excluded.values()))
    times = rows.sum(axis=0)
    counts = {str(name): int(row.sum()) for name, row in excluded.items() if row.any()}
    if not len(times):
        return UnmatchedMentee(mentee.key, NO_MENTORS, counts)
    if not times.all():
        return UnmatchedMentee(mentee.key, Blocker.CAPACITY, counts)
    alone = {name: int((excluded[Blocker(name)] & (times == 1)).sum()) for name in counts}
    reason = max(counts, key=lambda name: (alone[name], counts[name]))
    return UnmatchedMentee(mentee.key, reason, counts)


def solve_edges(
    nj: int,
    cap: Ints,
    edge_j: Ints,
    edge_m: Ints,
    score: Ints,
    current: Ints,
    pin: Ints,
    objective: Objective,
    *,
    candidates: int = CANDIDATES,
) -> Ints:
    """Each mentee's mentor, -1 = unmatched: most people matched first, then the objective; proven optimal.

    Edges are the feasible pairs, each once, in any order; `current` and `pin` hold a mentor or -1; pins fit `cap`. In
    `total`, ties of the sum go to the assignment that keeps more current mentors.

    Because a mentee takes one mentor, every fairness of a pair's score is a plain edge weight, and one assignment with
    `cap` copies of each mentor and a costly own dummy per mentee is exact (Jonker-Volgenant for sparse matrices). The
    best `candidates` per mentee are solved first; the mentors' dual prices then show which other edges could improve
    the answer. Those join, until there are none: linear programming duality proves the answer on all edges.
    """
    order = np.argsort(edge_j.astype(np.int64) * len(cap) + edge_m, kind="stable")
    edge_j, edge_m, score = (column[order].astype(np.int64) for column in (edge_j, edge_m, score))
    mentor = pin.astype(np.int64)
    left = cap - np.bincount(mentor[mentor >= 0], minlength=len(cap))
    if (left < 0).any():
        raise ValueError("more pins than capacity")
    kept = current[edge_j] == edge_m
    gain = banded(score, kept) if objective == "util" else score * (nj + 1) + kept
    open_edges = (mentor[edge_j] < 0) & (left[edge_m] > 0)
    edge_j, edge_m, gain = edge_j[open_edges], edge_m[open_edges], gain[open_edges]
    if not len(gain):
        return mentor
    # Costs are whole numbers in float64, far below 2**53: exact.
    cost = gain.max() - gain + 1
    unmatched_cost = int(nj * cost.max() + 1)
    active = _cheapest(nj, edge_j, cost, candidates)
    while True:
        chosen = np.flatnonzero(active)[_assign(nj, left, edge_j[active], edge_m[active], cost[active], unmatched_cost)]
        if active.all():
            break
        prices = _prices(left, edge_j, edge_m, cost, active, chosen, unmatched_cost)
        priced = cost + prices[edge_m]
        pays = np.full(nj, unmatched_cost)
        pays[edge_j[chosen]] = priced[chosen]
        saves = np.flatnonzero(~active & (priced < pays[edge_j]))
        if not len(saves):
            break
        active[saves[_cheapest(nj, edge_j[saves], priced[saves], candidates)]] = True
    mentor[edge_j[chosen]] = edge_m[chosen]
    return mentor


def banded(score: Ints, kept: Bools) -> Ints:
    """What a pair adds to `util`: its score, less the penalties of the bands it is below, plus continuity."""
    gain = score + CONTINUITY * kept
    for band, penalty in BANDS:
        gain -= penalty * (score < band)
    return gain


def _cheapest(nj: int, edge_j: Ints, cost: Ints, count: int) -> Bools:
    """The `count` cheapest edges of each mentee, and all that tie with the last: no order of ties to depend on."""
    low = cost.min()
    key = edge_j * (cost.max() - low + 1) + (cost - low)
    ranked = np.sort(key)
    end = np.cumsum(np.bincount(edge_j, minlength=nj))
    start = np.concatenate(([0], end[:-1]))
    limit = ranked[np.maximum(np.minimum(start + count, end) - 1, 0)]
    cheapest: Bools = key <= limit[edge_j]
    return cheapest


def _assign(nj: int, left: Ints, edge_j: Ints, edge_m: Ints, cost: Ints, unmatched_cost: int) -> Ints:
    """The edges, by mentee, of a cheapest assignment of every mentee to a mentor's copy or the own dummy."""
    copies = np.minimum(left, np.bincount(edge_m, minlength=len(left)))
    first = np.cumsum(copies) - copies
    width = copies[edge_m]
    # A row of the matrix = its edges, each `width` times, then the dummy: an entry has one dummy per row before it.
    degree = np.bincount(edge_j, weights=width, minlength=nj).astype(np.int64) + 1
    indptr = np.concatenate(([0], np.cumsum(degree)))
    edge = np.repeat(np.arange(len(edge_j)), width)
    entry = np.arange(len(edge)) + edge_j[edge]
    nth = np.arange(len(edge)) - np.repeat(np.cumsum(width) - width, width)
    dummies = indptr[1:] - 1
    columns = np.empty(indptr[-1], np.int32)
    costs = np.empty(indptr[-1], np.float64)
    columns[entry], costs[entry] = first[edge_m][edge] + nth, cost[edge]
    columns[dummies], costs[dummies] = copies.sum() + np.arange(nj), unmatched_cost
    graph = csr_array((costs, columns, indptr.astype(np.int32)), shape=(nj, int(copies.sum()) + nj))
    _, column = min_weight_full_bipartite_matching(graph)
    owner = np.repeat(np.arange(len(left)), copies)
    matched = np.flatnonzero(column < len(owner))
    # Edges are sorted by (mentee, mentor): find each chosen pair by its key.
    return np.searchsorted(edge_j * len(left) + edge_m, matched * len(left) + owner[column[matched]])


def _prices(
    left: Ints, edge_j: Ints, edge_m: Ints, cost: Ints, active: Bools, chosen: Ints, unmatched_cost: int
) -> Ints:
    """Each mentor's dual price: the most that a mentor's place may cost so that nobody wants to move over active edges.

    A mentor with a place left is free; any other is at most as dear as the next best offer of each own mentee: shortest
    paths (Bellman-Ford) over the mentors, vectorised over the edges; rounds = the longest chain of moves.
    """
    mentees = edge_j[chosen]
    prices = np.full(len(left), unmatched_cost)
    np.minimum.at(prices, edge_m[chosen], unmatched_cost - cost[chosen])
    prices[np.bincount(edge_m[chosen], minlength=len(left)) < left] = 0
    at = np.full(int(edge_j[-1]) + 1, -1)
    own = np.zeros(len(at), np.int64)
    at[mentees], own[mentees] = edge_m[chosen], cost[chosen]
    moves = np.flatnonzero(active & (at[edge_j] >= 0) & (at[edge_j] != edge_m))
    origin, target, dearer = at[edge_j[moves]], edge_m[moves], cost[moves] - own[edge_j[moves]]
    while True:
        lower = prices.copy()
        np.minimum.at(lower, origin, prices[target] + dearer)
        if (lower == prices).all():
            return prices
        prices = lower
