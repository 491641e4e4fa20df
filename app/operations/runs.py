"""What match runs and plan runs have in common: the way from queued to published."""

from datetime import datetime
from typing import Any

from sqlalchemy import Table, update

from app.db import DbSession
from app.errors import Conflict, Invalid
from app.operations.events import tell
from app.rules.access import Actor
from app.vocabulary import RunStatus

WAITING = (RunStatus.QUEUED, RunStatus.RUNNING)
"""Runs that have no answer yet."""


class NotADraft(Conflict):
    """Only a draft can be changed or published."""

    code = "not_a_draft"
    title = "Only a draft can be changed or published"


class ContradictoryPins(Invalid):
    """What is pinned can't all hold: against a rule, against another pin, or against what is forbidden or dropped."""

    code = "contradictory_pins"
    title = "These pins can't all hold"


def check_draft(run: Any) -> None:
    """Raise NotADraft unless the run has an answer that was not published."""
    if run.status is not RunStatus.DRAFT:
        raise NotADraft(f"This run is {run.status}.")


def advance(
    db: DbSession, table: Table, run: Any, status: RunStatus, *, act: str, actor: Actor, now: datetime, **values: Any
) -> None:
    """Move a run of `match_run` or `plan_run` on, count the version and tell. The caller holds its lock."""
    version = run.version + 1
    db.execute(
        update(table).where(table.c.id == run.id).values(status=status, version=version, updated_at=now, **values)
    )
    tell(db, act, run.id, version=version, actor=actor, now=now)
