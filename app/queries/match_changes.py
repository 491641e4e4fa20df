"""Read what a match run changes: about the matches that stand, or about what another run says."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.db import DbSession
from app.errors import Conflict
from app.queries import pool, runs
from app.rules.access import Actor
from app.rules.matching.changes import Difference, Placed, differences
from app.vocabulary import RunStatus

STANDING = "standing"
"""Compares with the matches that stand."""


class NoAnswerYet(Conflict):
    """The run waits, is being solved, or did not come to an end."""

    code = "no_answer_yet"
    title = "This run has no answer"


class OtherProgram(Conflict):
    """Runs of two programs are about other people."""

    code = "other_program"
    title = "The two runs are of different programs"


def answered_run(db: DbSession, run_id: str, *, actor: Actor) -> Any:
    """Return a run that has an answer, whatever became of that. Refused as `no_answer_yet`."""
    run = runs.match_run_by_id(db, run_id, actor=actor)
    if run.inputs_hash is None:
        raise NoAnswerYet(f"It is {run.status}.")
    return run


def changes(db: DbSession, run_id: str, against: str, *, actor: Actor) -> list[Difference]:
    """Return what publishing a run would make of the matches that stand; or, `against` another run of the program, what
    it says differently.
    """
    run = answered_run(db, run_id, actor=actor)
    proposed = runs.proposed_matches(db, run_id)
    after = placed(proposed)
    if against == STANDING:
        standing = pool.standing_matches(db, run.program_id)
        if (
            run.status is RunStatus.DRAFT
        ):  # what became of a pair since it was accepted is none of publishing's business
            after = placed(row for row in proposed if row.match_id is None)
        return differences(placed(standing.values()), after_all(after, standing, left=left_out(run, standing)))
    other = answered_run(db, against, actor=actor)
    if other.program_id != run.program_id:
        raise OtherProgram
    return differences(placed(runs.proposed_matches(db, against)), after)


def placed(rows: Iterable[Any]) -> dict[str, Placed]:
    """Return who has which mentor, by mentee. Matches that somebody asked for have no score."""
    return {row.mentee_id: Placed(row.mentor_id, row.score if row.terms else None) for row in rows}


def after_all(proposed: Mapping[str, Placed], standing: Mapping[str, Any], *, left: Iterable[str]) -> dict[str, Placed]:
    """Return who has which mentor when what is proposed stands, and nobody who was `left` without has one."""
    return {**{who: one for who, one in placed(standing.values()).items() if who not in {*left}}, **proposed}


def left_out(run: Any, standing: Mapping[str, Any]) -> list[str]:
    """Return the mentees whom a run left without a mentor although their match stood: it gave their places away.

    A match that began after the run did is none of its business.
    """
    left = (one["mentee_id"] for one in run.unmatched)
    return [who for who in left if who in standing and standing[who].created_at < run.created_at]
