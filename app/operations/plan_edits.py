"""Change the draft of a plan by hand: put somebody on a call, take a seat out, keep a seat, give it to somebody else.

Each edit counts the run's version. What the draft is worth and which needs it leaves open follow along.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Conflict, NotFound
from app.models.tables import call, plan_run, plan_seat, seat
from app.operations.plan_runs import check_in_plan, lock_draft
from app.operations.refused import AlreadyBooked, seat_refused
from app.operations.runs import advance
from app.queries import busy, calls, planning, runs
from app.queries.rows import in_parts
from app.rules.access import SYSTEM, Actor
from app.rules.planning.problem import PlanLimit, PlanProblem, UnmetReason
from app.rules.planning.score import NEED_MET, TERMS, pair_terms, session_bonus, taught_skills
from app.rules.rehearsal import Place
from app.vocabulary import LIVE_SEATS, RunStatus


class AlreadyPlanned(Conflict):
    """The draft has this seat."""

    code = "already_planned"
    title = "The draft has this seat already"


class PlanLimitReached(Conflict):
    """A rule that every plan keeps, and booking does not know, stands against it."""

    code = "plan_limit"
    title = "The plan has no room for this seat"


def add_seat(
    db: DbSession,
    *,
    run_id: str,
    observer_id: str,
    call_id: str,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Put somebody on a call of a draft and return the planned seat. It is pinned: planning anew keeps it.

    Refused with the code of booking for whatever keeps them off the call beside the other seats of the draft, and as
    `plan_limit` for a second call of one account or a third of one host. Their weekly goal is no limit. Locks the run.
    """
    run = lock_draft(db, run_id, expected_version=expected_version, actor=actor)
    before = runs.plan_seats(db, run_id)
    made = _made(db, run, before, (observer_id, call_id), actor=actor, now=now)
    _change(db, run, before, [*before, made], actor=actor, now=now)
    return made


