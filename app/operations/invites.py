"""Keep everybody's calendar entry in step with seats, and leave the mail that tells them.

An entry's `sequence` counts its revisions: every change of its time, its status or what is mailed of it is one,
whether or not mail went between, for feeds and downloads show each (RFC 5546 section 2.1.4). Mail sends the last and
passes over those before: gaps are legal. It locks the entry while it takes a revision over, so every change reads its
entry under a lock too: else two states could bear one number.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update

from app import ids
from app.db import DbSession
from app.models.tables import calendar_entry as entry
from app.operations.installation import installation_id
from app.operations.jobs import enqueue
from app.queries.rows import in_parts
from app.vocabulary import EntryStatus, Part

_TRIES = 3000
"""How often mail is tried: every four hours for a year. It gives up by itself once the entry is over."""


def observer_joins(db: DbSession, *, session: Any, person_id: str, now: datetime) -> None:
    """Put a new session into its observer's calendar."""
    _new(
        db,
        person_id,
        session.uid,
        Part.OBSERVER,
        call_id=session.call_id,
        session_id=session.id,
        times=session,
        now=now,
    )


def lock_entries(db: DbSession, call_ids: Sequence[str]) -> None:
    """Lock every entry of locked calls by id. Acts on several begin with this, so that no two wait for each other."""
    for part in in_parts(call_ids):
        _locked(db, entry.c.call_id.in_(part))


def observer_entry_changed(db: DbSession, *, session_id: str, times: Any, cancelled: bool, now: datetime) -> int:
    """Bring the entry of a session in step with its call, or cancel it; return its sequence. Locks it."""
    (found,) = _locked(db, entry.c.session_id == session_id)
    return _change(
        db, found, times=times, status=EntryStatus.CANCELLED if cancelled else EntryStatus.CONFIRMED, now=now
    )


def host_entry_changed(db: DbSession, *, call: Any, observers: int, now: datetime) -> None:
    """Bring the host's one entry of a call in step with who listens, and cancel those of hosts before. Locks them.
    The call must be locked.
    """
    found = _locked(db, entry.c.call_id == call.id, entry.c.part == Part.HOST)
    mine = next((row for row in found if row.person_id == call.host_id), None)
    for other in found:
        if other is not mine and other.status is EntryStatus.CONFIRMED:
            _change(db, other, times=other, status=EntryStatus.CANCELLED, now=now)
    if mine is None and observers:
        uid = f"{call.id}@{installation_id(db)}"
        _new(db, call.host_id, uid, Part.HOST, call_id=call.id, session_id=None, times=call, now=now)
    elif mine is not None and (observers or mine.status is EntryStatus.CONFIRMED):
        status = EntryStatus.CONFIRMED if observers else EntryStatus.CANCELLED
        _change(db, mine, times=call, status=status, now=now)


def _locked(db: DbSession, *which: ColumnElement[bool]) -> Sequence[Any]:
    return db.execute(select(entry).where(*which).order_by(entry.c.id).with_for_update(key_share=True)).all()


def _new(
    db: DbSession,
    person_id: str,
    uid: str,
    part: Part,
    *,
    call_id: str,
    session_id: str | None,
    times: Any,
    now: datetime,
) -> None:
    entry_id = ids.new("ent", now)
    db.execute(
        insert(entry).values(
            id=entry_id,
            person_id=person_id,
            uid=uid,
            part=part,
            call_id=call_id,
            session_id=session_id,
            status=EntryStatus.CONFIRMED,
            starts_at=times.starts_at,
            ends_at=times.ends_at,
            sequence=0,
            changed_at=now,
            created_at=now,
        )
    )
    _mail(db, entry_id, now)


def _change(db: DbSession, found: Any, *, times: Any, status: EntryStatus, now: datetime) -> int:
    sequence: int = found.sequence + 1
    # A cancellation names the time that the calendar shows, not one that its reader never heard of.
    when = found if status is EntryStatus.CANCELLED else times
    db.execute(
        update(entry)
        .where(entry.c.id == found.id)
        .values(
            status=status,
            starts_at=when.starts_at,
            ends_at=when.ends_at,
            sequence=sequence,
            # Calendars compare whole seconds, and want each revision to be later than the one before.
            changed_at=max(now, found.changed_at + timedelta(seconds=1)),
            vevent=None,
            renderer=None,
        )
    )
    _mail(db, found.id, now)
    return sequence


def _mail(db: DbSession, entry_id: str, now: datetime) -> None:
    payload, singleton = {"entry_id": entry_id}, f"invite_mail:{entry_id}"
    enqueue(db, "invite_mail", payload, singleton=singleton, max_attempts=_TRIES, now=now)
