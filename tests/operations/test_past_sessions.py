"""Logging what took place without having been planned: what can't be true is refused first, then what a log leaves."""

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.db import DbSession
from app.errors import Forbidden, Problem
from app.models.tables import calendar_entry, call, job, participant, seat, session
from app.operations.call_outcomes import end_call, miss_call, start_call
from app.operations.calls import CallOver, cancel_call, patch_call
from app.operations.changes import UnknownReference
from app.operations.refused import SlotTaken
from app.operations.seats import book_seat
from app.operations.session_outcomes import complete_session, miss_session
from app.operations.sessions import book_on_call
from app.queries import busy, people
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Part, Response, Role, SeatStatus, SessionKind, SessionStatus
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, a_session, acts, claimed, entries_of, row_of
from tests.worlds import worlds

AFTER = TEN + timedelta(days=1)


def as_(who: Any) -> Actor:
    return Actor(credential_id="key_x", role=Role.REP, person_id=who.id)


def log(db: DbSession, call_id: str, who: Any, *, now: datetime = AFTER, **given: Any) -> str:
    given = {"kind": SessionKind.SHADOW, "people": {who.id: Part.OBSERVER}, "actor": as_(who), **given}
    return book_on_call(db, call_id=call_id, now=now, **given)


def refused(db: DbSession, call_id: str, who: Any, **given: Any) -> Problem:
    before = db.execute(select(func.count()).select_from(session)).scalar()
    with pytest.raises(Problem) as why:
        log(db, call_id, who, **given)
    assert db.execute(select(func.count()).select_from(session)).scalar() == before
    return why.value


def seat_of(db: DbSession, session_id: str) -> Any:
    return db.execute(select(seat).where(seat.c.session_id == session_id)).one()


def test_only_oneself_and_admins_log_that_somebody_listened(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db)

    with pytest.raises(Forbidden):
        log(db, call_id, mia, actor=as_(a_person(db, "Tom")))
    with pytest.raises(UnknownReference):
        log(db, call_id, mia, people={"per_none": Part.OBSERVER}, actor=SYSTEM)

    assert log(db, call_id, mia, actor=SYSTEM)


def test_nobody_has_heard_a_call_that_did_not_take_place(db: DbSession) -> None:
    mia, cancelled, missed = a_person(db, "Mia"), a_call(db), a_call(db)
    cancel_call(db, call_id=cancelled, actor=SYSTEM, now=NOW)
    miss_call(db, call_id=missed, actor=SYSTEM, now=TEN + timedelta(minutes=5))

    assert refused(db, cancelled, mia).code == "call_cancelled"
    assert refused(db, missed, mia).code == "call_missed"
    assert refused(db, missed, mia, now=TEN + timedelta(minutes=6)).code == "call_missed"


def test_what_goes_on_is_not_over_and_minutes_of_a_drop_in_are_counted_as_they_pass(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db)

    assert refused(db, call_id, mia, now=TEN + HALF - timedelta(microseconds=1)).code == "past"
    assert refused(db, call_id, mia, kind=SessionKind.DROP_IN).code == "past"
    assert log(db, call_id, mia, now=TEN + HALF)


def test_who_ran_the_call_did_not_listen_to_it(db: DbSession) -> None:
    host = a_person(db, "Host")

    assert refused(db, a_call(db, host), host).code == "own_call"


@pytest.mark.parametrize("became", [None, complete_session, miss_session, "attempted"])
def test_who_has_a_seat_is_told_which_whatever_became_of_it(db: DbSession, became: Any) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db)
    taken = book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)
    if became == "attempted":
        db.execute(update(seat).values(status=SeatStatus.ATTEMPTED))
    elif became is not None:
        became(db, session_id=taken.session_id, actor=SYSTEM, now=TEN + HALF)

    why = refused(db, call_id, mia)

    assert (why.code, why.extra) == ("already_booked", {"seat_id": taken.id})


def test_what_was_too_long_ago_is_not_remembered(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db)

    assert refused(db, call_id, mia, now=TEN + timedelta(days=90, microseconds=1)).code == "too_long_ago"
    assert log(db, call_id, mia, now=TEN + timedelta(days=90))


