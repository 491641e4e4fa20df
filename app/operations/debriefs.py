"""Debriefs that follow a seat: host and observer talk over what was heard. They go where their call goes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import session
from app.operations import invites
from app.operations.claims import free_time
from app.operations.events import tell_many
from app.operations.session_rows import change_session
from app.rules.access import Actor
from app.vocabulary import SessionStatus


def following(db: DbSession, session_ids: Iterable[str]) -> list[Any]:
    """Return the debriefs to come that follow these sessions. One statement."""
    query = select(session).where(session.c.follows_id.in_(list(session_ids)))
    return list(db.execute(query.where(session.c.status == SessionStatus.CONFIRMED).order_by(session.c.id)))


def cancel_debriefs(db: DbSession, session_ids: Iterable[str], *, actor: Actor, now: datetime) -> None:
    """Cancel the debriefs that follow these sessions. Their people and entries are locked."""
    _cancel(db, following(db, session_ids), actor=actor, now=now)


def follow_call(db: DbSession, call: Any, kept: Sequence[Any], *, actor: Actor, now: datetime) -> None:
    """Bring the debriefs of the seats that a locked call kept in step with its new time or host."""
    cancel_debriefs(db, [one.session_id for one in kept if call.id], actor=actor, now=now)


def _cancel(db: DbSession, several: Sequence[Any], *, actor: Actor, now: datetime) -> None:
    if not several:
        return
    free_time(db, [one.id for one in several])
    changed = []
    for one in several:
        sequence = invites.session_changed(db, session_id=one.id, cancelled=True, now=now)
        values = {"status": SessionStatus.CANCELLED, "sequence": sequence}
        changed.append((one.id, change_session(db, one.id, values, now=now)))
    tell_many(db, "session.cancelled", changed, actor=actor, now=now)
