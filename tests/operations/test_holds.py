"""Holds: what is kept for whoever has the token, for how long, from whom, and how it becomes a booking."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.db import DbSession
from app.errors import Forbidden, NotFound, Problem
from app.models import Person
from app.models.tables import calendar_entry, claim
from app.models.tables import hold as holds_table
from app.models.tables import seat as seats_table
from app.operations import holds
from app.operations.availability import set_availability
from app.operations.calls import cancel_call, patch_call
from app.operations.holds import HoldConflict, HoldExpired, Issued
from app.operations.refused import LimitReached, MinNotice
from app.operations.sessions import Plan, book_session
from app.queries.seats import seat_by_id
from app.rules.access import SYSTEM, Actor
from app.vocabulary import ClaimKind, Part, Role, SeatStatus, SessionKind, SessionStatus, WaitlistStatus
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import (
    HALF,
    HOLD,
    TEN,
    a_host_who_approves,
    book_held,
    claims_of,
    give_back,
    hold,
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
from tests.sessions_and_people import acts


def a_plan(mentor: Person, mentee: Person, starts_at: datetime = TEN, **fields: Any) -> Plan:
    people = {mentor.id: Part.MENTOR, mentee.id: Part.MENTEE}
    given: dict[str, Any] = {"kind": SessionKind.ONE_ON_ONE, "people": people, "ends_at": starts_at + HALF, **fields}
    return Plan(starts_at=starts_at, **given)


def hold_time(db: DbSession, plan: Plan, *, actor: Actor = SYSTEM, now: datetime = NOW) -> Issued:
    return holds.hold_time(db, plan=plan, actor=actor, now=now)


def book_held_time(db: DbSession, token: str, plan: Plan, *, now: datetime = NOW) -> str:
    return holds.book_held_time(db, token=token, plan=plan, actor=SYSTEM, now=now)


def drop(db: DbSession, made: Issued, *, actor: Actor = SYSTEM, now: datetime = NOW) -> None:
    holds.give_hold_back(db, hold_id=made.id, actor=actor, now=now)


def codes(*refused: Problem) -> list[str]:
    return [one.code for one in refused]


def test_a_seat_that_is_held_is_taken_for_everybody_else(db: DbSession) -> None:
    call_id, jo, tom = a_call(db, seats=1), a_person(db, "Jo"), a_person(db, "Tom")
    hold(db, call_id, jo)

    with pytest.raises(Problem) as full:
        take(db, call_id, tom)
    with pytest.raises(Problem) as held_too:
        hold(db, call_id, tom)
    with pytest.raises(Problem) as elsewhere:
        take(db, a_call(db), jo)

    assert codes(full.value, held_too.value, elsewhere.value) == ["seats_full", "seats_full", "slot_taken"]
    assert db.execute(select(calendar_entry)).all() == []


def test_a_held_seat_is_booked_by_its_token_in_place(db: DbSession) -> None:
    """Bug 27: a hold that blocks its own holder."""
    call_id, jo = a_call(db, seats=1), a_person(db, "Jo")
    made = hold(db, call_id, jo)
    before = db.execute(select(claim.c.id)).scalars().all()

    booked = book_held(db, made.token, call_id, jo)

    assert (booked.session_id, booked.status, booked.version) == (made.session_id, SeatStatus.CONFIRMED, 2)
    kept = the_session(db, made.session_id)
    assert (kept.status, kept.expires_at) == (SessionStatus.CONFIRMED, None)
    (row,) = db.execute(select(claim)).all()
    assert ([row.id], row.kind, row.active, row.expires_at) == (before, ClaimKind.SESSION, True, None)
    assert len(db.execute(select(calendar_entry)).all()) == 2
    settle(db, call_id, now=NOW + HOLD)
    assert seated(db, call_id, SeatStatus.CONFIRMED) == [jo.id]


def test_a_token_opens_nothing_but_what_it_was_made_for(db: DbSession) -> None:
    call_id, jo, tom = a_call(db), a_person(db, "Jo"), a_person(db, "Tom")
    made = hold(db, call_id, jo)
    of_time = hold_time(db, a_plan(jo, tom, TEN + 4 * HALF))

    with pytest.raises(HoldConflict):
        book_held(db, made.token, call_id, tom)
    with pytest.raises(HoldConflict):
        book_held(db, made.token, a_call(db), jo)
    with pytest.raises(HoldConflict):
        book_held(db, made.token, call_id, jo, kind=SessionKind.RIDE_ALONG)
    with pytest.raises(HoldConflict):
        book_held(db, of_time.token, call_id, jo)
    for plan in (
        a_plan(jo, tom, TEN + 5 * HALF),
        a_plan(tom, jo, TEN + 4 * HALF),
        a_plan(jo, tom, TEN + 4 * HALF, kind=SessionKind.ROLE_PLAY),
        a_plan(jo, tom, TEN + 4 * HALF, ends_at=TEN + 6 * HALF),
    ):
        with pytest.raises(HoldConflict):
            book_held_time(db, of_time.token, plan)

    assert book_held(db, made.token, call_id, jo).status is SeatStatus.CONFIRMED


def test_a_token_that_is_used_expired_given_back_or_made_up_opens_nothing(db: DbSession) -> None:
    call_id, jo, tom, mia = a_call(db, seats=3), a_person(db, "Jo"), a_person(db, "Tom"), a_person(db, "Mia")
    used, expired, dropped = hold(db, call_id, jo), hold(db, call_id, tom), hold(db, call_id, mia)
    book_held(db, used.token, call_id, jo)
    drop(db, dropped)

    for token, who, now in (
        (used.token, jo, NOW),
        (expired.token, tom, NOW + HOLD),
        (dropped.token, mia, NOW),
        ("made-up", mia, NOW),
    ):
        with pytest.raises(HoldExpired) as refused:
            book_held(db, token, call_id, who, now=now)
        assert (refused.value.status, refused.value.code) == (410, "hold_expired")


def test_an_expired_hold_is_in_nobodys_way_though_its_job_has_not_run(db: DbSession) -> None:
    """Bug 27: a hold that is stale."""
    call_id, jo, tom = a_call(db, seats=1), a_person(db, "Jo", observe_per_day=1), a_person(db, "Tom")
    hold(db, call_id, jo)
    late = NOW + HOLD

    assert take(db, call_id, tom, now=late).seat_no == 1
    assert take(db, a_call(db), jo, now=late).status is SeatStatus.CONFIRMED


def test_an_expired_hold_counts_towards_no_limit_on_other_calls(db: DbSession) -> None:
    host = a_person(db, "Host", host_per_day=1)
    jo, tom = a_person(db, "Jo", observe_per_day=1), a_person(db, "Tom")
    hold(db, a_call(db, host), jo)
    other = a_call(db, host, starts_at=TEN + 4 * HALF)

    with pytest.raises(LimitReached):
        take(db, other, tom)

    assert take(db, other, jo, now=NOW + HOLD).status is SeatStatus.CONFIRMED


def test_expired_time_is_in_nobodys_way_and_its_job_may_run_twice(db: DbSession) -> None:
    """Bug 27: a hold that is stale."""
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    made = hold_time(db, a_plan(jo, tom))
    late = NOW + HOLD

    book_session(db, plan=a_plan(jo, tom), actor=SYSTEM, now=late)
    for _ in range(2):
        holds.settle(db, session_id=made.session_id, now=late)

    assert the_session(db, made.session_id).status is SessionStatus.EXPIRED
    assert the_session(db, made.session_id).version == 2
    assert claims_of(db, jo, now=late) == [(TEN, TEN + HALF)]


def test_the_job_of_a_hold_that_was_booked_ends_nothing(db: DbSession) -> None:
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    made = hold_time(db, a_plan(jo, tom))
    assert words_left(db, "settle_session") == [NOW + HOLD]

    session_id = book_held_time(db, made.token, a_plan(jo, tom))
    holds.settle(db, session_id=session_id, now=NOW + HOLD)

    assert session_id == made.session_id
    assert the_session(db, session_id).status is SessionStatus.CONFIRMED
    assert len(db.execute(select(calendar_entry)).all()) == 2
    assert claims_of(db, tom, now=NOW + HOLD) == [(TEN, TEN + HALF)]


def test_time_is_held_with_buffers_from_all_who_take_part_and_in_no_calendar(db: DbSession) -> None:
    jo, tom, mia = a_person(db, "Jo"), a_person(db, "Tom"), a_person(db, "Mia")
    weekly = [(day, 9 * 60, 17 * 60) for day in range(1, 6)]
    hours: dict[str, Any] = {"time_zone": "Europe/London", "weekly": weekly, "exceptions": {}}
    set_availability(db, person_id=tom.id, **hours, buffers=(10, 5), actor=SYSTEM, now=NOW)

    hold_time(db, a_plan(jo, tom))

    assert claims_of(db, jo) == [(TEN, TEN + HALF)]
    assert claims_of(db, tom) == [(TEN - timedelta(minutes=10), TEN + HALF + timedelta(minutes=5))]
    assert db.execute(select(calendar_entry)).all() == []
    with pytest.raises(Problem) as refused:
        book_session(db, plan=a_plan(mia, tom, TEN + HALF), actor=SYSTEM, now=NOW)
    assert (refused.value.code, refused.value.extra["person_id"]) == ("slot_taken", tom.id)


def test_no_more_than_five_are_held_at_once_by_one_credential(db: DbSession) -> None:
    jo, others = a_person(db, "Jo", observe_per_day=9), Actor("key_other", Role.ADMIN, None)
    calls = [a_call(db, starts_at=TEN + number * HALF) for number in range(7)]
    made = [hold(db, call_id, jo) for call_id in calls[:5]]

    with pytest.raises(LimitReached):
        hold(db, calls[5], jo)
    with pytest.raises(LimitReached):
        hold_time(db, a_plan(jo, a_person(db, "Tom"), TEN + 6 * HALF))

    holds.hold_seat(db, call_id=calls[5], observer_id=jo.id, kind=SessionKind.SHADOW, actor=others, now=NOW)
    book_held(db, made[0].token, calls[0], jo)
    hold(db, calls[6], jo)
    assert db.execute(select(func.count()).select_from(holds_table)).scalar_one() == 6


def test_expired_holds_leave_room_for_others(db: DbSession) -> None:
    jo = a_person(db, "Jo", observe_per_day=9)
    for number in range(5):
        hold(db, a_call(db, starts_at=TEN + number * HALF), jo)

    assert hold(db, a_call(db, starts_at=TEN + 5 * HALF), jo, now=NOW + HOLD).token


def test_nothing_is_held_that_could_not_be_booked(db: DbSession) -> None:
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    me = Actor("key_x", Role.REP, jo.id)
    call_id = a_call(db)

    for starts_at, code in ((NOW, "past"), (NOW + timedelta(minutes=14), "min_notice")):
        with pytest.raises(Problem) as refused:
            hold(db, a_call(db, starts_at=starts_at), jo)
        assert refused.value.code == code
    with pytest.raises(Problem) as night:
        hold_time(db, a_plan(jo, tom, TEN + timedelta(hours=12)))
    with pytest.raises(Forbidden):
        holds.hold_seat(db, call_id=call_id, observer_id=tom.id, kind=SessionKind.SHADOW, actor=me, now=NOW)
    with pytest.raises(Forbidden):
        hold_time(db, a_plan(tom, a_person(db, "Mia")), actor=me)
    with pytest.raises(NotFound):
        hold(db, "call_none", jo)

    assert night.value.code == "outside_availability"
    assert db.execute(select(holds_table)).all() == []


def test_a_hold_never_lasts_past_the_notice(db: DbSession) -> None:
    jo, tom, call_id = a_person(db, "Jo"), a_person(db, "Tom"), a_call(db, seats=2)
    last = TEN - timedelta(minutes=15)

    assert hold(db, call_id, jo, now=last - timedelta(minutes=2)).expires_at == last
    with pytest.raises(MinNotice):
        hold(db, call_id, tom, now=last)
    with pytest.raises(MinNotice):
        hold_time(db, a_plan(tom, a_person(db, "Mia")), now=last)


def test_a_hold_is_given_back_by_who_made_it_and_the_seat_goes_to_the_next_in_line(db: DbSession) -> None:
    call_id, jo, tom = a_call(db, seats=1), a_person(db, "Jo"), a_person(db, "Tom")
    made = hold(db, call_id, jo)
    entry_id = wait(db, call_id, tom)

    with pytest.raises(NotFound):
        drop(db, made, actor=Actor("key_other", Role.REP, jo.id))
    drop(db, made)

    assert the_entry(db, entry_id).status is WaitlistStatus.OFFERED
    assert claims_of(db, jo) == []
    with pytest.raises(NotFound):
        drop(db, made)


def test_time_that_is_given_back_is_free_at_once(db: DbSession) -> None:
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    made = hold_time(db, a_plan(jo, tom))

    drop(db, made)

    assert the_session(db, made.session_id).status is SessionStatus.CANCELLED
    assert book_session(db, plan=a_plan(jo, tom), actor=SYSTEM, now=NOW)


def test_a_hold_that_nobody_booked_in_time_goes_to_who_waits(db: DbSession) -> None:
    call_id, jo, tom = a_call(db, seats=1), a_person(db, "Jo"), a_person(db, "Tom")
    made = hold(db, call_id, jo)
    entry_id = wait(db, call_id, tom)
    assert words_left(db, "settle_call") == [NOW + HOLD]

    settle(db, call_id, now=NOW + HOLD)

    assert the_entry(db, entry_id).status is WaitlistStatus.OFFERED
    assert the_session(db, made.session_id).status is SessionStatus.EXPIRED


def test_a_held_seat_goes_where_its_call_goes_and_with_it(db: DbSession) -> None:
    call_id, jo, later = a_call(db), a_person(db, "Jo"), TEN + timedelta(hours=2)
    made = hold(db, call_id, jo)

    patch_call(db, call_id=call_id, changes={"starts_at": later, "ends_at": later + HALF}, actor=SYSTEM, now=NOW)
    moved = the_session(db, made.session_id)
    assert (moved.starts_at, moved.expires_at) == (later, NOW + HOLD)
    assert claims_of(db, jo) == [(later, later + HALF)]

    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)
    assert claims_of(db, jo) == []
    with pytest.raises(HoldExpired):
        book_held(db, made.token, call_id, jo)


def test_a_call_that_closes_meanwhile_is_not_booked_by_its_hold(db: DbSession) -> None:
    call_id, other, jo = a_call(db), a_call(db, starts_at=TEN + 2 * HALF), a_person(db, "Jo")
    made = hold(db, call_id, jo)
    patch_call(db, call_id=call_id, changes={"sensitive": True}, actor=SYSTEM, now=NOW)

    with pytest.raises(Problem) as refused:
        book_held(db, made.token, call_id, jo)

    instead: Any = refused.value.extra["alternatives"]
    assert (refused.value.code, [one["call_id"] for one in instead]) == ("not_joinable", [other])


def test_where_the_host_approves_a_hold_that_is_booked_asks_them_and_its_token_is_used_up(db: DbSession) -> None:
    call_id, jo = a_call(db, a_host_who_approves(db)), a_person(db, "Jo")
    made = hold(db, call_id, jo)

    asked = book_held(db, made.token, call_id, jo)

    assert asked.status is SeatStatus.REQUESTED
    assert the_session(db, asked.session_id).expires_at == TEN - timedelta(minutes=15)
    assert db.execute(select(claim.c.kind)).scalar_one() is ClaimKind.PENDING
    with pytest.raises(HoldExpired):
        book_held(db, made.token, call_id, jo)


def test_seats_that_are_held_count_when_a_call_becomes_smaller_until_they_expire(db: DbSession) -> None:
    call_id = a_call(db, seats=2)
    take(db, call_id, a_person(db, "Seated"))
    made = hold(db, call_id, a_person(db, "Jo"))

    def shrink(now: datetime) -> None:
        patch_call(db, call_id=call_id, changes={"seat_capacity": 1}, actor=SYSTEM, now=now)

    with pytest.raises(Problem) as refused:
        shrink(NOW)
    shrink(NOW + HOLD)

    assert refused.value.code == "capacity_below_taken"
    assert the_call(db, call_id).seat_capacity == 1
    assert the_session(db, made.session_id).status is SessionStatus.EXPIRED


def test_a_held_seat_that_is_released_by_its_host_opens_nothing(db: DbSession) -> None:
    call_id, jo = a_call(db), a_person(db, "Jo")
    made = hold(db, call_id, jo)
    (seat_id,) = db.execute(select(seats_table.c.id)).scalars()

    give_back(db, the_seat(db, seat_id))

    with pytest.raises(HoldExpired):
        book_held(db, made.token, call_id, jo)


def test_a_hold_that_expires_is_told_as_expired(db: DbSession) -> None:
    call_id, jo = a_call(db), a_person(db, "Jo")
    made = hold(db, call_id, jo)

    settle(db, call_id, now=made.expires_at)

    assert acts(db, made.session_id) == [("session.requested", 1), ("session.expired", 2)]


def test_a_seat_that_nobody_confirmed_in_time_is_shown_as_expired_though_its_job_has_not_run(db: DbSession) -> None:
    made = hold(db, a_call(db), a_person(db, "Jo"))
    (seat_id,) = db.execute(select(seats_table.c.id)).scalars()

    assert seat_by_id(db, seat_id, actor=SYSTEM, now=made.expires_at).status is SeatStatus.EXPIRED
    assert seat_by_id(db, seat_id, actor=SYSTEM, now=NOW).status is SeatStatus.REQUESTED
