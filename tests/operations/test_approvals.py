"""Hosts who approve every seat: what is asked of them, until when, and what a request keeps meanwhile."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from app.config import Settings
from app.db import DbSession
from app.errors import Forbidden, NotFound, Problem, Stale
from app.models.tables import calendar_entry, call, person
from app.operations.calls import cancel_call, patch_call
from app.operations.seats import NotRequested, approve_seat, decline_seat, release_seat
from app.queries.calls import call_by_id
from app.queries.entries import Desk, drawn_entries
from app.queries.joinable import joinable_ids
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Part, Role, SeatApproval, SeatStatus, SessionKind, SessionStatus, WaitlistStatus
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.seats_that_wait import (
    HALF,
    TEN,
    a_host_who_approves,
    accept,
    claims_of,
    give_back,
    settle,
    take,
    the_call,
    the_entry,
    the_seat,
    the_session,
    wait,
    words_left,
)
from tests.sessions_and_people import a_session

LAST = TEN - timedelta(minutes=15)
DESK = Desk.of(Settings(_env_file=None))


def test_only_the_host_decides_and_a_stranger_sees_nothing(db: DbSession) -> None:
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    asked = take(db, a_call(db, host), jo)
    of_host, of_jo, of_tom = (Actor("key_x", Role.REP, who.id) for who in (host, jo, tom))

    for decide in (approve_seat, decline_seat):
        with pytest.raises(Forbidden):
            decide(db, seat_id=asked.id, actor=of_jo, now=NOW)
        with pytest.raises(NotFound):
            decide(db, seat_id=asked.id, actor=of_tom, now=NOW)
        with pytest.raises(Stale):
            decide(db, seat_id=asked.id, expected_version=7, actor=of_host, now=NOW)

    assert approve_seat(db, seat_id=asked.id, actor=of_host, now=NOW).status is SeatStatus.CONFIRMED


def test_what_nobody_asks_for_is_neither_approved_nor_declined(db: DbSession) -> None:
    released = give_back(db, take(db, a_call(db), a_person(db, "Jo")))
    full = a_call(db, seats=1)
    held = take(db, full, a_person(db, "Seated"))
    entry_id = wait(db, full, a_person(db, "Tom"))
    give_back(db, held)
    offered = the_entry(db, entry_id).seat_id

    for seat_id in (released.id, offered):
        for decide in (approve_seat, decline_seat):
            with pytest.raises(NotRequested):
                decide(db, seat_id=seat_id, actor=SYSTEM, now=NOW)


def test_a_request_takes_the_seat_and_the_time_so_that_two_are_never_both_confirmed(db: DbSession) -> None:
    """Bug 3: two pending both confirmed."""
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    call_id = a_call(db, host, seats=1)
    asked = take(db, call_id, jo)

    with pytest.raises(Problem) as full:
        take(db, call_id, tom)
    with pytest.raises(Problem) as clash:
        take(db, a_call(db, a_host_who_approves(db)), jo)

    assert (full.value.code, clash.value.code) == ("seats_full", "slot_taken")
    assert asked.status is SeatStatus.REQUESTED
    assert claims_of(db, jo) == [(TEN, TEN + HALF)]
    assert words_left(db, "settle_call") == [LAST]


def test_who_only_asks_is_in_no_calendar_and_not_told_the_way_in(db: DbSession) -> None:
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    call_id = a_call(db, host, meeting_url="https://meet.example/1")
    first, second = take(db, call_id, jo), take(db, call_id, tom)
    way_in = call_by_id(db, call_id, actor=Actor("key_x", Role.REP, jo.id)).meeting_url
    nobody = db.execute(select(calendar_entry)).all()

    approve_seat(db, seat_id=first.id, actor=SYSTEM, now=NOW)

    assert (way_in, nobody) == (None, [])
    entries = {row.part: row for row in db.execute(select(calendar_entry))}
    assert {row.person_id for row in entries.values()} == {host.id, jo.id}
    assert drawn_entries(db, [entries[Part.HOST].id], desk=DESK)[0].entry.summary.endswith(": Jo")
    assert call_by_id(db, call_id, actor=Actor("key_x", Role.REP, jo.id)).meeting_url == "https://meet.example/1"
    decline_seat(db, seat_id=second.id, actor=SYSTEM, now=NOW)
    assert db.execute(select(calendar_entry.c.sequence).where(calendar_entry.c.part == Part.HOST)).scalar_one() == 0


def test_approving_twice_changes_nothing_and_neither_does_declining_twice(db: DbSession) -> None:
    call_id = a_call(db, a_host_who_approves(db), seats=2)
    first, second = take(db, call_id, a_person(db, "Jo")), take(db, call_id, a_person(db, "Tom"))

    approved = [approve_seat(db, seat_id=first.id, actor=SYSTEM, now=NOW).version for _ in range(2)]
    declined = [decline_seat(db, seat_id=second.id, actor=SYSTEM, now=NOW).version for _ in range(2)]

    assert (approved, declined) == ([2, 2], [2, 2])
    for decide, one in ((decline_seat, first), (approve_seat, second)):
        with pytest.raises(NotRequested):
            decide(db, seat_id=one.id, actor=SYSTEM, now=NOW)


def test_who_is_declined_is_free_and_the_next_in_line_is_offered_the_seat(db: DbSession) -> None:
    call_id, jo = a_call(db, a_host_who_approves(db), seats=1), a_person(db, "Jo")
    asked = take(db, call_id, jo)
    entry_id = wait(db, call_id, a_person(db, "Tom"))

    declined = decline_seat(db, seat_id=asked.id, actor=SYSTEM, now=NOW)

    assert declined.status is SeatStatus.DECLINED
    assert the_session(db, asked.session_id).status is SessionStatus.CANCELLED
    assert claims_of(db, jo) == []
    assert the_entry(db, entry_id).status is WaitlistStatus.OFFERED


def test_a_request_that_nobody_answers_ends_at_the_notice(db: DbSession) -> None:
    call_id, jo = a_call(db, a_host_who_approves(db)), a_person(db, "Jo")
    asked = take(db, call_id, jo)

    with pytest.raises(NotRequested):
        approve_seat(db, seat_id=asked.id, actor=SYSTEM, now=LAST)
    settle(db, call_id, now=LAST)

    assert the_seat(db, asked.id).status is SeatStatus.EXPIRED
    assert the_session(db, asked.session_id).status is SessionStatus.EXPIRED
    assert the_call(db, call_id).seats_taken == 0
    assert claims_of(db, jo, now=LAST) == []


def test_there_must_be_time_left_to_be_asked(db: DbSession) -> None:
    call_id = a_call(db, a_host_who_approves(db))

    with pytest.raises(Problem) as refused:
        take(db, call_id, a_person(db, "Jo"), now=LAST)

    assert refused.value.code == "min_notice"


def test_a_request_waits_for_the_host_of_a_moved_call_until_its_new_notice(db: DbSession) -> None:
    call_id, jo = a_call(db, a_host_who_approves(db)), a_person(db, "Jo")
    asked, later = take(db, call_id, jo), TEN + timedelta(hours=4)

    patch_call(db, call_id=call_id, changes={"starts_at": later, "ends_at": later + HALF}, actor=SYSTEM, now=NOW)

    assert the_session(db, asked.session_id).expires_at == later - timedelta(minutes=15)
    settle(db, call_id, now=LAST)
    assert claims_of(db, jo, now=LAST) == [(later, later + HALF)]
    assert approve_seat(db, seat_id=asked.id, actor=SYSTEM, now=LAST).status is SeatStatus.CONFIRMED


def test_a_move_that_leaves_no_time_to_decide_ends_a_request_and_frees_its_seat(db: DbSession) -> None:
    call_id, jo = a_call(db, a_host_who_approves(db), starts_at=TEN + 6 * HALF, seats=1), a_person(db, "Jo")
    asked = take(db, call_id, jo)
    now = TEN - timedelta(minutes=10)

    patch_call(db, call_id=call_id, changes={"starts_at": TEN, "ends_at": TEN + HALF}, actor=SYSTEM, now=now)

    assert the_seat(db, asked.id).status is SeatStatus.EXPIRED
    assert the_call(db, call_id).seats_taken == 0
    assert claims_of(db, jo, now=now) == []


def test_a_request_goes_with_its_call_and_is_told_to_no_calendar(db: DbSession) -> None:
    call_id, jo = a_call(db, a_host_who_approves(db)), a_person(db, "Jo")
    asked = take(db, call_id, jo)

    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)

    assert the_seat(db, asked.id).status is SeatStatus.CANCELLED
    assert db.execute(select(calendar_entry)).all() == []


def test_a_host_who_takes_nobody_any_more_lets_nobody_in(db: DbSession) -> None:
    host = a_host_who_approves(db)
    asked = take(db, a_call(db, host), a_person(db, "Jo"))
    db.execute(update(person).where(person.c.id == host.id).values(seat_approval=SeatApproval.NONE))

    with pytest.raises(Problem) as refused:
        approve_seat(db, seat_id=asked.id, actor=SYSTEM, now=NOW)

    assert refused.value.code == "not_joinable"
    assert decline_seat(db, seat_id=asked.id, actor=SYSTEM, now=NOW).status is SeatStatus.DECLINED


def test_who_drops_in_on_a_call_under_way_asks_nobody(db: DbSession) -> None:
    call_id = a_call(db, an_open_host(db, seat_approval=SeatApproval.HOST))

    made = take(db, call_id, a_person(db, "Jo"), kind=SessionKind.DROP_IN, now=TEN + timedelta(minutes=5))

    assert made.status is SeatStatus.CONFIRMED
    assert the_session(db, made.session_id).status is SessionStatus.IN_PROGRESS
    assert db.execute(select(call.c.seats_taken)).scalar_one() == 1


def test_a_call_whose_host_has_no_time_to_decide_is_not_shown_as_one_to_join(db: DbSession) -> None:
    call_id, jo = a_call(db, a_host_who_approves(db)), a_person(db, "Jo")
    at_once = a_call(db)

    def joinable(now: datetime) -> list[str]:
        return joinable_ids(db, TEN, TEN + HALF, observer=jo, now=now, limit=9)

    with pytest.raises(Problem) as refused:
        take(db, call_id, jo, now=LAST)

    assert refused.value.code == "min_notice"
    assert joinable(LAST) == [at_once]
    assert sorted(joinable(LAST - timedelta(seconds=1))) == sorted([call_id, at_once])


def test_whoever_the_host_turns_down_after_an_offer_is_no_longer_in_line(db: DbSession) -> None:
    call_id, tom = a_call(db, a_host_who_approves(db), seats=1), a_person(db, "Tom")
    held = take(db, call_id, a_person(db, "Jo"))
    entry_id = wait(db, call_id, tom)
    give_back(db, held)
    accept(db, entry_id)

    decline_seat(db, seat_id=the_entry(db, entry_id).seat_id, actor=SYSTEM, now=NOW)

    assert the_entry(db, entry_id).status is WaitlistStatus.TAKEN


@pytest.mark.parametrize(("by", "late"), [("host", False), ("observer", True), ("admin", True)])
def test_a_seat_is_given_back_late_by_its_observer_or_for_them_but_not_by_the_host(
    db: DbSession, by: str, late: bool
) -> None:
    host, jo = a_person(db, "Host"), a_person(db, "Jo")
    held = take(db, a_call(db, host), jo)
    of_host, of_jo = Actor("key_h", Role.REP, host.id), Actor("key_o", Role.REP, jo.id)
    actor = {"host": of_host, "observer": of_jo, "admin": SYSTEM}[by]

    assert release_seat(db, seat_id=held.id, actor=actor, now=TEN - HALF).late is late


def test_who_drops_in_may_have_been_elsewhere_until_then_and_stays_when_the_call_takes_longer(db: DbSession) -> None:
    host, jo = an_open_host(db), a_person(db, "Jo")
    a_session(db, jo, a_person(db, "Tom"))
    call_id, now = a_call(db, host, minutes=60), TEN + timedelta(minutes=40)

    with pytest.raises(Problem) as too_early:
        take(db, call_id, jo, kind=SessionKind.DROP_IN, now=TEN + timedelta(minutes=20))
    seat = take(db, call_id, jo, kind=SessionKind.DROP_IN, now=now)
    longer = {"ends_at": TEN + 3 * HALF}
    patch_call(db, call_id=call_id, changes=longer, actor=SYSTEM, now=now + timedelta(minutes=1))

    assert too_early.value.code == "slot_taken"
    assert the_seat(db, seat.id).status is SeatStatus.CONFIRMED
    assert claims_of(db, jo)[-1] == (now + timedelta(minutes=1), TEN + 3 * HALF)
