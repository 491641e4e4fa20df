"""Call off a match run or a plan run that nobody has published."""

from datetime import datetime
from typing import Any

from sqlalchemy import Table

from app.db import DbSession
from app.operations import jobs_by_hand
from app.operations.changes import check_version
from app.operations.runs import WAITING, advance, check_draft
from app.queries import runs
from app.rules.access import Actor
from app.vocabulary import RunStatus


def call_off(
    db: DbSession, table: Table, seen: Any, *, expected_version: int | None, actor: Actor, now: datetime
) -> Any:
    """Cancel a run of `match_run` or `plan_run` that waits, is being solved, or is a draft, and return it. Repeating it
    changes nothing. The caller has asked whether the actor may. Locks the job of a run that has no answer yet, then the
    run.
    """
    if seen.status in WAITING:
        check_version(seen, expected_version)
        jobs_by_hand.cancel_operation(db, operation_id=seen.operation_id, actor=actor, now=now)
        return runs.locked(db, table, seen.id)
    run = runs.locked(db, table, seen.id)
    if run.status is RunStatus.CANCELLED:
        return run
    check_version(run, expected_version)
    check_draft(run)
    advance(db, table, run, RunStatus.CANCELLED, act=f"{table.name}.cancelled", actor=actor, now=now)
    return runs.locked(db, table, seen.id)
