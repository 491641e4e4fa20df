"""Remember what a keyed request was answered, in the transaction of its effect."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from app.db import DbSession
from app.errors import Conflict, Invalid
from app.models.tables import idempotency_record as record

KEPT = timedelta(days=7)
"""After that a key is as good as new."""

SHOWN_ONCE = ("secret", "token", "url")
"""Fields of an answer that are shown once and never stored: a replay omits them."""


class KeyInProgress(Conflict):
    """The first request with this key has not been answered yet."""

    code = "idempotency_in_progress"
    title = "The first request with this key is still running"


class KeyReused(Invalid):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes


def begin(db: DbSession, *, credential: str, key: str, fingerprint: str, now: datetime) -> Kept | None:
    """Take the key for this transaction and return None, or return what was answered before.

    A twin in flight is waited for: on its row lock (3 s) on PostgreSQL, in the writers' queue on SQLite.
    """
    mine = {"credential": credential, "idempotency_key": key}
    row: dict[str, Any] = {
        **mine,
        "fingerprint": fingerprint,
        "status": 0,
        "headers": {},
        "body": None,
        "created_at": now,
    }
    take = _take(db.get_bind().dialect.name)
    try:
        taken = db.execute(take, {**row, "too_old": now - KEPT})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":
            raise KeyInProgress(headers={"Retry-After": "1"}) from error
        raise
    if taken.first() is not None:
        return None
    columns = record.c.fingerprint, record.c.status, record.c.headers, record.c.body
    query = select(*columns).where(record.c.credential == credential, record.c.idempotency_key == key)
    found = db.execute(query).one()
    if found.fingerprint != fingerprint:
        raise KeyReused("Use a fresh key for a different request.")
    return Kept(found.status, found.headers, found.body or b"")


def keep(db: DbSession, *, credential: str, key: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Write the answer beside the effect, without what is shown only once."""
    db.execute(
        _KEEP, {"whose": credential, "key": key, "answered": status, "told": headers, "content": _storable(body)}
    )


@cache
def _take(dialect: str) -> Any:
    """Return the statement that takes a key which is new, or `too_old`, and then returns a row."""
    made = postgresql.insert(record) if dialect == "postgresql" else sqlite.insert(record)
    made = made.values({column: bindparam(column.name) for column in record.c})
    anew = made.on_conflict_do_update(
        index_elements=[record.c.credential, record.c.idempotency_key],
        set_={column.name: made.excluded[column.name] for column in record.c},
        where=record.c.created_at < bindparam("too_old"),
    )
    return anew.returning(record.c.credential)


_KEEP = (
    update(record)
    .where(record.c.credential == bindparam("whose"), record.c.idempotency_key == bindparam("key"))
    .values(status=bindparam("answered"), headers=bindparam("told"), body=bindparam("content"))
)


def _storable(body: bytes) -> bytes:
    if not any(f'"{name}"'.encode() in body for name in SHOWN_ONCE):
        return body
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    if not isinstance(answer, dict) or answer.keys().isdisjoint(SHOWN_ONCE):
        return body  # not a byte of it changes
    kept = {name: value for name, value in answer.items() if name not in SHOWN_ONCE}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
