"""Planned learning meetings, the people in them and the time they take."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, ref
from app.vocabulary import ClaimKind, Part, Response, SessionKind, SessionStatus


class Session(SQLModel, table=True):
    """One UID for life; `sequence` is that of its observer's calendar entry. A shadow session belongs to one seat."""

    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="session_forward"),
        Index("session_by_start", "starts_at", "id"),
        Index("session_updated", "updated_at", "id"),
    )

    id: str = key()
    uid: str = Field(max_length=255, unique=True)
    kind: SessionKind = one_of(SessionKind)
    status: SessionStatus = one_of(SessionStatus)
    call_id: str | None = ref("call.id", index=True, nullable=True)
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


class Claim(SQLModel, table=True):
    """Time in which we make a person busy, buffers included; half-open UTC.

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
