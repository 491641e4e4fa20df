"""Plan runs and the seats they propose."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint, false
from sqlmodel import Field, SQLModel

from app.models.fields import NO_LIST, key, old_rows, one_of, plain_json, ref
from app.vocabulary import RunStatus


class PlanRun(SQLModel, table=True):
    """One optimisation of seats over all calls in [from_at, to_at). A draft until it is published."""

    __tablename__ = "plan_run"

    id: str = key()
    operation_id: str = ref("operation.id")
    team_id: str | None = ref("team.id", nullable=True)
    program_id: str = ref("program.id")
    from_at: datetime
    to_at: datetime
    status: RunStatus = one_of(RunStatus)
    inputs_hash: str | None = Field(default=None, max_length=64)
    objective: int | None = None
    bound: float | None = None
    """Proven: no plan is worth more."""
    gap_percent: float | None = None
    learning: int | None = None
    """The part of the objective that is not the bonus per session: values of seats and goals heard."""
    timed_out: bool = False
    replans_id: str | None = ref("plan_run.id", nullable=True)
    """The draft that this run plans anew."""
    pins: list[list[str]] = plain_json(default_factory=list, **old_rows(NO_LIST))
    """Seats that the plan must hold: [observer_id, call_id]."""
    dropped: list[list[str]] = plain_json(default_factory=list, **old_rows(NO_LIST))
    """Seats that the plan must not hold: [observer_id, call_id]."""
    unmet: list[dict[str, Any]] = plain_json(default_factory=list)
    """What the plan could not give: {person_id, need, reason, call_id, limit, taken_by}."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class PlanSeat(SQLModel, table=True):
    """A seat in a draft, and what became of it when it was accepted or the plan was published."""

    __tablename__ = "plan_seat"
    __table_args__ = (UniqueConstraint("run_id", "call_id", "observer_id", name="plan_seat_once"),)

    id: str = key()
    run_id: str = ref("plan_run.id")
    call_id: str = ref("call.id")
    observer_id: str = ref("person.id")
    value: int
    terms: dict[str, int] = plain_json()
    teaches: list[str] = plain_json(default_factory=list, **old_rows(NO_LIST))
    """Skills that the observer wants and the host shows."""
    meets: list[str] = plain_json(default_factory=list, **old_rows(NO_LIST))
    """Needs of the observer that this seat meets."""
    pinned: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    by_hand: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Put there by an admin after the plan was solved."""
    seat_id: str | None = ref("seat.id", nullable=True)
    refusal: str | None = Field(default=None, max_length=64)
    """The code with which booking refused, if it did."""
