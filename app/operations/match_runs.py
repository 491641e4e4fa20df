"""Run the matching: start a run, keep its draft, publish it as matches."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from app import ids
from app.db import DbSession, Retryable
from app.errors import NotFound
from app.models.tables import match, match_run, proposed_match
from app.operations import matches, operations
from app.operations.changes import check_version
from app.operations.events import tell
from app.operations.jobs import enqueue
from app.operations.match_feasibility import NOT_MOVED, InfeasiblePair, check_feasible, refuse
from app.operations.match_settings import Wanted, settings_of
from app.operations.programs import check_runs_program
from app.operations.runs import WAITING, advance, check_draft
from app.queries import pool, programs, runs
from app.queries.match_changes import left_out
from app.queries.matching import Asked
from app.queries.people import lock_people
from app.rules.access import SYSTEM, Actor
from app.rules.matching.problem import Blocker, MatchAnswer
from app.vocabulary import Disruption, EndedBecause, RunCause, RunStatus

SETTLING = timedelta(minutes=1)
"""Who leaves with a whole team, or ends several matches in a row, causes one run."""


def start_match_run(
    db: DbSession, wanted: Wanted, *, cause: RunCause = RunCause.BY_HAND, actor: Actor, now: datetime
) -> Any:
    """Queue a match run and return it. Refused as `settings_of` says."""
    return queue_run(db, settings_of(db, wanted, actor=actor, now=now), cause=cause, actor=actor, now=now)


def queue_run(db: DbSession, asked: Asked, *, cause: RunCause, actor: Actor, now: datetime) -> Any:
    """Queue a match run of what was checked to be possible, and return it."""
    run_id = ids.new("mrn", now)
    operation_id = operations.begin(db, "match_run", {"run_id": run_id}, now=now)
    db.execute(
        insert(match_run).values(
            **asdict(asked),
            id=run_id,
            operation_id=operation_id,
            status=RunStatus.QUEUED,
            cause=cause,
            unmatched=[],
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    tell(db, "match_run.started", run_id, version=1, actor=actor, now=now)
    return runs.match_run_by_id(db, run_id, actor=actor)


def keep_draft(
    db: DbSession,
    *,
    run_id: str,
    answer: MatchAnswer,
    person_of: Mapping[str, str],
    by_rule: Collection[str] = (),
    inputs_hash: str,
    now: datetime,
) -> None:
    """Write the answer of a run as its draft. Does nothing when the run has one. Locks the run.

    Pairs of mentees, by key, whom only a rule of the program pins, are not pinned in the draft: a match of theirs
    would stay pinned when the rule is gone, and while it is not, it pins them in every run.
    """
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
            "pinned": pair.pinned and pair.mentee not in by_rule,
        }
        for pair in answer.pairs
    ]
    if rows:
        db.execute(insert(proposed_match), rows)
    unmatched = [
        {"mentee_id": person_of[left.mentee], "reason": str(left.reason), "excluded": dict(left.excluded)}
        for left in answer.unmatched
    ]
    bound = answer.value + answer.gap
    values = {"value": answer.value, "bound": bound, "unmatched": unmatched, "inputs_hash": inputs_hash}
    advance(db, match_run, run, RunStatus.DRAFT, act="match_run.drafted", actor=SYSTEM, now=now, **values)
    result = {"match_run_id": run_id, "matched": len(rows), "unmatched": len(unmatched)}
    operations.succeed(db, run.operation_id, result=result, now=now)


def run_to_change(db: DbSession, run_id: str, *, actor: Actor) -> Any:
    """Return a match run that the actor may change. Raises NotFound, and Forbidden for who may only look."""
    seen = runs.match_run_by_id(db, run_id, actor=actor)
    check_runs_program(actor, seen.program_id)
    return seen


def publish_match_run(db: DbSession, *, run_id: str, actor: Actor, now: datetime) -> Any:
    """Make the proposed pairs the matches that stand, waiting for a yes where the program wants one. A pair that stands
    already is kept, and pinned if it is in the draft; any other match of a mentee of the run ends. What was accepted
    before is left alone, whatever became of it. Repeating it changes nothing. Refused as `infeasible_pair`, naming it
    and the constraint, when the run would no longer propose it. Locks everybody in a proposed pair, then the program's
    matches; asks for another run when the draft has got somebody new between looking and locking.
    """
    seen = run_to_change(db, run_id, actor=actor)
    here = lock_people(db, _everybody(runs.proposed_matches(db, run_id)))  # nobody leaves meanwhile
    matches.hold_programs(db, [seen.program_id])  # two drafts could each give a mentor's last place away
    run = runs.locked(db, match_run, run_id)
    if run.status is RunStatus.PUBLISHED:
        return run
    check_draft(run)
    proposed = runs.proposed_matches(db, run_id)
    if not _everybody(proposed) <= here.keys():
        raise Retryable("somebody was put into the draft meanwhile")
    standing = _standing_for_update(db, run.program_id)
    open_ = [row for row in proposed if row.match_id is None]
    _make_stand(db, run, open_, standing, left=left_out(run, standing), actor=actor, now=now)
    advance(db, match_run, run, RunStatus.PUBLISHED, act="match_run.published", actor=actor, now=now)
    return runs.match_run_by_id(db, run_id, actor=actor)


def accept_pair(
    db: DbSession, *, run_id: str, mentee_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Make one pair of a draft a match now, as publishing would, and return the run: the rest stays a draft, and
    publishing it leaves this pair alone. Repeating it changes nothing. Refused as `infeasible_pair` when the run would
    no longer propose it, or while somebody has the place whom the draft moves. Locks the two, then the program's
    matches.
    """
    seen = run_to_change(db, run_id, actor=actor)
    here = lock_people(db, _everybody([_pair_of(db, run_id, mentee_id)]))
    matches.hold_programs(db, [seen.program_id])
    run = runs.locked(db, match_run, run_id)
    pair = _pair_of(db, run_id, mentee_id)
    if pair.match_id is not None:
        return run
    check_version(run, expected_version)
    check_draft(run)
    if not _everybody([pair]) <= here.keys():
        raise Retryable("the mentee was given somebody else meanwhile")
    standing = _standing_for_update(db, run.program_id)
    if _stands(pair, standing) and not _pins(pair, standing[mentee_id]):
        return run
    try:
        _make_stand(db, run, [pair], standing, left=(), actor=actor, now=now)
    except InfeasiblePair as why:
        has = {who for who, row in standing.items() if row.mentor_id == pair.mentor_id}
        moving = {one.mentee_id for one in runs.proposed_matches(db, run_id) if one.mentor_id != pair.mentor_id}
        if why.extra["constraint"] == Blocker.CAPACITY and has & {*moving, *left_out(run, standing)}:
            refuse(mentee_id, pair.mentor_id, NOT_MOVED)
        raise
    advance(db, match_run, run, RunStatus.DRAFT, act="match_run.changed", actor=actor, now=now)
    return runs.match_run_by_id(db, run_id, actor=actor)


