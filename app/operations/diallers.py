"""Say which diallers are listened to: add one, change how it is read, give it another secret, delete it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete

from app import credentials, ids
from app.db import DbSession
from app.errors import NotFound
from app.models import DiallerConnection
from app.models.tables import dialler_connection, dialler_message
from app.operations.changes import amend, check_admin, check_version
from app.operations.events import tell
from app.queries.rows import row_for_update
from app.queries.sealed import sealed
from app.rules.access import Actor


@dataclass(frozen=True, slots=True)
class IssuedDialler:
    """A dialler and the secret by which it signs, in clear for the last time."""

    connection: DiallerConnection
    secret: str = field(repr=False)


def create_connection(
    db: DbSession, *, name: str, mapping: Mapping[str, str | list[str]], actor: Actor, now: datetime
) -> IssuedDialler:
    """Listen to a dialler from now on, which signs by a secret of its own."""
    check_admin(actor)
    connection_id, secret = ids.new("dlr", now), credentials.new_webhook_secret()
    made = DiallerConnection(
        id=connection_id,
        name=name,
        secret=sealed(db, dialler_connection.c.secret, connection_id, secret),
        mapping=dict(mapping),
        created_at=now,
        updated_at=now,
    )
    db.add(made)
    db.flush()
    tell(db, "dialler_connection.created", made.id, version=made.version, actor=actor, now=now)
    return IssuedDialler(made, secret)


def patch_connection(
    db: DbSession,
    *,
    connection_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> DiallerConnection:
    """Change what is given. Locks the dialler, also against what it says meanwhile."""
    found = _locked(db, connection_id, expected_version, actor=actor)
    amend(db, found, changes, act="dialler_connection.changed", object_id=connection_id, actor=actor, now=now)
    return found


def rotate_dialler_secret(
    db: DbSession, *, connection_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> IssuedDialler:
    """Give a dialler another secret: what is signed by the one before is refused from now on. Locks it."""
    found = _locked(db, connection_id, expected_version, actor=actor)
    secret = credentials.new_webhook_secret()
    changes = {"secret": sealed(db, dialler_connection.c.secret, connection_id, secret)}
    amend(db, found, changes, act="dialler_connection.rotated", object_id=connection_id, actor=actor, now=now)
    return IssuedDialler(found, secret)


def delete_connection(
    db: DbSession, *, connection_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Listen to a dialler no longer. The calls that it spoke of stay, and are known by its ids for them. Locks it."""
    check_admin(actor)
    found = db.get(DiallerConnection, connection_id, with_for_update=True)
    if found is None:
        raise NotFound
    check_version(found, expected_version)
    db.execute(delete(dialler_message).where(dialler_message.c.connection_id == connection_id))
    db.delete(found)
    db.flush()
    tell(db, "dialler_connection.deleted", connection_id, version=found.version + 1, actor=actor, now=now)


def _locked(db: DbSession, connection_id: str, expected_version: int | None, *, actor: Actor) -> DiallerConnection:
    check_admin(actor)
    found = row_for_update(db, DiallerConnection, connection_id)
    check_version(found, expected_version)
    return found
