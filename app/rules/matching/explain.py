"""Why a run does not give a mentee a certain mentor, and what would have to change."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from app.rules.availability import shared_minutes
from app.rules.matching.assign import banded
from app.rules.matching.columns import Ints
from app.rules.matching.pairs import grade_gap, zone_gap_minutes
from app.rules.matching.problem import (
    PINNED_ELSEWHERE,
    PLACES_PINNED,
    Blocker,
    Hurdle,
    MatchProblem,
    Mentee,
    Mentor,
    Move,
    WhyNot,
    WhyNotQuestion,
)
from app.rules.matching.solve import Scored, apart, scored

_CHANGE = {
    Blocker.SELF: "Nothing: nobody mentors themselves.",
    Blocker.FORBIDDEN: "Take the pair out of the forbidden pairs.",
    Blocker.REPEAT: "Let mentees have a mentor again whom they had before.",
    Blocker.REPORTING_LINE: "One of them must no longer report to the other, directly or not.",
    Blocker.TEAM: "Change the team rule, or the team of one of them.",
    Blocker.LANGUAGE: "They need a language in common.",
    Blocker.CAPACITY: "The mentor must take at least one mentee.",
}


def why_not(question: WhyNotQuestion) -> WhyNot:
    """Why the best answer does not have this pair. Raises KeyError for somebody unknown, and as `solve` does.

    Every constraint that keeps them apart is named. The rest looks at the same pool with these constraints lifted for
    this pair alone, solved as it is, with the pair pinned, and with one more place at the mentor: three assignments.
    """
    problem = question.problem
    mentee = {each.key: each for each in problem.mentees}[question.mentee]
    mentor = {each.key: each for each in problem.mentors}[question.mentor]
    hurdles = tuple(_hurdles(problem, mentee, mentor))
    run = scored(problem, also=(mentee.key, mentor.key))
    j, m = run.mentees.index(mentee), run.mentors.index(mentor)
    run = _lifted(run, j, m)
    asked = run.pair(run.pool.edge(j, m), j)
    best = run.best(run.pool)
    proposed = bool(best[j] == m)
    instead = run.pair(run.pool.edge(j, int(best[j])), j) if best[j] >= 0 else None
    forced = best if proposed else run.best(run.pool.with_pin(j, m))
    if problem.objective in ("total", "util"):
        forced = _only_because(run, best, forced, j)
    fewer = int((best >= 0).sum() - (forced >= 0).sum())
    lost = run.value(best) - run.value(forced)
    return WhyNot(
        mentee=mentee.key,
        mentor=mentor.key,
        hurdles=hurdles,
        proposed=proposed,
        asked=asked,
        instead=instead,
        score_gap=(instead.score if instead else 0) - asked.score,
        moves=tuple(_move(run, best, forced, each) for each in _in_turn(best, forced, j)),
        matched_fewer=fewer,
        value_lost=lost,
        points_needed=None if proposed or fewer or not _points_decide(run, best, forced) else _needed(run, j, m, lost),
        place_needed=not proposed and bool(run.best(run.pool.with_place(m))[j] == m),
    )


def _hurdles(problem: MatchProblem, mentee: Mentee, mentor: Mentor) -> Iterator[Hurdle]:
    rules = problem.constraints
    for blocker in apart(problem, mentee, mentor):
        match blocker:
            case Blocker.GRADE_GAP:
                has, limit = grade_gap(mentee, mentor), rules.max_grade_gap
                yield Hurdle(blocker=blocker, has=has, limit=limit, change=f"Allow a gap of {has} grades.")
            case Blocker.ZONE_GAP:
                has = zone_gap_minutes(mentee, mentor)
                limit = 60 * (rules.max_zone_gap_hours or 0)
                change = f"Allow a time zone gap of {-(-has // 60)} hours."
                yield Hurdle(blocker=blocker, has=has, limit=limit, change=change)
            case Blocker.SHARED_HOURS:
                has, limit = shared_minutes(mentee.weeks, mentor.weeks), rules.min_shared_minutes_per_week
                change = f"They need {limit - has} more minutes of working time together in their leanest week, or a "
                yield Hurdle(blocker=blocker, has=has, limit=limit, change=f"{change}minimum of {has}.")
            case Blocker.CAPACITY:
                yield Hurdle(blocker=blocker, has=mentor.capacity, limit=1, change=_CHANGE[blocker])
            case _:
                yield Hurdle(blocker=blocker, change=_CHANGE[blocker])
    others = [(one, other) for one, other in problem.pins if (one, other) != (mentee.key, mentor.key)]
    if any(one == mentee.key for one, _ in others):
        yield Hurdle(blocker=PINNED_ELSEWHERE, change="Take back the pin of the mentee to another mentor.")
    taken = sum(other == mentor.key for _, other in others)
    if 0 < mentor.capacity <= taken:
        change = "Give the mentor one more place, or take back a pin of somebody else to them."
        yield Hurdle(blocker=PLACES_PINNED, has=mentor.capacity, limit=taken + 1, change=change)


def _lifted(run: Scored, j: int, m: int) -> Scored:
    """The run without the pins, and with the place, that keep the two apart."""
    cap, pin = run.pool.cap.copy(), run.pool.pin.copy()
    if pin[j] != m:
        pin[j] = -1
    cap[m] = max(cap[m], int((np.delete(pin, j) == m).sum()) + 1)
    return replace(run, pool=replace(run.pool, cap=cap, pin=pin))


def _only_because(run: Scored, best: Ints, forced: Ints, j: int) -> Ints:
    """Of all that differs, what follows from the forced pair: who gives way to whom, and who takes the place left.

    Two best answers may differ elsewhere, among equals. The shortest chains on both sides of the forced pair are
    feasible by themselves, and so is the rest, which therefore gains nothing: else the first answer would not have
    been the best.
    """
    chain = best.copy()
    moved = [each for each in np.flatnonzero(best != forced).tolist() if each != j]
    if best[j] == forced[j]:
        return chain
    chain[j] = forced[j]
    place = int(best[j])
    free, free_then = (
        run.pool.cap - np.bincount(each[each >= 0], minlength=len(run.pool.cap)) for each in (best, forced)
    )
    if place >= 0:
        free[place] += 1
    gives_way, end = _shortest(int(forced[j]), best, forced, moved, free)
    follows = [] if place in (-1, end) else _shortest(place, forced, best, moved, free_then)[0]
    for each in (*gives_way, *follows):
        chain[each] = forced[each]
    return chain


def _shortest(origin: int, here: Ints, there: Ints, moved: list[int], free: Ints) -> tuple[list[int], int]:
    """The shortest chain of those who moved, from mentor to mentor, to one with a place free (or to nobody, -1), and
    where it ends. O(moves).
    """
    away: dict[int, list[int]] = {}
    for each in moved:
        away.setdefault(int(here[each]), []).append(each)
    came: dict[int, int] = {}
    waiting, at = deque([origin]), origin
    while at >= 0 and free[at] <= 0:
        at = waiting.popleft()
        if at < 0 or free[at] > 0:
            break
        for each in away.pop(at, ()):
            target = int(there[each])
            if target not in came and target != origin:
                came[target] = each
                waiting.append(target)
    chain, end = [], at
    while at != origin:
        chain.append(came[at])
        at = int(here[came[at]])
    return chain[::-1], end


def _in_turn(best: Ints, forced: Ints, j: int) -> list[int]:
    """Who moves: the mentee, then whoever leaves the place that was taken last, then the others."""
    waiting = sorted(np.flatnonzero(best != forced).tolist())
    order: list[int] = []
    following: int | None = j if j in waiting else None
    while waiting:
        following = waiting[0] if following is None else following
        waiting.remove(following)
        order.append(following)
        target = forced[following]
        following = next((each for each in waiting if best[each] == target), None)
    return order


def _move(run: Scored, best: Ints, forced: Ints, j: int) -> Move:
    before, after = int(best[j]), int(forced[j])
    return Move(
        mentee=run.mentees[j].key,
        from_mentor=run.mentors[before].key if before >= 0 else None,
        to_mentor=run.mentors[after].key if after >= 0 else None,
        score_before=int(run.pool.score[run.pool.edge(j, before)]) if before >= 0 else 0,
        score_after=int(run.pool.score[run.pool.edge(j, after)]) if after >= 0 else 0,
    )


def _points_decide(run: Scored, best: Ints, forced: Ints) -> bool:
    """Whether the sum of points is all that the two answers differ in."""
    stays = [int((answer == run.pool.current)[run.pool.current >= 0].sum()) for answer in (best, forced)]
    least = run.problem.disruption == "least"
    return run.problem.objective in ("total", "util") and (not least or stays[0] == stays[1])


def _needed(run: Scored, j: int, m: int, lost: int) -> int:
    """The fewest points more that outweigh the loss by one. A pair that comes over a band gains more than that."""
    score = int(run.pool.score[run.pool.edge(j, m)])
    if run.problem.objective == "total":
        return lost + 1
    gain = banded(np.arange(score, score + lost + 2, dtype=np.int32), np.zeros(lost + 2, bool))
    return bisect_left(gain.tolist(), int(gain[0]) + lost + 1)
