"""People, the teams they are in and the manager tree."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, true
from sqlmodel import Field, SQLModel

from app.models.fields import key, old_rows, one_of, plain_json, ref
from app.vocabulary import Door, PersonStatus, Role, SeatApproval


class Team(SQLModel, table=True):
    """A group of people who work under one name."""

    id: str = key()
    name: str = Field(max_length=200, unique=True)
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Person(SQLModel, table=True):
    """Somebody who works here. Time zone is where they live: their hours and limits are counted there."""

    __table_args__ = (
        CheckConstraint("manager_id <> id", name="person_not_own_manager"),
        CheckConstraint("observe_per_day >= 0 AND observe_per_week >= 0", name="person_observe_limits"),
        CheckConstraint("host_per_day >= 0 AND host_per_week >= 0", name="person_host_limits"),
        CheckConstraint("grade BETWEEN 0 AND 20", name="person_grade"),
        CheckConstraint("host_gap_minutes BETWEEN 0 AND 480", name="person_host_gap"),
        CheckConstraint("sessions_per_day >= 0 AND sessions_per_week >= 0", name="person_session_limits"),
        Index("person_updated", "updated_at", "id"),
    )

    id: str = key()
    name: str = Field(max_length=200)
    email: str = Field(max_length=254, unique=True)
    time_zone: str = Field(max_length=64)
    role: Role = one_of(Role, default=Role.REP)
    status: PersonStatus = one_of(PersonStatus, default=PersonStatus.ACTIVE)
    team_id: str | None = ref("team.id", index=True, nullable=True)
    manager_id: str | None = ref("person.id", index=True, nullable=True)
    started_on: date | None = None
    grade: int | None = None
    """Rung of the ladder, 0 to 20, higher is more senior; None = unknown."""
    languages: list[str] = plain_json(default_factory=lambda: ["en"])
    segments: list[str] = plain_json(default_factory=list)
    products: list[str] = plain_json(default_factory=list)
    regions: list[str] = plain_json(default_factory=list)
    seat_capacity: int | None = None
    """Seats on each call they host, when neither the call nor its account says otherwise."""
    observe_per_day: int = 3
    observe_per_week: int = 8
    host_per_day: int = 4
    host_per_week: int = 12
    seat_approval: SeatApproval = one_of(SeatApproval, default=SeatApproval.AUTO)
    host_gap_minutes: int = 0
    """Least time between two of their calls with observers; 0 = back to back is fine."""
    sessions_per_day: int | None = None
    sessions_per_week: int | None = None
    """Load limits for sessions without a call; None = none."""
    door_default: Door = one_of(Door, default=Door.CLOSED, **old_rows("closed"))
    """How the door of each call they host is when it begins: nobody is heard unasked who did not say so."""
    shortcuts: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether single keys do something on pages."""
    erased_at: datetime | None = None
    """When everything that told who it was went away; the row stays, for counts."""
    external_updated_at: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime
