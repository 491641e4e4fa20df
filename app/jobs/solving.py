"""What work on match runs and plan runs has in common: the child that solves, and how a run fails."""

from typing import TypeVar

from app.child import run_limited
from app.jobs.context import JobContext
from app.operations import operations

Answer = TypeVar("Answer")


def solved(job: JobContext, solver: str, question: object, answer: type[Answer]) -> Answer:
    """Return what the solver, named by its path, answers in a child process with limits. Raises ChildFailed."""
    limits = job.settings
    return run_limited(
        solver,
        question,
        answer=answer,
        seconds=limits.solver_seconds,
        mebibytes=limits.solver_mebibytes,
        over=job.over,
    )


def fail(job: JobContext, operation_id: str, code: str, detail: str) -> None:
    """End the operation of a run that has no answer, saying why."""
    job.write(lambda db: operations.fail(db, operation_id, code=code, detail=detail, now=job.clock()))
