"""Taking and giving back seats: every refusal first, then what a booking leaves behind."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.db import DbSession
from app.errors import Forbidden, NotFound, Problem
from app.models.tables import availability, calendar_entry, call, claim, event, job, participant, session
from app.models.tables import seat as seats_table
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call, patch_call
from app.operations.people import patch_person
from app.operations.refused import REFUSALS, AlreadyBooked
from app.operations.seats import book_seat, release_seat
from app.rules.access import SYSTEM, Actor
from app.vocabulary import BusyStatus, EntryStatus, Role, SeatStatus, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW

TEN = MONDAY + timedelta(hours=10)
HALF = timedelta(minutes=30)


def book(db: DbSession, call_id: str, observer: Any, **given: Any) -> Any:
    return book_seat(db, **{"call_id": call_id, "observer_id": observer.id, "actor": SYSTEM, "now": NOW, **given})


def refused(db: DbSession, call_id: str, observer: Any, **given: Any) -> Problem:
    with pytest.raises(REFUSALS) as why:
        book(db, call_id, observer, **given)
    return why.value


def test_last_seat_goes_to_the_first_observer_who_asks(db: DbSession) -> None:
    call_id = a_call(db, seats=1)

    book(db, call_id, a_person(db, "Junior"))
    why = refused(db, call_id, a_person(db, "Latecomer"))

    assert why.code == "seats_full"


def test_an_observer_with_a_seat_is_told_which(db: DbSession) -> None:
    call_id, junior = a_call(db), a_person(db, "Junior")
    first = book(db, call_id, junior)

    with pytest.raises(AlreadyBooked) as why:
        book(db, call_id, junior)

    assert why.value.extra["seat_id"] == first.id


def test_an_observer_elsewhere_is_told_what_is_in_the_way(db: DbSession) -> None:
    junior = a_person(db, "Junior")
    book(db, a_call(db, starts_at=TEN, minutes=60), junior)

    why = refused(db, a_call(db, starts_at=TEN + HALF), junior)

    assert why.code == "slot_taken"
    assert why.extra == {
        "person_id": junior.id,
        "blocking_starts_at": TEN,
        "blocking_ends_at": TEN + timedelta(minutes=60),
        "alternatives": [],
    }


def test_seats_that_touch_do_not_clash(db: DbSession) -> None:
    junior = a_person(db, "Junior")

    book(db, a_call(db, starts_at=TEN), junior)
    book(db, a_call(db, starts_at=TEN + HALF), junior)
    book(db, a_call(db, starts_at=TEN - HALF), junior)


def test_imported_busy_time_and_own_calls_are_in_the_way(db: DbSession) -> None:
    junior, other = a_person(db, "Junior"), a_person(db, "Other")
    taken = [(TEN + timedelta(minutes=10), TEN + timedelta(minutes=15), BusyStatus.BUSY)]
    replace_busy(db, person_id=junior.id, source="outlook", intervals=taken, actor=SYSTEM, now=NOW)
    a_call(db, other, starts_at=TEN - HALF, minutes=31)

    codes = {refused(db, a_call(db), who).code for who in (junior, other)}

    assert codes == {"slot_taken"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"starts_at": NOW - timedelta(minutes=1)}, "past"),
        ({"starts_at": NOW}, "past"),
        ({"starts_at": NOW + timedelta(minutes=14)}, "min_notice"),
        ({"starts_at": MONDAY + timedelta(hours=8, minutes=45)}, "outside_availability"),
        ({"starts_at": MONDAY + timedelta(hours=16, minutes=45)}, "outside_availability"),
        ({"starts_at": MONDAY - timedelta(hours=12)}, "outside_availability"),
        ({"sensitive": True}, "not_joinable"),
        ({"stage": "legal"}, "not_joinable"),
        ({"seats": 0}, "not_joinable"),
    ],
)
def test_a_call_that_nobody_can_join_says_why(db: DbSession, fields: dict[str, Any], code: str) -> None:
    why = refused(db, a_call(db, **fields), a_person(db, "Junior"))

    assert why.code == code


def test_people_who_cannot_observe_are_refused_by_reason(db: DbSession) -> None:
    host, left, idle = a_person(db, "Host"), a_person(db, "Left"), a_person(db, "Idle", observe_per_week=0)
    patch_person(db, person_id=left.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)
    call_id = a_call(db, host)

    codes = [refused(db, call_id, who).code for who in (host, left, idle)]

    assert codes == ["own_call", "not_active", "limit"]


def test_limits_count_in_the_zone_of_the_person_whose_limit_it_is(db: DbSession) -> None:
    # 06:00 UTC on Tuesday is Monday evening in Phoenix but Tuesday in London.
    tucson = a_person(db, "Tucson", time_zone="America/Phoenix", observe_per_day=1)
    db.execute(
        update(availability)
        .where(availability.c.person_id == tucson.id)
        .values(weekly=[[d, 0, 1440] for d in range(1, 8)])
    )
    late_monday = MONDAY + timedelta(days=1, hours=6)
    book(db, a_call(db, starts_at=late_monday), tucson)

    same_day = refused(db, a_call(db, starts_at=late_monday - timedelta(hours=10)), tucson)
    next_day = book(db, a_call(db, starts_at=late_monday + timedelta(hours=2)), tucson)

    assert (same_day.code, next_day.status) == ("limit", SeatStatus.CONFIRMED)


def test_a_host_at_the_limit_takes_nobody_more(db: DbSession) -> None:
    host = a_person(db, "Host", host_per_day=1)
    book(db, a_call(db, host), a_person(db, "First"))

    why = refused(db, a_call(db, host, starts_at=TEN + HALF), a_person(db, "Second"))

    assert (why.code, why.extra["person_id"]) == ("limit", host.id)


def test_reps_book_only_for_themselves_and_find_only_what_they_may_see(db: DbSession) -> None:
    junior, other = a_person(db, "Junior"), a_person(db, "Other")
    me = Actor("key_x", Role.REP, junior.id)

    with pytest.raises(Forbidden):
        book(db, a_call(db), other, actor=me)
    with pytest.raises(NotFound):
        book(db, a_call(db, sensitive=True), junior, actor=me)
    with pytest.raises(NotFound):
        book(db, "call_none", junior, actor=me)

    mine = book(db, a_call(db), junior, actor=me)
    with pytest.raises(NotFound):
        release_seat(db, seat_id=mine.id, actor=Actor("key_y", Role.REP, other.id), now=NOW)


def test_a_booking_leaves_one_session_one_claim_entries_mail_and_an_event(db: DbSession) -> None:
    host, junior = a_person(db, "Host"), a_person(db, "Junior")
    call_id = a_call(db, host)

    taken = book(db, call_id, junior)

    kept = db.execute(select(session).where(session.c.id == taken.session_id)).one()
    assert (kept.status, kept.starts_at, kept.uid.split("@")[0]) == (SessionStatus.CONFIRMED, TEN, kept.id)
    claims = db.execute(select(claim)).all()
    assert [(c.person_id, c.starts_at, c.ends_at, c.active) for c in claims] == [(junior.id, TEN, TEN + HALF, True)]
    assert {p.person_id for p in db.execute(select(participant))} == {host.id, junior.id}
    entries = {e.person_id: e for e in db.execute(select(calendar_entry))}
    assert entries[junior.id].uid == kept.uid
    assert entries[host.id].uid.startswith(call_id)
    assert db.execute(select(func.count()).select_from(job)).scalar() == 2
    assert db.execute(select(event.c.object_id).where(event.c.act == "seat.booked")).scalar() == taken.id
    assert db.execute(select(call.c.seats_taken)).scalar() == 1


def test_a_released_seat_frees_the_place_the_time_and_the_number(db: DbSession) -> None:
    junior, other = a_person(db, "Junior"), a_person(db, "Other")
    call_id = a_call(db, seats=2)
    first = book(db, call_id, junior)
    book(db, call_id, other)

    released = release_seat(db, seat_id=first.id, actor=SYSTEM, now=NOW)
    again = release_seat(db, seat_id=first.id, actor=SYSTEM, now=NOW)

    assert (released.status, again.version) == (SeatStatus.RELEASED, released.version)
    assert book(db, a_call(db), junior).seat_no == 1
    assert book(db, call_id, a_person(db, "Third")).seat_no == 1
    assert db.execute(select(call.c.seats_taken).where(call.c.id == call_id)).scalar() == 2


def test_every_change_is_a_revision_of_its_own_whether_or_not_mail_went_between(db: DbSession) -> None:
    call_id, junior = a_call(db), a_person(db, "Junior")
    book(db, call_id, junior)
    patch_call(db, call_id=call_id, changes={"starts_at": TEN + HALF, "ends_at": TEN + 2 * HALF}, actor=SYSTEM, now=NOW)
    unsent = db.execute(select(calendar_entry.c.sequence)).scalars().all()
    db.execute(update(calendar_entry).values(mailing_sequence=1, mailed_sequence=1))

    patch_call(db, call_id=call_id, changes={"starts_at": TEN, "ends_at": TEN + HALF}, actor=SYSTEM, now=NOW)

    assert unsent == [1, 1]
    assert db.execute(select(calendar_entry.c.sequence)).scalars().all() == [2, 2]
    stamps = db.execute(select(calendar_entry.c.changed_at)).scalars().all()
    assert all(stamp == NOW + timedelta(seconds=2) for stamp in stamps)


def test_seats_follow_a_moved_call_and_a_clash_frees_the_seat(db: DbSession) -> None:
    free, clashing = a_person(db, "Free"), a_person(db, "Clashing")
    call_id = a_call(db)
    kept, lost = book(db, call_id, free), book(db, call_id, clashing)
    later = TEN + timedelta(hours=2)
    book(db, a_call(db, starts_at=later), clashing)

    patch_call(db, call_id=call_id, changes={"starts_at": later, "ends_at": later + HALF}, actor=SYSTEM, now=NOW)

    status = {s.id: s.status for s in db.execute(select(seats_table))}
    assert (status[kept.id], status[lost.id]) == (SeatStatus.CONFIRMED, SeatStatus.RELEASED)
    moved = db.execute(select(claim.c.starts_at).where(claim.c.session_id == kept.session_id)).scalar()
    assert moved == later
    assert db.execute(select(call.c.seats_taken).where(call.c.id == call_id)).scalar() == 1


def test_a_cancelled_call_frees_everybody(db: DbSession) -> None:
    call_id, junior = a_call(db), a_person(db, "Junior")
    book(db, call_id, junior)

    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)
    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)

    assert not db.execute(select(claim).where(claim.c.active)).all()
    assert {s.status for s in db.execute(select(session))} == {SessionStatus.CANCELLED}
    assert {e.status for e in db.execute(select(calendar_entry))} == {EntryStatus.CANCELLED}
    assert refused(db, call_id, junior).code == "call_cancelled"


def test_fewer_seats_than_are_taken_are_refused_and_fewer_than_free_ones_renumber(db: DbSession) -> None:
    call_id = a_call(db, seats=3)
    first, second = book(db, call_id, a_person(db, "A")), book(db, call_id, a_person(db, "B"))
    release_seat(db, seat_id=first.id, actor=SYSTEM, now=NOW)

    patch_call(db, call_id=call_id, changes={"seat_capacity": 1}, actor=SYSTEM, now=NOW)
    with pytest.raises(Problem) as why:
        patch_call(db, call_id=call_id, changes={"seat_capacity": 0}, actor=SYSTEM, now=NOW)

    held = db.execute(select(seats_table).where(seats_table.c.id == second.id)).one()
    assert (held.seat_no, held.capacity) == (1, 1)
    assert why.value.code == "capacity_below_taken"


def test_who_loses_a_seat_to_a_move_is_told_of_the_time_they_knew(db: DbSession) -> None:
    clashing = a_person(db, "Clashing")
    call_id, later = a_call(db), TEN + timedelta(hours=2)
    lost = book(db, call_id, clashing)
    book(db, a_call(db, starts_at=later), clashing)

    patch_call(db, call_id=call_id, changes={"starts_at": later, "ends_at": later + HALF}, actor=SYSTEM, now=NOW)

    told = db.execute(select(calendar_entry).where(calendar_entry.c.session_id == lost.session_id)).one()
    assert (told.status, told.starts_at, told.ends_at) == (EntryStatus.CANCELLED, TEN, TEN + HALF)
