"""Who was passed over for a seat that stayed free is offered it once what was in the way has gone."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from app.db import DbSession
from app.models import Person
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call, patch_call
from app.operations.people import patch_person
from app.operations.responses import respond
from app.operations.sessions import cancel_session, reschedule_session
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, PersonStatus, Response, WaitlistStatus
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import HALF, TEN, give_back, settle, take, the_entry, wait, words_left
from tests.sessions_and_people import a_session

Undo = Callable[[], Any]


def a_session_that_is(act: str) -> Callable[[DbSession, Person], Undo]:
    def in_the_way(db: DbSession, who: Person) -> Undo:
        session_id = a_session(db, who, a_person(db, "Mia"))
        given: dict[str, Any] = {"db": db, "session_id": session_id, "actor": SYSTEM, "now": NOW}
        if act == "cancelled":
            return lambda: cancel_session(**given)
        if act == "moved":
            return lambda: reschedule_session(starts_at=TEN + 4 * HALF, **given)
        return lambda: respond(person_id=who.id, response=Response.DECLINED, **given)

    return in_the_way


def a_seat_elsewhere(db: DbSession, who: Person) -> Undo:
    held = take(db, a_call(db), who)
    return lambda: give_back(db, held)


def a_call_of_theirs(db: DbSession, who: Person) -> Undo:
    own = a_call(db, who)
    return lambda: cancel_call(db, call_id=own, actor=SYSTEM, now=NOW)


def a_call_of_theirs_that_moves(db: DbSession, who: Person) -> Undo:
    own, later = a_call(db, who), {"starts_at": TEN + 4 * HALF, "ends_at": TEN + 5 * HALF}
    return lambda: patch_call(db, call_id=own, changes=later, actor=SYSTEM, now=NOW)


def another_calendar(db: DbSession, who: Person) -> Undo:
    def says(*intervals: tuple[datetime, datetime, BusyStatus]) -> None:
        replace_busy(db, person_id=who.id, source="google", intervals=intervals, actor=SYSTEM, now=NOW)

    says((TEN, TEN + HALF, BusyStatus.BUSY))
    return says


def patched(first: dict[str, Any], then: dict[str, Any]) -> Callable[[DbSession, Person], Undo]:
    def in_the_way(db: DbSession, who: Person) -> Undo:
        patch_person(db, person_id=who.id, changes=first, actor=SYSTEM, now=NOW)
        return lambda: patch_person(db, person_id=who.id, changes=then, actor=SYSTEM, now=NOW)

    return in_the_way


@pytest.mark.parametrize(
    "in_the_way",
    [
        a_session_that_is("cancelled"),
        a_session_that_is("moved"),
        a_session_that_is("declined"),
        a_seat_elsewhere,
        a_call_of_theirs,
        a_call_of_theirs_that_moves,
        another_calendar,
        patched({"status": PersonStatus.ON_LEAVE}, {"status": PersonStatus.ACTIVE}),
        patched({"observe_per_day": 0}, {"observe_per_day": 2}),
    ],
)
def test_what_goes_out_of_the_way_brings_the_offer(
    db: DbSession, in_the_way: Callable[[DbSession, Person], Undo]
) -> None:
    tom, call_id = a_person(db, "Tom"), a_call(db, seats=1)
    held = take(db, call_id, a_person(db, "Jo"))
    entry_id = wait(db, call_id, tom)
    goes = in_the_way(db, tom)
    give_back(db, held)
    assert the_entry(db, entry_id).status is WaitlistStatus.WAITING

    goes()

    assert words_left(db, "settle_call") == [NOW]
    settle(db, call_id, now=NOW)
    assert the_entry(db, entry_id).status is WaitlistStatus.OFFERED


def test_who_waits_nowhere_leaves_no_word(db: DbSession) -> None:
    jo, full = a_person(db, "Jo"), a_call(db, seats=1)
    take(db, full, a_person(db, "Sue"))
    wait(db, full, a_person(db, "Tom"))
    held = take(db, a_call(db), jo)

    give_back(db, held)

    assert words_left(db, "settle_call") == []
