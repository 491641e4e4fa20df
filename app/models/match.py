"""Match runs, the pairs they propose, and the pairs that stand."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from app.models.fields import NO_LIST, key, old_rows, one_of, plain_json, ref
from app.vocabulary import Disruption, EndedBecause, Fit, MatchStatus, Objective, RunCause, RunStatus

_STANDS = text("status IN ('pending', 'active', 'paused')")


class MatchRun(SQLModel, table=True):
    """One optimisation over a program's mentees and mentors. A draft until it is published."""

    __tablename__ = "match_run"

    id: str = key()
    program_id: str = ref("program.id")
    operation_id: str = ref("operation.id")
    status: RunStatus = one_of(RunStatus)
    objective: Objective = one_of(Objective)
    disruption: Disruption = one_of(Disruption, default=Disruption.SOME, **old_rows(Disruption.SOME.value))
    cause: RunCause = one_of(RunCause, default=RunCause.BY_HAND, **old_rows(RunCause.BY_HAND.value))
    weights: dict[str, int] = plain_json(default_factory=dict)
    constraints: dict[str, Any] = plain_json(default_factory=dict)
    pins: list[list[str]] = plain_json(default_factory=list)
    forbidden: list[list[str]] = plain_json(default_factory=list)
    inputs_hash: str | None = Field(default=None, max_length=64)
    value: int | None = None
    """The objective's points of the answer as it was solved."""
    bound: int | None = None
    """Proven: no assignment of as many mentees is worth more."""
    unmatched: list[dict[str, Any]] = plain_json(default_factory=list)
    """Mentees without a mentor: {mentee_id, reason, excluded}."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class ProposedMatch(SQLModel, table=True):
    """A pair in a draft. Published, it becomes the match with the same id."""

    __tablename__ = "proposed_match"
    __table_args__ = (UniqueConstraint("run_id", "mentee_id", name="proposed_match_once"),)

    id: str = key()
    run_id: str = ref("match_run.id")
    mentee_id: str = ref("person.id")
    mentor_id: str = ref("person.id")
    score: int
    terms: dict[str, int] = plain_json()
    """Named parts that sum to the score."""
    pinned: bool = False
    by_hand: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Put there by an admin after the run was solved."""


class Match(SQLModel, table=True):
    """A mentee and a mentor over time."""

    __table_args__ = (
        Index(
            "match_one_per_mentee",
            "program_id",
            "mentee_id",
            unique=True,
            sqlite_where=_STANDS,
            postgresql_where=_STANDS,
        ),
        Index(
            "match_waiting",
            "asked_at",
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index("match_of_mentor", "mentor_id"),
        Index("match_of_mentee", "mentee_id"),
    )

    id: str = key()
    program_id: str = ref("program.id")
    run_id: str | None = ref("match_run.id", nullable=True)
    mentee_id: str = ref("person.id")
    mentor_id: str = ref("person.id")
    status: MatchStatus = one_of(MatchStatus)
    score: int
    terms: dict[str, int] = plain_json()
    pinned: bool = False
    asked_by_id: str | None = ref("person.id", nullable=True)
    """Who asked for this match; None = a run or an admin proposed it."""
    awaiting: list[str] = plain_json(default_factory=list, **old_rows(NO_LIST))
    """Who still must say yes (`Approver`), while it is pending."""
    asked_at: datetime | None = None
    """Since when somebody must say yes."""
    reminded_at: datetime | None = None
    """When those who must say yes were reminded."""
    started_at: datetime | None = None
    """When it became active."""
    ended_because: EndedBecause | None = one_of(EndedBecause, default=None, nullable=True)
    fit_asked_at: datetime | None = None
    """When the two were asked how it feels, after their first session."""
    mentee_fit: Fit | None = one_of(Fit, default=None, nullable=True)
    mentor_fit: Fit | None = one_of(Fit, default=None, nullable=True)
    version: int = 1
    created_at: datetime
    updated_at: datetime
