"""Programs and who is enrolled on which side."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, plain_json, ref
from app.vocabulary import Side


class Program(SQLModel, table=True):
    """The container of rules for matching and learning. One is the default."""

    __table_args__ = (
        Index(
            "program_one_default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: str = key()
    name: str = Field(max_length=200, unique=True)
    is_default: bool = False
    weights: dict[str, int] = plain_json(default_factory=dict)
    """Weight per criterion; what is absent has the weight that ships."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Enrollment(SQLModel, table=True):
    """One person on one side of a program. A mentor's capacity is how many mentees they take; 0 is out."""

    __table_args__ = (
        UniqueConstraint("program_id", "person_id", "side", name="enrollment_once"),
        CheckConstraint("capacity BETWEEN 0 AND 50", name="enrollment_capacity"),
    )

    id: str = key()
    program_id: str = ref("program.id")
    person_id: str = ref("person.id", index=True)
    side: Side = one_of(Side)
    capacity: int = 1
    version: int = 1
    created_at: datetime
    updated_at: datetime
