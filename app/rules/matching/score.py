"""The criteria of a match: whole points per feasible pair, whose sum is the score.

Each criterion is a fraction of what would be ideal, times its weight, rounded down: whole numbers all the way, so that
the parts of a score sum to it exactly and no machine rounds another way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.rules.matching.columns import Bools, Ints, bits, index, members, table
from app.rules.matching.points import CAN_TEACH, DOES_ALONE, FULL_CALLS, FULL_OVERLAP_MINUTES, LEAST_AFFINITY_RANK
from app.rules.matching.problem import DEFAULT_WEIGHTS, Mentee, Mentor

Fraction = tuple[NDArray[Any], Ints | int]
"""The part reached by each feasible pair, and the whole: one per pair or one for all, never 0."""

# Mentees whose free time is looked at together: bounds the memory at this × distinct call times × 4 bytes (~40 MB).
_CHUNK = 1024


def terms(
    mentees: Sequence[Mentee],
    mentors: Sequence[Mentor],
    weights: Mapping[str, int],
    shared: NDArray[np.int16],
    feasible: Bools,
) -> dict[str, NDArray[np.signedinteger]]:
    """Points per feasible pair, by mentee and mentor, for each criterion that has a weight.

    `shared` is from `constraints.shared_minutes`.
    """
    if unknown := weights.keys() - DEFAULT_WEIGHTS.keys():
        raise ValueError(f"no such criterion: {', '.join(sorted(unknown))}")
    languages, spoken = ([each.languages for each in side] for side in (mentees, mentors))
    segments, known = ([each.segments for each in side] for side in (mentees, mentors))
    fractions: dict[str, Callable[[], Fraction]] = {
        "skill": lambda: _skill(mentees, mentors, feasible),
        "co_availability": lambda: (np.minimum(_hearable(mentees, mentors)[feasible], FULL_CALLS), FULL_CALLS),
        "segment": lambda: _common(segments, known, feasible),
        "overlap": lambda: (np.minimum(shared[feasible], FULL_OVERLAP_MINUTES), FULL_OVERLAP_MINUTES),
        "affinity": lambda: (_affinity(mentees, mentors)[feasible], 2 * LEAST_AFFINITY_RANK),
        "language": lambda: _common(languages, spoken, feasible),
        "fresh": lambda: _fresh(mentees, mentors, feasible),
    }
    points: dict[str, NDArray[np.signedinteger]] = {}
    for name, fraction in fractions.items():
        if weight := weights.get(name, 0):
            part, whole = fraction()
            kind = np.int16 if weight <= np.iinfo(np.int16).max else np.int32
            points[name] = (part.astype(np.int64) * weight // whole).astype(kind)
    return points


def _skill(mentees: Sequence[Mentee], mentors: Sequence[Mentor], feasible: Bools) -> Fraction:
    """How much of the mentee's need (priority × levels still missing) the mentor can teach: half at 3, in full at 4."""
    skills = index(skill for mentee in mentees for skill in mentee.wants)
    needs = [
        {skill: wish * max(CAN_TEACH - mentee.levels.get(skill, 0), 0) for skill, wish in mentee.wants.items()}
        for mentee in mentees
    ]
    strength = [
        {
            skill: 2 if mentor.levels.get(skill, 0) >= CAN_TEACH else 1
            for skill in mentor.teaches
            if mentor.levels.get(skill, 0) >= DOES_ALONE
        }
        for mentor in mentors
    ]
    whole = np.array([max(2 * sum(need.values()), 1) for need in needs], np.int64)
    return (table(needs, skills) @ table(strength, skills).T)[feasible], np.repeat(whole, feasible.sum(axis=1))


def _hearable(mentees: Sequence[Mentee], mentors: Sequence[Mentor]) -> NDArray[np.int16]:
    """Real co-availability: how many of the mentor's calls lie wholly in the mentee's free time, per pair.

    A call is free when no busy cell has been counted between its ends. Calls at the same time are looked at once.
    O(mentees × (distinct call times + calls)).
    """
    times = {time: n for n, time in enumerate(sorted({call for mentor in mentors for call in mentor.calls}))}
    counts = np.zeros((len(mentees), len(mentors)), np.int16)
    if not times:
        return counts
    starts, ends = np.array(list(times)).T
    held = [(m, times[call]) for m, mentor in enumerate(mentors) for call in mentor.calls]
    rows, columns = np.array(held).T
    calls = csr_array((np.ones(len(held), np.float32), (rows, columns)), shape=(len(mentors), len(times)))
    cells = int(ends.max())
    for first in range(0, len(mentees), _CHUNK):
        free = bits([mentee.free for mentee in mentees[first : first + _CHUNK]], cells)
        taken = np.zeros((cells + 1, len(free)), np.int16)
        np.cumsum(1 - free.T, axis=0, dtype=np.int16, out=taken[1:])
        counts[first : first + _CHUNK] = (calls @ (taken[starts] == taken[ends]).astype(np.float32)).T
    return counts


def _common(wanted: Sequence[frozenset[str]], offered: Sequence[frozenset[str]], feasible: Bools) -> Fraction:
    """How many of the mentee's own the mentor has too."""
    columns = index(name for names in wanted for name in names)
    whole = np.array([max(len(names), 1) for names in wanted], np.int64)
    return (members(wanted, columns) @ members(offered, columns).T)[feasible], np.repeat(whole, feasible.sum(axis=1))


def _affinity(mentees: Sequence[Mentee], mentors: Sequence[Mentor]) -> NDArray[np.int16]:
    """How much each would like the other, by rank in their lists: twice `LEAST_AFFINITY_RANK` when both come first."""
    liking = np.zeros((len(mentees), len(mentors)), np.int16)
    row = {mentee.key: j for j, mentee in enumerate(mentees)}
    column = {mentor.key: m for m, mentor in enumerate(mentors)}
    for j, mentee in enumerate(mentees):
        for rank, key in enumerate(mentee.prefers):
            if key in column:
                liking[j, column[key]] += max(LEAST_AFFINITY_RANK - rank, 1)
    for m, mentor in enumerate(mentors):
        for rank, key in enumerate(mentor.prefers):
            if key in row:
                liking[row[key], m] += max(LEAST_AFFINITY_RANK - rank, 1)
    return liking


def _fresh(mentees: Sequence[Mentee], mentors: Sequence[Mentor], feasible: Bools) -> Fraction:
    """Whether the two have no ended match."""
    column = {mentor.key: m for m, mentor in enumerate(mentors)}
    fresh = np.ones((len(mentees), len(mentors)), bool)
    for j, mentee in enumerate(mentees):
        fresh[j, [column[key] for key in mentee.past_mentors if key in column]] = False
    return fresh[feasible], 1
