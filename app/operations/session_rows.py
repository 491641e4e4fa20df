"""Write sessions and who takes part in them, many in one statement. Only rows: claims, entries and seats are apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, update

from app import ids
from app.db import DbSession
from app.models.tables import participant, session
from app.operations.installation import installation_id
from app.vocabulary import Part, Response, SessionKind, SessionStatus


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to write: when, what kind, and who takes part as what."""

    kind: SessionKind
    status: SessionStatus
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    people: Mapping[str, Part]
    call_id: str | None = None
    follows_id: str | None = None
    series_id: str | None = None
    occurrence_at: datetime | None = None
    expires_at: datetime | None = None
    accepted_by: str | None = None
    """Who has said by what they did that they come; all others are asked."""


def add_sessions(db: DbSession, new: Sequence[NewSession], *, now: datetime) -> list[Any]:
    """Add sessions with their participants and return their rows in the same order. Three statements."""
    if not new:
        return []
    domain = installation_id(db)
    made = [ids.new("ses", now) for _ in new]
    rows = [
        {
            "id": session_id,
            "uid": f"{session_id}@{domain}",
            "kind": one.kind,
            "status": one.status,
            "call_id": one.call_id,
            "follows_id": one.follows_id,
            "series_id": one.series_id,
            "occurrence_at": one.occurrence_at,
            "expires_at": one.expires_at,
            "starts_at": one.starts_at,
            "ends_at": one.ends_at,
            "time_zone": one.time_zone,
            "sequence": 0,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for session_id, one in zip(made, new, strict=True)
    ]
    db.execute(insert(session), rows)
    db.execute(
        insert(participant),
        [
            {
                "session_id": session_id,
                "person_id": person_id,
                "part": part,
                "response": Response.ACCEPTED if person_id == one.accepted_by else Response.NEEDS_ACTION,
            }
            for session_id, one in zip(made, new, strict=True)
            for person_id, part in one.people.items()
        ],
    )
    return [SimpleNamespace(**row) for row in rows]


def change_session(db: DbSession, session_id: str, values: Mapping[str, Any], *, now: datetime) -> int:
    """Change columns of a session and return its new version. What was cancelled before can't be undone any more."""
    version: int = db.execute(
        update(session)
        .where(session.c.id == session_id)
        .values(**{"undo_until": None, **values}, version=session.c.version + 1, updated_at=now)
        .returning(session.c.version)
    ).scalar_one()
    return version


def give_to_host(db: DbSession, session_ids: Iterable[str], host_id: str) -> None:
    """Make somebody the host of these sessions, who has answered none of them yet, unless they are already."""
    others = participant.c.part == Part.HOST, participant.c.person_id != host_id
    db.execute(
        update(participant)
        .where(participant.c.session_id.in_(list(session_ids)), *others)
        .values(person_id=host_id, response=Response.NEEDS_ACTION)
    )


def ask_anew(db: DbSession, session_ids: Iterable[str]) -> None:
    """Forget what people answered: a new time is a new question (RFC 5546 section 3.2.2.1)."""
    db.execute(
        update(participant)
        .where(participant.c.session_id.in_(list(session_ids)))
        .values(response=Response.NEEDS_ACTION, proposed_starts_at=None)
    )
