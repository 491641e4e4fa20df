"""What one seat teaches one observer: named integer terms that sum to the seat's value."""

from collections.abc import Callable, Hashable

import numpy as np

from app.rules.planning.model import IntArray
from app.rules.planning.problem import PlanCall, PlanObserver, PlanProblem

TERMS = ("skill", "mentor", "manager", "segment", "new_type")

SKILL_AT_MOST = 600
OWN_MENTOR = 150
OWN_MANAGER = 100
SAME_SEGMENT = 100
UNHEARD_TYPE = 150

NEED_MET = 500

# A first session outweighs anybody's second with every term at its most and five needs met: 2,000 + 1,100 + 5 × 500.
FIRST_SESSION = 6_000
LONELINESS = 1_500
SECOND_SESSION = 2_000
LATER_SESSION_AT_LEAST = 125

_TOP_LEVEL = 4


def session_bonus(observer: PlanObserver, sessions: int) -> tuple[int, ...]:
    """Points for each of their first `sessions` sessions in this plan: falling, and more for who heard little lately.

    Loneliness tells between first sessions only: 1,500 points for who heard nothing, 1/(h + 1) of it after h sessions.
    """
    first = FIRST_SESSION + LONELINESS // (1 + observer.heard_before)
    later = (max(SECOND_SESSION >> n, LATER_SESSION_AT_LEAST) for n in range(sessions - 1))
    return (first, *later)[:sessions]


def pair_terms(problem: PlanProblem) -> IntArray:
    """One row of TERMS for each pair of the problem, in its order. O(pairs × skills).

    skill: 3 × Σ want (0–5) × what is missing to level 4 (0–4) × the host's strength (0–4), over the call's skills, at
    most 600. mentor, manager: the host is their own. segment: the call is in one of theirs. new_type: 150 for a call
    type they have not heard lately, 1/(h + 1) of it after h times.
    """
    observer = np.array([pair.observer for pair in problem.pairs], dtype=np.int64)
    call = np.array([pair.call for pair in problem.pairs], dtype=np.int64)
    host = np.array([c.host for c in problem.calls], dtype=np.str_)[call]
    mentor = np.array([o.mentor or "" for o in problem.observers], dtype=np.str_)[observer]
    manager = np.array([o.manager or "" for o in problem.observers], dtype=np.str_)[observer]
    heard = _table(problem, lambda who, what: who.heard_types.get(what.type, 0), lambda what: what.type)
    at_home = _table(problem, lambda who, what: what.segment in who.segments, lambda what: what.segment)
    return np.stack(
        [
            np.minimum(3 * _taught(problem, observer, call), SKILL_AT_MOST),
            OWN_MENTOR * (mentor == host),
            OWN_MANAGER * (manager == host),
            SAME_SEGMENT * at_home[observer, call],
            UNHEARD_TYPE // (1 + heard[observer, call]),
        ],
        axis=1,
    )


def taught_skills(problem: PlanProblem, observer: PlanObserver, call: PlanCall) -> tuple[str, ...]:
    """The call's skills that score for this observer: wanted, not yet mastered, and shown by the host."""
    strength = problem.strengths.get(call.host, {})
    return tuple(skill for skill in call.skills if _lack(observer, skill) * strength.get(skill, 0) > 0)


def _taught(problem: PlanProblem, observer: IntArray, call: IntArray) -> IntArray:
    """Want × what is missing × the host's strength, summed over the skills of each pair's call."""
    skills = sorted({skill for c in problem.calls for skill in c.skills})
    lack = _matrix([[_lack(o, skill) for skill in skills] for o in problem.observers], len(skills))
    strength = [problem.strengths.get(c.host, {}) for c in problem.calls]
    shown = _matrix(
        [
            [host.get(skill, 0) if skill in c.skills else 0 for skill in skills]
            for c, host in zip(problem.calls, strength, strict=True)
        ],
        len(skills),
    )
    taught: IntArray = np.einsum("es,es->e", lack[observer], shown[call])
    return taught


def _lack(observer: PlanObserver, skill: str) -> int:
    """How much they want a skill, times what they miss in it."""
    return observer.wants.get(skill, 0) * max(_TOP_LEVEL - observer.levels.get(skill, 0), 0)


def _table(
    problem: PlanProblem, cell: Callable[[PlanObserver, PlanCall], int], trait: Callable[[PlanCall], Hashable]
) -> IntArray:
    """`cell` for each observer and call, worked out once per distinct trait of the calls."""
    number: dict[Hashable, int] = {}
    column = np.array([number.setdefault(trait(call), len(number)) for call in problem.calls], dtype=np.int64)
    samples = {number[trait(call)]: call for call in problem.calls}
    cells = [[cell(o, samples[k]) for k in range(len(number))] for o in problem.observers]
    return _matrix(cells, len(number))[:, column]


def _matrix(rows: list[list[int]], width: int) -> IntArray:
    """The rows as an array that keeps its shape even when it is empty."""
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)
