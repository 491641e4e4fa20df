"""Plan seats: start a run, keep its draft, publish it by booking each seat the ordinary way."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Fault, Invalid, Problem
from app.models.tables import plan_run, plan_seat, team
from app.operations import locks, operations, seats
from app.operations.changes import UnknownReference, check_admin
from app.operations.events import tell
from app.operations.refused import AlreadyBooked, Past
from app.operations.runs import WAITING, advance, check_draft
from app.queries import runs
from app.rules.access import SYSTEM, Actor
from app.rules.planning.problem import PlanAnswer
from app.vocabulary import RunStatus

LONGEST_DAYS = 28


class BadRange(Invalid):
    """The range is empty or too long."""

    code = "bad_range"
    title = "This range can't be planned"


def start_plan_run(
    db: DbSession,
    *,
    from_at: datetime,
    to_at: datetime,
    team_id: str | None,
    program_id: str | None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Queue a plan run over the calls that start in [from_at, to_at), at most 28 days, and return it."""
    check_admin(actor)
    if not timedelta() < to_at - from_at <= timedelta(days=LONGEST_DAYS):
        fault = Fault("/to", "bad_range", f"must be later than `from`, by {LONGEST_DAYS} days at most")
        raise BadRange("Choose another range.", faults=(fault,))
    if to_at <= now:
        fault = Fault("/to", "past", "must lie ahead")
        raise Past("Every call of this range has started: choose a later one.", faults=(fault,))
    if team_id is not None and db.execute(select(team.c.id).where(team.c.id == team_id)).first() is None:
        raise UnknownReference(faults=(Fault("/team_id", "unknown", "There is no such team."),))
    program = runs.program_for_run(db, program_id)
    run_id = ids.new("prn", now)
    operation_id = operations.begin(db, "plan_run", {"run_id": run_id}, now=now)
    db.execute(
        insert(plan_run).values(
            id=run_id,
            operation_id=operation_id,
            program_id=program.id,
            team_id=team_id,
            from_at=from_at,
            to_at=to_at,
            status=RunStatus.QUEUED,
            timed_out=False,
            unmet=[],
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    tell(db, "plan_run.started", run_id, version=1, actor=actor, now=now)
    return runs.plan_run_by_id(db, run_id, actor=actor)


def keep_draft(db: DbSession, *, run_id: str, answer: PlanAnswer, inputs: bytes, now: datetime) -> None:
    """Write the answer of a run as its draft. Does nothing when the run has one. Locks the run."""
    run = runs.locked(db, plan_run, run_id)
    if run.status not in WAITING:
        return
    rows = [
        {
            "id": ids.new("pls", now),
            "run_id": run_id,
            "call_id": one.call,
            "observer_id": one.observer,
            "value": one.value,
            "terms": dict(one.terms),
        }
        for one in answer.seats
    ]
    if rows:
        db.execute(insert(plan_seat), sorted(rows, key=lambda row: str(row["id"])))
    unmet = [{"person_id": one.observer, "need": one.need, "reason": str(one.reason)} for one in answer.unmet]
    advance(
        db,
        plan_run,
        run,
        RunStatus.DRAFT,
        act="plan_run.drafted",
        actor=SYSTEM,
        now=now,
        objective=answer.objective,
        bound=float(answer.bound),
        gap_percent=round(answer.gap_percent, 6),
        timed_out=answer.timed_out,
        unmet=unmet,
        inputs_hash=hashlib.sha256(inputs).hexdigest(),
    )
    result = {"plan_run_id": run_id, "seats": len(rows), "unmet": len(unmet)}
    operations.succeed(db, run.operation_id, result=result, now=now)


def start_publishing(db: DbSession, *, run_id: str, actor: Actor, now: datetime) -> Any:
    """Queue the booking of a draft's seats and return the run. Repeating it changes nothing. Locks the run."""
    runs.plan_run_by_id(db, run_id, actor=actor)
    run = runs.locked(db, plan_run, run_id)
    if run.status in (RunStatus.PUBLISHING, RunStatus.PUBLISHED):
        return run
    check_draft(run)
    payload = {"run_id": run_id, "credential_id": actor.credential_id, "person_id": actor.person_id}
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
