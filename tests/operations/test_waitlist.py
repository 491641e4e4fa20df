"""The order for full calls: who is offered the seat that comes free, for how long, and who is never."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import DbSession
from app.errors import Forbidden, NotFound, Problem
from app.models import Person
from app.models.tables import calendar_entry, call, event, seat
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call, patch_call
from app.operations.people import patch_person
from app.operations.person_skills import set_skills
from app.operations.refused import AlreadyBooked, NotActive, SeatsFull
from app.operations.seats import book_seat, wait_if_full
from app.operations.waitlist import NotOffered, OfferExpired, OfferTaken, accept_offer, promote
from app.queries import waitlist as waitlist_queries
from app.rules.access import SYSTEM, Actor
from app.rules.skills import SkillState
from app.vocabulary import BusyStatus, Role, SeatStatus, SessionStatus, WaitlistStatus
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import (
    HALF,
    OFFER,
    TEN,
    a_host_who_approves,
    accept,
    claims_of,
    give_back,
    house,
    leave,
    seated,
    settle,
    take,
    the_call,
    the_entry,
    the_seat,
    the_session,
    wait,
    words_left,
)
from tests.statements import counted

WAITING, OFFERED, TAKEN = WaitlistStatus.WAITING, WaitlistStatus.OFFERED, WaitlistStatus.TAKEN
LAPSED, LEFT = WaitlistStatus.LAPSED, WaitlistStatus.LEFT


def a_full_call(db: DbSession, **fields: Any) -> tuple[str, Any]:
    """A call with one seat, and that seat."""
    call_id = a_call(db, seats=1, **fields)
    return call_id, take(db, call_id, a_person(db, "Seated"))


def several(db: DbSession, *names: str) -> list[Person]:
    return [a_person(db, name) for name in names]


def statuses(db: DbSession, *entries: str) -> list[WaitlistStatus]:
    return [the_entry(db, entry_id).status for entry_id in entries]


def wants(db: DbSession, who: Person, wish: int, level: int = 0) -> None:
    skills = {"discovery.questioning": SkillState(level=level, wants=wish)}
    set_skills(db, person_id=who.id, skills=skills, actor=SYSTEM, now=NOW)


def busy_at_ten(db: DbSession, who: Person) -> None:
    taken = [(TEN, TEN + HALF, BusyStatus.BUSY)]
    replace_busy(db, person_id=who.id, source="outlook", intervals=taken, actor=SYSTEM, now=NOW)


def test_who_could_not_sit_there_anyway_does_not_wait(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    seated_person, busy, left = db.get_one(Person, held.observer_id), a_person(db, "Busy"), a_person(db, "Left")
    busy_at_ten(db, busy)
    patch_person(db, person_id=left.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    for who, code in ((seated_person, "already_booked"), (busy, "slot_taken"), (left, "not_active")):
        with pytest.raises(Problem) as refused:
            wait_if_full(db, call_id=call_id, observer_id=who.id, actor=SYSTEM, now=NOW)
        assert refused.value.code == code


def test_nobody_waits_for_a_call_that_has_a_seat_or_is_closed(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    closed = a_call(db, sensitive=True, seats=0)

    assert wait_if_full(db, call_id=a_call(db), observer_id=jo.id, actor=SYSTEM, now=NOW) is None
    with pytest.raises(Problem) as refused:
        wait_if_full(db, call_id=closed, observer_id=jo.id, actor=SYSTEM, now=NOW)
    assert refused.value.code == "not_joinable"


def test_nobody_waits_for_a_call_that_has_no_seats_though_they_had_one(db: DbSession) -> None:
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    host = a_person(db, "Host", seat_capacity=1)
    calls = [a_call(db, host, starts_at=TEN + halves * HALF) for halves in (0, 2)]
    for call_id, who in zip(calls, (jo, tom), strict=True):
        take(db, call_id, who)
        take(db, a_call(db, starts_at=TEN + 8 * HALF), who)
    later = {"starts_at": TEN + 8 * HALF, "ends_at": TEN + 9 * HALF}

    patch_call(db, call_id=calls[0], changes=later, actor=SYSTEM, now=NOW)
    patch_person(db, person_id=host.id, changes={"seat_capacity": 0}, actor=SYSTEM, now=NOW)
    patch_call(db, call_id=calls[1], changes=later, actor=SYSTEM, now=NOW)

    waiting = [waitlist_queries.waiting(db, call_id) for call_id in calls]
    assert [[one.person_id for one in line] for line in waiting] == [[jo.id], []]


def test_waiting_twice_is_waiting_once(db: DbSession) -> None:
    call_id, _ = a_full_call(db)
    jo = a_person(db, "Jo")

    assert wait(db, call_id, jo) == wait(db, call_id, jo)


def test_only_who_waits_answers_and_strangers_see_no_line(db: DbSession) -> None:
    host = a_person(db, "Host")
    call_id, held = a_full_call(db, host=host)
    jo, tom = several(db, "Jo", "Tom")
    entry_id = wait(db, call_id, jo)
    give_back(db, held)
    of_host, of_tom = (Actor("key_x", Role.REP, who.id) for who in (host, tom))

    with pytest.raises(Forbidden):
        accept_offer(db, entry_id=entry_id, actor=of_host, now=NOW)
    with pytest.raises(NotFound):
        accept_offer(db, entry_id=entry_id, actor=of_tom, now=NOW)
    assert [row.id for row in waitlist_queries.line_of(db, call_id, actor=of_host, now=NOW)] == [entry_id]
    assert waitlist_queries.line_of(db, call_id, actor=of_tom, now=NOW) == []
    with pytest.raises(Forbidden):
        wait_if_full(db, call_id=call_id, observer_id=jo.id, actor=of_tom, now=NOW)


def test_without_an_offer_there_is_nothing_to_accept(db: DbSession) -> None:
    call_id, _ = a_full_call(db)
    entry_id = wait(db, call_id, a_person(db, "Jo"))

    with pytest.raises(NotOffered):
        accept(db, entry_id)
    leave(db, entry_id)
    with pytest.raises(NotOffered):
        accept(db, entry_id)


def test_a_seat_that_comes_free_is_offered_in_the_same_transaction_and_kept(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo, tom = several(db, "Jo", "Tom")
    entry_id = wait(db, call_id, jo)

    give_back(db, held)

    found = the_entry(db, entry_id)
    offered = the_seat(db, found.seat_id)
    assert (found.status, offered.observer_id, offered.status) == (OFFERED, jo.id, SeatStatus.REQUESTED)
    assert the_session(db, offered.session_id).expires_at == NOW + OFFER
    assert claims_of(db, jo) == [(TEN, TEN + HALF)]
    assert the_call(db, call_id).seats_taken == 1
    assert words_left(db, "settle_call") == [NOW + OFFER]
    with pytest.raises(SeatsFull):
        take(db, call_id, tom)


def test_an_offer_that_is_accepted_is_a_seat_like_any_other_and_accepting_twice_changes_nothing(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo = a_person(db, "Jo")
    entry_id = wait(db, call_id, jo)
    give_back(db, held)
    before = db.execute(select(calendar_entry).where(calendar_entry.c.person_id == jo.id)).all()

    first, again = accept(db, entry_id), accept(db, entry_id)

    assert (before, first.status, first.version, again.version) == ([], TAKEN, 3, 3)
    assert seated(db, call_id, SeatStatus.CONFIRMED) == [jo.id]
    assert claims_of(db, jo, now=NOW + 2 * OFFER) == [(TEN, TEN + HALF)]
    assert db.execute(select(calendar_entry).where(calendar_entry.c.person_id == jo.id)).one()
    settle(db, call_id, now=NOW + 2 * OFFER)
    assert seated(db, call_id, SeatStatus.CONFIRMED) == [jo.id]


def test_the_line_goes_by_need_then_by_time_then_by_id(db: DbSession) -> None:
    """Bug 39: an offer to the wrong person."""
    call_id, held = a_full_call(db)
    first, second, twin, needy, master = several(db, "First", "Second", "Twin", "Needy", "Master")
    for who, wish, level in ((first, 2, 0), (second, 2, 0), (twin, 2, 0), (needy, 3, 0), (master, 5, 4)):
        wants(db, who, wish, level)
    line = {who.name: wait(db, call_id, who, now=NOW) for who in (master, first)}
    line |= {who.name: wait(db, call_id, who, now=NOW + HALF) for who in (second, twin, needy)}
    by_id = sorted((second, twin), key=lambda who: line[who.name])

    offered = []
    for number in range(5):
        give_back(db, held, now=NOW + timedelta(minutes=60 + number))
        (entry_id,) = [entry_id for entry_id in line.values() if the_entry(db, entry_id).status is OFFERED]
        offered.append(the_entry(db, entry_id).person_id)
        held = the_seat(db, the_entry(db, entry_id).seat_id)

    assert offered == [needy.id, first.id, *(who.id for who in by_id), master.id]


def test_an_offer_that_nobody_takes_goes_to_the_next_and_is_gone_for_who_comes_late(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo, tom = several(db, "Jo", "Tom")
    first, second = wait(db, call_id, jo), wait(db, call_id, tom, now=NOW + timedelta(seconds=1))
    give_back(db, held)
    late = NOW + OFFER

    with pytest.raises(OfferExpired) as refused:
        accept(db, first, now=late)
    settle(db, call_id, now=late)

    assert (refused.value.status, refused.value.code) == (410, "offer_expired")
    assert statuses(db, first, second) == [LAPSED, OFFERED]
    assert (claims_of(db, jo, now=late), claims_of(db, tom, now=late)) == ([], [(TEN, TEN + HALF)])
    with pytest.raises(OfferExpired):
        accept(db, first, now=late)
    assert accept(db, second, now=late).status is TAKEN
    assert the_call(db, call_id).seats_taken == 1


def test_the_job_behind_an_offer_may_come_early_late_or_twice(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    first, second = (wait(db, call_id, who) for who in several(db, "Jo", "Tom"))
    give_back(db, held)

    settle(db, call_id, now=NOW + OFFER - HALF)
    early = statuses(db, first, second)
    for _ in range(3):
        settle(db, call_id, now=NOW + OFFER + HALF)
    late = statuses(db, first, second)

    assert sorted(early) == [OFFERED, WAITING]
    assert sorted(late) == [LAPSED, OFFERED]
    assert the_call(db, call_id).seats_taken == 1
    sessions = db.execute(select(event.c.object_id, event.c.version)).all()
    assert len(sessions) == len(set(sessions))


def test_nobody_is_offered_a_clash_and_a_seat_that_nobody_in_line_can_take_stays_open(db: DbSession) -> None:
    """Bug 39: an offer into a clash."""
    call_id, held = a_full_call(db)
    jo, tom, mia = several(db, "Jo", "Tom", "Mia")
    busy, elsewhere = wait(db, call_id, jo), wait(db, call_id, tom)
    busy_at_ten(db, jo)
    take(db, a_call(db), tom)

    give_back(db, held)

    assert statuses(db, busy, elsewhere) == [WAITING, WAITING]
    assert take(db, call_id, mia).status is SeatStatus.CONFIRMED


def test_a_clash_passes_over_the_first_in_line_who_keeps_their_place(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo, tom = several(db, "Jo", "Tom")
    first, second = wait(db, call_id, jo), wait(db, call_id, tom, now=NOW + HALF)
    busy_at_ten(db, jo)

    give_back(db, held, now=NOW + HALF)

    assert statuses(db, first, second) == [WAITING, OFFERED]


@pytest.mark.parametrize(("minutes_before", "status"), [(16, OFFERED), (15, WAITING), (5, WAITING), (-5, WAITING)])
def test_nothing_is_offered_past_the_notice_and_no_offer_lasts_longer(
    db: DbSession, minutes_before: int, status: WaitlistStatus
) -> None:
    """Bug 39: an offer after the close."""
    call_id, held = a_full_call(db)
    entry_id = wait(db, call_id, a_person(db, "Jo"))

    give_back(db, held, now=TEN - timedelta(minutes=minutes_before))

    found = the_entry(db, entry_id)
    assert found.status is status
    if found.seat_id:
        session_id = the_seat(db, found.seat_id).session_id
        assert the_session(db, session_id).expires_at == TEN - timedelta(minutes=15)


def test_no_offer_while_a_call_is_closed_and_one_as_soon_as_it_is_open_again(db: DbSession) -> None:
    """Bug 39: an offer after the close."""
    call_id, held = a_full_call(db)
    entry_id = wait(db, call_id, a_person(db, "Jo"))
    patch_call(db, call_id=call_id, changes={"stage": "legal"}, actor=SYSTEM, now=NOW)

    give_back(db, held)
    while_closed = statuses(db, entry_id)
    patch_call(db, call_id=call_id, changes={"stage": "demo"}, actor=SYSTEM, now=NOW)

    assert (while_closed, statuses(db, entry_id)) == ([WAITING], [OFFERED])


def test_an_offer_on_a_call_that_closes_meanwhile_is_not_accepted(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    entry_id = wait(db, call_id, a_person(db, "Jo"))
    give_back(db, held)
    patch_call(db, call_id=call_id, changes={"sensitive": True}, actor=SYSTEM, now=NOW)

    with pytest.raises(Problem) as refused:
        accept(db, entry_id)

    assert refused.value.code == "not_joinable"


def test_a_host_at_the_limit_gets_nobody_from_the_line(db: DbSession) -> None:
    host = a_person(db, "Host")
    call_id, held = a_full_call(db, host=host)
    entry_id = wait(db, call_id, a_person(db, "Jo"))
    patch_person(db, person_id=host.id, changes={"host_per_day": 0}, actor=SYSTEM, now=NOW)

    give_back(db, held)

    assert statuses(db, entry_id) == [WAITING]


def test_more_seats_are_offered_at_once_one_to_each(db: DbSession) -> None:
    call_id, _ = a_full_call(db)
    line = [wait(db, call_id, who) for who in several(db, "A", "B", "C")]

    patch_call(db, call_id=call_id, changes={"seat_capacity": 3}, actor=SYSTEM, now=NOW)

    assert sorted(statuses(db, *line)) == [OFFERED, OFFERED, WAITING]
    assert the_call(db, call_id).seats_taken == 3
    with pytest.raises(Problem) as refused:
        patch_call(db, call_id=call_id, changes={"seat_capacity": 2}, actor=SYSTEM, now=NOW)
    assert (refused.value.code, refused.value.extra["seats_taken"]) == ("capacity_below_taken", 3)
    patch_call(db, call_id=call_id, changes={"seat_capacity": 1}, actor=SYSTEM, now=NOW + OFFER)
    assert (the_call(db, call_id).seat_capacity, the_call(db, call_id).seats_taken) == (1, 1)


def test_a_new_number_of_the_host_is_offered_by_a_job(db: DbSession) -> None:
    host = a_person(db, "Host", seat_capacity=1)
    call_id = a_call(db, host)
    take(db, call_id, a_person(db, "Seated"))
    entry_id = wait(db, call_id, a_person(db, "Jo"))

    patch_person(db, person_id=host.id, changes={"seat_capacity": 2}, actor=SYSTEM, now=NOW)

    assert words_left(db, "settle_call") == [NOW]
    settle(db, call_id, now=NOW)
    assert statuses(db, entry_id) == [OFFERED]


def test_who_leaves_the_line_hands_the_offer_on_and_leaving_twice_changes_nothing(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    first, second = wait(db, call_id, a_person(db, "Jo")), wait(db, call_id, a_person(db, "Tom"), now=NOW + HALF)
    give_back(db, held, now=NOW + HALF)

    left, again = leave(db, first, now=NOW + HALF), leave(db, first, now=NOW + HALF)

    assert (left.status, again.version) == (LEFT, left.version)
    assert statuses(db, second) == [OFFERED]


def test_who_has_taken_the_seat_is_told_to_release_it_instead_of_leaving(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    entry_id = wait(db, call_id, a_person(db, "Jo"))
    give_back(db, held)
    taken = accept(db, entry_id)

    with pytest.raises(OfferTaken) as kept:
        leave(db, entry_id)
    give_back(db, the_seat(db, taken.seat_id))
    left = leave(db, entry_id)

    assert kept.value.extra == {"seat_id": taken.seat_id}
    assert (left.status, left.version) == (TAKEN, taken.version)


def test_an_offered_seat_can_be_released_like_any_other(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    first, second = wait(db, call_id, a_person(db, "Jo")), wait(db, call_id, a_person(db, "Tom"), now=NOW + HALF)
    give_back(db, held, now=NOW + HALF)

    give_back(db, the_seat(db, the_entry(db, first).seat_id), now=NOW + HALF)

    assert statuses(db, first, second) == [LEFT, OFFERED]


def test_who_finds_a_seat_by_hand_waits_no_longer(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo = a_person(db, "Jo")
    entry_id = wait(db, call_id, jo)
    busy_at_ten(db, jo)
    give_back(db, held)
    replace_busy(db, person_id=jo.id, source="outlook", intervals=[], actor=SYSTEM, now=NOW)

    take(db, call_id, jo)

    assert statuses(db, entry_id) == [TAKEN]


def test_who_is_offered_a_seat_has_one_and_is_told_which(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo = a_person(db, "Jo")
    entry_id = wait(db, call_id, jo)
    give_back(db, held)

    with pytest.raises(AlreadyBooked) as refused:
        take(db, call_id, jo)

    assert refused.value.extra["seat_id"] == the_entry(db, entry_id).seat_id


def test_a_call_that_will_not_happen_is_waited_for_by_nobody(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    first, second = wait(db, call_id, a_person(db, "Jo")), wait(db, call_id, a_person(db, "Tom"), now=NOW + HALF)
    give_back(db, held, now=NOW + HALF)

    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW + HALF)

    assert statuses(db, first, second) == [LAPSED, LAPSED]
    assert db.execute(select(calendar_entry).where(calendar_entry.c.status == "confirmed")).all() == []


def test_who_leaves_the_company_leaves_every_line_and_their_offer_goes_on_by_a_job(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo, tom = several(db, "Jo", "Tom")
    first, second = wait(db, call_id, jo), wait(db, call_id, tom, now=NOW + HALF)
    give_back(db, held, now=NOW + HALF)

    patch_person(db, person_id=jo.id, changes={"status": "left"}, actor=SYSTEM, now=NOW + HALF)
    settle(db, call_id, now=NOW + HALF)

    assert statuses(db, first, second) == [LEFT, OFFERED]
    with pytest.raises(NotActive):
        take(db, a_call(db), jo)


def test_a_move_takes_an_offer_along_and_a_clash_puts_its_person_back_into_line(db: DbSession) -> None:
    call_id = a_call(db, seats=2)
    held = [take(db, call_id, who) for who in several(db, "A", "B")]
    jo, tom = several(db, "Jo", "Tom")
    clashing, free = wait(db, call_id, jo), wait(db, call_id, tom)
    for one in held:
        give_back(db, one)
    later = TEN + timedelta(hours=2)
    take(db, a_call(db, starts_at=later), jo)

    changes = {"starts_at": later, "ends_at": later + HALF}
    patch_call(db, call_id=call_id, changes=changes, actor=SYSTEM, now=NOW)

    assert statuses(db, clashing, free) == [WAITING, OFFERED]
    assert the_entry(db, clashing).seat_id is None
    assert claims_of(db, tom) == [(later, later + HALF)]
    assert accept(db, free).status is TAKEN
    back = {"starts_at": TEN, "ends_at": TEN + HALF}
    patch_call(db, call_id=call_id, changes=back, actor=SYSTEM, now=NOW)
    assert statuses(db, clashing) == [OFFERED]


def test_who_loses_a_seat_to_a_move_waits_for_the_next(db: DbSession) -> None:
    call_id, jo = a_call(db, seats=1), a_person(db, "Jo")
    held, later = take(db, call_id, jo), TEN + timedelta(hours=2)
    take(db, a_call(db, starts_at=later), jo)

    for starts_at in (later, TEN):
        changes = {"starts_at": starts_at, "ends_at": starts_at + HALF}
        patch_call(db, call_id=call_id, changes=changes, actor=SYSTEM, now=NOW)

    (row,) = waitlist_queries.line_of(db, call_id, actor=SYSTEM, now=NOW)
    assert (the_seat(db, held.id).status, row.person_id, row.status) == (SeatStatus.RELEASED, jo.id, OFFERED)


def test_who_hosts_the_call_from_now_on_waits_for_it_no_longer(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo = a_person(db, "Jo")
    entry_id = wait(db, call_id, jo)
    give_back(db, held)

    patch_call(db, call_id=call_id, changes={"host_id": jo.id}, actor=SYSTEM, now=NOW)

    assert statuses(db, entry_id) == [LEFT]
    assert the_call(db, call_id).seats_taken == 0


def test_where_the_host_approves_an_offer_that_is_accepted_asks_them(db: DbSession) -> None:
    host = a_host_who_approves(db)
    call_id = a_call(db, host, seats=1)
    held = take(db, call_id, a_person(db, "Seated"))
    entry_id = wait(db, call_id, a_person(db, "Jo"))
    give_back(db, held)

    accepted = accept(db, entry_id)

    asked = the_seat(db, accepted.seat_id)
    assert (accepted.status, asked.status) == (TAKEN, SeatStatus.REQUESTED)
    assert the_session(db, asked.session_id).expires_at == TEN - timedelta(minutes=15)
    assert words_left(db, "settle_call") != []


def test_an_expired_offer_is_in_nobodys_way_though_its_job_has_not_run(db: DbSession) -> None:
    """Bug 27: a hold that is stale."""
    call_id, held = a_full_call(db)
    jo, tom = several(db, "Jo", "Tom")
    entry_id = wait(db, call_id, jo)
    give_back(db, held)
    later = NOW + OFFER

    made = take(db, call_id, tom, now=later)

    assert (made.status, made.seat_no) == (SeatStatus.CONFIRMED, 1)
    assert statuses(db, entry_id) == [LAPSED]
    assert take(db, a_call(db), jo, now=later).status is SeatStatus.CONFIRMED


def test_an_expired_offer_goes_to_the_next_in_line_before_anybody_else(db: DbSession) -> None:
    call_id, held = a_full_call(db)
    jo, tom, mia = several(db, "Jo", "Tom", "Mia")
    first, second = wait(db, call_id, jo), wait(db, call_id, tom, now=NOW + HALF)
    give_back(db, held, now=NOW + HALF)

    with pytest.raises(SeatsFull):
        book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW + HALF + OFFER)

    assert statuses(db, first, second) == [LAPSED, OFFERED]


def test_an_offer_takes_the_time_of_who_is_offered_it_for_as_long_as_it_lasts(db: DbSession) -> None:
    house(db, offer_minutes=10)
    call_id, held = a_full_call(db)
    jo = a_person(db, "Jo")
    wait(db, call_id, jo)
    give_back(db, held)

    with pytest.raises(Problem) as refused:
        take(db, a_call(db), jo)

    assert refused.value.code == "slot_taken"
    assert the_session(db, held.session_id).status is SessionStatus.CANCELLED


def test_who_is_to_host_a_call_without_seats_waits_for_it_no_longer(db: DbSession) -> None:
    (call_id, held), tom = a_full_call(db), a_person(db, "Tom")
    entry_id = wait(db, call_id, tom)
    busy_at_ten(db, tom)
    give_back(db, held)
    patch_call(db, call_id=call_id, changes={"seat_capacity": 0}, actor=SYSTEM, now=NOW)

    patch_call(db, call_id=call_id, changes={"host_id": tom.id}, actor=SYSTEM, now=NOW)

    assert the_entry(db, entry_id).status is WaitlistStatus.LEFT


def test_an_offer_that_has_expired_is_shown_as_lapsed_though_its_job_has_not_run(db: DbSession) -> None:
    call_id, tom = a_call(db, seats=1), a_person(db, "Tom")
    held = take(db, call_id, a_person(db, "Jo"))
    entry_id = wait(db, call_id, tom)
    give_back(db, held)

    def shown(now: datetime) -> list[WaitlistStatus]:
        entry = waitlist_queries.entry_by_id(db, entry_id, actor=SYSTEM, now=now)
        return [entry.status, *(row.status for row in waitlist_queries.line_of(db, call_id, actor=SYSTEM, now=now))]

    assert shown(NOW + OFFER - timedelta(seconds=1)) == [WaitlistStatus.OFFERED] * 2
    assert shown(NOW + OFFER) == [WaitlistStatus.LAPSED]


def test_a_second_offer_takes_no_word_about_observers_whom_nobody_asks_about(db: DbSession) -> None:
    host = a_person(db, "Host", host_gap_minutes=10)
    call_id = a_call(db, host, seats=2)
    held = [take(db, call_id, one) for one in several(db, "Ann", "Ben")]
    for one in several(db, "Jo", "Tom"):
        wait(db, call_id, one)
    db.execute(update(seat).where(seat.c.id.in_([one.id for one in held])).values(status=SeatStatus.RELEASED))
    db.execute(update(call).values(seats_taken=0))

    with counted(db.get_bind()) as statements:  # type: ignore[arg-type]
        promote(db, call_id, actor=SYSTEM, now=NOW)

    assert len(seated(db, call_id, SeatStatus.REQUESTED)) == 2
    assert sum("FROM availability" in one for one in statements) == 1
