"""Erase one person: what is theirs goes, what counts stays without them, and what others wrote is searched.

In three steps. In one transaction the person leaves, loses everything that is only about them, and nobody can tell any
more who they were (`erase_person`). Then a job searches what others wrote (`take_out`), table by table, for the words
by which they were known, which nothing but the job has by then; and at last it forgets those.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, CursorResult, Delete, Table, Update, delete, select, update

from app.db import DbSession
from app.erasures import ErasureList
from app.errors import Fault, Forbidden, Invalid
from app.models import metadata
from app.models.tables import (
    api_key,
    browser_session,
    calendar_entry,
    event,
    event_detail,
    idempotency_record,
    job,
    mail_trouble,
    person,
)
from app.operations import operations
from app.operations.events import tell
from app.operations.people import patch_person
from app.operations.settings import amend_house, house_to_change
from app.queries.people import person_by_id
from app.queries.personal import ERASURE, Written, as_written, said_about, texts_of
from app.rules.access import Actor, decides_access
from app.rules.personal import RECORDS, TOMBSTONE, Holds, Traces, erased_address, known_as
from app.vocabulary import Role

_REFUSED = ("request.refused", "sign_in.refused")
_ATTEMPTS = 1000
"""An erasure is not given up, whatever its workers die of: its job knows the words until it is done."""


class NotConfirmed(Invalid):
    """Who asks did not name the person by their address."""

    code = "not_confirmed"
    title = "Name the person by their e-mail address"


def erase_person(
    db: DbSession, *, person_id: str, confirm: str | None, listed: ErasureList, actor: Actor, now: datetime
) -> str:
    """Make somebody unknown, and return the operation that sees to what others wrote of them. Only who decides access
    may; they `confirm` it by the person's address (None: it was confirmed before). Refused as `last_admin`. Repeating
    it does no more than that.

    They are on the list outside the database before this is committed: whatever comes of it then, it will be done.
    Locks what leaving does.
    """
    if not decides_access(actor):
        raise Forbidden("Only an admin erases people.")
    found = person_by_id(db, person_id, actor=actor)
    if confirm is not None and confirm.strip().lower() != found.email:
        faults = (Fault("/confirm", "differs", "is not the address of this person"),)
        raise NotConfirmed("Write their address, to be sure that it is them.", faults=faults)
    words = set() if found.erased_at else {found.name, found.email, *_former(db, person_id)}
    left = {**TOMBSTONE, "email": erased_address(person_id)}
    if confirm is None:
        # It was decided when others decided access, too, whom an older database may not know: then nobody is asked, and
        # `earshot login-link` makes an admin.
        db.execute(update(person).where(person.c.id == person_id).values(role=Role.REP))
    patch_person(db, person_id=person_id, changes=left, actor=actor, now=now)
    rows = _forget_credentials(db, person_id) + _forget_events(db, person_id)
    rows += _count(db, delete(mail_trouble).where(mail_trouble.c.email.in_(sorted(words))))
    for name, record in RECORDS.items():
        rows += _forget_rows(db, metadata.tables[name], record.goes, person_id)
    db.execute(update(person).where(person.c.id == person_id, person.c.erased_at.is_(None)).values(erased_at=now))
    version = db.execute(select(person.c.version).where(person.c.id == person_id)).scalar_one()
    tell(db, "person.erased", person_id, version=version, actor=actor, now=now)
    operation_id = operations.begin(db, ERASURE, {}, now=now)
    result = {"person_id": person_id, "rows_deleted": rows}
    payload = {"operation_id": operation_id, "words": sorted(words), "result": result}
    values = {"payload": payload, "max_attempts": _ATTEMPTS}
    db.execute(update(job).where(job.c.operation_id == operation_id).values(**values))
    listed.add(person_id, at=now)
    return operation_id


def named_in(table: Table, texts: Sequence[Any], traces: Traces) -> bool:
    """Whether the searched columns of a row name them."""
    return bool(_cleaned(table, texts, traces))


def take_out(db: DbSession, table: Table, rows: Sequence[Written], traces: Traces) -> int:
    """Take somebody out of these rows, and return how many named them. A row that changed meanwhile is left alone:
    whoever wrote it did not know who they were.
    """
    return sum(_rewrite(db, table, row, traces) for row in rows)


def forget_words(db: DbSession, *, operation_id: str, payload: Mapping[str, Any]) -> None:
    """Forget by which words somebody was known: nothing else has them by now. The rest of the job's payload stays."""
    db.execute(update(job).where(job.c.operation_id == operation_id).values(payload={**payload, "words": []}))


