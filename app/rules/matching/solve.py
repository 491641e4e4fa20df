"""The whole match run: people in, proposed pairs and reasons out.

Runs in a child process: scipy holds the interpreter lock for the whole solve.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.rules.matching.assign import Pool, banded, solve_pool
from app.rules.matching.columns import Bools, Ints
from app.rules.matching.constraints import exclusions, shared_minutes
from app.rules.matching.pairs import blockers
from app.rules.matching.problem import (
    NO_MENTORS,
    Blocker,
    ContradictoryPins,
    MatchAnswer,
    MatchProblem,
    Mentee,
    Mentor,
    Pair,
    ProposedPair,
    UnmatchedMentee,
)
from app.rules.matching.score import terms
from app.rules.matching.stable import stable_pool

# Pairs of people looked at together: bounds the memory of what is computed about all pairs (~300 MB), whoever may not
# be matched included.
_PART = 4_000_000


@dataclass(frozen=True, slots=True)
class Scored:
    """A problem's people by key, its feasible pairs and the points of each."""

    problem: MatchProblem
    mentees: Sequence[Mentee]
    mentors: Sequence[Mentor]
    pool: Pool
    points: Mapping[str, NDArray[np.signedinteger]]
    """Criterion to points, one per pair of the pool."""

    def best(self, pool: Pool) -> Ints:
        """Each mentee's mentor in the best answer, -1 = unmatched. `pool` is this one's, with other pins or places."""
        if self.problem.objective == "stable":
            row = {mentee.key: j for j, mentee in enumerate(self.mentees)}
            column = {mentor.key: m for m, mentor in enumerate(self.mentors)}
            return stable_pool(
                pool,
                [[column[key] for key in mentee.prefers if key in column] for mentee in self.mentees],
                [[row[key] for key in mentor.prefers if key in row] for mentor in self.mentors],
                self.problem.disruption,
            )
        return solve_pool(pool, self.problem.objective, self.problem.disruption)

    def value(self, mentor_of: Ints) -> int:
        """The points of an answer in terms of the objective."""
        matched = np.flatnonzero(mentor_of >= 0)
        value = self.pool.score[self.pool.edges(mentor_of)[matched]]
        if self.problem.objective == "util":
            value = banded(value, self.pool.current[matched] == mentor_of[matched])
        return int(value.sum(dtype=np.int64))

    def pair(self, edge: int, j: int) -> ProposedPair:
        """One pair of mentee `j` as it is told."""
        m = int(self.pool.mentor[edge])
        return ProposedPair(
            self.mentees[j].key,
            self.mentors[m].key,
            int(self.pool.score[edge]),
            {name: int(each[edge]) for name, each in self.points.items()},
            pinned=bool(self.pool.pin[j] == m),
        )


def solve(problem: MatchProblem) -> MatchAnswer:
    """The best matches of a pool, with each score's terms and each unmatched mentee's reason.

    The same for any input order. Raises `ContradictoryPins`, naming them all, when a pin breaks a hard rule or another
    pin; ValueError for a key used twice on one side. Forbidden pairs, preferences and current mentors outside the pool
    are ignored. Time and memory grow with mentees × mentors.
    """
    run = scored(problem)
    mentor_of = run.best(run.pool)
    edges = run.pool.edges(mentor_of)
    pairs = tuple(run.pair(int(edges[j]), int(j)) for j in np.flatnonzero(mentor_of >= 0))
    unmatched = tuple(_unmatched(run, np.flatnonzero(mentor_of < 0)))
    return MatchAnswer(pairs, unmatched, value=run.value(mentor_of), gap=0)