@pytest.mark.parametrize("kind", [SessionKind.SHADOW, SessionKind.REVERSE_SHADOW, SessionKind.RIDE_ALONG])
def test_who_was_elsewhere_is_told_where(db: DbSession, kind: SessionKind) -> None:
    mia, tom = a_person(db, "Mia"), a_person(db, "Tom")
    heard = log(db, a_call(db, starts_at=TEN + timedelta(minutes=29)), mia)
    met = a_session(db, tom, a_person(db, "Max"), starts_at=TEN - timedelta(minutes=29))
    call_id = a_call(db)

    for who, elsewhere in ((mia, heard), (tom, met)):
        why, row = refused(db, call_id, who, kind=kind), row_of(db, elsewhere)
        assert why.code == "slot_taken"
        assert why.extra == {
            "person_id": who.id,
            "blocking_starts_at": row.starts_at,
            "blocking_ends_at": row.ends_at,
            "session_id": elsewhere,
        }


def test_a_call_of_ones_own_is_elsewhere_unless_nobody_came(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db)
    own = a_call(db, mia, starts_at=TEN + timedelta(minutes=10))

    for end in (None, start_call, end_call):
        if end is not None:
            end(db, call_id=own, actor=SYSTEM, now=TEN + HALF)
        why = refused(db, call_id, mia)
        assert (why.code, why.extra["blocking_starts_at"]) == ("slot_taken", TEN + timedelta(minutes=10))
    db.execute(update(call).where(call.c.id == own).values(status="no_show"))

    assert log(db, call_id, mia)


def test_people_meet_in_one_place_at_a_time(db: DbSession) -> None:
    mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
    first = a_session(db, mia, max_, now=AFTER)

    with pytest.raises(Problem) as why:
        a_session(db, tom, max_, now=AFTER, starts_at=TEN + timedelta(minutes=15))

    assert (why.value.code, why.value.extra["person_id"], why.value.extra["session_id"]) == (
        "slot_taken",
        max_.id,
        first,
    )
    assert a_session(db, tom, max_, now=AFTER, starts_at=TEN + HALF)


def test_what_somebody_missed_declined_or_was_cancelled_kept_them_from_nothing(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    missed, declined, off = (a_session(db, mia, max_, starts_at=TEN + n * HALF) for n in range(3))
    miss_session(db, session_id=missed, actor=SYSTEM, now=TEN + HALF)
    theirs = participant.c.session_id == declined, participant.c.person_id == mia.id
    db.execute(update(participant).where(*theirs).values(response=Response.DECLINED))
    db.execute(update(session).where(session.c.id == off).values(status=SessionStatus.CANCELLED))

    for number in range(3):
        assert log(db, a_call(db, starts_at=TEN + number * HALF), mia)


def test_hosts_of_calls_with_observers_are_where_their_calls_are(db: DbSession) -> None:
    host, mia = a_person(db, "Host"), a_person(db, "Mia")
    call_id = a_call(db, host)
    book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)
    miss_call(db, call_id=call_id, actor=SYSTEM, now=TEN)

    assert log(db, a_call(db), host)


def test_a_seat_that_is_logged_has_been_attended_and_nobody_is_told(db: DbSession) -> None:
    mia, host = a_person(db, "Mia"), a_person(db, "Host")
    call_id = a_call(db, host)
    before = db.execute(select(call).where(call.c.id == call_id)).one()

    logged = log(db, call_id, mia, kind=SessionKind.RIDE_ALONG)

    row, sat = row_of(db, logged), seat_of(db, logged)
    assert (row.status, row.kind, row.starts_at, row.ends_at) == ("completed", "ride_along", TEN, TEN + HALF)
    assert (sat.status, sat.kind, sat.observer_id, sat.call_id) == ("attended", "ride_along", mia.id, call_id)
    assert (acts(db, logged), acts(db, sat.id)) == ([("session.completed", 1)], [("seat.attended", 1)])
    assert (claimed(db, mia), entries_of(db, logged)) == ([], [])
    assert db.execute(select(func.count()).select_from(job)).scalar() == 0
    assert db.execute(select(call).where(call.c.id == call_id)).one() == before
    parts = {one.person_id: one.part for one in db.execute(select(participant))}
    assert parts == {mia.id: Part.OBSERVER, host.id: Part.HOST}


