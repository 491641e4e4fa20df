"""Places for observers on calls."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from app.models.fields import key, one_of, ref
from app.vocabulary import SeatStatus, SessionKind

_LIVE = text("status IN ('requested', 'confirmed')")


class Seat(SQLModel, table=True):
    """One observer's place on one call. `capacity` is the call's, copied, so that a CHECK can refuse seat 3 of 2."""

    __table_args__ = (
        CheckConstraint("seat_no BETWEEN 1 AND capacity", name="seat_never_oversold"),
        Index("seat_one_per_number", "call_id", "seat_no", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index(
            "seat_one_per_observer", "call_id", "observer_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
        ),
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
    version: int = 1
    created_at: datetime
    updated_at: datetime
