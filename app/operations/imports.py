"""What imports from files have in common: every row or none, unless the bad rows may be left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Engine

from app.db import DbSession, transaction
from app.errors import Problem
from app.operations.remembered_imports import Written, remember
from app.queries import external, people
from app.queries.rows import in_parts
from app.rules.access import Actor
from app.rules.csv_files import Kind, RowError

SOURCE = "csv"
"""Whose external ids those of a file are, unless told otherwise."""

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of a file, or would have, had it been written."""

    created: int
    updated: int
    unchanged: int
    skipped: int
    """Bad rows."""
    errors: tuple[RowError, ...]
    """By line; a bad row has one or more."""
    dry_run: bool
    written: bool
    """Not after a dry run, and not when a row was bad unless those may be left out."""
    import_id: str | None = None
    """By which it can be undone; None where nothing changed."""


class OnlyWritingTells(Exception):
    """Whether a row would be refused is for the operation that changes what is there: it must be tried."""


@dataclass(slots=True)
class Tally:
    """What became of the rows so far."""

    rows: Counter[Outcome] = field(default_factory=Counter)
    errors: list[RowError] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    """What is new and what changed, in the order in which it did."""

    def refuse(self, line: int, column: str, code: str, detail: str) -> None:
        """Count a bad row."""
        self.errors.append(RowError(line, column, code, detail))

    def refused(self, line: int, problem: Problem) -> None:
        """Count a row that an operation has refused."""
        self.refuse(line, _COLUMNS.get(problem.code, ""), problem.code, f"{problem.title}. {problem.detail}")


_COLUMNS = {
    "email_taken": "email",
    "external_id_taken": "external_id",
    "manager_cycle": "manager_email",
    "teaches_below_3": "teaches",
    "capacity_below_taken": "seats",
    "call_over": "starts_at",
    "not_active": "host_email",
}
"""Which column a refusal is about, by its code."""


def all_or_none(
    db: DbSession,
    unreadable: Sequence[RowError],
    carry_out: Callable[[], Tally],
    *,
    kind: Kind,
    file_name: str | None,
    skip_bad: bool,
    dry_run: bool,
    actor: Actor,
    now: datetime,
) -> ImportReport:
    """Carry out and take back what may not stay: a dry run finds what the real one would, since it is the real one.
    What stays is remembered, so that it can be undone.
    """
    with db.begin_nested() as savepoint:
        tally = carry_out()
        errors = tuple(sorted((*unreadable, *tally.errors), key=lambda error: error.line))
        written = not dry_run and (skip_bad or not errors)
        if not written:
            savepoint.rollback()
    db.expire_all()
    counts = {
        "created": tally.rows["created"],
        "updated": tally.rows["updated"],
        "unchanged": tally.rows["unchanged"],
        "skipped": len({error.line for error in errors}),
    }
    import_id = None
    if written and tally.written:
        import_id = remember(db, tally.written, kind=kind, counts=counts, file_name=file_name, actor=actor, now=now)
    return ImportReport(**counts, errors=errors, dry_run=dry_run, written=written, import_id=import_id)


def told_by_reading(engine: Engine, look: Callable[[DbSession], ImportReport]) -> ImportReport | None:
    """Return what a dry run finds that only reads, so that nobody waits for it; None when reading can't tell."""
    with suppress(OnlyWritingTells), transaction(engine, writes=False) as db:
        return look(db)
    return None


def ids_by_email(db: DbSession, emails: Iterable[str]) -> dict[str, str]:
    """Return who has these addresses. One statement per thousand."""
    found: dict[str, str] = {}
    for part in in_parts(emails):
        found |= people.ids_by_email(db, part)
    return found


def ids_by_external_id(db: DbSession, object_type: str, source: str, external_ids: Iterable[str]) -> dict[str, str]:
    """Return the objects that the source calls so. One statement per thousand."""
    found: dict[str, str] = {}
    for part in in_parts(external_ids):
        refs = external.object_ids(db, object_type, [(source, external_id) for external_id in part])
        found |= {external_id: object_id for (_, external_id), object_id in refs.items()}
    return found
