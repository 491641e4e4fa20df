"""Publish a plan: book each of its seats the ordinary way and note what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.errors import Problem
from app.models.tables import plan_run, plan_seat
from app.operations import locks, operations, seats
from app.operations.plan_runs import check_open, run_to_change
from app.operations.refused import AlreadyBooked
from app.operations.runs import advance
from app.queries import runs
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


def _booked(db: DbSession, planned: Any, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """Book one seat; return what is to be noted. A refusal takes back what it had done, and nothing else."""
    try:
        with db.begin_nested():
            made = seats.book_seat(db, call_id=planned.call_id, observer_id=planned.observer_id, actor=actor, now=now)
            return {"seat_id": made.id}
    except AlreadyBooked as held:
        return {"seat_id": held.extra["seat_id"]}
    except Problem as problem:
        return {"refusal": problem.code}


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
