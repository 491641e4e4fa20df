"""Read what became of a session, and what was written to the others when it was cancelled."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import calendar_entry, event, event_detail, person, session
from app.queries.sessions import visible
from app.rules.access import Actor
from app.vocabulary import SessionStatus

_TOGETHER = timedelta(minutes=1)
"""Mail waits for seconds after a change, and tells of all until then at once."""
_WHO, _FOR = person.alias("who"), person.alias("for_whom")


def history(db: DbSession, session_id: str, *, acts: Collection[str], actor: Actor, limit: int) -> list[Any]:
    """Return what was done to a session, of these acts, to those who may see it: when, by whom (`name` is None of a key
    without a person, and of Earshot itself: `system`) and on whose behalf, with the note of a cancel; the latest first,
    at most `limit`. One statement.
    """
    query = (
        select(
            *(event.c[name] for name in ("at", "act", "actor")),
            _WHO.c.name,
            _FOR.c.name.label("on_behalf_of_name"),
            event_detail.c.detail,
        )
        .join(session, session.c.id == event.c.object_id)
        .outerjoin(_WHO, _WHO.c.id == event.c.actor)
        .outerjoin(_FOR, _FOR.c.id == event.c.on_behalf_of_id)
        .outerjoin(event_detail, event_detail.c.event_id == event.c.id)
        .where(event.c.object_id == session_id, event.c.act.in_(acts), visible(actor))
    )
    return list(db.execute(query.order_by(event.c.sequence.desc()).limit(limit)))


def note_of_entry(db: DbSession, entry_id: str) -> str:
    """Return what was written to the others with the cancel that this revision of a calendar entry tells of, and by
    whom: `Mara Okafor: “I am ill today.”`; empty for nothing. Two statements.
    """
    columns = (calendar_entry.c[name] for name in ("session_id", "series_id", "changed_at"))
    entry = db.execute(select(*columns).where(calendar_entry.c.id == entry_id)).one()
    if entry.series_id is not None:
        of_entry = session.c.series_id == entry.series_id
    elif entry.session_id is not None:
        of_entry = session.c.id == entry.session_id
    else:  # of a call's host: each seat is given back without words
        return ""
    query = (
        select(person.c.name, event_detail.c.detail)
        .select_from(event)
        .join(session, session.c.id == event.c.object_id)
        .join(event_detail, event_detail.c.event_id == event.c.id)
        .outerjoin(person, person.c.id == event.c.actor)
        .where(of_entry, session.c.status == SessionStatus.CANCELLED)
        .where(event.c.act == "session.cancelled", event.c.at >= entry.changed_at - _TOGETHER)
    )
    said = [(row.name, row.detail.get("note")) for row in db.execute(query.order_by(event.c.sequence))]
    return " ".join(f"{name}: “{note}”" if name else f"“{note}”" for name, note in said if note)