def test_a_seat_that_is_logged_counts_towards_the_load_of_that_week(db: DbSession) -> None:
    mia, host = a_person(db, "Mia", observe_per_week=1), a_person(db, "Host")
    log(db, a_call(db, host), mia)

    rows = list(people.lock_people(db, [mia.id, host.id]).values())
    observing, hosting = busy.loads(db, rows, TEN, TEN + HALF, now=AFTER)

    assert observing[mia.id].left(TEN)[1] == 0
    assert hosting[host.id].load.on_day == {TEN.date(): 1}


def test_who_listened_beyond_the_seats_has_listened(db: DbSession) -> None:
    call_id, closed = a_call(db, seats=1), a_call(db, starts_at=TEN + HALF, seats=0)
    book_seat(db, call_id=call_id, observer_id=a_person(db, "Junior").id, actor=SYSTEM, now=NOW)
    mia = a_person(db, "Mia")

    numbers = [seat_of(db, log(db, one, mia)).seat_no for one in (call_id, closed)]

    assert numbers == [2, 1]
    end_call(db, call_id=call_id, actor=SYSTEM, now=AFTER)
    assert {one.status for one in db.execute(select(seat))} == {SeatStatus.ATTENDED}


def test_hosts_read_who_listened_but_get_no_mail_of_it(db: DbSession) -> None:
    call_id = a_call(db)
    book_seat(db, call_id=call_id, observer_id=a_person(db, "Junior").id, actor=SYSTEM, now=NOW)
    of_host = select(calendar_entry).where(calendar_entry.c.part == Part.HOST)
    before, jobs = db.execute(of_host).one(), db.execute(select(func.count()).select_from(job)).scalar()

    log(db, call_id, a_person(db, "Mia"))

    after = db.execute(of_host).one()
    assert (after.sequence, after.changed_at > before.changed_at, after.vevent) == (before.sequence, True, None)
    assert db.execute(select(func.count()).select_from(job)).scalar() == jobs


def test_a_call_that_somebody_heard_stays_where_it_was(db: DbSession) -> None:
    call_id, other = a_call(db), a_call(db)
    log(db, call_id, a_person(db, "Mia"))
    later = {"starts_at": AFTER + HALF, "ends_at": AFTER + 2 * HALF}

    with pytest.raises(CallOver):
        patch_call(db, call_id=call_id, changes=later, actor=SYSTEM, now=AFTER)

    assert patch_call(db, call_id=other, changes=later, actor=SYSTEM, now=AFTER)


@settings(max_examples=worlds(25))
@given(wanted=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6), st.booleans()), max_size=8))
def test_nobody_was_in_two_places_at_once(db: DbSession, wanted: list[tuple[int, int, bool]]) -> None:
    mia, host, max_ = (a_person(db, name) for name in ("Mia", "Host", "Max"))

    for begins, length, on_call in wanted:
        starts_at, minutes = TEN + begins * timedelta(minutes=5), 5 * length
        with suppress(SlotTaken):
            if on_call:
                log(db, a_call(db, host, starts_at=starts_at, minutes=minutes), mia)
            else:
                a_session(db, mia, max_, now=AFTER, starts_at=starts_at, minutes=minutes)

    mine = select(session.c.starts_at, session.c.ends_at).join(participant).where(participant.c.person_id == mia.id)
    ranges = db.execute(mine.order_by(session.c.starts_at)).all()
    assert all(one.ends_at <= after.starts_at for one, after in pairwise(ranges))


def test_who_dropped_in_was_on_the_call_from_when_they_came_whether_or_not_it_was_closed(db: DbSession) -> None:
    mia, max_, came = a_person(db, "Mia"), a_person(db, "Max"), TEN + timedelta(minutes=31)
    call_id = a_call(db, an_open_host(db), minutes=60)
    start_call(db, call_id=call_id, actor=SYSTEM, now=TEN)
    book_seat(db, call_id=call_id, observer_id=mia.id, kind=SessionKind.DROP_IN, actor=SYSTEM, now=came)

    with pytest.raises(SlotTaken) as why:
        a_session(db, mia, max_, now=AFTER, starts_at=TEN + timedelta(minutes=2))

    assert why.value.extra["blocking_starts_at"] == came
    assert a_session(db, mia, max_, now=AFTER)
