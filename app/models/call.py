"""Live customer calls, the accounts they are with and the types they fall into."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.models.fields import key, old_rows, one_of, plain_json, ref
from app.vocabulary import CallStatus, Door, TypeSource


class Account(SQLModel, table=True):
    """A company that is called. No contact names are kept."""

    id: str = key()
    name: str = Field(max_length=200, index=True)
    segment: str | None = Field(default=None, max_length=64)
    observers_allowed: bool = True
    seat_capacity: int | None = None
    own_side_ceiling: int | None = None
    """How many of our faces a customer sees on one call at most, host and observers counted."""
    external_updated_at: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class CallType(SQLModel, table=True):
    """What kind of conversation a call is: which skills it shows, how many seats it has, how it is recognised."""

    __tablename__ = "call_type"

    slug: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=200)
    seat_capacity: int = 2
    keywords: list[str] = plain_json(default_factory=list)
    """Words in a title that mean this type."""
    stages: list[str] = plain_json(default_factory=list)
    """Deal stages that mean this type."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class CallTypeSkill(SQLModel, table=True):
    """A skill that calls of a type let an observer hear."""

    __tablename__ = "call_type_skill"

    call_type: str = Field(foreign_key="call_type.slug", primary_key=True)
    skill: str = Field(foreign_key="skill.slug", primary_key=True, index=True)


class Call(SQLModel, table=True):
    """A live customer conversation. Half-open UTC; a host's calls may overlap, for the CRM says so."""

    _AHEAD, _ON = text("status = 'scheduled'"), text("status = 'live'")
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="call_forward"),
        CheckConstraint("seat_capacity BETWEEN 0 AND 50", name="call_seat_capacity"),
        CheckConstraint("seats_taken BETWEEN 0 AND seat_capacity", name="call_never_oversold"),
        CheckConstraint("colleagues_invited BETWEEN 0 AND 50", name="call_colleagues"),
        Index("call_by_start", "starts_at", "id"),
        Index("call_of_host", "host_id", "starts_at"),
        Index("call_updated", "updated_at", "id"),
        # By the clock: most calls are over, and in neither of these.
        Index("call_to_start", "starts_at", "id", sqlite_where=_AHEAD, postgresql_where=_AHEAD),
        Index("call_to_end", "ends_at", "id", sqlite_where=_ON, postgresql_where=_ON),
    )

    id: str = key()
    title: str = Field(max_length=200)
    type: str = Field(foreign_key="call_type.slug", max_length=64, index=True)
    type_source: TypeSource = one_of(TypeSource, default=TypeSource.RULE)
    status: CallStatus = one_of(CallStatus, default=CallStatus.SCHEDULED)
    host_id: str = ref("person.id")
    account_id: str | None = ref("account.id", index=True, nullable=True)
    starts_at: datetime
    ends_at: datetime
    language: str = Field(default="en", max_length=35)
    stage: str | None = Field(default=None, max_length=64)
    product: str | None = Field(default=None, max_length=64)
    region: str | None = Field(default=None, max_length=64)
    sensitive: bool = False
    meeting_url: str | None = Field(default=None, max_length=2000)
    colleagues_invited: int = 0
    """Our people on the call besides its host and the observers."""
    seat_capacity_override: int | None = None
    seat_capacity: int
    """What holds: its own number, else its account's, its host's, its type's; no more than the ceiling leaves."""
    seats_taken: int = 0
    door: Door = one_of(Door, default=Door.CLOSED, **old_rows("closed"))
    """Whether people drop in while it is under way."""
    began_at: datetime | None = None
    """When somebody said that it began; None: nobody has, so by the clock it begins at its time."""
    ended_at: datetime | None = None
    """When somebody said that it ended; None: nobody has, though it may have ended by the clock."""
    external_updated_at: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime
