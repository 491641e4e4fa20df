"""Publish a plan, whole or one seat of it: book its seats the ordinary way and note what became of each."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.errors import NotFound, Problem
from app.models.tables import plan_run, plan_seat
from app.operations import locks, operations, seats
from app.operations.changes import check_version
from app.operations.plan_runs import check_open, run_to_change
from app.operations.refused import AlreadyBooked
from app.operations.runs import advance
from app.queries import runs
from app.queries.rows import first_row
from app.rules.access import Actor
from app.vocabulary import RunStatus


def start_publishing(db: DbSession, *, run_id: str, actor: Actor, now: datetime) -> Any:
    """Queue the booking of a draft's seats and return the run. Repeating it changes nothing. Locks the run."""
    run_to_change(db, run_id, actor=actor)
    run = runs.locked(db, plan_run, run_id)
    if run.status in (RunStatus.PUBLISHING, RunStatus.PUBLISHED):
        return run
    check_open(db, run)
    payload = {
        "run_id": run_id,
        "credential_id": actor.credential_id,
        "role": actor.role,
        "person_id": actor.person_id,
        "behind": actor.behind,
    }
    operation_id = operations.begin(db, "plan_publish", payload, now=now)
    publishing = RunStatus.PUBLISHING
    advance(db, plan_run, run, publishing, act="plan_run.publishing", actor=actor, now=now, operation_id=operation_id)
    return runs.plan_run_by_id(db, run_id, actor=actor)


def book_planned(db: DbSession, *, run_id: str, call_id: str, actor: Actor, now: datetime) -> None:
    """Book the seats of a plan on one call and note what became of each: the seat, or the code of the refusal. In one
    transaction, so that its host hears of all observers at once. Safe to repeat. Locks the call with everybody on it.
    """
    untried = plan_seat.c.run_id == run_id, plan_seat.c.seat_id.is_(None), plan_seat.c.refusal.is_(None)
    planned = db.execute(
        select(plan_seat).where(plan_seat.c.call_id == call_id, *untried).order_by(plan_seat.c.id)
    ).all()
    if not planned:
        return
    locks.lock_calls(
        db, [call_id], also=[one.observer_id for one in planned]
    )  # each seat alone would lock out of order
    for one in planned:
        db.execute(update(plan_seat).where(plan_seat.c.id == one.id).values(**_booked(db, one, actor=actor, now=now)))


def accept_seat(
    db: DbSession, *, run_id: str, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Book one seat of a draft now and return its row; the rest stays a draft, and publishing it leaves this seat
    alone. Repeating it changes nothing. Refused as booking refuses it. Locks the call with everybody on it, then the
    run.
    """
    run_to_change(db, run_id, actor=actor)
    planned = {one.id: one for one in runs.plan_seats(db, run_id)}
    if seat_id not in planned:
        raise NotFound
    locks.lock_calls(db, [planned[seat_id].call_id], also=[planned[seat_id].observer_id])
    run = runs.locked(db, plan_run, run_id)
    found = _planned(db, seat_id)
    if found.seat_id is not None:
        return found
    check_version(run, expected_version)
    check_open(db, run)
    planner = acting_for(actor, planned.values())
    booked = {"seat_id": _seat_id(db, found, actor=planner, now=now), "refusal": None}
    db.execute(update(plan_seat).where(plan_seat.c.id == seat_id).values(**booked))
    advance(db, plan_run, run, RunStatus.DRAFT, act="plan_run.changed", actor=actor, now=now)
    return _planned(db, seat_id)


def acting_for(actor: Actor, planned: Iterable[Any]) -> Actor:
    """Return whoever publishes a plan as they book its seats: they act for those whom it seats, and for nobody else."""
    return replace(actor, scopes=None, programs=frozenset(), reports=frozenset(one.observer_id for one in planned))


def _planned(db: DbSession, seat_id: str) -> Any:
    """Return a planned seat as it is now. Raises NotFound when it was taken out meanwhile."""
    return first_row(db, select(plan_seat).where(plan_seat.c.id == seat_id))


def _booked(db: DbSession, planned: Any, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """Book one seat; return what is to be noted."""
    try:
        return {"seat_id": _seat_id(db, planned, actor=actor, now=now)}
    except Problem as problem:
        return {"refusal": problem.code}


def _seat_id(db: DbSession, planned: Any, *, actor: Actor, now: datetime) -> str:
    """Book one seat and return its id, or that of the seat which its observer has on the call. A refusal takes back
    what it had done, and nothing else.
    """
    try:
        with db.begin_nested():
            made = seats.book_seat(db, call_id=planned.call_id, observer_id=planned.observer_id, actor=actor, now=now)
            return str(made.id)
    except AlreadyBooked as held:
        return str(held.extra["seat_id"])


def finish_publishing(db: DbSession, *, run_id: str, actor: Actor, now: datetime) -> None:
    """Say that every seat of the plan was tried, and how many were booked. Locks the run."""
    run = runs.locked(db, plan_run, run_id)
    if run.status is not RunStatus.PUBLISHING:
        return  # a worker that was thought dead comes late: the run is published, or a draft again
    planned = runs.plan_seats(db, run_id)
    booked = sum(row.seat_id is not None for row in planned)
    advance(db, plan_run, run, RunStatus.PUBLISHED, act="plan_run.published", actor=actor, now=now)
    result = {"plan_run_id": run_id, "booked": booked, "refused": len(planned) - booked}
    operations.succeed(db, run.operation_id, result=result, now=now)
