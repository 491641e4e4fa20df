"""Tell what changed: one row per change, in the transaction of the change."""

from datetime import datetime

from sqlalchemy import insert

from app import ids
from app.db import DbSession
from app.models.tables import event
from app.rules.access import Actor


def tell(
    db: DbSession,
    act: str,
    object_id: str,
    *,
    version: int,
    actor: Actor,
    now: datetime,
    object_type: str | None = None,
) -> None:
    """Record `act`, such as `seat.booked`, on one object. The type is the word before the dot unless given."""
    tell_many(db, act, [(object_id, version)], actor=actor, now=now, object_type=object_type)


def tell_many(
    db: DbSession,
    act: str,
    changed: list[tuple[str, int]],
    *,
    actor: Actor,
    now: datetime,
    object_type: str | None = None,
) -> None:
    """Record the same act on several (object id, version) in one round trip."""
    if not changed:
        return
    kind = object_type or act.partition(".")[0]
    rows = [
        {
            "id": ids.new("evt", now),
            "at": now,
            "actor": actor.name,
            "act": act,
            "object_type": kind,
            "object_id": object_id,
            "version": version,
        }
        for object_id, version in changed
    ]
    db.execute(insert(event), rows)
