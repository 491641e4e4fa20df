"""What a match run would say, without one: nothing is written. The solver runs while no transaction is open."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from app.child import ChildFailed, run_limited
from app.config import Settings
from app.db import DbSession
from app.errors import Conflict, Unavailable
from app.operations.match_settings import Wanted, capacities, settings_of
from app.operations.runs import ContradictoryPins
from app.queries import match_changes, matching, runs
from app.queries.matching import Asked, Gathered
from app.rules.access import Actor
from app.rules.digest import digest
from app.rules.matching import problem as matching_problem
from app.rules.matching.changes import Difference, Placed, differences
from app.rules.matching.problem import MatchAnswer, MatchProblem, WhyNot, WhyNotQuestion
from app.vocabulary import RunStatus, Side

Answer = TypeVar("Answer")

MOST_PAIRS = 400_000
"""Mentees × mentors: what is scored and solved while somebody waits for the answer, in a few seconds."""
_SECONDS = 30
_PATIENCE_SECONDS = 10.0
_TURN = threading.BoundedSemaphore(1)
"""A solver takes a core and much memory: one at a time in a process."""


class TooManyPairs(Conflict):
    """The pool is too large to be solved while somebody waits."""

    code = "too_many_pairs"
    title = "This pool is too large to be solved at once: start a run"


class SolverStopped(Conflict):
    """The solver needed more time or memory than somebody who waits can be given."""

    code = "solver_stopped"
    title = "The solver was stopped: start a run"


class NotInRun(Conflict):
    """A run has nothing to say about somebody: they are away, or the mentee's match goes on whatever it says."""

    code = "not_in_run"
    title = "The run does not look at one of them"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a run would be asked, over people as they are now, and who has which mentor `before` it, by mentee."""

    asked: Asked
    gathered: Gathered
    before: Mapping[str, Placed]


@dataclass(frozen=True, slots=True)
class Preview:
    """What the newest run that has an answer would be asked with other settings; None: no run has one, and what is
    asked is compared with the matches that stand.
    """

    simulation: Simulation
    run: Any | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A question about a run, over people as they are now."""

    gathered: Gathered
    question: WhyNotQuestion
    inputs_changed: bool


def simulation(db: DbSession, wanted: Wanted, *, actor: Actor, now: datetime) -> Simulation:
    """Return what a run would be asked. Refused as the start of one is, and as `too_many_pairs`."""
    asked = settings_of(db, wanted, actor=actor, now=now)
    gathered = matching.match_problem(db, asked, now=now)
    _check_size(gathered.problem)
    return Simulation(asked, gathered, before=match_changes.placed(gathered.standing.values()))


def preview(
    db: DbSession,
    program_id: str,
    *,
    weights: Mapping[str, int],
    constraints: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> Preview:
    """Return what the newest run of a program would be asked with these settings, and otherwise as it was, with what is
    pinned in its draft by people who are still enrolled. Mentees of whom it says nothing are as they stand, before and
    after. Refused as `simulation` is.
    """
    run = runs.newest_match_run(db, program_id)
    wanted = Wanted(program_id=program_id, weights=weights, constraints=constraints)
    if run is None:
        return Preview(simulation(db, wanted, actor=actor, now=now), None)
    proposed, enrolled = runs.proposed_matches(db, run.id), capacities(db, program_id)
    open_ = [row for row in proposed if row.match_id is None] if run.status is RunStatus.DRAFT else []
    pinned = [(row.mentee_id, row.mentor_id) for row in open_ if row.pinned]
    pins, forbidden = (
        [(a, b) for a, b in pairs if (a, Side.MENTEE) in enrolled and (b, Side.MENTOR) in enrolled]
        for pairs in (pinned, run.forbidden)
    )
    as_it_was: dict[str, Any] = {"objective": run.objective, "disruption": run.disruption}
    wanted = replace(wanted, **as_it_was, pins=pins, forbidden=forbidden)
    given = simulation(db, wanted, actor=actor, now=now)
    standing = given.gathered.standing
    left = match_changes.left_out(run, standing)
    before = match_changes.after_all(match_changes.placed(proposed), standing, left=left)
    return Preview(replace(given, before=before), run)


def simulated(given: Simulation, limits: Settings) -> tuple[MatchAnswer, list[Difference]]:
    """Return what a run would answer, by key, and what publishing it would make of what is before it, by id."""
    gathered = given.gathered
    answer = _answered("app.rules.matching.solve:solve", gathered.problem, MatchAnswer, gathered, limits)
    person_of, standing = gathered.person_of, gathered.standing
    after = {person_of[pair.mentee]: Placed(person_of[pair.mentor], pair.score) for pair in answer.pairs}
    left = [person_of[one.mentee] for one in answer.unmatched]
    return answer, differences(given.before, match_changes.after_all(after, standing, left=left))


def explanation(
    db: DbSession, run_id: str, *, mentee_id: str, mentor_id: str, actor: Actor, now: datetime
) -> Explanation:
    """Return the question why a run does not give a mentee this mentor. Refused as `not_in_run` and `too_many_pairs`,
    and as `no_answer_yet` while the run has none.
    """
    run = match_changes.answered_run(db, run_id, actor=actor)
    gathered = matching.match_problem(db, run, now=now)
    problem, key_of = gathered.problem, gathered.key_of
    if key_of.get(mentee_id) not in {mentee.key for mentee in problem.mentees}:
        raise NotInRun("The mentee is away, not enrolled, or in a match that goes on whatever a run says.")
    if key_of.get(mentor_id) not in {mentor.key for mentor in problem.mentors}:
        raise NotInRun("The mentor is away or not enrolled.")
    _check_size(problem)
    question = WhyNotQuestion(problem=problem, mentee=key_of[mentee_id], mentor=key_of[mentor_id])
    return Explanation(gathered, question, inputs_changed=digest(problem) != run.inputs_hash)


def explained(given: Explanation, limits: Settings) -> WhyNot:
    """Return why, people by key."""
    return _answered("app.rules.matching.explain:why_not", given.question, WhyNot, given.gathered, limits)


def _check_size(problem: MatchProblem) -> None:
    if len(problem.mentees) * len(problem.mentors) > MOST_PAIRS:
        sizes = {"mentees": len(problem.mentees), "mentors": len(problem.mentors), "most_pairs": MOST_PAIRS}
        raise TooManyPairs(f"It has more than {MOST_PAIRS:,} pairs.", extra=sizes)


def _answered(work: str, question: object, answer: type[Answer], gathered: Gathered, limits: Settings) -> Answer:
    if not _TURN.acquire(timeout=_PATIENCE_SECONDS):
        raise Unavailable("Somebody else's question is being solved.")
    try:
        return run_limited(
            work,
            question,
            answer=answer,
            seconds=min(limits.solver_seconds, _SECONDS),
            mebibytes=limits.solver_mebibytes,
            over=threading.Event(),
        )
    except ChildFailed as why:
        raise SolverStopped(str(why)) from None
    except matching_problem.ContradictoryPins as why:
        raise ContradictoryPins(f"They can't hold: {named(why, gathered.person_of)}.") from None
    finally:
        _TURN.release()


def named(why: matching_problem.ContradictoryPins, person_of: Mapping[str, str]) -> str:
    """Name pins that can't hold, by ids, each with what stands against it."""
    pairs = ((person_of.get(mentee, mentee), person_of.get(mentor, mentor), rule) for mentee, mentor, rule in why.pairs)
    return "; ".join(f"{mentee} with {mentor}: {rule}" for mentee, mentor, rule in pairs)
