"""Jobs, and the operations that they work for."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import Forbidden, NotFound
from app.operations import jobs_by_hand as operations
from app.queries import jobs
from app.routers.dependencies import Answer, CurrentActor, Db, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.jobs import JobRead
from app.schemas.runs import OperationRead
from app.schemas.shapes import Listing
from app.vocabulary import Instant, JobStatus, WorkStatus

router = APIRouter(prefix="/v1", route_class=Route)


@router.get("/jobs", tags=["jobs"], operation_id="jobs_list", responses=refusals(NotFound))
def list_jobs(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    status: Annotated[list[JobStatus], Query()] = [],
    kind: Annotated[list[str], Query()] = [],
    due_at_gte: Annotated[Instant | None, Query()] = None,
    due_at_lt: Annotated[Instant | None, Query()] = None,
) -> Listing[JobRead]:
    """List jobs, newest first. What is done is kept for seven days, what is dead until somebody sees to it."""
    wanted = jobs.JobFilter(tuple(status), tuple(kind), due_at_gte, due_at_lt)
    found = jobs.list_jobs(db, wanted, page, actor=actor)
    return answer.page(found, [JobRead.model_validate(row) for row in found.rows])


@router.get("/jobs/{job_id}", tags=["jobs"], operation_id="jobs_get", responses=refusals(NotFound))
def get_job(job_id: str, db: ReadDb, actor: CurrentActor) -> JobRead:
    """Read one job: how often it was tried, which worker has it until when, and what went wrong the last time."""
    return JobRead.model_validate(jobs.job_by_id(db, job_id, actor=actor))


@router.post(
    "/jobs/{job_id}/retry",
    tags=["jobs"],
    operation_id="jobs_retry",
    responses=refusals(NotFound, operations.JobNotOver, operations.JobQueuedAnew, operations.OperationOver),
)
def retry_job(job_id: str, db: Db, now: Now, actor: CurrentActor) -> JobRead:
    """Queue a dead or cancelled job again, as if it had never been tried. An operation is started anew instead."""
    return JobRead.model_validate(operations.retry_job(db, job_id=job_id, actor=actor, now=now))


@router.post(
    "/jobs/{job_id}/cancel",
    tags=["jobs"],
    operation_id="jobs_cancel",
    responses=refusals(NotFound, operations.JobOver),
)
def cancel_job(job_id: str, db: Db, now: Now, actor: CurrentActor) -> JobRead:
    """Cancel a job and the operation that waits for it. What a running job has done by then stays done."""
    return JobRead.model_validate(operations.cancel_job(db, job_id=job_id, actor=actor, now=now))


@router.get("/operations", tags=["operations"], operation_id="operations_list", responses=refusals(NotFound))
def list_operations(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    status: Annotated[list[WorkStatus], Query()] = [],
    kind: Annotated[list[str], Query()] = [],
) -> Listing[OperationRead]:
    """List operations, newest first."""
    found = jobs.list_operations(db, page, status=tuple(status), kind=tuple(kind), actor=actor)
    return answer.page(found, [OperationRead.model_validate(row) for row in found.rows])


@router.post(
    "/operations/{operation_id}/cancel",
    tags=["operations"],
    operation_id="operations_cancel",
    responses=refusals(Forbidden, NotFound, operations.OperationOver),
)
def cancel_operation(operation_id: str, db: Db, now: Now, actor: CurrentActor) -> OperationRead:
    """Cancel an operation and its run. A plan that was being published is a draft again; booked seats stay booked."""
    return OperationRead.model_validate(
        operations.cancel_operation(db, operation_id=operation_id, actor=actor, now=now)
    )
