"""Imports from CSV files, and their undo."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid, NotFound, TooLarge, UnsupportedMedia
from app.operations.call_imports import import_calls
from app.operations.changes import check_admin
from app.operations.import_undo import AlreadyUndone, TooLateToUndo, start_undo
from app.operations.imports import ImportReport, told_by_reading
from app.operations.people_imports import import_people
from app.queries import imports
from app.routers.dependencies import Answer, CurrentActor, Db, Now, Page, ReadDb, Route, TheHouse
from app.routers.problems import refusals
from app.rules.access import Actor
from app.rules.csv_files import Kind, RowError, WrongFile, read_calls, read_people
from app.schemas.imports import ImportErrorRead, ImportRead, ImportRecordDetailRead, ImportRecordRead
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=Route)

_MOST_ERRORS = 1000
_EXAMPLE = (
    "external_id,title,host_email,starts_at,ends_at,account\n"
    "c-1,Northwind: discovery call,aisha.bello@earshot.example,"
    "2026-11-24T15:00:00Z,2026-11-24T15:30:00Z,Northwind Analytics\n"
)
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A CSV file (RFC 4180) in UTF-8 with a header line; at most 10 MiB and 100,000 rows.",
        "content": {"text/csv": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


class FileRefused(Invalid):
    """The body is no CSV file of that kind."""

    code = "wrong_file"
    title = "This file can't be imported"


class RowsRefused(Invalid):
    """Some rows are bad."""

    code = "rows_refused"
    title = "Some rows are bad, so nothing was written"


def reading(request: Request, actor: CurrentActor, kind: Annotated[Kind, Query()]) -> Callable[..., ImportReport]:
    """Read the body, before the write transaction begins (nobody waits for that), and return what imports it."""
    check_admin(actor)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise UnsupportedMedia("Send text/csv.")
    raw: bytes = request.state.body
    try:
        if kind == "people":
            return partial(import_people, file=read_people(raw))
        return partial(import_calls, file=read_calls(raw))
    except WrongFile as wrong:
        raise FileRefused(str(wrong)) from None


@router.post(
    "",
    operation_id="imports_create",
    openapi_extra=_BODY,
    responses=refusals(Forbidden, TooLarge, UnsupportedMedia, FileRefused, RowsRefused),
)
def create_import(
    carry_out: Annotated[Callable[..., ImportReport], Depends(reading)],
    kind: Annotated[Kind, Query(description="What each row is.")],
    the: TheHouse,
    db: Db,
    now: Now,
    actor: CurrentActor,
    dry_run: Annotated[bool, Query(description="Say what would happen, and write nothing.")] = False,
    skip_bad: Annotated[bool, Query(description="Write the good rows though others are bad.")] = False,
) -> ImportRead:
    """Import people or calls. One bad row and nothing is written, unless `skip_bad`; sending a file again changes
    nothing. Cells that are empty and columns that are left out keep what there is.
    """
    work = partial(carry_out, skip_bad=skip_bad, dry_run=dry_run, actor=actor, now=now)
    looked = told_by_reading(the.engine, partial(work, reads_only=True)) if dry_run else None
    report: ImportReport = looked or work(db)
    if not report.written and not dry_run:
        raise RowsRefused(
            "Mend the rows in `errors`, or leave them out with `skip_bad=true`.",
            faults=tuple(_fault(error) for error in report.errors[:_MOST_ERRORS]),
            extra={"more_errors": _more(report)},
        )
    return ImportRead(
        id=report.import_id,
        kind=kind,
        dry_run=dry_run,
        created=report.created,
        updated=report.updated,
        unchanged=report.unchanged,
        skipped=report.skipped,
        errors=[ImportErrorRead.model_validate(error) for error in report.errors[:_MOST_ERRORS]],
        more_errors=_more(report),
    )


@router.get("", operation_id="imports_list", responses=refusals(NotFound))
def list_imports(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[ImportRecordRead]:
    """List the imports that wrote something, newest first."""
    found, window = imports.list_imports(db, page, actor=actor), imports.undo_window(db)
    return answer.page(found, [ImportRecordRead.of(row, imports.status_of(row), window=window) for row in found.rows])


@router.get("/{import_id}", operation_id="imports_get", responses=refusals(NotFound))
def get_import(import_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> ImportRecordDetailRead:
    """Read what an import did, how far its undo is, and what that left as it is and why."""
    body = _detail(db, import_id, actor)
    shows = f"{body.status}-{body.put_back}-{body.not_put_back}-{body.undo_until:%Y%m%d}"
    return answer.version(body.version, body, shows=shows)


@router.post(
    "/{import_id}/undo",
    status_code=202,
    operation_id="imports_undo",
    responses=refusals(Forbidden, NotFound, AlreadyUndone, TooLateToUndo),
)
def undo_import(import_id: str, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> ImportRecordDetailRead:
    """Put back what an import changed, up to `undo_until`. Watch the operation in `Location`, then read the import.

    People that it added leave, calls that it added are called off, and what it changed is as it was before. What has
    changed since, or can't be put back, stays as it is and is named. Teams and accounts that it made stay.
    """
    found = start_undo(db, import_id=import_id, actor=actor, now=now)
    return answer.watched(found.operation_id, found.version, _detail(db, import_id, actor))


def _detail(db: DbSession, import_id: str, actor: Actor) -> ImportRecordDetailRead:
    found = imports.import_by_id(db, import_id, actor=actor)
    stayed = imports.rows_that_stayed(db, import_id, limit=_MOST_ERRORS)
    return ImportRecordDetailRead.of_all(found, imports.status_of(found), stayed, window=imports.undo_window(db))


def _more(report: ImportReport) -> int:
    return max(0, len(report.errors) - _MOST_ERRORS)


def _fault(error: RowError) -> Fault:
    pointer = f"line:{error.line}/{error.column}" if error.column else f"line:{error.line}"
    return Fault(pointer, error.code, error.detail)