def drop_seat(
    db: DbSession, *, run_id: str, seat_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Take a seat out of a draft: planning anew will not propose it again. Refused once it is booked. Locks the run."""
    run = lock_draft(db, run_id, expected_version=expected_version, actor=actor)
    before = runs.plan_seats(db, run_id)
    gone = _still_planned(before, seat_id)
    db.execute(delete(plan_seat).where(plan_seat.c.id == seat_id))
    _change(db, run, before, [one for one in before if one is not gone], actor=actor, now=now)


def swap_seat(
    db: DbSession,
    *,
    run_id: str,
    seat_id: str,
    observer_id: str,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Give a seat of a draft to somebody else and return it: one is dropped and the other added, or neither. Refused
    once it is booked.
    """
    run = lock_draft(db, run_id, expected_version=expected_version, actor=actor)
    before = runs.plan_seats(db, run_id)
    gone = _still_planned(before, seat_id)
    _check_new(before, (observer_id, gone.call_id))
    rest = [one for one in before if one is not gone]
    db.execute(delete(plan_seat).where(plan_seat.c.id == seat_id))
    made = _made(db, run, rest, (observer_id, gone.call_id), actor=actor, now=now)
    _change(db, run, before, [*rest, made], actor=actor, now=now)
    return made


def pin_seat(
    db: DbSession,
    *,
    run_id: str,
    seat_id: str,
    pinned: bool,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Say whether planning anew keeps a seat of a draft, and return it. Repeating it changes nothing. Refused once it
    is booked. Locks the run.
    """
    run = lock_draft(db, run_id, expected_version=expected_version, actor=actor)
    found = _found(runs.plan_seats(db, run_id), seat_id)
    if found.pinned is not pinned:
        _check_planned(found)
        db.execute(update(plan_seat).where(plan_seat.c.id == seat_id).values(pinned=pinned))
        advance(db, plan_run, run, RunStatus.DRAFT, act="plan_run.changed", actor=actor, now=now)
    return _seat(db, seat_id)


def _found(seats: Sequence[Any], seat_id: str) -> Any:
    found = next((one for one in seats if one.id == seat_id), None)
    if found is None:
        raise NotFound
    return found


def _still_planned(seats: Sequence[Any], seat_id: str) -> Any:
    found = _found(seats, seat_id)
    _check_planned(found)
    return found


def _check_planned(planned: Any) -> None:
    """Raise AlreadyBooked for a seat of a draft that was accepted."""
    if planned.seat_id is not None:
        raise AlreadyBooked("It is booked: release the seat itself.", extra={"seat_id": planned.seat_id})


def _seat(db: DbSession, seat_id: str) -> Any:
    return db.execute(select(plan_seat).where(plan_seat.c.id == seat_id)).one()


def _check_new(seats: Sequence[Any], place: Place) -> None:
    if twin := next((one for one in seats if (one.observer_id, one.call_id) == place), None):
        raise AlreadyPlanned(extra={"plan_seat_id": twin.id})


def _made(db: DbSession, run: Any, others: Sequence[Any], place: Place, *, actor: Actor, now: datetime) -> Any:
    """Add a seat beside the others of a locked draft and return its row. Refused when it can't stand beside them."""
    observer_id, call_id = place
    check_in_plan(db, run, {"": place}, actor=actor)
    _check_new(others, place)
    _check_not_booked(db, place)
    problem = planning.lesson(db, run, busy.people_rows(db, [observer_id])[observer_id], [call_id], now=now)
    _check_fits(db, problem, others, place, now=now)
    observer, plan_call = problem.observers[0], problem.calls[0]
    terms: list[int] = pair_terms(problem)[0].tolist()
    made = {
        "id": ids.new("pls", now),
        "run_id": run.id,
        "call_id": call_id,
        "observer_id": observer_id,
        "value": sum(terms),
        "terms": dict(zip(TERMS, terms, strict=True)),
        "teaches": list(taught_skills(problem, observer, plan_call)),
        "meets": list(observer.needs_call(plan_call)),
        "pinned": True,
        "by_hand": True,
    }
    db.execute(insert(plan_seat), [made])
    return _seat(db, str(made["id"]))


def _check_not_booked(db: DbSession, place: Place) -> None:
    live = seat.c.observer_id == place[0], seat.c.call_id == place[1], seat.c.status.in_(LIVE_SEATS)
    if seat_id := db.execute(select(seat.c.id).where(*live)).scalar():
        raise AlreadyBooked("It needs no plan any more.", extra={"seat_id": seat_id})


def _check_fits(db: DbSession, problem: PlanProblem, others: Sequence[Any], place: Place, *, now: datetime) -> None:
    """Ask what booking would say once the other seats are booked, then what only plans ask: one account once, and few
    calls of one host.
    """
    observer_id, call_id = place
    known = {
        row.id: row
        for part in in_parts([call_id, *(one.call_id for one in others)])
        for row in db.execute(select(call.c.id, call.c.host_id, call.c.account_id).where(call.c.id.in_(part)))
    }
    wanted = known[call_id]
    theirs = [known[one.call_id] for one in others if one.observer_id == observer_id]
    near = [
        (one.observer_id, one.call_id)
        for one in others
        if one.observer_id == observer_id or known[one.call_id].host_id == wanted.host_id
    ]
    if why := planning.rehearsed(db, [*near, place], now=now)[place]:
        raise seat_refused(db, why, calls.call_by_id(db, call_id, actor=SYSTEM), observer_id, now=now)
    heard = problem.observers[0].accounts_taken | {one.account_id for one in theirs}
    if wanted.account_id is not None and wanted.account_id in heard:
        why_not = "They hear this account on another call of the plan, or have a seat there."
        raise PlanLimitReached(why_not, extra={"limit": PlanLimit.ACCOUNT})
    if sum(one.host_id == wanted.host_id for one in theirs) >= problem.per_host:
        why_not = f"They hear this host on {problem.per_host} calls of the plan."
        raise PlanLimitReached(why_not, extra={"limit": PlanLimit.HOST_VARIETY})


def _change(
    db: DbSession, run: Any, before: Sequence[Any], after: Sequence[Any], *, actor: Actor, now: datetime
) -> None:
    """Write what follows from a draft's new seats: what was dropped, what it is worth, which needs are open."""
    gone = [one for one in before if one not in after]
    new = [one for one in after if one not in before]
    touched = {one.observer_id for one in (*gone, *new)}
    unmet, objective, learning = list(run.unmet), run.objective, run.learning
    for observer_id in sorted(touched):
        had, has = ([one for one in seats if one.observer_id == observer_id] for seats in (before, after))
        unmet = _open_needs(unmet, observer_id, had, has)
        person = busy.people_rows(db, [observer_id])[observer_id]
        (observer,) = planning.lesson(db, run, person, (), now=now).observers
        learnt = _learning(has) - _learning(had)
        objective += learnt + sum(session_bonus(observer, len(has))) - sum(session_bonus(observer, len(had)))
        learning = None if learning is None else learning + learnt
    bound = max(run.bound, float(objective))  # a seat beyond somebody's weekly goal is worth more than any plan allows
    replaced = [[one.observer_id, one.call_id] for one in new]
    advance(
        db,
        plan_run,
        run,
        RunStatus.DRAFT,
        act="plan_run.changed",
        actor=actor,
        now=now,
        objective=objective,
        learning=learning,
        bound=bound,
        gap_percent=round(100 * (bound - objective) / max(objective, 1), 6),
        unmet=unmet,
        dropped=[*(p for p in run.dropped if p not in replaced), *([one.observer_id, one.call_id] for one in gone)],
    )


def _learning(seats: Sequence[Any]) -> int:
    """Return what one observer's seats are worth but for the bonus per session."""
    values: list[int] = [one.value for one in seats]
    return sum(values) + NEED_MET * len({need for one in seats for need in one.meets})


def _open_needs(
    unmet: Sequence[dict[str, Any]], observer_id: str, had: Sequence[Any], has: Sequence[Any]
) -> list[dict[str, Any]]:
    """Return the needs that stay open after one observer's seats changed: those that were and are not met now, and
    those that only a seat that is gone would have met.
    """
    met = {need for one in has for need in one.meets}
    open_ = [need for need in unmet if need["person_id"] != observer_id or need["need"] not in met]
    known = met | {need["need"] for need in open_ if need["person_id"] == observer_id}
    lost = {need: one.call_id for one in had for need in one.meets if need not in known}
    reason = {"reason": str(UnmetReason.DROPPED), "limit": str(PlanLimit.DROPPED), "taken_by": []}
    return open_ + [
        {"person_id": observer_id, "need": need, "call_id": call_id, **reason} for need, call_id in sorted(lost.items())
    ]
