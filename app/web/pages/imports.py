"""Import people or calls from a file, in four steps: choose it, name its columns, look at what would happen, done; and
what was imported, with its undo.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, NotFound
from app.house import House
from app.operations.call_imports import import_calls
from app.operations.import_undo import start_undo
from app.operations.imports import ImportReport, told_by_reading
from app.operations.people_imports import import_people
from app.queries import imports
from app.rules import csv_rows
from app.rules.access import runs_the_house
from app.rules.csv_files import COLUMNS, REQUIRED, Kind, RowError, WrongFile, read_calls, read_people, records
from app.rules.csv_headers import Column, columns_of, fits, renamed
from app.vocabulary import ImportStatus
from app.web.addresses import Address
from app.web.clocks import moment
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.html import page
from app.web.lists import request_for
from app.web.uploads import TheUpload, Upload, packed

router = page_router()

KINDS: Mapping[Kind, str] = {"people": "People", "calls": "Calls"}
STEPS = ("Choose", "Columns", "Check", "Done")
_CHOOSE, _COLUMNS, _CHECK = 1, 2, 3
_MOST_SHOWN, _MOST_CELLS, _MOST_LISTED = 50, 5, 8
"""Bad rows, cells of each, and rows that the summary leads to."""
_FEW, _MOST_STAYED = 10, 100
"""Imports of a page of the list, and things that an undo left as they are."""
_PAGES: Mapping[str, str] = {"person": "/people/", "call": "/calls/"}
CarryOut = Callable[..., ImportReport]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be imported, as the file has it, and what is wrong with it."""

    line: int
    cells: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """An import that wrote something, as it is shown."""

    id: str
    kind: Kind
    title: str
    who: str
    when: str
    created: int
    updated: int
    unchanged: int
    skipped: int
    status: ImportStatus
    put_back: int
    stayed: int
    progress: int
    until: str
    """Until when it can be undone; empty: it can't be any more."""

    @classmethod
    def of(cls, row: Any, window: timedelta, zone: str, *, now: datetime) -> "Imported":
        """Return an import as it is shown on the clocks of a zone."""
        until = row.created_at + window
        status = imports.status_of(row)
        return cls(
            id=row.id,
            kind=row.kind,
            title=row.file_name or KINDS[row.kind],
            who=row.actor_name or ("The operator" if row.actor == "system" else "A key"),
            when=moment(row.created_at, zone, now=now),
            created=row.created,
            updated=row.updated,
            unchanged=row.unchanged,
            skipped=row.skipped,
            status=status,
            put_back=row.put_back,
            stayed=row.stayed,
            progress=row.work_progress or 0,
            until=moment(until, zone, now=now) if status is ImportStatus.WRITTEN and now < until else "",
        )

    @property
    def stopped(self) -> bool:
        """Whether an undo has stopped half-way."""
        return self.status is ImportStatus.WRITTEN and self.put_back + self.stayed > 0


@dataclass(frozen=True, slots=True)
class Stayed:
    """Something that an undo left as it is."""

    name: str
    href: str
    did: str
    why: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file whose columns have our names, and what reads it."""

    kind: Kind
    raw: bytes
    name: str
    carry_out: CarryOut


def importing(viewer: Viewer) -> None:
    """Refuse whoever could do nothing here."""
    if not runs_the_house(viewer.actor):
        raise NotFound


@router.get("/import")
def show(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, kind: Kind = "people", cursor: str = "") -> Response:
    """Show what files can be imported, and the last imports."""
    importing(viewer)
    return _first_page(db, the, viewer, now=now, kind=kind, cursor=cursor)


@router.get("/import/{import_id}")
def show_import(import_id: str, db: ReadDb, now: Now, viewer: SignedIn) -> Response:
    """Show what an import did, and how far its undo is."""
    importing(viewer)
    return _done_page(db, import_id, viewer, now=now)


@router.post("/import/{import_id}/undo")
def undo_import(import_id: str, the: TheHouse, now: Now, viewer: Pressing) -> Response:
    """Start the undo of an import. Pressing twice starts one; a refusal is said on the page."""
    importing(viewer)
    undo = partial(start_undo, import_id=import_id, actor=viewer.actor, now=now)
    try:
        database.written(the.engine, undo)
    except Conflict as refused:
        with database.transaction(the.engine, writes=False) as reading:
            return _done_page(reading, import_id, viewer, now=now, refused=f"{refused.title}. {refused.detail}")
    return RedirectResponse(f"/import/{import_id}", 303)


@router.post("/import")
def change(
    do: Literal["check", "errors", "write"], the: TheHouse, now: Now, viewer: Pressing, upload: TheUpload
) -> Response:
    """Go on to the next step: nothing is written before the last one."""
    importing(viewer)
    kind: Kind = "calls" if upload.fields.get("kind") == "calls" else "people"
    try:
        chosen = _chosen(kind, upload)
    except WrongFile as wrong:
        with database.transaction(the.engine, writes=False) as reading:
            return _first_page(reading, the, viewer, now=now, kind=kind, errors={"file": str(wrong)})
    if isinstance(chosen, list):
        carried = packed(upload.raw)
        return _page(_COLUMNS, viewer, kind=kind, columns=chosen, carried=carried, file_name=upload.name)
    if do == "write" and _digest(chosen.raw) != upload.fields.get("digest"):
        sentence = "This is another file than the one that you looked at. Look at this one first."
        return _checked(chosen, the, viewer, now=now, errors={"again": sentence})
    if do == "check":
        return _checked(chosen, the, viewer, now=now)
    report = _carried_out(chosen, the, viewer, now=now, dry_run=do == "errors", skip_bad="skip_bad" in upload.fields)
    if do == "errors":
        return _errors_file(report.errors, kind)
    if report.import_id is None:  # somebody changed something since it was checked
        return _checked(chosen, the, viewer, now=now)
    return RedirectResponse(f"/import/{report.import_id}", 303)


def _chosen(kind: Kind, upload: Upload) -> Chosen | list[Column]:
    """Return the file, read; or its columns, while nobody has said which is which. Raises WrongFile."""
    if not upload.raw:
        raise WrongFile("Choose a file.")
    columns = columns_of(upload.raw, kind)
    raw = upload.raw
    if not fits(columns, kind):
        names = [upload.fields.get(f"column-{number}", column.name) for number, column in enumerate(columns)]
        named = [Column(one.title, name, one.example) for one, name in zip(columns, names, strict=True)]
        left = [one for one in named if one.name]
        if "column-0" not in upload.fields or not fits(left, kind):
            return named
        raw = renamed(raw, kind, names)
    file_name = upload.name or None
    carry_out: CarryOut = (
        partial(import_people, file=read_people(raw), file_name=file_name)
        if kind == "people"
        else partial(import_calls, file=read_calls(raw), file_name=file_name)
    )
    return Chosen(kind, raw, upload.name, carry_out)


def _carried_out(
    chosen: Chosen, the: House, viewer: Viewer, *, now: datetime, dry_run: bool, skip_bad: bool
) -> ImportReport:
    work = partial(chosen.carry_out, dry_run=dry_run, skip_bad=skip_bad, actor=viewer.actor, now=now)
    looked = told_by_reading(the.engine, partial(work, reads_only=True)) if dry_run else None
    return looked or database.written(the.engine, work)


def _checked(
    chosen: Chosen, the: House, viewer: Viewer, *, now: datetime, errors: Mapping[str, str] | None = None
) -> Response:
    """Show what would happen, by reading where that tells; else everything is done and taken back."""
    report = _carried_out(chosen, the, viewer, now=now, dry_run=True, skip_bad=True)
    header = columns_of(chosen.raw, chosen.kind)
    bad = _bad_rows(chosen, report.errors)
    return _page(
        _CHECK,
        viewer,
        kind=chosen.kind,
        errors=errors,
        report=report,
        good=report.created + report.updated + report.unchanged,
        changes=report.created + report.updated,
        columns=header,
        bad=bad,
        listed=bad[:_MOST_LISTED],
        most_cells=_MOST_CELLS,
        carried=packed(chosen.raw),
        file_name=chosen.name,
        digest=_digest(chosen.raw),
    )


def _bad_rows(chosen: Chosen, errors: Sequence[RowError]) -> list[BadRow]:
    wrong: dict[int, list[str]] = {}
    for error in errors:
        wrong.setdefault(error.line, []).append(error.detail.replace("`", ""))
    shown = dict(sorted(wrong.items())[:_MOST_SHOWN])
    cells = {line: cells for line, cells in records(chosen.raw, chosen.kind) if line in shown}
    return [BadRow(line, tuple(cells.get(line, ())[:_MOST_CELLS]), tuple(said)) for line, said in shown.items()]


def _errors_file(errors: Sequence[RowError], kind: Kind) -> Response:
    rows = [csv_rows.row(["line", "column", "what is wrong"])]
    rows += [csv_rows.row([error.line, error.column, error.detail.replace("`", "")]) for error in errors]
    name = {"Content-Disposition": f'attachment; filename="{kind}-errors.csv"', "Cache-Control": "no-store"}
    return Response("".join(rows).encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=name)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _first_page(
    db: DbSession,
    the: House,
    viewer: Viewer,
    *,
    now: datetime,
    kind: Kind,
    cursor: str = "",
    errors: Mapping[str, str] | None = None,
) -> Response:
    address = Address("/import", {"cursor": cursor} if cursor else {})
    found = imports.list_imports(db, request_for(address, the, limit=_FEW), actor=viewer.actor)
    window, zone = imports.undo_window(db), viewer.person.time_zone
    last = [Imported.of(row, window, zone, now=now) for row in found.rows]
    return _page(_CHOOSE, viewer, kind=kind, errors=errors, last=last, address=address, next=found.next_cursor)


def _done_page(db: DbSession, import_id: str, viewer: Viewer, *, now: datetime, refused: str = "") -> Response:
    found = imports.import_by_id(db, import_id, actor=viewer.actor)
    rows = imports.rows_that_stayed(db, import_id, limit=_MOST_STAYED)
    names = imports.names_of(db, rows)
    return page(
        "imported.html",
        status=409 if refused else 200,
        viewer=viewer.face,
        steps=STEPS,
        done=Imported.of(found, imports.undo_window(db), viewer.person.time_zone, now=now),
        stayed=[
            Stayed(
                name=names.get(row.object_id, "Gone"),
                href=_PAGES[row.object_type] + row.object_id if row.object_type in _PAGES else "",
                did="Added" if row.created else "Changed",
                why=row.why,
            )
            for row in rows
        ],
        refused=refused,
    )


def _page(
    step: int, viewer: Viewer, *, kind: Kind, errors: Mapping[str, str] | None = None, **shown: object
) -> Response:
    names = {kind: [(one, one in REQUIRED[kind]) for one in columns] for kind, columns in COLUMNS.items()}
    return page(
        "import.html",
        status=422 if errors else 200,
        viewer=viewer.face,
        steps=STEPS,
        step=step,
        kind=kind,
        kinds=list(KINDS.items()),
        names=names,
        errors=errors or {},
        **shown,
    )
