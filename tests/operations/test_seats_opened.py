"""When everybody is told that a seat came free: one did, on a call that is open, and nobody in line gets it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.models import Person
from app.models.tables import event, job
from app.operations import holds
from app.operations.call_outcomes import end_call, miss_call, start_call
from app.operations.calls import cancel_call, patch_call
from app.operations.people import patch_person
from app.operations.seats import decline_seat
from app.operations.waitlist import settle as settle_call
from app.rules.access import SYSTEM
from app.vocabulary import PersonStatus
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import (
    HALF,
    HOLD,
    OFFER,
    TEN,
    a_host_who_approves,
    accept,
    give_back,
    hold,
    house,
    leave,
    settle,
    take,
    the_call,
    wait,
)

LATER = TEN + timedelta(hours=2)
BY_MACHINE: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


def opened(db: DbSession) -> list[str]:
    told = select(event.c.object_id).where(event.c.act == "call.seat_opened").order_by(event.c.sequence)
    return list(db.execute(told).scalars())


def a_full_call(db: DbSession, host: Person | None = None, **fields: Any) -> tuple[str, Any]:
    call_id = a_call(db, host, seats=1, **fields)
    return call_id, take(db, call_id, a_person(db, "Jo"))


def do_what_was_left(db: DbSession) -> None:
    """Do the jobs that settle calls, as a worker does."""
    for payload in db.execute(select(job.c.payload).where(job.c.kind == "settle_call")).scalars().all():
        settle_call(db, call_id=payload["call_id"], was_taken=payload.get("was_taken"), now=NOW)


# --- No false alarm ---------------------------------------------------------------------------------------------------


def test_a_call_that_never_had_anybody_on_it_opens_nothing(db: DbSession) -> None:
    a_call(db)
    settle(db, a_call(db, seats=2), now=NOW)

    assert opened(db) == []


def test_whoever_is_next_in_line_gets_the_seat_and_nobody_else_hears_of_it(db: DbSession) -> None:
    call_id, seat = a_full_call(db)
    entry = wait(db, call_id, a_person(db, "Next"))

    give_back(db, seat)
    accept(db, entry)

    assert opened(db) == []


def test_nobody_is_told_of_a_seat_that_nobody_can_take(db: DbSession) -> None:
    (_, too_late), (hushed_call, hushed) = a_full_call(db), a_full_call(db)
    patch_call(db, call_id=hushed_call, changes={"sensitive": True}, **BY_MACHINE)

    give_back(db, too_late, now=TEN - timedelta(minutes=10))
    give_back(db, hushed)

    assert opened(db) == []


def test_a_call_that_is_off_or_over_has_no_seats_to_offer(db: DbSession) -> None:
    off, over, missed = (a_full_call(db)[0] for _ in range(3))

    cancel_call(db, call_id=off, **BY_MACHINE)
    for call_id, ends in ((over, end_call), (missed, miss_call)):
        start_call(db, call_id=call_id, **BY_MACHINE)
        ends(db, call_id=call_id, **BY_MACHINE)

    assert opened(db) == []


def test_a_call_that_moves_with_everybody_on_it_opens_nothing(db: DbSession) -> None:
    call_id, _ = a_full_call(db)

    patch_call(db, call_id=call_id, changes={"starts_at": LATER, "ends_at": LATER + HALF}, **BY_MACHINE)

    assert opened(db) == []


def test_one_more_seat_is_not_one_that_came_free(db: DbSession) -> None:
    call_id, _ = a_full_call(db)

    patch_call(db, call_id=call_id, changes={"seat_capacity": 3}, **BY_MACHINE)

    assert opened(db) == []


def test_a_rule_that_takes_the_seat_away_behind_who_leaves_opens_nothing(db: DbSession) -> None:
    call_id = a_call(db, seats=2)
    first, _ = (take(db, call_id, a_person(db, name)) for name in ("Jo", "Tom"))
    house(db, own_side_ceiling=2)

    give_back(db, first)

    assert (the_call(db, call_id).seat_capacity, opened(db)) == (1, [])


def test_who_takes_the_place_of_a_hold_that_nobody_ended_yet_opens_nothing(db: DbSession) -> None:
    call_id = a_call(db, seats=1)
    hold(db, call_id, a_person(db, "Holds"))

    take(db, call_id, a_person(db, "Books"), now=NOW + HOLD)

    assert opened(db) == []


def test_repeating_an_act_tells_nothing_twice(db: DbSession) -> None:
    call_id, seat = a_full_call(db)

    for _ in range(2):
        give_back(db, seat)
        settle(db, call_id, now=NOW)

    assert opened(db) == [call_id]


# --- Told -------------------------------------------------------------------------------------------------------------


def test_a_seat_that_is_given_back_is_told_of_with_the_version_of_the_call(db: DbSession) -> None:
    call_id, seat = a_full_call(db)

    give_back(db, seat)

    (told,) = db.execute(select(event).where(event.c.act == "call.seat_opened"))
    assert (told.object_type, told.object_id, told.version) == ("call", call_id, the_call(db, call_id).version)


def test_a_seat_that_nobody_in_line_can_take_is_told_of(db: DbSession) -> None:
    call_id, seat = a_full_call(db)
    elsewhere = a_person(db, "Next")
    wait(db, call_id, elsewhere)
    take(db, a_call(db), elsewhere)

    give_back(db, seat)

    assert opened(db) == [call_id]


def test_of_two_seats_one_goes_to_the_line_and_one_is_told_of(db: DbSession) -> None:
    call_id = a_call(db, seats=2)
    seats = [take(db, call_id, a_person(db, name)) for name in ("Jo", "Tom")]
    wait(db, call_id, a_person(db, "Next"))

    give_back(db, seats[0])
    assert opened(db) == []
    give_back(db, seats[1])

    assert opened(db) == [call_id]


def test_a_seat_that_the_host_declines_is_told_of(db: DbSession) -> None:
    call_id, seat = a_full_call(db, a_host_who_approves(db))

    decline_seat(db, seat_id=seat.id, **BY_MACHINE)

    assert opened(db) == [call_id]


@pytest.mark.parametrize("left", [True, False])
def test_an_offer_that_ends_with_nobody_behind_it_is_told_of(db: DbSession, *, left: bool) -> None:
    call_id, seat = a_full_call(db)
    entry = wait(db, call_id, a_person(db, "Next"))
    give_back(db, seat)

    if left:
        leave(db, entry)
    else:
        settle(db, call_id, now=NOW + OFFER)

    assert opened(db) == [call_id]


def test_a_hold_that_ends_is_told_of(db: DbSession) -> None:
    given_back, expires = a_call(db, seats=1), a_call(db, seats=1)
    held = hold(db, given_back, a_person(db, "Jo"))
    hold(db, expires, a_person(db, "Tom"))

    holds.give_hold_back(db, hold_id=held.id, **BY_MACHINE)
    settle(db, expires, now=NOW + HOLD)

    assert opened(db) == [given_back, expires]


def test_of_two_holds_that_nobody_ended_yet_who_books_leaves_one_that_is_told_of(db: DbSession) -> None:
    call_id = a_call(db, seats=2)
    for name in ("Jo", "Tom"):
        hold(db, call_id, a_person(db, name))

    take(db, call_id, a_person(db, "Books"), now=NOW + HOLD)

    assert opened(db) == [call_id]


def test_a_call_that_moves_away_from_who_sat_there_is_told_of_once(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    call_id = a_call(db, seats=1)
    take(db, call_id, jo)
    take(db, a_call(db, starts_at=LATER), jo)

    patch_call(db, call_id=call_id, changes={"starts_at": LATER, "ends_at": LATER + HALF}, **BY_MACHINE)

    assert opened(db) == [call_id]


def test_what_had_expired_when_a_call_changed_is_told_of(db: DbSession) -> None:
    call_id = a_call(db, seats=1)
    hold(db, call_id, a_person(db, "Jo"))

    patch_call(db, call_id=call_id, changes={"title": "Another"}, actor=SYSTEM, now=NOW + HOLD)

    assert opened(db) == [call_id]


def test_the_seats_of_who_leaves_the_company_are_told_of_unless_somebody_in_line_gets_them(db: DbSession) -> None:
    jo, wanted = a_person(db, "Jo"), a_call(db, seats=1)
    free = a_call(db, starts_at=LATER, seats=1)
    for call_id in (wanted, free):
        take(db, call_id, jo)
    wait(db, wanted, a_person(db, "Next"))

    patch_person(db, person_id=jo.id, changes={"status": PersonStatus.LEFT}, **BY_MACHINE)
    assert opened(db) == []
    do_what_was_left(db)

    assert opened(db) == [free]
