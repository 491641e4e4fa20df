"""What becomes of calls and of the sessions on them: who may not say so and when, then what each outcome leaves."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import DbSession
from app.errors import Forbidden, Stale
from app.models.tables import call, person, seat, session
from app.operations.call_outcomes import end_call, miss_call, start_call
from app.operations.calls import CallOver, cancel_call, patch_call
from app.operations.refused import LimitReached, NotStarted
from app.operations.seats import book_seat, release_seat
from app.operations.session_locks import IllegalMove, TooEarly
from app.operations.session_outcomes import complete_session, miss_session, start_session
from app.rules.access import SYSTEM, Actor
from app.vocabulary import CallStatus, Role, SeatApproval, SessionKind, SessionStatus
from tests.factories import MONDAY, a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, a_session, acts, claimed, row_of

BY_ADMIN: dict[str, Any] = {"actor": SYSTEM, "now": TEN + timedelta(minutes=6)}


def as_(who: Any) -> Actor:
    return Actor(credential_id="key_x", role=Role.REP, person_id=who.id)


def sit(db: DbSession, call_id: str, name: str = "Junior") -> Any:
    return book_seat(db, call_id=call_id, observer_id=a_person(db, name).id, actor=SYSTEM, now=NOW)


def seat_and_session(db: DbSession, taken: Any) -> tuple[str, str]:
    status = db.execute(select(seat.c.status).where(seat.c.id == taken.id)).scalar_one()
    return status, row_of(db, taken.session_id).status


def call_of(db: DbSession, call_id: str) -> Any:
    return db.execute(select(call).where(call.c.id == call_id)).one()


def test_only_the_host_and_admins_say_what_becomes_of_a_call(db: DbSession) -> None:
    host, mia = a_person(db, "Host"), a_person(db, "Mia")
    call_id = a_call(db, host)

    for act in (start_call, end_call, miss_call):
        with pytest.raises(Forbidden):
            act(db, call_id=call_id, actor=as_(mia), now=TEN)
        with pytest.raises(Stale):
            act(db, call_id=call_id, expected_version=7, actor=SYSTEM, now=TEN)
    start_call(db, call_id=call_id, actor=as_(host), now=TEN)

    assert call_of(db, call_id).status is CallStatus.LIVE


def test_what_is_over_stays_as_it_is(db: DbSession) -> None:
    cancelled, ended, missed = (a_call(db, starts_at=TEN + n * HALF) for n in range(3))
    cancel_call(db, call_id=cancelled, actor=SYSTEM, now=NOW)
    end_call(db, call_id=ended, actor=SYSTEM, now=TEN + 2 * HALF)
    miss_call(db, call_id=missed, actor=SYSTEM, now=TEN + 3 * HALF)

    for call_id, possible in ((cancelled, None), (ended, end_call), (missed, miss_call)):
        before = call_of(db, call_id)
        for act in (start_call, end_call, miss_call):
            if act is possible:
                act(db, call_id=call_id, **BY_ADMIN)
            else:
                with pytest.raises(CallOver):
                    act(db, call_id=call_id, **BY_ADMIN)
        assert call_of(db, call_id) == before


def test_a_call_that_is_to_come_does_not_end(db: DbSession) -> None:
    with pytest.raises(NotStarted):
        end_call(db, call_id=a_call(db), actor=SYSTEM, now=TEN - timedelta(minutes=1))


def test_a_call_starts_with_its_sessions_and_ends_with_everybody_having_attended(db: DbSession) -> None:
    call_id = a_call(db, seats=2)
    first, second = sit(db, call_id), sit(db, call_id)

    for _ in "ab":
        start_call(db, call_id=call_id, **BY_ADMIN)
    assert [seat_and_session(db, one) for one in (first, second)] == [("confirmed", "in_progress")] * 2
    for _ in "ab":
        end_call(db, call_id=call_id, **BY_ADMIN)

    assert [seat_and_session(db, one) for one in (first, second)] == [("attended", "completed")] * 2
    told = [act for act, _ in acts(db, first.session_id)]
    assert told == ["session.booked", "session.started", "session.completed"]
    assert [act for act, _ in acts(db, first.id)] == ["seat.booked", "seat.attended"]
    assert [act for act, _ in acts(db, call_id)][-3:] == ["call.started", "call.ended", "call.seats_changed"]
    assert [version for _, version in acts(db, call_id)] == list(range(1, call_of(db, call_id).version + 1))


def drop_in(db: DbSession, call_id: str, now: datetime) -> Any:
    who = a_person(db, "Visitor")
    kind = SessionKind.DROP_IN
    return book_seat(db, call_id=call_id, observer_id=who.id, kind=kind, actor=SYSTEM, now=now)


@pytest.mark.parametrize("by", [end_call, miss_call, complete_session])
def test_who_dropped_in_listened_until_it_was_over_and_what_was_planned_stays(db: DbSession, by: Any) -> None:
    call_id = a_call(db, an_open_host(db), seats=2)
    planned, dropped = sit(db, call_id), drop_in(db, call_id, TEN + timedelta(minutes=3))
    what = {"session_id": dropped.session_id} if by is complete_session else {"call_id": call_id}

    by(db, **what, actor=SYSTEM, now=TEN + timedelta(minutes=20))

    heard, kept = row_of(db, dropped.session_id), row_of(db, planned.session_id)
    assert (heard.starts_at, heard.ends_at) == (TEN + timedelta(minutes=3), TEN + timedelta(minutes=20))
    assert (kept.starts_at, kept.ends_at) == (TEN, TEN + HALF)


@pytest.mark.parametrize(
    ("came", "over", "heard"),
    [(5, 45, (5, 30)), (-20, -10, (-20, -10)), (-5, 10, (-5, 10))],
    ids=["ends late", "brought forward", "begins early"],
)
def test_a_drop_in_lasts_no_longer_than_its_call(db: DbSession, came: int, over: int, heard: tuple[int, int]) -> None:
    call_id = a_call(db, an_open_host(db))
    start_call(db, call_id=call_id, actor=SYSTEM, now=TEN + timedelta(minutes=min(came, 0)))
    dropped = drop_in(db, call_id, TEN + timedelta(minutes=came))

    end_call(db, call_id=call_id, actor=SYSTEM, now=TEN + timedelta(minutes=over))

    row = row_of(db, dropped.session_id)
    assert (row.starts_at, row.ends_at) == tuple(TEN + timedelta(minutes=minutes) for minutes in heard)


def test_who_dropped_in_as_the_call_ended_was_not_there(db: DbSession) -> None:
    call_id, late = a_call(db, an_open_host(db)), TEN + timedelta(minutes=10)
    dropped = drop_in(db, call_id, late)

    end_call(db, call_id=call_id, actor=SYSTEM, now=late)

    assert seat_and_session(db, dropped) == ("released", "cancelled")


def test_who_was_marked_as_no_show_has_not_attended(db: DbSession) -> None:
    call_id = a_call(db, seats=2)
    there, absent = sit(db, call_id), sit(db, call_id)
    start_call(db, call_id=call_id, **BY_ADMIN)

    miss_session(db, session_id=absent.session_id, **BY_ADMIN)
    assert call_of(db, call_id).seats_taken == 1
    end_call(db, call_id=call_id, **BY_ADMIN)

    assert seat_and_session(db, there) == ("attended", "completed")
    assert seat_and_session(db, absent) == ("no_show", "no_show")


def test_who_asked_for_a_seat_and_heard_nothing_has_not_attended(db: DbSession) -> None:
    host = a_person(db, "Host")
    db.execute(update(person).where(person.c.id == host.id).values(seat_approval=SeatApproval.HOST))
    call_id = a_call(db, host)
    asked = sit(db, call_id)

    end_call(db, call_id=call_id, **BY_ADMIN)

    assert seat_and_session(db, asked) == ("expired", "expired")
    assert call_of(db, call_id).seats_taken == 0


def test_when_the_prospect_does_not_come_it_was_an_attempt(db: DbSession) -> None:
    call_id = a_call(db, seats=3)
    tried, gone = sit(db, call_id), sit(db, call_id)
    release_seat(db, seat_id=gone.id, actor=SYSTEM, now=NOW)

    replacements = [miss_call(db, call_id=call_id, **BY_ADMIN) for _ in "ab"]

    assert call_of(db, call_id).status is CallStatus.NO_SHOW
    assert seat_and_session(db, tried) == ("attempted", "no_show")
    assert seat_and_session(db, gone) == ("released", "cancelled")
    assert list(replacements[0]) == list(replacements[1]) == [tried.observer_id]
    assert db.execute(select(session.c.id).where(session.c.status == SessionStatus.CONFIRMED)).all() == []


def test_who_sat_in_for_nothing_is_offered_the_next_calls_of_that_type_that_they_can_join(db: DbSession) -> None:
    mia, host = a_person(db, "Mia"), a_person(db, "Host")
    missed = a_call(db, host, type="demo")
    at = [TEN + timedelta(hours=hours) for hours in range(1, 7)]
    taken, full, first, second, third, fourth = (a_call(db, starts_at=one, type="demo", seats=1) for one in at)
    a_call(db, starts_at=at[0], type="renewal")
    for call_id, who in ((missed, mia), (taken, mia), (full, a_person(db, "Tom"))):
        book_seat(db, call_id=call_id, observer_id=who.id, actor=SYSTEM, now=NOW)

    replacements = miss_call(db, call_id=missed, actor=as_(host), now=TEN + timedelta(minutes=6))

    assert {who: [row.id for row in rows] for who, rows in replacements.items()} == {mia.id: [first, second, third]}
    assert book_seat(db, call_id=fourth, observer_id=mia.id, actor=SYSTEM, now=NOW)


def test_an_attempt_counts_towards_limits_for_the_time_was_kept(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia", observe_per_day=1), a_call(db)
    book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)

    miss_call(db, call_id=call_id, **BY_ADMIN)

    with pytest.raises(LimitReached):
        book_seat(db, call_id=a_call(db, starts_at=TEN + 4 * HALF), observer_id=mia.id, actor=SYSTEM, now=NOW)


def test_time_that_a_session_does_not_need_any_more_is_free(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    call_id = a_call(db, starts_at=TEN + 4 * HALF)
    book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)
    long = a_session(db, mia, max_, minutes=60)

    start_session(db, session_id=long, actor=as_(mia), now=TEN)
    assert len(claimed(db, mia)) == 2
    complete_session(db, session_id=long, actor=as_(max_), now=TEN + timedelta(minutes=20))
    with pytest.raises(NotStarted):
        miss_call(db, call_id=call_id, actor=SYSTEM, now=TEN + timedelta(minutes=20))
    miss_call(db, call_id=call_id, actor=SYSTEM, now=TEN + 4 * HALF)

    assert (claimed(db, mia), claimed(db, max_)) == ([], [])
    assert acts(db, long) == [("session.booked", 1), ("session.started", 2), ("session.completed", 3)]


def test_nobody_has_failed_to_come_before_the_grace_is_over(db: DbSession) -> None:
    session_id = a_session(db, a_person(db, "Mia"), a_person(db, "Max"))
    grace = TEN + timedelta(minutes=5)

    with pytest.raises(TooEarly) as why:
        miss_session(db, session_id=session_id, actor=SYSTEM, now=grace - timedelta(seconds=1))
    miss_session(db, session_id=session_id, actor=SYSTEM, now=grace)
    miss_session(db, session_id=session_id, actor=SYSTEM, now=grace)

    assert why.value.extra == {"possible_from": grace}
    assert (row_of(db, session_id).status, row_of(db, session_id).version) == (SessionStatus.NO_SHOW, 2)
    for act in (start_session, complete_session):
        with pytest.raises(IllegalMove) as illegal:
            act(db, session_id=session_id, actor=SYSTEM, now=grace)
        assert illegal.value.extra == {"session_status": "no_show", "possible": []}


def test_an_observer_is_not_credited_with_a_call_that_has_not_begun(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db, starts_at=TEN)
    taken = book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)
    me: dict[str, Any] = {"session_id": taken.session_id, "actor": as_(mia)}

    for act in (start_session, complete_session):
        with pytest.raises(TooEarly) as why:
            act(db, **me, now=TEN - timedelta(seconds=1))
        assert why.value.extra == {"possible_from": TEN}
    start_session(db, **me, now=TEN)
    patch_call(db, call_id=call_id, changes={"starts_at": TEN + HALF, "ends_at": TEN + 2 * HALF}, actor=SYSTEM, now=TEN)

    with pytest.raises(TooEarly):
        complete_session(db, **me, now=TEN + HALF - timedelta(seconds=1))
    assert row_of(db, taken.session_id).starts_at == TEN + HALF
    complete_session(db, **me, now=TEN + HALF)
    assert seat_and_session(db, taken) == ("attended", "completed")


def test_a_call_that_is_live_before_its_time_has_begun(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db, starts_at=TEN)
    taken = book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)
    early: dict[str, Any] = {"actor": SYSTEM, "now": TEN - timedelta(minutes=10)}

    start_call(db, call_id=call_id, **early)
    complete_session(db, session_id=taken.session_id, **early)

    assert seat_and_session(db, taken) == ("attended", "completed")


def test_a_session_without_a_call_starts_a_little_early_at_most(db: DbSession) -> None:
    session_id = a_session(db, a_person(db, "Mia"), a_person(db, "Max"))
    notice = TEN - timedelta(minutes=15)

    with pytest.raises(TooEarly) as why:
        start_session(db, session_id=session_id, actor=SYSTEM, now=notice - timedelta(seconds=1))
    start_session(db, session_id=session_id, actor=SYSTEM, now=notice)

    assert why.value.extra == {"possible_from": notice}
    assert row_of(db, session_id).status is SessionStatus.IN_PROGRESS


def test_what_nobody_started_took_place_from_its_start_on(db: DbSession) -> None:
    planned = a_session(db, a_person(db, "Mia"), a_person(db, "Max"))
    taken = sit(db, a_call(db, starts_at=MONDAY + timedelta(hours=14)))

    with pytest.raises(TooEarly):
        complete_session(db, session_id=planned, actor=SYSTEM, now=TEN - timedelta(seconds=1))
    complete_session(db, session_id=planned, actor=SYSTEM, now=TEN)
    for _ in "ab":
        complete_session(db, session_id=taken.session_id, actor=SYSTEM, now=MONDAY + timedelta(hours=14))

    assert row_of(db, planned).status is SessionStatus.COMPLETED
    assert seat_and_session(db, taken) == ("attended", "completed")
    assert call_of(db, taken.call_id).seats_taken == 0
