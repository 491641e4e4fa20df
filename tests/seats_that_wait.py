"""What tests of seats that wait are made with: calls with a line, hosts who approve, and the rows that tell of them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.models import Person
from app.models.tables import call, claim, installation, job, person, seat, session, waitlist_entry
from app.operations import holds, seats, waitlist
from app.rules.access import SYSTEM
from app.vocabulary import JobStatus, SeatApproval, SeatStatus, SessionKind
from tests.factories import MONDAY, a_person
from tests.harness import NOW

TEN = MONDAY + timedelta(hours=10)
HALF = timedelta(minutes=30)
OFFER = timedelta(minutes=60)
HOLD = timedelta(minutes=5)


def take(db: DbSession, call_id: str, who: Person, *, now: datetime = NOW, **given: Any) -> Any:
    return seats.book_seat(db, call_id=call_id, observer_id=who.id, actor=SYSTEM, now=now, **given)


def give_back(db: DbSession, one: Any, *, now: datetime = NOW) -> Any:
    return seats.release_seat(db, seat_id=one.id, actor=SYSTEM, now=now)


def wait(db: DbSession, call_id: str, who: Person, *, now: datetime = NOW) -> str:
    entry_id = seats.wait_if_full(db, call_id=call_id, observer_id=who.id, actor=SYSTEM, now=now)
    assert entry_id, "there is a seat"
    return entry_id


def accept(db: DbSession, entry_id: str, *, now: datetime = NOW) -> Any:
    return waitlist.accept_offer(db, entry_id=entry_id, actor=SYSTEM, now=now)


def leave(db: DbSession, entry_id: str, *, now: datetime = NOW) -> Any:
    return waitlist.leave(db, entry_id=entry_id, actor=SYSTEM, now=now)


def hold(db: DbSession, call_id: str, who: Person, *, now: datetime = NOW) -> holds.Issued:
    return holds.hold_seat(db, call_id=call_id, observer_id=who.id, kind=SessionKind.SHADOW, actor=SYSTEM, now=now)


def book_held(db: DbSession, token: str, call_id: str, who: Person, *, now: datetime = NOW, **given: Any) -> Any:
    how = {"kind": SessionKind.SHADOW, **given}
    return holds.book_held_seat(db, token=token, call_id=call_id, observer_id=who.id, actor=SYSTEM, now=now, **how)


def settle(db: DbSession, call_id: str, *, now: datetime) -> None:
    waitlist.settle(db, call_id=call_id, now=now)


def a_host_who_approves(db: DbSession, name: str = "Host", **fields: Any) -> Person:
    host = a_person(db, name, **fields)
    db.execute(update(person).where(person.c.id == host.id).values(seat_approval=SeatApproval.HOST))
    return host


def house(db: DbSession, **rules: Any) -> None:
    db.execute(update(installation).values(**rules))


def the_entry(db: DbSession, entry_id: str) -> Any:
    return db.execute(select(waitlist_entry).where(waitlist_entry.c.id == entry_id)).one()


def the_seat(db: DbSession, seat_id: str) -> Any:
    return db.execute(select(seat).where(seat.c.id == seat_id)).one()


def the_session(db: DbSession, session_id: str) -> Any:
    return db.execute(select(session).where(session.c.id == session_id)).one()


def the_call(db: DbSession, call_id: str) -> Any:
    return db.execute(select(call).where(call.c.id == call_id)).one()


def claims_of(db: DbSession, who: Person, *, now: datetime = NOW) -> list[tuple[datetime, datetime]]:
    """What takes somebody's time through us, buffers included."""
    rows = db.execute(select(claim).where(claim.c.person_id == who.id, claim.c.active).order_by(claim.c.starts_at))
    return [(row.starts_at, row.ends_at) for row in rows if row.expires_at is None or row.expires_at > now]


def seated(db: DbSession, call_id: str, status: SeatStatus) -> list[str]:
    rows = db.execute(select(seat).where(seat.c.call_id == call_id, seat.c.status == status).order_by(seat.c.seat_no))
    return [row.observer_id for row in rows]


def words_left(db: DbSession, kind: str) -> list[datetime]:
    """When jobs of this kind that are queued are due."""
    due = select(job.c.due_at).where(job.c.kind == kind, job.c.status == JobStatus.QUEUED)
    return list(db.execute(due.order_by(job.c.due_at)).scalars())
