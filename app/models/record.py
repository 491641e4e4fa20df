"""What the house remembers about its own work: events, jobs, operations, idempotency records, the installation."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, false, text, true
from sqlmodel import Field, SQLModel

from app.models.fields import NO_MAP, Key, key, old_rows, one_of, plain_json, ref
from app.vocabulary import JobStatus, WorkStatus


class Event(SQLModel, table=True):
    """One change: who did what to which version of what. Webhooks, audit and live pages read it.

    Triggers see to it that none is changed, and that none goes before its seal was given up.
    """

    _NOT_ANNOUNCED, _NOT_SEALED, _SEALED = text("announced = false"), text("seal IS NULL"), text("seal IS NOT NULL")
    __table_args__ = (
        Index("event_of_object", "object_id", "at"),
        Index("event_to_announce", "sequence", sqlite_where=_NOT_ANNOUNCED, postgresql_where=_NOT_ANNOUNCED),
        Index("event_to_seal", "sequence", sqlite_where=_NOT_SEALED, postgresql_where=_NOT_SEALED),
        Index("event_under_seal", "seal", "sequence", sqlite_where=_SEALED, postgresql_where=_SEALED),
    )

    sequence: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    id: str = Field(sa_type=Key, unique=True)
    at: datetime
    actor: str = Field(max_length=64)
    """The person, or the key without a person, or `system`. Of an act on behalf, who really did it."""
    on_behalf_of_id: str | None = Field(default=None, sa_type=Key, nullable=True)
    """As whom it was done, by somebody else."""
    credential_id: str | None = Field(default=None, sa_type=Key, nullable=True)
    """The key or the browser session by which it was done: those say from where."""
    act: str = Field(max_length=64)
    object_type: str = Field(max_length=32)
    object_id: str = Field(max_length=64)
    version: int
    announced: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether those who hear of it have been written down: deliveries to endpoints, notices to people."""
    seal: int | None = None
    """The seal of the audit that it is under; None: not yet."""


class EventDetail(SQLModel, table=True):
    """What an event changed, before and after: personal values, apart from the event, so that they can be erased."""

    __tablename__ = "event_detail"

    event_id: str = Field(sa_type=Key, primary_key=True)
    detail: dict[str, Any] = plain_json()


class AuditSeal(SQLModel, table=True):
    """A digest over a batch of events and the seal before it: whoever changes an event breaks all seals after it."""

    __tablename__ = "audit_seal"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed_at: datetime
    events: int
    """How many it is over."""
    digest: str = Field(max_length=64)
    purged_at: datetime | None = None
    """When its events were given up: they may be deleted, and can't be checked any more."""


class Operation(SQLModel, table=True):
    """Long work that a client may watch."""

    id: str = key()
    kind: str = Field(max_length=64)
    status: WorkStatus = one_of(WorkStatus)
    progress: int = 0
    """Percent."""
    result: dict[str, Any] | None = plain_json(default=None, nullable=True)
    error: dict[str, Any] | None = plain_json(default=None, nullable=True)
    created_at: datetime
    updated_at: datetime


class Job(SQLModel, table=True):
    """Work for later, written in the transaction that wants it and claimed by lease.

    A finish counts only with the `lease` it was claimed under, so a worker that was thought dead can't
    overwrite its successor. Queued jobs with the same `singleton` key are one job.
    """

    _QUEUED, _RUNNING = text("status = 'queued'"), text("status = 'running'")
    _WAITING = text("status = 'queued' AND singleton IS NOT NULL")
    _WATCHED, _PERIODIC = text("operation_id IS NOT NULL"), text("occurrence IS NOT NULL")
    __table_args__ = (
        CheckConstraint("attempts >= 0", name="job_attempts"),
        # Most rows are done, and in none of these.
        Index("job_in_order", "priority", "due_at", "id", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
        Index("job_due", "due_at", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
        Index("job_leased", "leased_until", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("job_singleton", "singleton", unique=True, sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("job_occurrence", "occurrence", unique=True, sqlite_where=_PERIODIC, postgresql_where=_PERIODIC),
        Index("job_of_operation", "operation_id", sqlite_where=_WATCHED, postgresql_where=_WATCHED),
    )

    id: str = key()
    kind: str = Field(max_length=64)
    payload: dict[str, Any] = plain_json()
    singleton: str | None = Field(default=None, max_length=200)
    occurrence: str | None = Field(default=None, max_length=120)
    """Of periodic work: its kind and nominal time, such as `housekeeping@2026-11-22T10:00:00Z`. Once in all."""
    operation_id: str | None = ref("operation.id", nullable=True)
    status: JobStatus = one_of(JobStatus, default=JobStatus.QUEUED)
    priority: int = 100
    """Lower goes first."""
    due_at: datetime
    attempts: int = 0
    max_attempts: int = 8
    lease: str | None = Field(default=None, max_length=64)
    leased_until: datetime | None = None
    worker: str | None = Field(default=None, max_length=100)
    """The process that took it last."""
    last_error: str | None = Field(default=None, max_length=2000)
    created_at: datetime
    updated_at: datetime


class IdempotencyRecord(SQLModel, table=True):
    """What a keyed request was answered, written in the transaction of its effect. Kept seven days."""

    __tablename__ = "idempotency_record"

    credential: str = Field(primary_key=True, max_length=64)
    idempotency_key: str = Field(primary_key=True, max_length=255)
    fingerprint: str = Field(max_length=64)
    status: int = 0
    headers: dict[str, str] = plain_json(default_factory=dict)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    created_at: datetime = Field(index=True)


class Installation(SQLModel, table=True):
    """The one row that says which installation this is, and what holds in the whole house. Its id is the domain of
    every calendar UID, for life.
    """

    __table_args__ = (
        CheckConstraint("one = 1", name="installation_is_one"),
        CheckConstraint("min_notice_minutes BETWEEN 0 AND 10080", name="installation_notice"),
        CheckConstraint(
            "hold_minutes BETWEEN 1 AND 60 AND offer_minutes BETWEEN 1 AND 2880", name="installation_waits"
        ),
        CheckConstraint("horizon_days BETWEEN 1 AND 730", name="installation_horizon"),
    )

    one: int = Field(default=1, primary_key=True)
    id: str = Field(max_length=64)
    min_notice_minutes: int = 15
    """Seats and sessions are booked at least this long before they start: the host should know who comes."""
    closed_stages: list[str] = plain_json(default_factory=lambda: ["legal", "legal_review"])
    """Deal stages in which nobody sits in."""
    own_side_ceiling: int | None = None
    """How many of our faces any customer sees on one call at most, host and observers counted."""
    hold_minutes: int = 5
    offer_minutes: int = 60
    """How long a seat that came free is kept for whoever is next on the waitlist."""
    late_cancel_minutes: int = 120
    no_show_grace_minutes: int = 5
    horizon_days: int = 180
    """How far ahead sessions without a call are planned; when calls are is for the CRM to say."""
    retention_days: dict[str, int] = plain_json(default_factory=dict, **old_rows(NO_MAP))
    """Kind of record to how long it is kept; what is absent is kept as it ships."""
    monitoring_notice: str | None = Field(default=None, max_length=5000)
    """What staff are told about being listened to, in the words of the house; None: ours."""
    person_insights: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether anybody but themselves is shown figures about one person."""
    version: int = 1
    created_at: datetime
