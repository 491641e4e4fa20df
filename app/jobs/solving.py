"""What work on match runs and plan runs has in common: the child that solves, and the inputs to be digested."""

import json
from typing import Any, TypeVar

from app.child import run_limited
from app.jobs.context import JobContext
from app.operations import operations
from app.rules.matching.problem import MatchProblem
from app.rules.planning.problem import PlanProblem

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


def canonical(problem: MatchProblem | PlanProblem) -> bytes:
    """Return the inputs of a run in one canonical form, to be digested."""
    return json.dumps(problem, default=_plain, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    """Return what JSON has no form for: a set as a sorted list, an object as its fields in their order."""
    if isinstance(value, frozenset):
        return sorted(value)
    return [getattr(value, name) for name in value.__dataclass_fields__]
