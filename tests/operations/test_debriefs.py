"""Debriefs booked together with a seat: where they are put, and how they go where their call goes."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import DbSession
from app.models import Person
from app.models.tables import calendar_entry, participant, seat, session
from app.operations.availability import replace_busy, set_availability
from app.operations.calls import cancel_call, patch_call
from app.operations.debriefs import NoDebriefTime
from app.operations.seats import approve_seat, decline_seat
from app.operations.sessions import UndoOver, cancel_session, undo_cancel
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, EntryStatus, Part, SessionKind, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import (
    HALF,
    TEN,
    a_host_who_approves,
    book_held,
    claims_of,
    give_back,
    hold,
    settle,
    take,
    the_session,
)

QUARTER = timedelta(minutes=15)
CALL = (TEN, TEN + HALF)


def debrief_of(db: DbSession, one: Any) -> Any:
    return db.execute(select(session).where(session.c.follows_id == one.session_id)).one()


def times(row: Any) -> tuple[datetime, datetime]:
    return row.starts_at, row.ends_at


def busy(db: DbSession, who: Person, *ranges: tuple[datetime, datetime]) -> None:
    intervals = [(*one, BusyStatus.BUSY) for one in ranges]
    replace_busy(db, person_id=who.id, source="outlook", intervals=intervals, actor=SYSTEM, now=NOW)


def works(db: DbSession, who: Person, *days: int, buffers: tuple[int, int] = (0, 0)) -> None:
    hours: dict[str, Any] = {"weekly": [(day, 9 * 60, 17 * 60) for day in days], "exceptions": {}}
    set_availability(db, person_id=who.id, time_zone="Europe/London", **hours, buffers=buffers, actor=SYSTEM, now=NOW)


def a_debrief(db: DbSession, **call: Any) -> tuple[Person, Person, str, Any]:
    host, jo = a_person(db, "Host"), a_person(db, "Jo")
    call_id = a_call(db, host, **call)
    return host, jo, call_id, take(db, call_id, jo, debrief_minutes=20)


def move(db: DbSession, call_id: str, starts_at: datetime) -> None:
    changes = {"starts_at": starts_at, "ends_at": starts_at + HALF}
    patch_call(db, call_id=call_id, changes=changes, actor=SYSTEM, now=NOW)


def entries_of(db: DbSession, session_id: str) -> dict[str, Any]:
    rows = db.execute(select(calendar_entry).where(calendar_entry.c.session_id == session_id))
    return {row.person_id: row for row in rows}


def test_without_a_common_time_soon_after_the_seat_is_not_booked_either(db: DbSession) -> None:
    host, jo = a_person(db, "Host"), a_person(db, "Jo")
    call_id = a_call(db, host)
    busy(db, jo, (TEN + HALF, TEN + timedelta(days=3)))

    with pytest.raises(NoDebriefTime) as refused:
        take(db, call_id, jo, debrief_minutes=20)

    assert (refused.value.status, refused.value.code) == (409, "no_debrief_time")


def test_a_debrief_is_right_after_the_call_with_host_and_observer_in_it(db: DbSession) -> None:
    host, jo, _, held = a_debrief(db)

    made = debrief_of(db, held)

    after = (TEN + HALF, TEN + HALF + timedelta(minutes=20))
    assert (made.kind, made.status, times(made)) == (SessionKind.DEBRIEF, SessionStatus.CONFIRMED, after)
    parts = db.execute(select(participant).where(participant.c.session_id == made.id)).all()
    assert {row.person_id: row.part for row in parts} == {host.id: Part.HOST, jo.id: Part.OBSERVER}
    assert (claims_of(db, host), claims_of(db, jo)) == ([after], [CALL, after])
    assert {row.uid for row in entries_of(db, made.id).values()} == {made.uid}


def test_it_is_the_first_quarter_after_the_call_at_which_both_are_free(db: DbSession) -> None:
    host, jo = a_person(db, "Host"), a_person(db, "Jo")
    call_id = a_call(db, host, minutes=50)
    end = TEN + timedelta(minutes=50)
    busy(db, jo, (end, end + timedelta(minutes=5)))
    busy(db, host, (end + 2 * QUARTER, end + 3 * QUARTER))

    held = take(db, call_id, jo, debrief_minutes=20)

    assert debrief_of(db, held).starts_at == end + 3 * QUARTER


def test_buffers_of_both_are_kept_around_it(db: DbSession) -> None:
    host, jo = a_person(db, "Host"), a_person(db, "Jo")
    works(db, jo, 1, 2, 3, 4, 5, buffers=(5, 10))

    held = take(db, a_call(db, host), jo, debrief_minutes=20)

    made = debrief_of(db, held)
    assert made.starts_at == TEN + HALF + QUARTER
    around = (made.starts_at - timedelta(minutes=5), made.ends_at + timedelta(minutes=10))
    assert claims_of(db, jo) == [(TEN - timedelta(minutes=5), TEN + HALF + timedelta(minutes=10)), around]


@pytest.mark.parametrize(("free_on", "found"), [(1, True), (2, True), (3, False)])
def test_it_is_looked_for_until_the_second_working_day_after(db: DbSession, free_on: int, found: bool) -> None:
    friday, monday = MONDAY + timedelta(days=4), MONDAY + timedelta(days=7)
    host, jo = a_person(db, "Host"), a_person(db, "Jo")
    call_id = a_call(db, host, starts_at=friday + timedelta(hours=16), minutes=60)
    day = monday + timedelta(days=free_on - 1)
    busy(db, host, (monday, day + timedelta(hours=11)))

    if found:
        held = take(db, call_id, jo, debrief_minutes=20)
        assert debrief_of(db, held).starts_at == day + timedelta(hours=11)
    else:
        with pytest.raises(NoDebriefTime):
            take(db, call_id, jo, debrief_minutes=20)


def test_a_moved_call_takes_its_debrief_along_as_the_same_event(db: DbSession) -> None:
    host, jo, call_id, held = a_debrief(db)
    before, later = debrief_of(db, held), TEN + timedelta(hours=3)

    move(db, call_id, later)

    after = debrief_of(db, held)
    assert (after.id, after.uid, after.sequence, after.starts_at) == (before.id, before.uid, 1, later + HALF)
    assert claims_of(db, host) == [times(after)]
    assert claims_of(db, jo) == [(later, later + HALF), times(after)]
    assert {row.starts_at for row in entries_of(db, after.id).values()} == {after.starts_at}


@pytest.mark.parametrize("minutes", [15, 20, 30, -10])
def test_a_call_may_move_over_its_own_debrief(db: DbSession, minutes: int) -> None:
    host, _, call_id, held = a_debrief(db)

    move(db, call_id, TEN + timedelta(minutes=minutes))

    after = debrief_of(db, held)
    assert after.starts_at == TEN + timedelta(minutes=minutes) + HALF
    assert claims_of(db, host) == [times(after)]


def test_debriefs_of_several_observers_find_a_place_one_after_the_other(db: DbSession) -> None:
    host = a_person(db, "Host")
    call_id, later = a_call(db, host, seats=3), TEN + timedelta(hours=3)
    held = [take(db, call_id, a_person(db, name), debrief_minutes=15) for name in "ABC"]
    assert [debrief_of(db, one).starts_at for one in held] == [TEN + HALF + number * QUARTER for number in range(3)]

    move(db, call_id, later)

    assert sorted(claims_of(db, host)) == [
        (later + HALF + number * QUARTER, later + HALF + (number + 1) * QUARTER) for number in range(3)
    ]


def test_a_debrief_that_finds_no_time_after_a_move_is_cancelled_and_the_seat_stays(db: DbSession) -> None:
    host, jo, call_id, held = a_debrief(db)
    later = TEN + timedelta(hours=3)
    busy(db, host, (later + HALF, later + timedelta(days=4)))

    move(db, call_id, later)

    made = debrief_of(db, held)
    assert (made.status, made.sequence) == (SessionStatus.CANCELLED, 1)
    assert {row.status for row in entries_of(db, made.id).values()} == {EntryStatus.CANCELLED}
    assert claims_of(db, host) == []
    assert claims_of(db, jo) == [(later, later + HALF)]


def test_another_host_debriefs_and_the_old_one_is_free_and_told(db: DbSession) -> None:
    host, jo, call_id, held = a_debrief(db)
    lena, before = a_person(db, "Lena"), debrief_of(db, held)
    busy(db, lena, (TEN + HALF, TEN + HALF + QUARTER))

    patch_call(db, call_id=call_id, changes={"host_id": lena.id}, actor=SYSTEM, now=NOW)

    after, entries = debrief_of(db, held), entries_of(db, before.id)
    assert (after.id, after.starts_at) == (before.id, TEN + HALF + QUARTER)
    assert (claims_of(db, host), claims_of(db, lena)) == ([], [times(after)])
    assert entries[host.id].status is EntryStatus.CANCELLED
    assert entries[lena.id].status is EntryStatus.CONFIRMED
    assert (entries[jo.id].status, entries[jo.id].starts_at) == (EntryStatus.CONFIRMED, after.starts_at)


def test_a_debrief_ends_with_its_seat_and_with_its_call(db: DbSession) -> None:
    host, jo, _, released = a_debrief(db)
    _, _, call_id, cancelled = a_debrief(db, starts_at=TEN + timedelta(hours=3))

    give_back(db, released)
    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)

    for one in (released, cancelled):
        made = debrief_of(db, one)
        assert made.status is SessionStatus.CANCELLED
        assert {row.status for row in entries_of(db, made.id).values()} == {EntryStatus.CANCELLED}
    assert claims_of(db, host) == claims_of(db, jo) == []


def test_a_seat_lost_to_a_move_takes_its_debrief_along(db: DbSession) -> None:
    host, jo, call_id, held = a_debrief(db)
    later = TEN + timedelta(hours=3)
    take(db, a_call(db, starts_at=later), jo)

    move(db, call_id, later)

    assert debrief_of(db, held).status is SessionStatus.CANCELLED
    assert claims_of(db, host) == []


def test_a_debrief_is_asked_for_approved_and_declined_with_its_seat(db: DbSession) -> None:
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    call_id = a_call(db, host, seats=2)
    first, second = (take(db, call_id, who, debrief_minutes=15) for who in (jo, tom))
    asked = [debrief_of(db, one) for one in (first, second)]
    assert [one.status for one in asked] == [SessionStatus.REQUESTED] * 2
    assert db.execute(select(calendar_entry)).all() == []

    approve_seat(db, seat_id=first.id, actor=SYSTEM, now=NOW)
    decline_seat(db, seat_id=second.id, actor=SYSTEM, now=NOW)

    stands, off = (debrief_of(db, one) for one in (first, second))
    assert (stands.status, stands.expires_at, off.status) == (SessionStatus.CONFIRMED, None, SessionStatus.CANCELLED)
    assert len(entries_of(db, stands.id)) == 2
    assert entries_of(db, off.id) == {}
    assert claims_of(db, host) == [times(stands)]


def test_a_debrief_that_is_asked_for_expires_with_its_seat_and_moves_with_it(db: DbSession) -> None:
    host, jo = a_host_who_approves(db), a_person(db, "Jo")
    call_id, later = a_call(db, host), TEN + timedelta(hours=3)
    asked = take(db, call_id, jo, debrief_minutes=15)

    move(db, call_id, later)
    moved = debrief_of(db, asked)
    settle(db, call_id, now=later - QUARTER)

    assert (moved.starts_at, moved.expires_at) == (later + HALF, later - QUARTER)
    assert debrief_of(db, asked).status is SessionStatus.CANCELLED
    assert claims_of(db, host, now=later - QUARTER) == []


def test_a_held_seat_is_booked_with_a_debrief(db: DbSession) -> None:
    call_id, jo = a_call(db), a_person(db, "Jo")
    made = hold(db, call_id, jo)

    booked = book_held(db, made.token, call_id, jo, debrief_minutes=15)

    assert debrief_of(db, booked).status is SessionStatus.CONFIRMED
    assert the_session(db, booked.session_id).status is SessionStatus.CONFIRMED
    assert db.execute(select(seat.c.id)).scalars().all() == [booked.id]


def test_a_debrief_that_somebody_started_is_to_come_again_when_its_call_is(db: DbSession) -> None:
    _, _, call_id, one = a_debrief(db)
    begun = update(session).where(session.c.id == debrief_of(db, one).id)
    db.execute(begun.values(status=SessionStatus.IN_PROGRESS))

    move(db, call_id, TEN + 4 * HALF)

    assert debrief_of(db, one).status is SessionStatus.CONFIRMED


def test_a_debrief_that_somebody_started_is_off_with_its_call_and_told(db: DbSession) -> None:
    host, jo = a_person(db, "Host"), a_person(db, "Jo")
    call_id = a_call(db, host)
    one = take(db, call_id, jo, debrief_minutes=15)
    begun = update(session).where(session.c.id == debrief_of(db, one).id)
    db.execute(begun.values(status=SessionStatus.IN_PROGRESS))

    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)

    off = debrief_of(db, one)
    assert off.status is SessionStatus.CANCELLED
    assert {one.status for one in entries_of(db, off.id).values()} == {EntryStatus.CANCELLED}
    assert claims_of(db, host) == claims_of(db, jo) == []


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("rehosted", [False, True])
def test_a_cancelled_debrief_is_not_put_on_again_before_its_call_or_without_its_host(
    db: DbSession, moved: bool, rehosted: bool
) -> None:
    host, _, call_id, held = a_debrief(db)
    one, later = debrief_of(db, held), TEN + timedelta(days=1)
    cancel_session(db, session_id=one.id, actor=SYSTEM, now=NOW)
    changes: dict[str, Any] = {"starts_at": later, "ends_at": later + HALF} if moved else {}
    changes |= {"host_id": a_person(db, "Lena").id} if rehosted else {}
    patch_call(db, call_id=call_id, changes=changes, actor=SYSTEM, now=NOW)

    if moved or rehosted:
        with pytest.raises(UndoOver):
            undo_cancel(db, session_id=one.id, actor=SYSTEM, now=NOW)
        assert (debrief_of(db, held).status, claims_of(db, host)) == (SessionStatus.CANCELLED, [])
    else:
        undo_cancel(db, session_id=one.id, actor=SYSTEM, now=NOW)
        assert (debrief_of(db, held).status, claims_of(db, host)) == (SessionStatus.CONFIRMED, [times(one)])


def test_a_cancelled_debrief_is_put_on_again_after_a_call_that_was_brought_forward(db: DbSession) -> None:
    _, _, call_id, held = a_debrief(db)
    one = debrief_of(db, held)
    cancel_session(db, session_id=one.id, actor=SYSTEM, now=NOW)
    move(db, call_id, TEN - HALF)

    undo_cancel(db, session_id=one.id, actor=SYSTEM, now=NOW)

    assert debrief_of(db, held).status is SessionStatus.CONFIRMED
