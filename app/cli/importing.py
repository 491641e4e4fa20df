"""`earshot import`."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock
from app.cli.installation import Dir, existing, load, one_sentence, opened, person_id
from app.cli.saying import content, fail, say
from app.config import Settings
from app.db import transaction, written
from app.ical.connected import CalendarRefused, read
from app.operations.calendar_calls import import_events, our_mailboxes, wanted_of_file
from app.operations.call_imports import import_calls
from app.operations.imports import ImportReport, told_by_reading
from app.operations.people_imports import import_people
from app.rules import csv_files
from app.rules.access import SYSTEM

commands = typer.Typer(rich_markup_mode=None)


class ImportKind(StrEnum):
    """What a file holds."""

    PEOPLE = "people"
    CALLS = "calls"


@commands.command("import")
def import_file(
    kind: ImportKind,
    file: Annotated[Path, typer.Argument(help="A CSV file; for calls also a calendar, such as calendar.ics.")],
    host: Annotated[str | None, typer.Option(help="Whose calendar it is, by e-mail.")] = None,
    dir: Dir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out.")] = False,
) -> None:
    """Import people or calls from a CSV file. Nothing is written when a row is bad, unless --skip-bad. Of a calendar,
    events to come with somebody from outside the company become calls of the --host.
    """
    raw = content(file)
    if kind is ImportKind.CALLS and (host is not None or file.suffix.lower() == ".ics"):
        _import_calendar(existing(dir), raw, host=host, dry_run=dry_run)
        return
    settings = load(dir)
    with one_sentence(csv_files.WrongFile):
        work = _reader(kind, raw, skip_bad=skip_bad, dry_run=dry_run)
        with opened(settings) as engine:
            looked = told_by_reading(engine, partial(work, reads_only=True)) if dry_run else None
            report = looked or written(engine, work)
    for bad in report.errors:
        typer.echo(f"line {bad.line}{bad.column and ', '}{bad.column}: {bad.detail}", err=True)
    counts = (
        f"{report.created} created, {report.updated} updated, {report.unchanged} unchanged, {report.skipped} skipped"
    )
    if report.errors and not report.written and not skip_bad:
        fail(f"{len(report.errors)} errors: nothing was written. Mend the rows, or leave them out by --skip-bad.")
    say(f"{kind}: {counts}{' (dry run, nothing was written)' if dry_run else ''}")


def _import_calendar(settings: Settings, raw: bytes, *, host: str | None, dry_run: bool) -> None:
    if host is None:
        fail("Whose calls are they? Name the host by --host EMAIL.")
    now = clock.now()
    with one_sentence(CalendarRefused), opened(settings) as engine:
        with transaction(engine, writes=False) as db:
            host_id = person_id(db, host)
            ours = our_mailboxes(settings)
            wanted = wanted_of_file(db, raw, host_id=host_id, own_mailboxes=ours, now=now)
        events = read(wanted).calls
        work = partial(import_events, events=events, host_id=host_id, dry_run=dry_run, actor=SYSTEM, now=now)
        told = written(engine, work)
    for problem in told.refused:
        typer.echo(f"{problem.title}. {problem.detail}", err=True)
    counts = f"{told.created} created, {told.updated} updated, {told.unchanged} unchanged, {len(told.refused)} skipped"
    say(f"calls: {counts}{' (dry run, nothing was written)' if dry_run else ''}")


def _reader(kind: ImportKind, raw: bytes, *, skip_bad: bool, dry_run: bool) -> Callable[..., ImportReport]:
    """Read the file, before any transaction begins, and return what imports it."""
    now = clock.now()
    given: dict[str, Any] = {"skip_bad": skip_bad, "dry_run": dry_run, "actor": SYSTEM, "now": now}
    if kind is ImportKind.PEOPLE:
        return partial(import_people, file=csv_files.read_people(raw), **given)
    return partial(import_calls, file=csv_files.read_calls(raw), **given)
