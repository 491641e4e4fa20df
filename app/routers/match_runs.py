"""Match runs, from the question to matches."""

from typing import Any

from fastapi import APIRouter

from app.db import DbSession
from app.errors import Forbidden, NotFound, Problem, Stale
from app.models.tables import match_run
from app.operations import match_edits, match_runs
from app.operations.jobs_by_hand import OperationOver
from app.operations.match_feasibility import InfeasiblePair
from app.operations.match_settings import NotEnrolled, Wanted
from app.operations.programs import WeightsAllZero
from app.operations.runs import ContradictoryPins, NotADraft
from app.queries import runs
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.match_runs import MatchRunRead, PutPair, StartMatchRun
from app.schemas.runs import RunRead
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1", tags=["matching"], route_class=Route)

STARTING: tuple[type[Problem], ...] = (Forbidden, NotFound, ContradictoryPins, NotEnrolled, WeightsAllZero)
_EDITS: tuple[type[Problem], ...] = (Forbidden, NotFound, Stale, NotADraft)


@router.post("/match-runs", status_code=202, operation_id="match_runs_start", responses=refusals(*STARTING))
def start_match_run(body: StartMatchRun, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> MatchRunRead:
    """Match mentees with mentors: an exact optimum, as a draft. Who runs the program does. Watch the operation in
    `Location`.
    """
    run = match_runs.start_match_run(db, wanted(body), actor=actor, now=now)
    return answer.watched(run.operation_id, run.version, MatchRunRead.of(run, []))


@router.get("/match-runs", operation_id="match_runs_list", responses=refusals(NotFound))
def list_match_runs(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[RunRead]:
    """List the match runs of programs that you run in short, newest first."""
    found = runs.runs(db, match_run, page, actor=actor)
    data = [RunRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.get("/match-runs/{run_id}", operation_id="match_runs_get", responses=refusals(NotFound))
def get_match_run(run_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> MatchRunRead:
    """Read a match run: its pairs with the parts of their scores, and who is left and why."""
    run = runs.match_run_by_id(db, run_id, actor=actor)
    return answer.version(run.version, _match_run(db, run))


@router.put(
    "/match-runs/{run_id}/pairs/{mentee_id}",
    operation_id="match_runs_pairs_put",
    responses=refusals(*_EDITS, InfeasiblePair, NotEnrolled, match_edits.AlreadyAccepted),
)
def put_pair(
    run_id: str,
    mentee_id: str,
    body: PutPair,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
) -> MatchRunRead:
    """Give a mentee of a draft another mentor by hand, or none. Refused for a pair that could not be published, and for
    one that was accepted: it is a match.
    """
    run = match_edits.put_pair(
        db,
        run_id=run_id,
        mentee_id=mentee_id,
        mentor_id=body.mentor_id,
        pinned=body.pinned,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return answer.version(run.version, _match_run(db, run))


@router.post(
    "/match-runs/{run_id}/pairs/{mentee_id}/accept",
    operation_id="match_runs_pairs_accept",
    responses=refusals(*_EDITS, InfeasiblePair),
)
def accept_pair(
    run_id: str, mentee_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> MatchRunRead:
    """Make one pair of a draft a match now: active, or pending where the program wants a yes first. The rest stays a
    draft.

    Refused as publishing is, and while the mentor's place is taken by somebody whom the rest of the draft moves.
    """
    run = match_runs.accept_pair(
        db, run_id=run_id, mentee_id=mentee_id, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(run.version, _match_run(db, run))


@router.post(
    "/match-runs/{run_id}/rerun",
    status_code=202,
    operation_id="match_runs_rerun",
    responses=refusals(*_EDITS, ContradictoryPins, NotEnrolled),
)
def rerun_match_run(
    run_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> MatchRunRead:
    """Run a draft again with its settings: the pairs that are pinned in it stay. The answer is the new run."""
    run = match_edits.rerun(db, run_id=run_id, expected_version=if_match, actor=actor, now=now)
    return answer.watched(run.operation_id, run.version, MatchRunRead.of(run, []))


@router.post(
    "/match-runs/{run_id}/cancel", operation_id="match_runs_cancel", responses=refusals(*_EDITS, OperationOver)
)
def cancel_match_run(
    run_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> MatchRunRead:
    """Call off a match run that waits, is being solved, or is a draft."""
    run = match_edits.cancel_match_run(db, run_id=run_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(run.version, _match_run(db, run))


@router.post(
    "/match-runs/{run_id}/publish",
    operation_id="match_runs_publish",
    responses=refusals(Forbidden, NotFound, NotADraft, InfeasiblePair),
)
def publish_match_run(run_id: str, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> MatchRunRead:
    """Make the proposed pairs matches: active, or pending where the program wants a yes first. What was accepted before
    is left alone.

    Refused only for what has become impossible since the run.
    """
    run = match_runs.publish_match_run(db, run_id=run_id, actor=actor, now=now)
    return answer.version(run.version, _match_run(db, run))


def wanted(body: StartMatchRun) -> Wanted:
    """Return what is wanted of a run: of weights and constraints, only what is given."""
    return Wanted(
        program_id=body.program_id,
        objective=body.objective,
        disruption=body.disruption,
        weights=body.weights.model_dump(exclude_unset=True),
        constraints=body.constraints.model_dump(exclude_unset=True),
        pins=[(pair.mentee_id, pair.mentor_id) for pair in body.pins],
        forbidden=[(pair.mentee_id, pair.mentor_id) for pair in body.forbidden],
    )


def _match_run(db: DbSession, run: Any) -> MatchRunRead:
    return MatchRunRead.of(run, runs.proposed_matches(db, run.id))
