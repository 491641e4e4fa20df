"""Plan runs."""

import zlib

from fastapi import APIRouter

from app.errors import Forbidden, NotFound, Problem, Stale
from app.models.tables import plan_run
from app.operations import plan_edits, plan_publishing, plan_runs
from app.operations.changes import UnknownReference
from app.operations.jobs_by_hand import OperationOver
from app.operations.refused import REFUSALS, AlreadyBooked, Past
from app.operations.runs import ContradictoryPins, NotADraft
from app.queries import planning, runs
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.plan_runs import (
    PatchPlanSeat,
    PlannedPlace,
    PlanRunRead,
    PlanSeatRead,
    StartPlanRun,
    SwapPlanSeat,
)
from app.schemas.runs import RunRead
from app.schemas.shapes import Listing
from app.vocabulary import RunStatus

router = APIRouter(prefix="/v1", tags=["planning"], route_class=Route)

_EDITS: tuple[type[Problem], ...] = (Forbidden, NotFound, Stale, NotADraft, plan_runs.BeingReplanned)
_SEATS: tuple[type[Problem], ...] = (
    UnknownReference,
    plan_runs.NotInPlan,
    plan_edits.AlreadyPlanned,
    plan_edits.PlanLimitReached,
    AlreadyBooked,
    *REFUSALS,
)


