"""Tell what changed: one row per change, in the transaction of the change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from app import ids
from app.db import DbSession, after_commit
from app.models.tables import event, event_detail
from app.rules.access import Actor
from app.wake import bell_of

Detail = Mapping[str, Any]
"""What an event has to say besides, as JSON takes it: personal values, never a secret."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event: who did what to which version of what."""

    sequence: int
    id: str
    at: datetime
    actor: str
    act: str
    object_type: str
    object_id: str
    version: int


def tell(
    db: DbSession,
    act: str,
    object_id: str,
    *,
    version: int,
    actor: Actor,
    now: datetime,
    object_type: str | None = None,
    detail: Detail | None = None,
) -> None:
    """Record `act`, such as `seat.booked`, on one object. The type is the word before the dot unless given.

    `detail` is kept apart from the event, so that it can be erased: without any, nothing is.
    """
    kind = object_type or act.partition(".")[0]
    event_id = _record(db, [(act, kind, object_id, version)], actor=actor, now=now)[0]
    if detail:
        db.execute(insert(event_detail).values(event_id=event_id, detail=dict(detail)))


def tell_many(
    db: DbSession,
    act: str,
    changed: list[tuple[str, int]],
    *,
    actor: Actor,
    now: datetime,
    object_type: str | None = None,
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Record the same act on several (object id, version) in one round trip; in another what there is to say besides,
    by object id.
    """
    kind = object_type or act.partition(".")[0]
    told = _record(db, [(act, kind, object_id, version) for object_id, version in changed], actor=actor, now=now)
    if details:
        said = zip(told, (details.get(object_id) for object_id, _ in changed), strict=True)
        rows = [{"event_id": event_id, "detail": dict(detail)} for event_id, detail in said if detail]
        db.execute(insert(event_detail), rows)


def tell_acts(db: DbSession, told: Iterable[tuple[str, str, int]], *, actor: Actor, now: datetime) -> None:
    """Record several acts, each on one object, as (act, object id, version), in one round trip."""
    rows = [(act, act.partition(".")[0], object_id, version) for act, object_id, version in told]
    _record(db, rows, actor=actor, now=now)


def _record(db: DbSession, told: Sequence[tuple[str, str, str, int]], *, actor: Actor, now: datetime) -> list[str]:
    """Write the events down and return their ids."""
    event_ids = [ids.new("evt", now) for _ in told]
    rows = [
        {
            "id": event_id,
            "at": now,
            "actor": actor.name,
            "on_behalf_of_id": actor.on_behalf_of_id,
            "credential_id": actor.credential_id,
            "act": act,
            "object_type": kind,
            "object_id": object_id,
            "version": version,
        }
        for event_id, (act, kind, object_id, version) in zip(event_ids, told, strict=True)
    ]
    if rows:
        db.execute(insert(event), rows)
        after_commit(db, bell_of(db.get_bind()).ring_everywhere)  # for the herald, who announces them
    return event_ids
