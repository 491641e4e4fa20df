"""Planned learning meetings, the people in them, the time they take, and the holds on it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, ref
from app.vocabulary import ClaimKind, Part, Response, SeriesStatus, SessionKind, SessionStatus

_REQUESTED = text("status = 'requested'")


class Series(SQLModel, table=True):
    """A session that recurs. It keeps its wall time where it was planned, in summer and winter; every occurrence is a
    session with claims of its own. One UID for all of them.
    """

    __table_args__ = (CheckConstraint("duration_minutes > 0", name="series_duration"),)

    id: str = key()
    uid: str = Field(max_length=255, unique=True)
    kind: SessionKind = one_of(SessionKind)
    status: SeriesStatus = one_of(SeriesStatus, default=SeriesStatus.CONFIRMED)
    rrule: str = Field(max_length=500)
    """RFC 5545 section 3.3.10; it ends."""
    time_zone: str = Field(max_length=64)
    local_start: str = Field(max_length=19)
    """Wall time of the first occurrence, such as 2026-11-24T10:00:00."""
    duration_minutes: int
    sequence: int = 0
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Session(SQLModel, table=True):
    """One UID for life; `sequence` is that of its calendar entries. A session on a call belongs to one seat."""

    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="session_forward"),
        Index("session_by_start", "starts_at", "id"),
        Index("session_updated", "updated_at", "id"),
        Index("session_expiring", "expires_at", sqlite_where=_REQUESTED, postgresql_where=_REQUESTED),
    )

    id: str = key()
    uid: str = Field(max_length=255, unique=True)
    kind: SessionKind = one_of(SessionKind)
    status: SessionStatus = one_of(SessionStatus)
    call_id: str | None = ref("call.id", index=True, nullable=True)
    follows_id: str | None = ref("session.id", index=True, nullable=True)
    """The session of a seat that this debrief follows wherever it moves."""
    series_id: str | None = ref("series.id", index=True, nullable=True)
    occurrence_at: datetime | None = None
    """When the rule of its series puts it, however it moved (RECURRENCE-ID, RFC 5545 section 3.8.4.4)."""
    expires_at: datetime | None = None
    """When a requested session that nobody confirmed is over."""
    undo_until: datetime | None = None
    """Until when somebody's cancel of it can be undone; whatever else changes it ends that."""
    starts_at: datetime
    ends_at: datetime
    time_zone: str = Field(max_length=64)
    sequence: int = 0
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Participant(SQLModel, table=True):
    """A person in a session and what they answered."""

    session_id: str = ref("session.id", primary_key=True)
    person_id: str = ref("person.id", primary_key=True, index=True)
    part: Part = one_of(Part)
    response: Response = one_of(Response, default=Response.NEEDS_ACTION)
    proposed_starts_at: datetime | None = None
    """Another time that they suggest."""


class Claim(SQLModel, table=True):
    """Time in which we make a person busy, buffers included; half-open UTC. Past its `expires_at` it blocks nobody:
    readers look past it, writers drop it first.

    Active claims of one person never overlap. The last line of that is in the schema: an EXCLUDE
    constraint on PostgreSQL, triggers on SQLite (migration 0001).
    """

    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="claim_forward"),
        Index("claim_of_person", "person_id", "ends_at", sqlite_where=text("active"), postgresql_where=text("active")),
        Index("claim_of_session", "session_id"),
    )

    id: str = key()
    person_id: str = ref("person.id")
    session_id: str = ref("session.id")
    kind: ClaimKind = one_of(ClaimKind)
    starts_at: datetime
    ends_at: datetime
    active: bool = True
    expires_at: datetime | None = None


class Hold(SQLModel, table=True):
    """Time, or a seat, kept for whoever has the token until its requested session expires."""

    id: str = key()
    session_id: str = ref("session.id", unique=True)
    token_digest: str = Field(max_length=64, unique=True)
    credential: str = Field(max_length=64, index=True)
    created_at: datetime
