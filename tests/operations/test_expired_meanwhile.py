"""A request that waits for locks judges expiry by its own, older clock: the time may be somebody else's by then."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from app.db import DbSession, transaction
from app.errors import NotFound
from app.models.tables import seat
from app.operations import holds
from app.operations.holds import HoldExpired
from app.operations.seats import NotRequested, approve_seat
from app.operations.waitlist import OfferExpired
from app.rules.access import SYSTEM
from app.vocabulary import SeatStatus, SessionStatus
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.operations.test_holds import a_plan, book_held_time, hold_time
from tests.operations.test_lock_order import postgres, while_the_first_is_open
from tests.seats_that_wait import (
    HALF,
    TEN,
    a_host_who_approves,
    accept,
    book_held,
    claims_of,
    give_back,
    hold,
    take,
    the_entry,
    the_seat,
    the_session,
    wait,
)
from tests.sessions_and_people import a_session

__all__ = ["postgres"]

SECOND = timedelta(seconds=1)


def test_held_time_that_somebody_booked_after_its_expiry_is_gone(db: DbSession) -> None:
    jo, tom, mia = a_person(db, "Jo"), a_person(db, "Tom"), a_person(db, "Mia")
    made = hold_time(db, a_plan(jo, tom))
    a_session(db, jo, mia, now=made.expires_at)

    with pytest.raises(HoldExpired):
        book_held_time(db, made.token, a_plan(jo, tom), now=made.expires_at - SECOND)

    assert the_session(db, made.session_id).status is SessionStatus.REQUESTED
    assert claims_of(db, jo, now=made.expires_at) == [(TEN, TEN + HALF)]


def test_a_held_seat_whose_observer_sat_down_elsewhere_after_its_expiry_is_gone(db: DbSession) -> None:
    jo, call_id = a_person(db, "Jo"), a_call(db)
    made = hold(db, call_id, jo)
    take(db, a_call(db), jo, now=made.expires_at)

    with pytest.raises(HoldExpired):
        book_held(db, made.token, call_id, jo, now=made.expires_at - SECOND)

    assert claims_of(db, jo, now=made.expires_at) == [(TEN, TEN + HALF)]


@pytest.mark.parametrize("approves", [False, True])
def test_an_offer_whose_person_sat_down_elsewhere_after_its_expiry_is_gone(db: DbSession, approves: bool) -> None:
    tom, host = a_person(db, "Tom"), a_host_who_approves(db) if approves else a_person(db, "Host")
    call_id = a_call(db, host, seats=1)
    held = take(db, call_id, a_person(db, "Jo"))
    entry_id = wait(db, call_id, tom)
    give_back(db, held)
    until = the_session(db, the_seat(db, the_entry(db, entry_id).seat_id).session_id).expires_at
    take(db, a_call(db), tom, now=until)

    with pytest.raises(OfferExpired):
        accept(db, entry_id, now=until - SECOND)


def test_a_request_whose_debrief_lost_its_time_after_its_expiry_is_not_approved(db: DbSession) -> None:
    host, jo, mia = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Mia")
    asked = take(db, a_call(db, host), jo, debrief_minutes=15)
    until = the_session(db, asked.session_id).expires_at
    a_session(db, host, mia, starts_at=TEN + HALF, now=until)

    with pytest.raises(NotRequested):
        approve_seat(db, seat_id=asked.id, actor=SYSTEM, now=until - SECOND)

    assert the_seat(db, asked.id).status is SeatStatus.REQUESTED


def test_giving_back_a_hold_that_is_being_booked_leaves_the_seat_alone(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        call_id, jo = a_call(db), a_person(db, "Jo")
        made = hold(db, call_id, jo)

    with pytest.raises(NotFound):
        while_the_first_is_open(
            postgres,
            lambda db: book_held(db, made.token, call_id, jo),
            lambda db: holds.give_hold_back(db, hold_id=made.id, actor=SYSTEM, now=NOW),
        )

    with transaction(postgres, writes=False) as db:
        assert db.execute(select(seat.c.status)).scalars().all() == [SeatStatus.CONFIRMED]
