"""When people work, and the time that other calendars say is taken."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, plain_json, ref
from app.vocabulary import BusyStatus


class Availability(SQLModel, table=True):
    """One person's working hours, local wall time in their zone."""

    person_id: str = ref("person.id", primary_key=True)
    weekly: list[list[int]] = plain_json()
    """[ISO weekday, start minute, end minute], half-open."""
    exceptions: dict[str, list[list[int]]] = plain_json(default_factory=dict)
    """ISO date to the [start, end] minutes that replace that day; an empty list is a day off."""
    version: int = 1
    updated_at: datetime


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
