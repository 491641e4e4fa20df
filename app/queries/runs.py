"""Read runs, matches and operations, in the scope of who asks."""

from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import match_run, operation, plan_run, plan_seat, program, proposed_match
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, runs_the_house
from app.vocabulary import RunCause, RunStatus


def operation_by_id(db: DbSession, operation_id: str, *, actor: Actor) -> Any:
    """Return one operation. Raises NotFound when absent or not for this actor: runs are an admin's."""
    return _one(db, operation, operation_id, actor)


def match_run_by_id(db: DbSession, run_id: str, *, actor: Actor) -> Any:
    """Return one match run. Raises NotFound when absent or not for this actor."""
    return _one(db, match_run, run_id, actor)


def plan_run_by_id(db: DbSession, run_id: str, *, actor: Actor) -> Any:
    """Return one plan run. Raises NotFound when absent or not for this actor."""
    return _one(db, plan_run, run_id, actor)


def locked(db: DbSession, table: Any, run_id: str) -> Any:
    """Return one run with its row locked. Raises NotFound."""
    return first_row(db, select(table).where(table.c.id == run_id).with_for_update(key_share=True))


def automatic_run(db: DbSession, program_id: str) -> Any:
    """Return the newest run of a program that nobody started, waiting or a draft; None when there is none."""
    mine = match_run.c.program_id == program_id, match_run.c.cause != RunCause.BY_HAND
    open_ = match_run.c.status.in_((RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.DRAFT))
    return db.execute(select(match_run).where(*mine, open_).order_by(match_run.c.id.desc()).limit(1)).first()


def proposed_matches(db: DbSession, run_id: str) -> list[Any]:
    """Return the pairs of a run, best first."""
    order = proposed_match.c.score.desc(), proposed_match.c.id
    return list(db.execute(select(proposed_match).where(proposed_match.c.run_id == run_id).order_by(*order)))


def plan_seats(db: DbSession, run_id: str) -> list[Any]:
    """Return the seats of a plan in the order in which it made them."""
    return list(db.execute(select(plan_seat).where(plan_seat.c.run_id == run_id).order_by(plan_seat.c.id)))


def runs(db: DbSession, table: Any, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of runs, newest first. One statement."""
    if not runs_the_house(actor):
        raise NotFound
    return fetch(db, select(table), page, Order(table.c.id, table.c.id, descending=True))


def program_for_run(db: DbSession, program_id: str | None) -> Any:
    """Return the program, or the default one. Raises NotFound."""
    which = program.c.is_default if program_id is None else program.c.id == program_id
    return first_row(db, select(program).where(which))


def _one(db: DbSession, table: Any, key: str, actor: Actor) -> Any:
    if not runs_the_house(actor):
        raise NotFound
    return first_row(db, select(table).where(table.c.id == key))
