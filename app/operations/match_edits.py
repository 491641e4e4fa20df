"""Change the draft of a match run by hand, run it again around what is pinned, or call a run off."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert

from app import ids
from app.db import DbSession
from app.errors import Conflict, Fault, NotFound
from app.models.tables import match_run, proposed_match
from app.operations.calling_off import call_off
from app.operations.changes import check_version
from app.operations.match_feasibility import BY_HAND, obstacle, refuse, wishes_of
from app.operations.match_runs import queue_run, run_to_change
from app.operations.match_settings import NotEnrolled, capacities, check_pairs
from app.operations.runs import advance, check_draft
from app.queries import matching, pool, runs
from app.queries.match_changes import left_out
from app.queries.matching import Asked
from app.rules.access import Actor
from app.rules.matching.points import points
from app.vocabulary import RunCause, RunStatus, Side


class AlreadyAccepted(Conflict):
    """The pair is a match by now."""

    code = "already_accepted"
    title = "This pair of the draft was accepted, and is a match"


def put_pair(
    db: DbSession,
    *,
    run_id: str,
    mentee_id: str,
    mentor_id: str | None,
    pinned: bool,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Give a mentee of a draft this mentor, or none, and return the run. `pinned` pairs survive another run. Repeating
    it changes nothing. Refused as `infeasible_pair`, naming the constraint, for a pair that could not be published, and
    as `already_accepted` for one that is a match. Locks the run.
    """
    run = _draft(db, run_id, expected_version=expected_version, actor=actor)
    proposed = {row.mentee_id: row for row in runs.proposed_matches(db, run_id)}
    known = proposed.pop(mentee_id, None)
    if known is not None and (known.mentor_id, known.pinned) == (mentor_id, pinned):
        return run
    if known is not None and known.match_id is not None:
        raise AlreadyAccepted("Change or end the match itself.", extra={"match_id": known.match_id})
    unmatched = [one for one in run.unmatched if one["mentee_id"] != mentee_id]
    if mentor_id is None:
        if known is None and len(unmatched) == len(run.unmatched):
            raise NotFound
        unmatched.append({"mentee_id": mentee_id, "reason": BY_HAND, "excluded": {}})
        if known is None:
            return run
        new = None
    elif known is not None and known.mentor_id == mentor_id:
        as_it_was = {column.name: getattr(known, column.name) for column in proposed_match.c}
        new = {**as_it_was, "pinned": pinned, "by_hand": True}
    else:
        new = {
            **_scored(db, run, proposed, (mentee_id, mentor_id), now=now),
            "id": ids.new("mat", now),
            "run_id": run_id,
            "pinned": pinned,
            "by_hand": True,
        }
    if known is not None:
        db.execute(delete(proposed_match).where(proposed_match.c.id == known.id))
    if new is not None:
        db.execute(insert(proposed_match), [new])
    act = "match_run.changed"
    advance(db, match_run, run, RunStatus.DRAFT, act=act, actor=actor, now=now, unmatched=unmatched)
    return runs.match_run_by_id(db, run_id, actor=actor)


def rerun(db: DbSession, *, run_id: str, expected_version: int | None = None, actor: Actor, now: datetime) -> Any:
    """Queue a run that asks what this draft was asked, and pins what is pinned in it; return the new run. What was
    accepted stands like any other match. The draft stays, to be compared. Refused as `settings_of` says, for pins that
    have become impossible.
    """
    run = _draft(db, run_id, expected_version=expected_version, actor=actor)
    proposed = runs.proposed_matches(db, run_id)
    asked = Asked(
        program_id=run.program_id,
        objective=run.objective,
        disruption=run.disruption,
        weights=run.weights,
        constraints=run.constraints,
        pins=[(row.mentee_id, row.mentor_id) for row in proposed if row.pinned and row.match_id is None],
        forbidden=run.forbidden,
    )
    check_pairs(db, asked, now=now)
    return queue_run(db, asked, cause=RunCause.BY_HAND, actor=actor, now=now)


def cancel_match_run(
    db: DbSession, *, run_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Call off a run that waits, is being solved, or is a draft, and return it. Repeating it changes nothing."""
    seen = run_to_change(db, run_id, actor=actor)
    return call_off(db, match_run, seen, expected_version=expected_version, actor=actor, now=now)


def _draft(db: DbSession, run_id: str, *, expected_version: int | None, actor: Actor) -> Any:
    """Return a draft with its row locked. Refused as `not_a_draft`."""
    run_to_change(db, run_id, actor=actor)
    run = runs.locked(db, match_run, run_id)
    check_draft(run)
    check_version(run, expected_version)
    return run


def _scored(
    db: DbSession, run: Any, others: Mapping[str, Any], pair: tuple[str, str], *, now: datetime
) -> dict[str, Any]:
    """Return the pair with the points that the run would give it, as people are now. Refused for whatever would keep
    it from being published beside the `others` of the draft; a pair that stands needs no new place.
    """
    mentee_id, mentor_id = pair
    known = capacities(db, run.program_id)
    if (mentee_id, Side.MENTEE) not in known:
        raise NotFound
    if (mentor_id, Side.MENTOR) not in known:
        raise NotEnrolled(faults=(Fault("/mentor_id", "not_enrolled", "is no mentor of the program"),))
    people = matching.close_up(db, run.program_id, among=pair, now=now)
    standing = pool.standing_matches(db, run.program_id)
    stands = mentee_id in standing and standing[mentee_id].mentor_id == mentor_id
    taken = len(mentees_of(mentor_id, run, others, standing) | {mentee_id})
    why = obstacle(people, pair, wishes_of(db, run, despite=[pair]), taken=0 if stands else taken)
    if why is not None:
        refuse(*pair, why)
    terms = points(people.mentees[mentee_id], people.mentors[mentor_id], run.weights)
    return {"mentee_id": mentee_id, "mentor_id": mentor_id, "score": sum(terms.values()), "terms": terms}


def mentees_of(mentor_id: str, run: Any, others: Mapping[str, Any], standing: Mapping[str, Any]) -> set[str]:
    """Return the mentees whom this mentor would have once the draft was published. Who was accepted stands by now, or
    has no match any more.
    """
    open_ = {who: row for who, row in others.items() if row.match_id is None}
    moving = {*open_, *left_out(run, standing)}
    stay = {who for who, row in standing.items() if row.mentor_id == mentor_id and who not in moving}
    return stay | {who for who, row in open_.items() if row.mentor_id == mentor_id}
