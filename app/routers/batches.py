"""Carry out a batch item by item: each in its own savepoint, or all or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Response

from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid, Problem
from app.operations.external import Upserted
from app.routers.problems import faults
from app.schemas.shapes import BatchError, BatchItem, BatchRead, Rejected

Item = TypeVar("Item")
Said = tuple[tuple[str, str], Mapping[str, Any]]
"""What a source says of one object: (source, external id), and the changes."""


class BatchRefused(Invalid):
    """An atomic batch had a bad item."""

    code = "batch_refused"
    title = "An item was refused, so nothing was changed"


def upsert_all(
    db: DbSession,
    items: Sequence[Any],
    *,
    atomic: bool,
    lock: Callable[[list[Said]], None],
    upsert: Callable[..., Upserted],
    response: Response,
) -> BatchRead:
    """Carry out upserts of items that each have an `external` name: `lock` and `upsert` are operations that lack only
    what the items say.
    """

    def upsert_one(said: Said) -> Upserted:
        (source, external_id), changes = said
        return upsert(source=source, external_id=external_id, changes=changes)

    several = [item if isinstance(item, Rejected) else _said(item) for item in items]
    return carry_out(db, several, atomic=atomic, lock=lock, upsert=upsert_one, response=response)


def carry_out(
    db: DbSession,
    items: Sequence[Item | Rejected],
    *,
    atomic: bool,
    lock: Callable[[list[Item]], None],
    upsert: Callable[[Item], Upserted],
    response: Response,
) -> BatchRead:
    """Upsert each item. A refused one is reported at its index and answers 207; when atomic it refuses them all.

    Who may not do it at all is told so once, by 403. Items go in the client's order, so `lock` first takes everything
    they need in the order of the house: two batches in opposite orders wait for one another but never both.
    """
    lock([item for item in items if not isinstance(item, Rejected)])
    done = [_one(db, index, item, upsert) for index, item in enumerate(items)]
    bad = [item for item in done if item.error is not None]
    if bad and atomic:
        raise BatchRefused(
            "Mend the items in `errors`, then send the batch again.",
            faults=tuple(
                Fault(f"/items/{item.index}", item.error.code, item.error.detail) for item in bad if item.error
            ),
        )
    if bad:
        response.status_code = 207
    return BatchRead(data=done)


def _said(item: Any) -> Said:
    changes = item.model_dump(exclude_unset=True, exclude={"external"})
    return (item.external.source, item.external.id), changes


def _one(db: DbSession, index: int, item: Item | Rejected, upsert: Callable[[Item], Upserted]) -> BatchItem:
    if isinstance(item, Rejected):
        return _refused(index, Invalid("See `errors`.", faults=faults(item.errors)))
    try:
        with db.begin_nested():
            done = upsert(item)
    except Forbidden:
        raise
    except Problem as problem:
        db.expire_all()
        return _refused(index, problem)
    return BatchItem(index=index, status=done.status, id=done.id, changed_fields=list(done.changed_fields), error=None)


def _refused(index: int, problem: Problem) -> BatchItem:
    errors = [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in problem.faults]
    error = BatchError(code=problem.code, detail=problem.detail, errors=errors)
    return BatchItem(index=index, status="error", id=None, changed_fields=[], error=error)
