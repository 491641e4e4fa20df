"""When people work, and the time that other calendars say is taken."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, plain_json, ref
from app.vocabulary import BusyStatus


class Availability(SQLModel, table=True):
    """One person's working hours, local wall time in their zone, and the time they keep free around sessions."""

    __table_args__ = (
        CheckConstraint(
            "buffer_before_minutes BETWEEN 0 AND 120 AND buffer_after_minutes BETWEEN 0 AND 120",
            name="availability_buffers",
        ),
    )

    person_id: str = ref("person.id", primary_key=True)
    weekly: list[list[int]] = plain_json()
    """[ISO weekday, start minute, end minute], half-open."""
    exceptions: dict[str, list[list[int]]] = plain_json(default_factory=dict)
    """ISO date to the [start, end] minutes that replace that day; an empty list is a day off."""
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    version: int = 1
    updated_at: datetime


class Pause(SQLModel, table=True):
    """Days, the last one included, on which somebody takes nothing new; local to where they live."""

    __table_args__ = (CheckConstraint("starts_on <= ends_on", name="pause_forward"),)

    id: str = key()
    person_id: str = ref("person.id", index=True)
    starts_on: date
    ends_on: date
    created_at: datetime


class Busy(SQLModel, table=True):
    """Time that a source outside says is taken. May overlap itself; half-open UTC."""

    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="busy_forward"),
        Index("busy_of_person", "person_id", "ends_at"),
    )

    id: str = key()
    person_id: str = ref("person.id")
    source: str = Field(max_length=64)
    starts_at: datetime
    ends_at: datetime
    status: BusyStatus = one_of(BusyStatus, default=BusyStatus.BUSY)
