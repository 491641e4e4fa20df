"""Import people or calls from a file, in four steps: choose it, name its columns, look at what would happen, done."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import Depends, Query, Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.errors import NotFound
from app.house import House
from app.operations.call_imports import import_calls
from app.operations.imports import ImportReport, told_by_reading
from app.operations.people_imports import import_people
from app.rules import csv_rows
from app.rules.access import runs_the_house
from app.rules.csv_files import COLUMNS, REQUIRED, Kind, RowError, WrongFile, read_calls, read_people, records
from app.rules.csv_headers import Column, columns_of, fits, renamed
from app.web.dependencies import Now, Pressing, SignedIn, TheHouse, Viewer, page_router
from app.web.html import page
from app.web.uploads import TheUpload, Upload, packed

router = page_router()

KINDS: Mapping[Kind, str] = {"people": "People", "calls": "Calls"}
STEPS = ("Choose", "Columns", "Check", "Done")
_CHOOSE, _COLUMNS, _CHECK, _DONE = 1, 2, 3, 4
_MOST_SHOWN, _MOST_CELLS, _MOST_LISTED = 50, 5, 8
"""Bad rows, cells of each, and rows that the summary leads to."""
Count = Annotated[int, Query(ge=0, le=100_000)]
CarryOut = Callable[..., ImportReport]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be imported, as the file has it, and what is wrong with it."""

    line: int
    cells: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What an import did."""

    kind: Kind
    created: Count
    updated: Count
    unchanged: Count
    skipped: Count


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file whose columns have our names, and what reads it."""

    kind: Kind
    raw: bytes
    carry_out: CarryOut


def importing(viewer: Viewer) -> None:
    """Refuse whoever could do nothing here."""
    if not runs_the_house(viewer.actor):
        raise NotFound


@router.get("/import")
def show(viewer: SignedIn, kind: Kind = "people") -> Response:
    """Show what files can be imported."""
    importing(viewer)
    return _page(_CHOOSE, viewer, kind=kind)


@router.get("/import/done")
def show_done(viewer: SignedIn, done: Annotated[Done, Depends()]) -> Response:
    """Show what an import did."""
    importing(viewer)
    return _page(_DONE, viewer, kind=done.kind, done=done)


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
        return _page(_CHOOSE, viewer, kind=kind, errors={"file": str(wrong)})
    if isinstance(chosen, list):
        return _page(_COLUMNS, viewer, kind=kind, columns=chosen, carried=packed(upload.raw))
    if do == "write" and _digest(chosen.raw) != upload.fields.get("digest"):
        sentence = "This is another file than the one that you looked at. Look at this one first."
        return _checked(chosen, the, viewer, now=now, errors={"again": sentence})
    if do == "check":
        return _checked(chosen, the, viewer, now=now)
    report = _carried_out(chosen, the, viewer, now=now, dry_run=do == "errors", skip_bad="skip_bad" in upload.fields)
    if do == "errors":
        return _errors_file(report.errors, kind)
    if not report.written:  # somebody changed something since it was checked
        return _checked(chosen, the, viewer, now=now)
    did = f"created={report.created}&updated={report.updated}&unchanged={report.unchanged}&skipped={report.skipped}"
    return RedirectResponse(f"/import/done?kind={kind}&{did}", 303)


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
    carry_out: CarryOut = (
        partial(import_people, file=read_people(raw))
        if kind == "people"
        else partial(import_calls, file=read_calls(raw))
    )
    return Chosen(kind, raw, carry_out)


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
        columns=header,
        bad=bad,
        listed=bad[:_MOST_LISTED],
        most_cells=_MOST_CELLS,
        carried=packed(chosen.raw),
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
