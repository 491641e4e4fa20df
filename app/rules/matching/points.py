"""The points of one pair: what `score` says of all pairs at once. Plain, so that the server may ask."""

from collections.abc import Mapping

from app.rules.availability import shared_minutes
from app.rules.matching.problem import Mentee, Mentor

CAN_TEACH = 4  # the level; see the product's levels 0..4
DOES_ALONE = 3

FULL_OVERLAP_MINUTES = 20 * 60  # half of a full week together: more changes nothing for a pair that meets weekly
FULL_CALLS = 20  # in four weeks: the five calls a week that a mentee should hear, all from this mentor

LEAST_AFFINITY_RANK = 10  # the first rank earns ten tenths, the tenth and all after it one


def points(mentee: Mentee, mentor: Mentor, weights: Mapping[str, int]) -> dict[str, int]:
    """Points for each criterion that has a weight: the part reached of the whole, times the weight, rounded down.

    O(skills + weeks + calls of the mentor).
    """
    fractions = {
        "skill": _skill(mentee, mentor),
        "co_availability": (min(_hearable(mentee, mentor), FULL_CALLS), FULL_CALLS),
        "segment": _common(mentee.segments, mentor.segments),
        "overlap": (min(shared_minutes(mentee.weeks, mentor.weeks), FULL_OVERLAP_MINUTES), FULL_OVERLAP_MINUTES),
        "affinity": (
            _liking(mentee.prefers, mentor.key) + _liking(mentor.prefers, mentee.key),
            2 * LEAST_AFFINITY_RANK,
        ),
        "language": _common(mentee.languages, mentor.languages),
        "fresh": (int(mentor.key not in mentee.past_mentors), 1),
    }
    return {name: part * weight // whole for name, (part, whole) in fractions.items() if (weight := weights.get(name))}


def _skill(mentee: Mentee, mentor: Mentor) -> tuple[int, int]:
    """How much of the mentee's need (priority × levels still missing) the mentor can teach: half at 3, in full at 4."""
    needs = {skill: wish * max(CAN_TEACH - mentee.levels.get(skill, 0), 0) for skill, wish in mentee.wants.items()}
    met = sum(need * _strength(mentor, skill) for skill, need in needs.items() if skill in mentor.teaches)
    return met, max(2 * sum(needs.values()), 1)


def _strength(mentor: Mentor, skill: str) -> int:
    level = mentor.levels.get(skill, 0)
    return int(level >= DOES_ALONE) + int(level >= CAN_TEACH)


def _hearable(mentee: Mentee, mentor: Mentor) -> int:
    """How many of the mentor's calls lie wholly in the mentee's free time."""
    taken = ~mentee.free
    return sum(not (taken >> start) & ((1 << end - start) - 1) for start, end in mentor.calls)


def _common(wanted: frozenset[str], offered: frozenset[str]) -> tuple[int, int]:
    return len(wanted & offered), max(len(wanted), 1)


def _liking(prefers: tuple[str, ...], key: str) -> int:
    """How much somebody with this list would like the other: ten for the first, one for the tenth and all after it."""
    return max(LEAST_AFFINITY_RANK - prefers.index(key), 1) if key in prefers else 0
