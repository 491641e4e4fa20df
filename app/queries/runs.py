"""Read runs, their answers and the operations that work for them, in the scope of who asks: who sees a program sees its
runs, and who leads a whole team sees the plans for it.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, case, func, select, true

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import match, match_run, operation, person, plan_run, plan_seat, program, proposed_match
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, makes_plans, sees_the_house
from app.vocabulary import PersonStatus, RunCause, RunStatus


def operation_by_id(db: DbSession, operation_id: str, *, actor: Actor) -> Any:
    """Return one operation. Raises NotFound when absent or not for this actor: who sees a run sees what works for it
    now, and what is no run's only who sees everything.
    """
    query = select(operation).where(operation.c.id == operation_id)
    if not sees_the_house(actor):
        of_match_run, of_plan_run = (
            operation.c.id.in_(select(table.c.operation_id).where(visible_runs(table, actor)))
            for table in (match_run, plan_run)
        )
        query = query.where(of_match_run | of_plan_run)
    return first_row(db, query)


def visible_runs(table: Table, actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the runs of `match_run` or `plan_run` that this actor may see."""
    if sees_the_house(actor):
        return true()
    seen = table.c.program_id.in_(sorted(actor.programs))
    return seen | table.c.team_id.in_(teams_led(actor)) if table is plan_run and actor.reports else seen


def teams_led(actor: Actor) -> Select[tuple[str]]:
    """Return the query of the teams whose active members are all the actor's: who reports to them, and themselves."""
    others = func.count(case((person.c.id.not_in(sorted(actor.people)), 1)))
    members = select(person.c.team_id).where(person.c.status == PersonStatus.ACTIVE, person.c.team_id.is_not(None))
    return members.group_by(person.c.team_id).having(others == 0)


def leads_team(db: DbSession, team_id: str, *, actor: Actor) -> bool:
    """Whether somebody works in this team, and everybody who does is the actor's. At most one statement."""
    if not actor.reports:
        return False
    return db.execute(teams_led(actor).where(person.c.team_id == team_id)).first() is not None


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
    """Return the pairs of a run, best first, each with the id and the status of the match that was made of it."""
    made = match.c.id.label("match_id"), match.c.status.label("match_status")
    query = select(*proposed_match.c, *made).outerjoin(match, match.c.id == proposed_match.c.id)
    order = proposed_match.c.score.desc(), proposed_match.c.id
    return list(db.execute(query.where(proposed_match.c.run_id == run_id).order_by(*order)))


def proposed_counts(db: DbSession, run_ids: Collection[str]) -> dict[str, int]:
    """Return how many pairs each of these runs proposes; a run that proposes none is left out. One statement."""
    query = select(proposed_match.c.run_id, func.count().label("pairs"))
    query = query.where(proposed_match.c.run_id.in_(run_ids)).group_by(proposed_match.c.run_id)
    return {row.run_id: row.pairs for row in db.execute(query)}


def run_before(db: DbSession, run: Any) -> Any:
    """Return the newest match run of the same program that was started before this one and has an answer; None when
    there is none.
    """
    earlier = match_run.c.program_id == run.program_id, match_run.c.id < run.id, match_run.c.inputs_hash.is_not(None)
    return db.execute(select(match_run).where(*earlier).order_by(match_run.c.id.desc()).limit(1)).first()


def plan_seats(db: DbSession, run_id: str) -> list[Any]:
    """Return the seats of a plan in the order in which it made them."""
    return list(db.execute(select(plan_seat).where(plan_seat.c.run_id == run_id).order_by(plan_seat.c.id)))


def runs(db: DbSession, table: Table, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of the runs that the actor may see, newest first. Raises NotFound for whom none are there. One
    statement.
    """
    if not (makes_plans(actor) if table is plan_run else sees_the_house(actor) or actor.programs):
        raise NotFound
    query = select(table).where(visible_runs(table, actor))
    return fetch(db, query, page, Order(table.c.id, table.c.id, descending=True))


def newest_match_run(db: DbSession, program_id: str) -> Any:
    """Return the newest match run of a program that has an answer and was not dropped; None when there is none."""
    mine = match_run.c.program_id == program_id, match_run.c.inputs_hash.is_not(None)
    kept = match_run.c.status != RunStatus.CANCELLED
    return db.execute(select(match_run).where(*mine, kept).order_by(match_run.c.id.desc()).limit(1)).first()


def program_for_run(db: DbSession, program_id: str | None) -> Any:
    """Return the program, or the default one. Raises NotFound."""
    which = program.c.is_default if program_id is None else program.c.id == program_id
    return first_row(db, select(program).where(which))


def _one(db: DbSession, table: Table, key: str, actor: Actor) -> Any:
    return first_row(db, select(table).where(table.c.id == key, visible_runs(table, actor)))