def scored(problem: MatchProblem, *, also: Pair | None = None) -> Scored:
    """Score all pairs that no constraint excludes, and one pair more whatever excludes it. Raises as `solve` does."""
    mentees = sorted(problem.mentees, key=lambda mentee: mentee.key)
    mentors = sorted(problem.mentors, key=lambda mentor: mentor.key)
    column = {mentor.key: m for m, mentor in enumerate(mentors)}
    if len({mentee.key for mentee in mentees}) < len(mentees) or len(column) < len(mentors):
        raise ValueError("a key is used twice")
    pin = _pinned(problem, mentees, mentors)
    parts = [
        _part(problem, mentees[first:last], mentors, also) for first, last in _parts(len(mentees), len(mentors))
    ] or [_part(problem, [], mentors, also)]
    degree = np.concatenate([part.degree for part in parts])
    points = {name: np.concatenate([part.points.pop(name) for part in parts]) for name in list(parts[0].points)}
    score = np.zeros(int(degree.sum()), np.int32)
    for each in points.values():
        score += each
    pool = Pool(
        start=np.concatenate(([0], np.cumsum(degree))),
        mentor=np.concatenate([part.mentor for part in parts]),
        score=score,
        cap=np.array([max(mentor.capacity, 0) for mentor in mentors], np.int64),
        current=np.array([column.get(mentee.current_mentor or "", -1) for mentee in mentees], np.int64),
        pin=pin,
    )
    return Scored(problem, mentees, mentors, pool, points)


@dataclass(frozen=True, slots=True)
class _Part:
    """The feasible pairs of some of the mentees."""

    degree: Ints
    mentor: NDArray[np.int32]
    points: dict[str, NDArray[np.signedinteger]]


def _part(problem: MatchProblem, mentees: Sequence[Mentee], mentors: Sequence[Mentor], also: Pair | None) -> _Part:
    shared = shared_minutes(mentees, mentors)
    blocked = np.zeros(shared.shape, bool)
    for pairs in exclusions(mentees, mentors, problem.constraints, problem.forbidden, shared).values():
        blocked |= pairs
    if also is not None:
        rows = [j for j, mentee in enumerate(mentees) if mentee.key == also[0]]
        columns = [m for m, mentor in enumerate(mentors) if mentor.key == also[1]]
        blocked[np.ix_(rows, columns)] = False
    feasible = ~blocked
    points = terms(mentees, mentors, problem.weights, shared, feasible)
    return _Part(feasible.sum(axis=1), np.nonzero(feasible)[1].astype(np.int32), points)


def _parts(mentees: int, mentors: int) -> Iterator[tuple[int, int]]:
    """Ranges of mentees, so many at a time that the pairs of one fit the memory."""
    size = max(_PART // max(mentors, 1), 1)
    return ((first, min(first + size, mentees)) for first in range(0, mentees, size))


def _pinned(problem: MatchProblem, mentees: Sequence[Mentee], mentors: Sequence[Mentor]) -> Ints:
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
        broken: list[str] = [*apart(problem, mentees[j], mentors[m])]
        if by_mentee[mentee] > 1:
            broken.append("pinned_twice")
        elif by_mentor[mentor] > mentors[m].capacity:
            broken.append(Blocker.CAPACITY)
        if broken:
            wrong.append((mentee, mentor, str(broken[0])))
        pin[j] = m
    if wrong:
        raise ContradictoryPins(tuple(wrong))
    return pin


def apart(problem: MatchProblem, mentee: Mentee, mentor: Mentor) -> list[Blocker]:
    """All constraints that keep these two apart in this run, in the order of Blocker."""
    found = set(blockers(mentee, mentor, problem.constraints))
    if (mentee.key, mentor.key) in problem.forbidden:
        found.add(Blocker.FORBIDDEN)
    if mentor.capacity <= 0:
        found.add(Blocker.CAPACITY)
    return [blocker for blocker in Blocker if blocker in found]


def _unmatched(run: Scored, left: Ints) -> Iterator[UnmatchedMentee]:
    """Who is left and why, some at a time: what excluded them is not kept."""
    problem, mentors = run.problem, run.mentors
    for first, last in _parts(len(left), len(mentors)):
        mentees = [run.mentees[j] for j in left[first:last]]
        shared = shared_minutes(mentees, mentors)
        excluded = exclusions(mentees, mentors, problem.constraints, problem.forbidden, shared)
        for j, mentee in enumerate(mentees):
            yield _reason(mentee, {name: each[j] for name, each in excluded.items()})


def _reason(mentee: Mentee, excluded: Mapping[Blocker, Bools]) -> UnmatchedMentee:
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
