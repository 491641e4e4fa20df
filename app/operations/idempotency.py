"""Remember what a keyed request was answered, in the transaction of its effect."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
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
    row = {"credential": credential, "idempotency_key": key, "fingerprint": fingerprint, "status": 0, "headers": {}}
    made = postgresql.insert(record) if db.get_bind().dialect.name == "postgresql" else sqlite.insert(record)
    mine = record.c.credential == credential, record.c.idempotency_key == key
    db.execute(delete(record).where(*mine, record.c.created_at < now - KEPT))
    try:
        taken = db.execute(made.values(**row, created_at=now).on_conflict_do_nothing().returning(record.c.credential))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":
            raise KeyInProgress(headers={"Retry-After": "1"}) from error
        raise
    if taken.first() is not None:
        return None
    found = db.execute(
        select(record.c.fingerprint, record.c.status, record.c.headers, record.c.body).where(
            record.c.credential == credential, record.c.idempotency_key == key
        )
    ).one()
    if found.fingerprint != fingerprint:
        raise KeyReused("Use a fresh key for a different request.")
    return Kept(found.status, found.headers, found.body or b"")


def keep(db: DbSession, *, credential: str, key: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Write the answer beside the effect, without what is shown only once."""
    db.execute(
        update(record)
        .where(record.c.credential == credential, record.c.idempotency_key == key)
        .values(status=status, headers=headers, body=_storable(body))
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
