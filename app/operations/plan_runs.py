"""Plan seats: start a run, plan a draft anew, keep what was found, call it off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, select

from app import ids
from app.db import DbSession
from app.errors import Conflict, Extra, Fault, Forbidden, Invalid
from app.models.tables import account, call, enrollment, person, plan_run, plan_seat, team
from app.operations import operations
from app.operations.calling_off import call_off
from app.operations.changes import UnknownReference, check_version
from app.operations.events import tell
from app.operations.refused import Past
from app.operations.runs import WAITING, ContradictoryPins, advance, check_draft
from app.queries import calls, planning, runs
from app.rules.access import SYSTEM, Actor, runs_program
from app.rules.planning.problem import PlanAnswer, UnmetNeed
from app.rules.rehearsal import Place
from app.vocabulary import RunStatus, Side

LONGEST_DAYS = 28


class BadRange(Invalid):
    """The range is empty or too long."""

    code = "bad_range"
    title = "This range can't be planned"


class NotInPlan(Invalid):
    """The plan is not made for this person, or not over this call."""

    code = "not_in_plan"
    title = "The plan is not made for this person, or not over this call"


class BeingReplanned(Conflict):
    """Another run plans this draft anew and will take its place."""

    code = "being_replanned"
    title = "This draft is being planned anew"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom and what a plan is made for. The row of a run will do."""

    program_id: str
    team_id: str | None
    from_at: datetime
    to_at: datetime


def start_plan_run(
    db: DbSession,
    *,
    from_at: datetime,
    to_at: datetime,
    team_id: str | None,
    program_id: str | None,
    pins: Sequence[Place] = (),
    dropped: Sequence[Place] = (),
    actor: Actor,
    now: datetime,
) -> Any:
    """Queue a plan run over the calls that start in [from_at, to_at), at most 28 days, and return it. Who runs the
    program does, and who leads a whole team for that. Refused for pins that booking would refuse, naming the seat and
    the code.
    """
    program = runs.program_for_run(db, program_id)
    _check_plans(db, program.id, team_id, actor=actor)
    if not timedelta() < to_at - from_at <= timedelta(days=LONGEST_DAYS):
        fault = Fault("/to", "bad_range", f"must be later than `from`, by {LONGEST_DAYS} days at most")
        raise BadRange("Choose another range.", faults=(fault,))
    _check_ahead(to_at, now=now)
    if team_id is not None and db.execute(select(team.c.id).where(team.c.id == team_id)).first() is None:
        raise UnknownReference(faults=(Fault("/team_id", "unknown", "There is no such team."),))
    scope = Scope(program.id, team_id, from_at, to_at)
    check_in_plan(db, scope, {f"/pins/{number}": place for number, place in enumerate(pins)}, actor=actor)
    check_in_plan(db, scope, {f"/dropped/{number}": place for number, place in enumerate(dropped)}, actor=actor)
    _check_pins(db, pins, dropped, now=now)
    return _queue(db, scope, pins, dropped, replans_id=None, actor=actor, now=now)


def replan(db: DbSession, *, run_id: str, expected_version: int | None = None, actor: Actor, now: datetime) -> Any:
    """Queue a run that plans a draft anew over the same range and return it: pinned seats stay, dropped ones stay away,
    and those that were accepted are booked: they count like any others. The draft is cancelled once the new one is
    there. Refused while another run does so, and for pins that booking would refuse by now. Locks the draft.
    """
    draft = lock_draft(db, run_id, expected_version=expected_version, actor=actor)
    _check_ahead(draft.to_at, now=now)
    pins = [(one.observer_id, one.call_id) for one in runs.plan_seats(db, run_id) if one.pinned and not one.seat_id]
    dropped = [(observer_id, call_id) for observer_id, call_id in draft.dropped]
    _check_pins(db, pins, dropped, now=now)
    return _queue(db, draft, pins, dropped, replans_id=run_id, actor=actor, now=now)


def run_to_change(db: DbSession, run_id: str, *, actor: Actor) -> Any:
    """Return a plan run that the actor may change. Raises NotFound, and Forbidden for who may only look."""
    seen = runs.plan_run_by_id(db, run_id, actor=actor)
    _check_plans(db, seen.program_id, seen.team_id, actor=actor)
    return seen


def _check_plans(db: DbSession, program_id: str, team_id: str | None, *, actor: Actor) -> None:
    if runs_program(actor, program_id) or (team_id is not None and runs.leads_team(db, team_id, actor=actor)):
        return
    raise Forbidden("Plan for a program that you run, or give the `team_id` of a team in which all report to you.")


def lock_draft(db: DbSession, run_id: str, *, expected_version: int | None, actor: Actor) -> Any:
    """Return a draft with its row locked, to change it. Raises NotFound, Forbidden, Stale, NotADraft and
    BeingReplanned.
    """
    run_to_change(db, run_id, actor=actor)
    run = runs.locked(db, plan_run, run_id)
    check_version(run, expected_version)
    check_open(db, run)
    return run


def check_open(db: DbSession, run: Any) -> None:
    """Raise unless this locked run is a draft that nothing is about to replace."""
    check_draft(run)
    newer = select(plan_run.c.id).where(plan_run.c.replans_id == run.id, plan_run.c.status.in_(WAITING))
    if by := db.execute(newer).scalar():
        raise BeingReplanned("Wait for that run, or cancel it.", extra={"plan_run_id": by})


