"""The floor: what people say of themselves, raised hands, power hours, and the diallers that say which call is on."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.models.fields import Key, key, one_of, plain_json, ref
from app.vocabulary import DiallerStatus, Part, Presence

_UP = text("lowered_at IS NULL")


class PersonPresence(SQLModel, table=True):
    """What somebody said last about how they work now. Past `until` it counts no more, and they are open."""

    __tablename__ = "presence"

    person_id: str = Field(sa_type=Key, foreign_key="person.id", primary_key=True)
    presence: Presence = one_of(Presence)
    until: datetime | None = None
    version: int = 1
    updated_at: datetime


class Hand(SQLModel, table=True):
    """Somebody on a call says: listen to this one. A person has one hand per call."""

    __table_args__ = (
        Index("hand_once", "call_id", "person_id", unique=True, sqlite_where=_UP, postgresql_where=_UP),
        Index("hand_of_call", "call_id"),
        Index("hand_of_person", "person_id"),
    )

    id: str = key()
    call_id: str = ref("call.id")
    person_id: str = ref("person.id")
    why: str | None = Field(default=None, max_length=140)
    raised_at: datetime
    lowered_at: datetime | None = None
    version: int = 1


class PowerHour(SQLModel, table=True):
    """A block of the week in which several dial at once and others go from one to the next. Half-open UTC."""

    __tablename__ = "power_hour"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="power_hour_forward"),
        CheckConstraint("rotation_minutes >= 1", name="power_hour_rotation"),
        Index("power_hour_by_start", "starts_at", "id"),
    )

    id: str = key()
    name: str = Field(max_length=200)
    team_id: str | None = ref("team.id", index=True, nullable=True)
    starts_at: datetime
    ends_at: datetime
    rotation_minutes: int
    """How long an observer stays with one host; the turns follow from it, and are not stored."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class PowerHourPart(SQLModel, table=True):
    """Somebody who takes part in a power hour, and their place in its rotation, from 0."""

    __tablename__ = "power_hour_part"
    __table_args__ = (
        CheckConstraint("part IN ('host', 'observer')", name="power_hour_part_part"),
        CheckConstraint("place >= 0", name="power_hour_part_place"),
    )

    power_hour_id: str = Field(sa_type=Key, foreign_key="power_hour.id", primary_key=True)
    person_id: str = Field(sa_type=Key, foreign_key="person.id", primary_key=True, index=True)
    part: Part = one_of(Part)
    place: int


class DiallerConnection(SQLModel, table=True):
    """A dialler or meeting tool that says when a call starts and ends."""

    __tablename__ = "dialler_connection"

    id: str = key()
    name: str = Field(max_length=200)
    secret: str = Field(max_length=300)
    """Signs what it sends; shown once, sealed here."""
    mapping: dict[str, str | list[str]] = plain_json(default_factory=dict)
    """Where its messages say what: our word to a pointer into theirs, and to their words for it."""
    status: DiallerStatus = one_of(DiallerStatus, default=DiallerStatus.ACTIVE)
    last_heard_at: datetime | None = None
    last_error: str | None = Field(default=None, max_length=300)
    """Why its last message was not understood; None: it was."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class DiallerMessage(SQLModel, table=True):
    """A message of a dialler that was heard: again, it changes nothing."""

    __tablename__ = "dialler_message"

    connection_id: str = Field(sa_type=Key, foreign_key="dialler_connection.id", primary_key=True)
    message_id: str = Field(primary_key=True, max_length=255)
    heard_at: datetime = Field(index=True)
