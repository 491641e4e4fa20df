"""Run the matching: start a run, keep its draft, publish it as matches."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app import ids
from app.db import DbSession, one_at_a_time
from app.errors import Conflict, Extra, Fault, Invalid
from app.models.tables import enrollment, match, match_run, person, proposed_match
from app.operations import operations
from app.operations.changes import check_admin
from app.operations.events import tell, tell_many
from app.operations.jobs import enqueue
from app.operations.programs import WeightsAllZero
from app.operations.runs import WAITING, ContradictoryPins, advance, check_draft
from app.queries import matching, pool, runs
from app.queries.people import lock_people
from app.rules.access import SYSTEM, Actor
from app.rules.matching.pairs import blockers
from app.rules.matching.problem import DEFAULT_WEIGHTS, Blocker, MatchAnswer, MatchConstraints
from app.vocabulary import EndedBecause, MatchStatus, Objective, PersonStatus, RunCause, RunStatus, Side

Pairs = Sequence[tuple[str, str]]
"""(mentee id, mentor id)."""

_SETTLING = timedelta(minutes=1)
"""Who leaves with a whole team, or ends several matches in a row, causes one run."""
_NO_LONGER = {
    Blocker.SELF: "Nobody mentors themselves",
    Blocker.REPORTING_LINE: "One of them now reports to the other",
    Blocker.TEAM: "Their teams now break the run's team rule",
    Blocker.LANGUAGE: "They no longer share a language",
    Blocker.ZONE_GAP: "Their time zones are now too far apart",
    Blocker.SHARED_HOURS: "They no longer share enough working hours",
    Blocker.CAPACITY: "The mentor has no capacity left",
}


class InfeasiblePair(Conflict):
    """A proposed pair has become impossible since the run."""

    code = "infeasible_pair"
    title = "A proposed pair has become impossible"


class NotEnrolled(Invalid):
    """A pair names somebody who is not in the program on that side."""

    code = "not_enrolled"
    title = "Somebody in a pair is not enrolled on that side of the program"


def start_match_run(
    db: DbSession,
    *,
    program_id: str | None,
    objective: Objective,
    weights: Mapping[str, int],
    constraints: Mapping[str, Any],
    pins: Pairs,
    forbidden: Pairs,
    actor: Actor,
    now: datetime,
) -> Any:
    """Queue a match run and return it. Refused when no criterion counts and for pairs that can't be kept together."""
    check_admin(actor)
    program = runs.program_for_run(db, program_id)
    _check_weights({**DEFAULT_WEIGHTS, **program.weights, **weights})
    _check_pairs(db, program.id, pins, forbidden)
    run_id = ids.new("mrn", now)
    operation_id = operations.begin(db, "match_run", {"run_id": run_id}, now=now)
    db.execute(
        insert(match_run).values(
            id=run_id,
            program_id=program.id,
            operation_id=operation_id,
            status=RunStatus.QUEUED,
            objective=objective,
            weights=dict(weights),
            constraints=dict(constraints),
            pins=[list(pair) for pair in pins],
            forbidden=[list(pair) for pair in forbidden],
            unmatched=[],
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    tell(db, "match_run.started", run_id, version=1, actor=actor, now=now)
    return runs.match_run_by_id(db, run_id, actor=actor)


def keep_draft(
    db: DbSession, *, run_id: str, answer: MatchAnswer, person_of: Mapping[str, str], inputs: bytes, now: datetime
) -> None:
    """Write the answer of a run as its draft. Does nothing when the run has one. Locks the run."""
    run = runs.locked(db, match_run, run_id)
    if run.status not in WAITING:
        return
    rows = [
        {
            "id": ids.new("mat", now),
            "run_id": run_id,
            "mentee_id": person_of[pair.mentee],
            "mentor_id": person_of[pair.mentor],
            "score": pair.score,
            "terms": dict(pair.terms),
            "pinned": pair.pinned,
        }
        for pair in answer.pairs
    ]
    if rows:
        db.execute(insert(proposed_match), rows)
    unmatched = [
        {"mentee_id": person_of[left.mentee], "reason": str(left.reason), "excluded": dict(left.excluded)}
        for left in answer.unmatched
    ]
    values = {"value": answer.value, "unmatched": unmatched, "inputs_hash": hashlib.sha256(inputs).hexdigest()}
    advance(db, match_run, run, RunStatus.DRAFT, act="match_run.drafted", actor=SYSTEM, now=now, **values)
    result = {"match_run_id": run_id, "matched": len(rows), "unmatched": len(unmatched)}
    operations.succeed(db, run.operation_id, result=result, now=now)


def publish_match_run(db: DbSession, *, run_id: str, actor: Actor, now: datetime) -> Any:
    """Make the proposed pairs the matches that stand. A pair that stands already is kept; any other match of a mentee
    of the run ends. Repeating it changes nothing. Refused as `infeasible_pair`, naming it and the constraint, when the
    run would no longer propose it. Locks the program's matches, and everybody in a proposed pair.
    """
    seen = runs.match_run_by_id(db, run_id, actor=actor)
    one_at_a_time(db, f"program {seen.program_id}")  # two drafts could each give a mentor's last place away
    run = runs.locked(db, match_run, run_id)
    if run.status is RunStatus.PUBLISHED:
        return run
    check_draft(run)
    proposed = runs.proposed_matches(db, run_id)
    standing = _standing_for_update(db, run.program_id)
    lock_people(db, {who for row in proposed for who in (row.mentee_id, row.mentor_id)})  # nobody leaves meanwhile
    _check_feasible(db, run, proposed, standing, now=now)
    kept = {
        row.mentee_id for row in proposed if (old := standing.get(row.mentee_id)) and old.mentor_id == row.mentor_id
    }
    new = [row for row in proposed if row.mentee_id not in kept]
    ended = [standing[who] for who in (*(row.mentee_id for row in new), *_left_out(run, standing)) if who in standing]
    end_matches(db, ended, because=EndedBecause.REPLACED, actor=actor, now=now)
    if new:
        db.execute(insert(match), [_match(row, run, now) for row in new])
    tell_many(db, "match.started", [(row.id, 1) for row in new], actor=actor, now=now)
    advance(db, match_run, run, RunStatus.PUBLISHED, act="match_run.published", actor=actor, now=now)
    return runs.match_run_by_id(db, run_id, actor=actor)


def rematch_soon(db: DbSession, program_id: str, cause: RunCause, now: datetime) -> None:
    """Have a program matched anew in a minute, as a draft that disturbs as little as can be, if somebody then waits for
    a mentor. Asked for many times within the minute, it is done once, for the cause that was first.
    """
    payload = {"program_id": program_id, "cause": cause}
    enqueue(db, "rematch", payload, due_at=now + _SETTLING, singleton=f"rematch {program_id}", now=now)


def end_matches(db: DbSession, ended: Sequence[Any], *, because: EndedBecause, actor: Actor, now: datetime) -> None:
    """End these matches, given by their locked rows, and tell."""
    if not ended:
        return
    values = {
        "status": MatchStatus.ENDED,
        "ended_because": because,
        "awaiting": [],
        "version": match.c.version + 1,
        "updated_at": now,
    }
    db.execute(update(match).where(match.c.id.in_([row.id for row in ended])).values(values))
    tell_many(db, "match.ended", [(row.id, row.version + 1) for row in ended], actor=actor, now=now)


def _match(row: Any, run: Any, now: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "program_id": run.program_id,
        "run_id": run.id,
        "mentee_id": row.mentee_id,
        "mentor_id": row.mentor_id,
        "status": MatchStatus.ACTIVE,
        "score": row.score,
        "terms": row.terms,
        "pinned": row.pinned,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _standing_for_update(db: DbSession, program_id: str) -> dict[str, Any]:
    query = select(match).where(match.c.program_id == program_id, match.c.status.in_(pool.STANDING))
    rows = db.execute(query.order_by(match.c.id).with_for_update(key_share=True))
    return {row.mentee_id: row for row in rows}


def _left_out(run: Any, standing: Mapping[str, Any]) -> list[str]:
    """Return the mentees whom the run left without a mentor although their match stood: it gave their places away.

    A match that began after the run did is none of its business.
    """
    left = (one["mentee_id"] for one in run.unmatched)
    return [who for who in left if who in standing and standing[who].created_at < run.created_at]


def _check_feasible(
    db: DbSession, run: Any, proposed: Sequence[Any], standing: Mapping[str, Any], *, now: datetime
) -> None:
    """Ask of each pair again what the run asked, as people are now."""
    people, rules = matching.pool_of(db, run.program_id, now=now), MatchConstraints(**run.constraints)
    moving = {*(row.mentee_id for row in proposed), *_left_out(run, standing)}
    taken = Counter(row.mentor_id for row in standing.values() if row.mentee_id not in moving)
    for row in proposed:
        pair: dict[str, Extra] = {"mentee_id": row.mentee_id, "mentor_id": row.mentor_id}
        mentee, mentor = people.mentees.get(row.mentee_id), people.mentors.get(row.mentor_id)
        if mentee is None or mentor is None:
            raise InfeasiblePair("One of them has left or is no longer enrolled: run the matching again.", extra=pair)
        taken[row.mentor_id] += 1
        why = next(blockers(mentee, mentor, rules), None)
        if why is None and taken[row.mentor_id] > mentor.capacity:
            why = Blocker.CAPACITY
        if why is not None:
            raise InfeasiblePair(f"{_NO_LONGER[why]}: run the matching again.", extra={**pair, "constraint": why})


def _check_weights(weights: Mapping[str, int]) -> None:
    if not any(weights.values()):
        fault = Fault("/weights", "all_zero", "At least one criterion must have a weight.")
        raise WeightsAllZero("Give one criterion more than 0.", faults=(fault,))


def _check_pairs(db: DbSession, program_id: str, pins: Pairs, forbidden: Pairs) -> None:
    query = select(enrollment.c.person_id, enrollment.c.side).join(person, person.c.id == enrollment.c.person_id)
    rows = db.execute(query.where(enrollment.c.program_id == program_id, person.c.status == PersonStatus.ACTIVE))
    known = {(row.person_id, row.side) for row in rows}
    for name, pairs in (("pins", pins), ("forbidden", forbidden)):
        for number, (mentee, mentor) in enumerate(pairs):
            if (mentee, Side.MENTEE) not in known or (mentor, Side.MENTOR) not in known:
                fault = Fault(f"/{name}/{number}", "not_enrolled", "names somebody who is not enrolled on that side")
                raise NotEnrolled(faults=(fault,))
    pinned, refused = Counter(mentee for mentee, _ in pins), set(forbidden)
    for number, (mentee, mentor) in enumerate(pins):
        if pinned[mentee] > 1 or (mentee, mentor) in refused:
            extra: dict[str, Extra] = {"mentee_id": mentee, "mentor_id": mentor}
            fault = Fault(f"/pins/{number}", "contradictory", "is pinned twice, or pinned and forbidden")
            raise ContradictoryPins("Take one of them out.", faults=(fault,), extra=extra)