def check_in_plan(db: DbSession, scope: Scope, places: Mapping[str, Place], *, actor: Actor) -> None:
    """Raise unless a plan of this scope may seat these people on these calls: they are mentees of its program, in its
    team if it has one, and the calls start within its range, and the actor may know of them. Places go by where they
    stand in the body.
    """
    mentee = and_(
        enrollment.c.person_id == person.c.id,
        enrollment.c.program_id == scope.program_id,
        enrollment.c.side == Side.MENTEE,
    )
    who = select(person.c.id, person.c.team_id, enrollment.c.id.label("enrolled")).outerjoin(enrollment, mentee)
    who = who.where(person.c.id.in_({observer_id for observer_id, _ in places.values()}))
    people = {row.id: row for row in db.execute(who)}
    when = select(call.c.id, call.c.starts_at).outerjoin(account, account.c.id == call.c.account_id)
    when = when.where(call.c.id.in_({call_id for _, call_id in places.values()}), calls.visible(actor))
    starts = {row.id: row.starts_at for row in db.execute(when)}
    for pointer, (observer_id, call_id) in places.items():
        if observer_id not in people:
            raise UnknownReference(faults=(Fault(f"{pointer}/observer_id", "unknown", "There is no such person."),))
        if call_id not in starts:
            raise UnknownReference(faults=(Fault(f"{pointer}/call_id", "unknown", "There is no such call."),))
        if not people[observer_id].enrolled or scope.team_id not in (None, people[observer_id].team_id):
            raise NotInPlan(faults=(Fault(f"{pointer}/observer_id", "not_in_plan", "is not planned for here"),))
        if not scope.from_at <= starts[call_id] < scope.to_at:
            raise NotInPlan(faults=(Fault(f"{pointer}/call_id", "not_in_plan", "starts outside the plan's range"),))


def _check_ahead(to_at: datetime, *, now: datetime) -> None:
    if to_at <= now:
        fault = Fault("/to", "past", "must lie ahead")
        raise Past("Every call of this range has started: choose a later one.", faults=(fault,))


def _check_pins(db: DbSession, pins: Sequence[Place], dropped: Sequence[Place], *, now: datetime) -> None:
    refusals, away = planning.rehearsed(db, pins, now=now), set(dropped)
    for number, place in enumerate(pins):
        why = refusals[place]
        code = "dropped" if place in away else (why and why.code)
        if code:
            fault = Fault(f"/pins/{number}", code, "can't be booked, or is dropped too")
            extra: dict[str, Extra] = {"observer_id": place[0], "call_id": place[1], "constraint": code}
            raise ContradictoryPins("Take one of them out.", faults=(fault,), extra=extra)


def _queue(
    db: DbSession,
    scope: Scope,
    pins: Sequence[Place],
    dropped: Sequence[Place],
    *,
    replans_id: str | None,
    actor: Actor,
    now: datetime,
) -> Any:
    run_id = ids.new("prn", now)
    operation_id = operations.begin(db, "plan_run", {"run_id": run_id}, now=now)
    db.execute(
        insert(plan_run).values(
            id=run_id,
            operation_id=operation_id,
            program_id=scope.program_id,
            team_id=scope.team_id,
            from_at=scope.from_at,
            to_at=scope.to_at,
            status=RunStatus.QUEUED,
            timed_out=False,
            replans_id=replans_id,
            pins=[list(place) for place in pins],
            dropped=[list(place) for place in dropped],
            unmet=[],
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    tell(db, "plan_run.started", run_id, version=1, actor=actor, now=now)
    return runs.plan_run_by_id(db, run_id, actor=actor)


def keep_draft(db: DbSession, *, run_id: str, answer: PlanAnswer, inputs_hash: str, now: datetime) -> None:
    """Write the answer of a run as its draft; a draft that it plans anew is cancelled. Does nothing when the run has
    one. Locks the draft that it replaces, then the run.
    """
    replans_id = db.execute(select(plan_run.c.replans_id).where(plan_run.c.id == run_id)).scalar()
    replaced = runs.locked(db, plan_run, replans_id) if replans_id else None
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
            "teaches": list(one.teaches),
            "meets": list(one.meets),
            "pinned": one.pinned,
            "by_hand": False,
        }
        for one in answer.seats
    ]
    if rows:
        db.execute(insert(plan_seat), sorted(rows, key=lambda row: str(row["id"])))
    advance(
        db,
        plan_run,
        run,
        RunStatus.DRAFT,
        act="plan_run.drafted",
        actor=SYSTEM,
        now=now,
        objective=answer.objective,
        learning=answer.learning,
        bound=float(answer.bound),
        gap_percent=round(answer.gap_percent, 6),
        timed_out=answer.timed_out,
        unmet=[_unmet(one) for one in answer.unmet],
        inputs_hash=inputs_hash,
    )
    result = {"plan_run_id": run_id, "seats": len(rows), "unmet": len(answer.unmet)}
    operations.succeed(db, run.operation_id, result=result, now=now)
    if replaced and replaced.status is RunStatus.DRAFT:
        advance(db, plan_run, replaced, RunStatus.CANCELLED, act="plan_run.cancelled", actor=SYSTEM, now=now)


def _unmet(one: UnmetNeed) -> dict[str, Any]:
    return {
        "person_id": one.observer,
        "need": one.need,
        "reason": str(one.reason),
        "call_id": one.call,
        "limit": one.limit and str(one.limit),
        "taken_by": list(one.taken_by),
    }


def cancel_plan_run(
    db: DbSession, *, run_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Call off a run that waits, is being solved, or is a draft, and return it. Repeating it changes nothing."""
    seen = run_to_change(db, run_id, actor=actor)
    return call_off(db, plan_run, seen, expected_version=expected_version, actor=actor, now=now)