@router.post(
    "/plan-runs",
    status_code=202,
    operation_id="plan_runs_start",
    responses=refusals(
        Forbidden, NotFound, UnknownReference, plan_runs.BadRange, plan_runs.NotInPlan, ContradictoryPins, Past
    ),
)
def start_plan_run(body: StartPlanRun, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> PlanRunRead:
    """Plan who sits in on which call, with a proven bound, as a draft. Watch the operation in `Location`.

    Who runs the program plans for it; who leads everybody in a team plans for that one, naming it.
    """
    run = plan_runs.start_plan_run(
        db,
        from_at=body.from_at,
        to_at=body.to_at,
        team_id=body.team_id,
        program_id=body.program_id,
        pins=[(place.observer_id, place.call_id) for place in body.pins],
        dropped=[(place.observer_id, place.call_id) for place in body.dropped],
        actor=actor,
        now=now,
    )
    return answer.watched(run.operation_id, run.version, PlanRunRead.of(run, [], {}))


@router.get("/plan-runs", operation_id="plan_runs_list", responses=refusals(NotFound))
def list_plan_runs(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[RunRead]:
    """List the plan runs of programs that you run, and of teams that you lead, in short, newest first."""
    found = runs.runs(db, plan_run, page, actor=actor)
    data = [RunRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.get("/plan-runs/{run_id}", operation_id="plan_runs_get", responses=refusals(NotFound))
def get_plan_run(run_id: str, db: ReadDb, now: Now, actor: CurrentActor, answer: Answer) -> PlanRunRead:
    """Read a plan run: its seats with the parts of their values, its bound, and the needs left open and why.

    Of a draft, booking is asked again about every seat, as if the plan were published now.
    """
    run = runs.plan_run_by_id(db, run_id, actor=actor)
    seats = runs.plan_seats(db, run_id)
    stale = planning.stale(db, seats, now=now) if run.status is RunStatus.DRAFT else {}
    return answer.version(run.version, PlanRunRead.of(run, seats, stale), shows=_digest(stale))


@router.post(
    "/plan-runs/{run_id}/seats",
    status_code=201,
    operation_id="plan_runs_seats_add",
    responses=refusals(*_EDITS, *_SEATS),
)
def add_seat(
    run_id: str, body: PlannedPlace, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PlanSeatRead:
    """Put somebody on a call of a draft by hand. The seat is pinned, so that planning anew keeps it.

    Refused as booking would once the rest of the draft is booked. The ETag is the run's.
    """
    made = plan_edits.add_seat(
        db,
        run_id=run_id,
        observer_id=body.observer_id,
        call_id=body.call_id,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    run = runs.plan_run_by_id(db, run_id, actor=actor)
    return answer.created(f"/v1/plan-runs/{run_id}", run.version, PlanSeatRead.of(made, None))


@router.post(
    "/plan-runs/{run_id}/seats/{seat_id}/accept",
    operation_id="plan_runs_seats_accept",
    responses=refusals(*_EDITS, *REFUSALS),
)
def accept_seat(
    run_id: str, seat_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PlanSeatRead:
    """Book one seat of a draft now: observer and host are invited as when the plan is published, the rest stays a
    draft.

    Refused as booking refuses it. A seat that is booked can't be changed here any more: release it. The ETag is the
    run's.
    """
    found = plan_publishing.accept_seat(
        db, run_id=run_id, seat_id=seat_id, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(runs.plan_run_by_id(db, run_id, actor=actor).version, PlanSeatRead.of(found, None))


@router.patch(
    "/plan-runs/{run_id}/seats/{seat_id}",
    operation_id="plan_runs_seats_patch",
    responses=refusals(*_EDITS, AlreadyBooked),
)
def pin_seat(
    run_id: str,
    seat_id: str,
    body: PatchPlanSeat,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
) -> PlanSeatRead:
    """Pin a seat of a draft, so that planning anew keeps it, or let it go. The ETag is the run's."""
    found = plan_edits.pin_seat(
        db,
        run_id=run_id,
        seat_id=seat_id,
        pinned=body.pinned,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    run = runs.plan_run_by_id(db, run_id, actor=actor)
    stale = planning.stale(db, runs.plan_seats(db, run_id), now=now)
    return answer.version(run.version, PlanSeatRead.of(found, stale.get(seat_id)))


@router.delete(
    "/plan-runs/{run_id}/seats/{seat_id}",
    status_code=204,
    operation_id="plan_runs_seats_drop",
    responses=refusals(*_EDITS, AlreadyBooked),
)
def drop_seat(
    run_id: str, seat_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> None:
    """Take a seat out of a draft. Planning anew will not propose it again."""
    plan_edits.drop_seat(db, run_id=run_id, seat_id=seat_id, expected_version=if_match, actor=actor, now=now)
    answer.version(runs.plan_run_by_id(db, run_id, actor=actor).version, None)


@router.post("/plan-runs/{run_id}/swap", operation_id="plan_runs_swap", responses=refusals(*_EDITS, *_SEATS))
def swap_seat(
    run_id: str, body: SwapPlanSeat, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PlanSeatRead:
    """Give a seat of a draft to somebody else; planning anew leaves the first off that call. The ETag is the run's."""
    made = plan_edits.swap_seat(
        db,
        run_id=run_id,
        seat_id=body.seat_id,
        observer_id=body.observer_id,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    run = runs.plan_run_by_id(db, run_id, actor=actor)
    return answer.version(run.version, PlanSeatRead.of(made, None))


@router.post(
    "/plan-runs/{run_id}/replan",
    status_code=202,
    operation_id="plan_runs_replan",
    responses=refusals(*_EDITS, ContradictoryPins, Past),
)
def replan(run_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> PlanRunRead:
    """Plan a draft anew over the same range: pinned seats stay, dropped ones stay away, booked ones are booked.

    The answer is the new run; this draft is cancelled once that one is there. Watch the operation in `Location`.
    """
    run = plan_runs.replan(db, run_id=run_id, expected_version=if_match, actor=actor, now=now)
    return answer.watched(run.operation_id, run.version, PlanRunRead.of(run, [], {}))


@router.post(
    "/plan-runs/{run_id}/cancel",
    operation_id="plan_runs_cancel",
    responses=refusals(Forbidden, NotFound, Stale, NotADraft, OperationOver),
)
def cancel_plan_run(
    run_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PlanRunRead:
    """Call off a run that waits, is being solved, or is a draft. What was published is cancelled seat by seat."""
    run = plan_runs.cancel_plan_run(db, run_id=run_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(run.version, PlanRunRead.of(run, runs.plan_seats(db, run_id), {}))


@router.post(
    "/plan-runs/{run_id}/publish",
    status_code=202,
    operation_id="plan_runs_publish",
    responses=refusals(Forbidden, NotFound, NotADraft, plan_runs.BeingReplanned),
)
def publish_plan_run(run_id: str, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> PlanRunRead:
    """Book the planned seats one by one, the ordinary way, but for those that are booked by now. The run then says of
    each seat what became of it.
    """
    run = plan_publishing.start_publishing(db, run_id=run_id, actor=actor, now=now)
    return answer.watched(run.operation_id, run.version, PlanRunRead.of(run, runs.plan_seats(db, run_id), {}))


def _digest(stale: dict[str, str]) -> str:
    """Return what tells apart answers that say different things of the same draft."""
    return f"{zlib.crc32(repr(sorted(stale.items())).encode()):x}" if stale else ""