def patch_privacy(
    db: DbSession, *, changes: Mapping[str, Any], expected_version: int | None, actor: Actor, now: datetime
) -> Any:
    """Change the monitoring notice, or whether figures about one person are shown; return the row of the installation.
    Only who decides access may. Locks the installation.
    """
    if not decides_access(actor):
        raise Forbidden("Only an admin says what staff are told, and who sees figures about them.")
    return amend_house(db, house_to_change(db, expected_version), changes, actor=actor, now=now)


def _former(db: DbSession, person_id: str) -> set[str]:
    """Return the names and addresses that the audit has of them."""
    theirs = select(event.c.id).where(event.c.object_id == person_id)
    details = db.execute(select(event_detail.c.detail).where(event_detail.c.event_id.in_(theirs))).scalars()
    return {word for detail in details for word in known_as(detail)}


def _forget_credentials(db: DbSession, person_id: str) -> int:
    """Delete what was answered to their keys and browsers, and from where those were refused: both are known by the
    credential.
    """
    keys = select(api_key.c.id).where(api_key.c.person_id == person_id)
    theirs = keys.union_all(select(browser_session.c.id).where(browser_session.c.person_id == person_id))
    refused = select(event.c.id).where(event.c.act.in_(_REFUSED), event.c.actor.in_(theirs))
    answered = _count(db, delete(idempotency_record).where(idempotency_record.c.credential.in_(theirs)))
    return answered + _count(db, delete(event_detail).where(event_detail.c.event_id.in_(refused)))


def _forget_events(db: DbSession, person_id: str) -> int:
    """Delete what changed about them, before and after. That it changed, and who did it, stays under its seal."""
    about = select(event.c.id).where(said_about(person_id))
    return _count(db, delete(event_detail).where(event_detail.c.event_id.in_(about)))


def _forget_rows(db: DbSession, table: Table, goes: Sequence[str], person_id: str) -> int:
    if "id" in table.c:
        for name in goes:  # what changed about what goes with them
            theirs = select(event.c.id).where(
                event.c.object_id.in_(select(table.c.id).where(table.c[name] == person_id))
            )
            db.execute(delete(event_detail).where(event_detail.c.event_id.in_(theirs)))
    gone = sum(_count(db, delete(table).where(table.c[name] == person_id)) for name in goes)
    if table is person:
        return gone  # cleared by leaving, as any change of it
    for name, values in RECORDS[table.name].clears.items():
        db.execute(update(table).where(table.c[name] == person_id).values(**values))
    return gone


def _rewrite(db: DbSession, table: Table, row: Written, traces: Traces) -> bool:
    key, texts = row
    cleaned = _cleaned(table, texts, traces)
    if not cleaned:
        return False
    values: dict[str, Any] = {
        column.name: json.loads(without) if isinstance(column.type, JSON) else without
        for column, (_, without) in cleaned.items()
    }
    if table is calendar_entry:
        values["renderer"] = None  # nobody has drawn it
    if "version" in table.c:
        values["version"] = table.c.version + 1  # who has read it is to read it again
    same = [column == value for column, value in zip(table.primary_key.columns, key, strict=True)]
    same += [as_written(column) == held for column, (held, _) in cleaned.items()]
    return _count(db, update(table).where(*same).values(**values)) > 0


def _cleaned(table: Table, texts: Sequence[Any], traces: Traces) -> dict[Column[Any], tuple[Any, Any]]:
    """Return the columns that name them, each with what it holds and what is left of it."""
    found = {}
    for column, held in zip(texts_of(table), texts, strict=True):
        without = None if held is None else _without(column, held, traces)
        if without != held:
            found[column] = (held, without)
    return found


def _without(column: Any, held: Any, traces: Traces) -> Any:
    if isinstance(column.type, JSON):
        is_copy = column.name in RECORDS[column.table.name].having(Holds.COPY)
        return traces.out_of_copy(held) if is_copy else traces.out_of_json(held)
    if isinstance(held, bytes):
        if column.name in RECORDS[column.table.name].having(Holds.CACHE):
            return None if traces.in_calendar(held) else held
        return traces.out_of_bytes(held)
    return traces.out_of_text(held)[: column.type.length]


def _count(db: DbSession, statement: Delete | Update) -> int:
    """Run it and return how many rows it reached."""
    done: CursorResult[Any] = db.execute(statement)  # type: ignore[assignment]
    return done.rowcount
