"""Look up what streams tell: which parts of pages the latest events made stale, and who may still hear of it."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import or_, select, union_all

from app.db import DbSession
from app.models.tables import (
    api_key,
    browser_session,
    call,
    event,
    participant,
    person,
    seat,
    session,
    waitlist_entry,
)
from app.queries.access import IDLE_LIFE
from app.vocabulary import CallStatus, PersonStatus

MOST_CHANGES = 500
"""Read at once."""
_AHEAD, _BEHIND = timedelta(hours=24), timedelta(hours=1)
"""How far from now a call may lie that the floor shows, or did a moment ago. Generous: it costs a reading."""
_ON_THE_FLOOR = frozenset({"presence", "power_hour"})
_CREDENTIALS = frozenset({"browser_session", "api_key"})
_WITH_CALLS = {
    "seat": select(seat.c.id, seat.c.call_id, seat.c.observer_id.label("person_id")),
    "waitlist_entry": select(waitlist_entry.c.id, waitlist_entry.c.call_id, waitlist_entry.c.person_id),
    "session": select(session.c.id, session.c.call_id, participant.c.person_id).join(
        participant, participant.c.session_id == session.c.id
    ),
}


class Change(NamedTuple):
    """As much of an event as says what became stale."""

    sequence: int
    object_type: str
    object_id: str


def latest(db: DbSession) -> list[int]:
    """Return the sequences of the latest events, ascending. One statement, by the primary key."""
    found = db.execute(select(event.c.sequence).order_by(event.c.sequence.desc()).limit(MOST_CHANGES)).scalars()
    return sorted(found)


def changes(db: DbSession, *, after: int, missing: Collection[int]) -> list[Change]:
    """Return the next events beyond this sequence, and those of the missing ones that are there by now. A sequence is
    given before its commit, so on PostgreSQL later ones may be seen first. One statement, by the primary key.
    """
    newer = event.c.sequence > after
    wanted = or_(newer, event.c.sequence.in_(missing)) if missing else newer
    query = select(event.c.sequence, event.c.object_type, event.c.object_id).where(wanted)
    return [Change(*row) for row in db.execute(query.order_by(event.c.sequence).limit(MOST_CHANGES))]


def topics(db: DbSession, changed: Iterable[Change], *, now: datetime) -> set[str]:
    """Return what these events made stale: `floor`, `call:<id>`, `person:<id>` and, of who is let in no longer or
    otherwise than before, `credential:<id>`. Two statements at most.
    """
    by_type: dict[str, set[str]] = {}
    for one in changed:
        by_type.setdefault(one.object_type, set()).add(one.object_id)
    people = by_type.get("person", set()) | by_type.get("presence", set())
    calls = by_type.get("call", set()) | by_type.get("hand", set())  # hands are told of with their call
    found = {"floor"} if _ON_THE_FLOOR & by_type.keys() else set()
    parts = [query.where(query.selected_columns.id.in_(by_type.get(kind, ()))) for kind, query in _WITH_CALLS.items()]
    if by_type.keys() & _WITH_CALLS.keys():
        for row in db.execute(union_all(*parts)):
            people.add(row.person_id)
            calls |= {row.call_id} - {None}
    columns = call.c.id, call.c.host_id, call.c.status, call.c.starts_at, call.c.ends_at
    for row in db.execute(select(*columns).where(call.c.id.in_(calls))) if calls else []:
        found.add(f"call:{row.id}")
        people.add(row.host_id)
        if row.status is CallStatus.LIVE or (row.starts_at < now + _AHEAD and row.ends_at > now - _BEHIND):
            found.add("floor")
    found |= {f"person:{one}" for one in people}
    return found | {f"credential:{one}" for kind in _CREDENTIALS for one in by_type.get(kind, ())}


def let_in(db: DbSession, credential_ids: Collection[str], *, now: datetime) -> set[str]:
    """Return which of these browser sessions and API keys let somebody in now. One statement."""
    here = or_(person.c.status.is_(None), person.c.status != PersonStatus.LEFT)
    browsers = (
        select(browser_session.c.id)
        .join(person, person.c.id == browser_session.c.person_id)
        .where(
            browser_session.c.id.in_(credential_ids),
            browser_session.c.ended_at.is_(None),
            browser_session.c.expires_at > now,
            browser_session.c.seen_at > now - IDLE_LIFE,
            here,
        )
    )
    keys = (
        select(api_key.c.id)
        .outerjoin(person, person.c.id == api_key.c.person_id)
        .where(
            api_key.c.id.in_(credential_ids),
            api_key.c.revoked_at.is_(None),
            or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > now),
            here,
        )
    )
    return set(db.execute(union_all(browsers, keys)).scalars())
