"""Look up what a calendar is told that suggested another time."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.ical.entries import EntryStatus, Override
from app.models.tables import installation, session
from app.queries.entries import Desk, Drawn, drawn_entries
from app.vocabulary import PersonStatus


@dataclass(frozen=True, slots=True)
class TimeStays:
    """The entry as it stands; of a series the one occurrence that stays."""

    drawn: Drawn
    one: Override | None
    message_id: str


def time_that_stays(db: DbSession, *, entry_id: str, session_id: str | None, once: str, desk: Desk) -> TimeStays | None:
    """Return what stays as it is; None when it is off by now, or its owner has left: then there is nothing to say."""
    drawn = next(iter(drawn_entries(db, [entry_id], desk=desk)), None)
    if drawn is None or drawn.recipient_status is PersonStatus.LEFT or drawn.entry.status is EntryStatus.CANCELLED:
        return None
    us = db.execute(select(installation.c.id)).scalar_one()
    message_id = f"{entry_id}.stays.{once}@{us}"
    if session_id is None:
        return TimeStays(drawn, None, message_id)
    found: Any = db.execute(select(session).where(session.c.id == session_id)).one()
    return TimeStays(drawn, Override(found.occurrence_at, found.starts_at, found.ends_at), message_id)
