"""Places for observers on calls, and the order for a full call."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from app.models.fields import key, one_of, ref
from app.vocabulary import SeatStatus, SessionKind, WaitlistStatus

_LIVE = text("status IN ('requested', 'confirmed')")
_IN_LINE = text("status IN ('waiting', 'offered')")


class Seat(SQLModel, table=True):
    """One observer's place on one call. `capacity` is the call's, copied, so that a CHECK can refuse seat 3 of 2."""

    __table_args__ = (
        CheckConstraint("seat_no BETWEEN 1 AND capacity", name="seat_never_oversold"),
        Index("seat_one_per_number", "call_id", "seat_no", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index(
            "seat_one_per_observer", "call_id", "observer_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
        ),
        Index("seat_of_call", "call_id"),
        Index("seat_of_observer", "observer_id"),
    )

    id: str = key()
    call_id: str = ref("call.id")
    observer_id: str = ref("person.id")
    session_id: str = ref("session.id", unique=True)
    kind: SessionKind = one_of(SessionKind)
    status: SeatStatus = one_of(SeatStatus)
    seat_no: int
    capacity: int
    late: bool = False
    """Given back so shortly before the call that hardly anybody else can take it."""
    version: int = 1
    created_at: datetime
    updated_at: datetime


class WaitlistEntry(SQLModel, table=True):
    """Somebody who waits for a seat on a full call. Who needs the call most is offered a seat first, for a while."""

    __tablename__ = "waitlist_entry"
    __table_args__ = (
        Index("waitlist_once", "call_id", "person_id", unique=True, sqlite_where=_IN_LINE, postgresql_where=_IN_LINE),
        Index("waitlist_of_person", "person_id"),
    )

    id: str = key()
    call_id: str = ref("call.id")
    person_id: str = ref("person.id")
    status: WaitlistStatus = one_of(WaitlistStatus, default=WaitlistStatus.WAITING)
    seat_id: str | None = ref("seat.id", index=True, nullable=True)
    """The seat that was offered; the offer ends when its session expires."""
    version: int = 1
    created_at: datetime
    updated_at: datetime
