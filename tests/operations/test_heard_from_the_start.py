"""Nobody has heard a call before it really began: also who left while only the clock said that it was on."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import calendar_entry, call, claim, seat, session
from app.operations.call_outcomes import follow_clock, miss_call, say_when, start_call
from app.operations.seats import book_seat, release_seat
from app.operations.session_outcomes import complete_session
from app.queries import calls
from app.rules.access import SYSTEM
from app.vocabulary import CallStatus, SessionKind
from tests.acts_that_are_told import by
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, acts

MINUTE = timedelta(minutes=1)


def at(minute: int) -> datetime:
    return TEN + minute * MINUTE


def drop_in(db: DbSession, call_id: str, name: str, *, came: int, left: int | None = None) -> Any:
    mia = a_person(db, name)
    sits: dict[str, Any] = {"observer_id": mia.id, "kind": SessionKind.DROP_IN, "actor": by(mia)}
    taken = book_seat(db, call_id=call_id, now=at(came), **sits)
    if left is not None:
        release_seat(db, seat_id=taken.id, actor=by(mia), now=at(left))
    return taken


def planned(db: DbSession, call_id: str, *, left: int) -> Any:
    jo = a_person(db, "Jo")
    taken = book_seat(db, call_id=call_id, observer_id=jo.id, actor=by(jo), now=NOW)
    follow_clock(db, call_id=call_id, now=TEN)
    release_seat(db, seat_id=taken.id, actor=by(jo), now=at(left))
    return taken


def became(db: DbSession, taken: Any) -> tuple[str, str, str]:
    """Of a seat, its session and the entry of its observer."""
    query = select(seat.c.status, session.c.status, calendar_entry.c.status)
    query = query.join(session, session.c.id == seat.c.session_id)
    query = query.join(calendar_entry, calendar_entry.c.session_id == session.c.id).where(seat.c.id == taken.id)
    of_seat, of_session, of_entry = db.execute(query).one()
    return of_seat, of_session, of_entry


def heard(db: DbSession, taken: Any) -> tuple[datetime, datetime]:
    times = select(session.c.starts_at, session.c.ends_at).where(session.c.id == taken.session_id)
    starts_at, ends_at = db.execute(times).one()
    return starts_at, ends_at


OFF, HEARD = ("released", "cancelled", "cancelled"), ("attended", "completed", "confirmed")


def test_who_left_before_it_began_was_not_there_although_nobody_wrote_down_that_its_time_had_come(
    db: DbSession,
) -> None:
    call_id = a_call(db, an_open_host(db), seats=3)
    eve, ana = (drop_in(db, call_id, name, came=1, left=4) for name in ("Eve", "Ana"))
    assert became(db, eve) == became(db, ana) == HEARD

    start_call(db, call_id=call_id, actor=SYSTEM, now=at(5))

    assert became(db, eve) == became(db, ana) == OFF
    assert db.execute(select(claim.c.id).where(claim.c.active)).all() == []


def test_who_planned_to_listen_and_left_before_it_began_was_not_there_either(db: DbSession) -> None:
    call_id = a_call(db, an_open_host(db), seats=3)
    taken = planned(db, call_id, left=4)
    assert (became(db, taken), heard(db, taken)) == (HEARD, (TEN, at(4)))

    start_call(db, call_id=call_id, actor=SYSTEM, now=at(5))

    assert became(db, taken) == OFF


def test_who_planned_to_listen_and_left_early_has_heard_what_was_left_of_it(db: DbSession) -> None:
    call_id = a_call(db, an_open_host(db), seats=3)
    taken = planned(db, call_id, left=12)

    say_when(db, calls.call_for_update(db, call_id), began_at=at(5), ended_at=None, actor=SYSTEM, now=at(13))

    assert (became(db, taken), heard(db, taken)) == (HEARD, (at(5), at(12)))


def test_whom_somebody_said_to_have_attended_keeps_the_time_that_was_planned(db: DbSession) -> None:
    call_id, jo = a_call(db, an_open_host(db), seats=3), a_person(db, "Jo")
    taken = book_seat(db, call_id=call_id, observer_id=jo.id, actor=by(jo), now=NOW)
    follow_clock(db, call_id=call_id, now=TEN)
    complete_session(db, session_id=taken.session_id, actor=SYSTEM, now=at(4))

    start_call(db, call_id=call_id, actor=SYSTEM, now=at(5))

    assert (became(db, taken), heard(db, taken)) == (HEARD, (TEN, TEN + HALF))


def test_saying_again_that_it_began_changes_nothing_and_each_version_is_told(db: DbSession) -> None:
    call_id = a_call(db, an_open_host(db), seats=3)
    follow_clock(db, call_id=call_id, now=TEN)
    eve = drop_in(db, call_id, "Eve", came=1, left=4)
    start_call(db, call_id=call_id, actor=SYSTEM, now=at(5))
    ana = drop_in(db, call_id, "Ana", came=6, left=8)
    before = [acts(db, one) for one in (call_id, eve.session_id, ana.session_id, eve.id, ana.id)]

    start_call(db, call_id=call_id, actor=SYSTEM, now=at(10))

    assert [acts(db, one) for one in (call_id, eve.session_id, ana.session_id, eve.id, ana.id)] == before
    for told in before:
        assert [version for _, version in told] == list(range(1, len(told) + 1))
    assert heard(db, ana) == (at(6), at(8))


def test_a_customer_who_did_not_come_is_believed_once_nobody_has_heard_them(db: DbSession) -> None:
    call_id = a_call(db, an_open_host(db), seats=3)
    follow_clock(db, call_id=call_id, now=TEN)
    drop_in(db, call_id, "Eve", came=1, left=4)
    start_call(db, call_id=call_id, actor=SYSTEM, now=at(5))

    miss_call(db, call_id=call_id, actor=SYSTEM, now=at(15))

    assert db.execute(select(call.c.status).where(call.c.id == call_id)).scalar_one() is CallStatus.NO_SHOW
