"""Leave word to settle what waits: to end what nobody confirmed in time, and to offer what came free."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select, union

from app.db import DbSession
from app.models.tables import call, waitlist_entry
from app.operations.jobs import SOON, enqueue, enqueue_each
from app.queries.rows import in_parts
from app.queries.waitlist import WAITS
from app.vocabulary import CallStatus


def settle_call_at(db: DbSession, call_id: str, at: datetime, *, now: datetime) -> None:
    """Leave word to settle a call when what is held on it expires."""
    _leave(db, "settle_call", "call_id", call_id, at, now=now)


def settle_calls_soon(db: DbSession, call_ids: Iterable[str], *, now: datetime) -> None:
    """Leave word to offer what came free on these calls, where somebody waits for it."""
    for part in in_parts(call_ids):
        query = select(waitlist_entry.c.call_id).where(waitlist_entry.c.call_id.in_(part), WAITS)
        for call_id in db.execute(query.distinct().order_by(waitlist_entry.c.call_id)).scalars():
            settle_call_at(db, call_id, now, now=now)


def settle_freed(db: DbSession, were_taken: Mapping[str, int], *, now: datetime) -> None:
    """Leave word to offer what came free on these calls, and to tell of it where nobody in line gets it: by call, how
    many seats were taken before. One statement.
    """
    words = {f"settle_call:{one}:freed": {"call_id": one, "was_taken": n} for one, n in were_taken.items()}
    enqueue_each(db, "settle_call", words, now=now)


def settle_waits_of(db: DbSession, person_ids: Iterable[str], *, now: datetime) -> None:
    """Leave word to offer the free seats of the calls that these people wait for, or host: they were passed over while
    they were taken, away or at a limit, and may not be any more. One statement per thousand.
    """
    free = call.c.status == CallStatus.SCHEDULED, call.c.starts_at > now, call.c.seats_taken < call.c.seat_capacity
    query = select(waitlist_entry.c.call_id).join(call, call.c.id == waitlist_entry.c.call_id)
    query = query.where(WAITS, *free)
    for part in in_parts(sorted(set(person_ids))):
        waits, hosts = query.where(waitlist_entry.c.person_id.in_(part)), query.where(call.c.host_id.in_(part))
        for call_id in db.execute(union(waits, hosts).order_by("call_id")).scalars():
            settle_call_at(db, call_id, now, now=now)


def settle_session_at(db: DbSession, session_id: str, at: datetime, *, now: datetime) -> None:
    """Leave word to end a held session that belongs to no call when it expires."""
    _leave(db, "settle_session", "session_id", session_id, at, now=now)


def _leave(db: DbSession, kind: str, name: str, object_id: str, at: datetime, *, now: datetime) -> None:
    singleton = f"{kind}:{object_id}"
    enqueue(db, kind, {name: object_id}, due_at=at, singleton=singleton, priority=SOON, now=now)