def _pair_of(db: DbSession, run_id: str, mentee_id: str) -> Any:
    """Return what a run proposes for a mentee. Raises NotFound."""
    found = next((row for row in runs.proposed_matches(db, run_id) if row.mentee_id == mentee_id), None)
    if found is None:
        raise NotFound
    return found


def _make_stand(
    db: DbSession,
    run: Any,
    proposed: Sequence[Any],
    standing: Mapping[str, Any],
    *,
    left: Iterable[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Make these pairs of a locked run matches, and end what stands of their mentees with others and of those `left`
    without. Pairs that stand are kept, and pinned as the draft says. Refused as `infeasible_pair`.
    """
    new = [row for row in proposed if not _stands(row, standing)]
    kept = [(row, standing[row.mentee_id]) for row in proposed if _stands(row, standing)]
    moving = {*(row.mentee_id for row in new), *left}
    ended = [standing[who] for who in sorted(moving & standing.keys())]
    check_feasible(db, run, new, standing, ended, now=now)
    matches.end_matches(db, ended, because=EndedBecause.REPLACED, actor=actor, now=now)
    approval = programs.program_by_id(db, run.program_id).approval
    matches.begun(db, run, new, approval=approval, actor=actor, now=now)
    for row, its in kept:
        if _pins(row, its):
            matches.change_matches(db, [its], "match.changed", pinned=row.pinned, actor=actor, now=now)


def _pins(row: Any, its: Any) -> bool:
    """Whether a pair that stands is to be pinned, or let go: no pin ends that was not meant to."""
    return bool(row.pinned != its.pinned and (row.pinned or row.by_hand))


def rematch_soon(db: DbSession, program_id: str, cause: RunCause, now: datetime) -> None:
    """Have a program matched anew in a minute, as a draft that disturbs as little as can be, if somebody then waits for
    a mentor. Asked for many times within the minute, it is done once, for the cause that was first.
    """
    payload = {"program_id": program_id, "cause": cause}
    enqueue(db, "rematch", payload, due_at=now + SETTLING, singleton=f"rematch {program_id}", now=now)


def automatic(db: DbSession, program_id: str, *, now: datetime) -> Asked:
    """Return what a run is asked that nobody started: what the program says, with the least disruption. Refused where
    pairs that it forces can't hold.
    """
    wanted = Wanted(program_id=program_id, disruption=Disruption.LEAST)
    return settings_of(db, wanted, actor=SYSTEM, now=now)


def start_automatic_run(db: DbSession, asked: Asked, *, cause: RunCause, inputs_hash: str, now: datetime) -> str | None:
    """Queue a run that nobody started, and return its id. It takes the place of the last of its kind that is a draft
    nobody touched; when that one was asked the same, or one is on its way, nothing is done.
    """
    matches.hold_programs(db, [asked.program_id])
    last = runs.automatic_run(db, asked.program_id)
    if last is not None and (last.status in WAITING or last.inputs_hash == inputs_hash):
        return None
    run: Any = queue_run(db, asked, cause=cause, actor=SYSTEM, now=now)
    if last is not None and runs.locked(db, match_run, last.id).version == _DRAFTED_VERSION:
        advance(db, match_run, last, RunStatus.CANCELLED, act="match_run.cancelled", actor=SYSTEM, now=now)
    run_id: str = run.id
    return run_id


_DRAFTED_VERSION = 2
"""Of a draft that nobody has touched: queued, then drafted."""


def _standing_for_update(db: DbSession, program_id: str) -> dict[str, Any]:
    query = select(match).where(match.c.program_id == program_id, match.c.status.in_(pool.STANDING))
    rows = db.execute(query.order_by(match.c.id).with_for_update(key_share=True))
    return {row.mentee_id: row for row in rows}


def _everybody(proposed: Iterable[Any]) -> set[str]:
    return {who for row in proposed for who in (row.mentee_id, row.mentor_id)}


def _stands(row: Any, standing: Mapping[str, Any]) -> bool:
    return row.mentee_id in standing and standing[row.mentee_id].mentor_id == row.mentor_id
