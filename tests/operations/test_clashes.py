"""A call of one's own over a seat that one holds: the customer's call goes first, and the seat to somebody else."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import DbSession
from app.models.tables import availability, job, seat
from app.operations.calls import cancel_call, patch_call
from app.operations.clashes import give_way
from app.operations.seats import book_seat, wait_if_full
from app.queries.waitlist import line_of
from app.rules.access import SYSTEM
from app.vocabulary import SeatStatus, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.operations.test_holds import a_plan, hold_time
from tests.seats_that_wait import claims_of, hold, the_seat, the_session
from tests.sessions_and_people import a_session

TEN = MONDAY + timedelta(hours=10)
HALF = timedelta(minutes=30)


def words_left(db: DbSession) -> list[dict[str, Any]]:
    return list(db.execute(select(job.c.payload).where(job.c.kind == "give_way")).scalars())


def status_of(db: DbSession, seat_id: str) -> SeatStatus:
    found: SeatStatus = db.execute(select(seat.c.status).where(seat.c.id == seat_id)).scalar_one()
    return found


def test_nothing_gives_way_where_nothing_clashes(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    held = book_seat(db, call_id=a_call(db), observer_id=jo.id, actor=SYSTEM, now=NOW)

    a_call(db, jo, starts_at=TEN + timedelta(minutes=30))
    a_call(db, starts_at=TEN)

    assert words_left(db) == []
    assert give_way(db, person_id=jo.id, now=NOW) is False
    assert status_of(db, held.id) is SeatStatus.CONFIRMED


@pytest.mark.parametrize("by", ["a new call", "a move", "another host"])
def test_a_seat_gives_way_to_a_call_of_ones_own_and_goes_to_who_waits(db: DbSession, by: str) -> None:
    jo, kim = a_person(db, "Jo"), a_person(db, "Kim")
    call_id = a_call(db, seats=1)
    held = book_seat(db, call_id=call_id, observer_id=jo.id, actor=SYSTEM, now=NOW)
    assert wait_if_full(db, call_id=call_id, observer_id=kim.id, actor=SYSTEM, now=NOW)

    if by == "a new call":
        a_call(db, jo, starts_at=TEN + timedelta(minutes=15))
    elif by == "a move":
        own = a_call(db, jo, starts_at=TEN + timedelta(hours=2))
        times = {"starts_at": TEN, "ends_at": TEN + timedelta(minutes=30)}
        patch_call(db, call_id=own, changes=times, actor=SYSTEM, now=NOW)
    else:
        patch_call(db, call_id=a_call(db), changes={"host_id": jo.id}, actor=SYSTEM, now=NOW)

    assert words_left(db) == [{"person_id": jo.id}]
    assert [give_way(db, person_id=jo.id, now=NOW) for _ in "ab"] == [True, False]
    assert status_of(db, held.id) is SeatStatus.RELEASED
    assert [(one.person_id, one.status) for one in line_of(db, call_id, actor=SYSTEM, now=NOW)] == [(kim.id, "offered")]


def test_a_call_that_was_called_off_before_the_job_ran_takes_no_seat(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    held = book_seat(db, call_id=a_call(db), observer_id=jo.id, actor=SYSTEM, now=NOW)
    own = a_call(db, jo, starts_at=TEN)
    assert words_left(db) == [{"person_id": jo.id}]

    cancel_call(db, call_id=own, actor=SYSTEM, now=NOW)

    assert give_way(db, person_id=jo.id, now=NOW) is False
    assert status_of(db, held.id) is SeatStatus.CONFIRMED


def test_a_seat_on_a_call_that_is_over_gives_way_to_nothing_though_its_buffer_meets_the_next(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    db.execute(update(availability).where(availability.c.person_id == jo.id).values(buffer_after_minutes=60))
    held = book_seat(db, call_id=a_call(db), observer_id=jo.id, actor=SYSTEM, now=NOW)
    a_call(db, jo, starts_at=TEN + HALF)

    assert give_way(db, person_id=jo.id, now=TEN + HALF) is False
    assert status_of(db, held.id) is SeatStatus.CONFIRMED


def test_a_seat_that_gives_way_is_never_given_back_late(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    held = book_seat(db, call_id=a_call(db), observer_id=jo.id, actor=SYSTEM, now=NOW)
    a_call(db, jo)

    give_way(db, person_id=jo.id, now=TEN - HALF)

    assert (status_of(db, held.id), the_seat(db, held.id).late) == (SeatStatus.RELEASED, False)


def test_what_is_only_held_gives_way_too_and_a_session_that_stands_does_not(db: DbSession) -> None:
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    of_time = hold_time(db, a_plan(jo, tom))
    of_seat = hold(db, a_call(db, starts_at=TEN + HALF), jo)
    stands = a_session(db, jo, tom, starts_at=TEN + 2 * HALF)
    a_call(db, jo, minutes=120)

    assert words_left(db) == [{"person_id": jo.id}]
    assert [give_way(db, person_id=jo.id, now=NOW) for _ in "abc"] == [True, True, False]
    assert {the_session(db, one.session_id).status for one in (of_time, of_seat)} == {SessionStatus.CANCELLED}
    assert the_session(db, stands).status is SessionStatus.CONFIRMED
    assert claims_of(db, tom) == claims_of(db, jo) == [(TEN + 2 * HALF, TEN + 3 * HALF)]


def test_what_has_expired_has_no_need_to_give_way(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    made = hold(db, a_call(db), jo)
    a_call(db, jo)

    assert give_way(db, person_id=jo.id, now=made.expires_at) is False
