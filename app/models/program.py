"""Programs and who is enrolled on which side."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text, true
from sqlmodel import Field, SQLModel

from app.models.fields import NO_MAP, key, old_rows, one_of, plain_json, ref
from app.vocabulary import MatchApproval, PairRuleKind, Side


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
    constraints: dict[str, Any] = plain_json(default_factory=dict, **old_rows(NO_MAP))
    """What forbids a pair here; what is absent is as it ships, and a run may say otherwise for itself."""
    approval: MatchApproval = one_of(MatchApproval, default=MatchApproval.NONE, **old_rows(MatchApproval.NONE.value))
    """Who must say yes to a match that a run proposed; to one that was asked for, the other side does in any case."""
    requests_open: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether mentees may ask mentors themselves."""
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


class ProgramManager(SQLModel, table=True):
    """Somebody who runs a program: its runs, matches and enrolments."""

    __tablename__ = "program_manager"

    program_id: str = ref("program.id", primary_key=True)
    person_id: str = ref("person.id", primary_key=True, index=True)
    created_at: datetime


class PairRule(SQLModel, table=True):
    """What every run of a program keeps to about two people, until it is taken back."""

    __tablename__ = "pair_rule"
    __table_args__ = (UniqueConstraint("program_id", "mentee_id", "mentor_id", name="pair_rule_once"),)

    id: str = key()
    program_id: str = ref("program.id")
    mentee_id: str = ref("person.id", index=True)
    mentor_id: str = ref("person.id", index=True)
    kind: PairRuleKind = one_of(PairRuleKind)
    created_at: datetime


class Preference(SQLModel, table=True):
    """One of the people whom somebody enrolled would like best, by rank: 1 = first."""

    __table_args__ = (
        UniqueConstraint("program_id", "person_id", "side", "preferred_id", name="preference_once"),
        UniqueConstraint("program_id", "person_id", "side", "rank", name="preference_rank"),
        CheckConstraint("rank BETWEEN 1 AND 20", name="preference_rank_range"),
        Index("preference_of_person", "person_id"),
        Index("preference_for", "preferred_id"),
    )

    id: str = key()
    program_id: str = ref("program.id")
    person_id: str = ref("person.id")
    side: Side = one_of(Side)
    """The side on which who prefers is enrolled; the preferred one is on the other."""
    preferred_id: str = ref("person.id")
    rank: int
