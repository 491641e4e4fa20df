"""Calls that begin and end by the clock: what it leaves alone, and what people may still say afterwards."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import DbSession, transaction
from app.models.tables import call, seat, session
from app.operations.call_outcomes import end_call, follow_clock, miss_call, start_call
from app.operations.calls import CallOver, cancel_call, patch_call, upsert_call
from app.operations.external import identify
from app.operations.past_sessions import log_on_call
from app.operations.seats import book_seat, release_seat
from app.operations.session_outcomes import complete_session
from app.queries.floor import due_by_clock
from app.rules.access import SYSTEM
from app.rules.floor import OVERTIME, REACH
from app.vocabulary import CallStatus, SeatStatus, SessionKind, SessionStatus
from tests.acts_that_are_told import by
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, acts, row_of

MINUTE, OVER = timedelta(minutes=1), TEN + HALF
BY_ADMIN: dict[str, Any] = {"actor": SYSTEM}


def the_call(db: DbSession, call_id: str) -> Any:
    return db.execute(select(call).where(call.c.id == call_id)).one()


def clock(db: DbSession, now: datetime) -> list[str]:
    """Do what the job does at this minute, and return which calls it was about."""
    due = due_by_clock(db, now=now)
    for call_id in due:
        follow_clock(db, call_id=call_id, now=now)
    return due


def sit(db: DbSession, call_id: str, name: str = "Junior") -> Any:
    return book_seat(db, call_id=call_id, observer_id=a_person(db, name).id, now=NOW, **BY_ADMIN)


def seat_and_session(db: DbSession, taken: Any) -> tuple[str, str]:
    status = db.execute(select(seat.c.status).where(seat.c.id == taken.id)).scalar_one()
    return status, row_of(db, taken.session_id).status


def test_what_is_to_come_or_settled_or_long_over_is_none_of_the_clocks(db: DbSession) -> None:
    ahead, off, ended, missed, old = (a_call(db, starts_at=TEN) for _ in range(5))
    db.execute(update(call).where(call.c.id == ahead).values(starts_at=OVER + HALF, ends_at=OVER + 2 * HALF))
    db.execute(update(call).where(call.c.id == old).values(starts_at=OVER - REACH - HALF, ends_at=OVER - REACH))
    cancel_call(db, call_id=off, now=NOW, **BY_ADMIN)
    end_call(db, call_id=ended, now=TEN, **BY_ADMIN)
    miss_call(db, call_id=missed, now=TEN, **BY_ADMIN)

    assert clock(db, OVER) == []
    assert the_call(db, old).status is CallStatus.SCHEDULED


def test_a_call_begins_and_ends_at_its_time_when_nobody_says_anything(db: DbSession) -> None:
    call_id = a_call(db)
    taken = sit(db, call_id)

    assert clock(db, TEN - MINUTE) == []
    assert clock(db, TEN) == [call_id]
    assert seat_and_session(db, taken) == ("confirmed", "in_progress")
    assert clock(db, OVER - MINUTE) == []
    assert clock(db, OVER) == [call_id]
    assert clock(db, OVER + OVERTIME) == []

    row = the_call(db, call_id)
    assert (row.status, row.began_at, row.ended_at) == (CallStatus.ENDED, None, None)
    assert seat_and_session(db, taken) == ("attended", "completed")
    assert [act for act, _ in acts(db, call_id)][-3:] == ["call.started", "call.ended", "call.seats_changed"]
    assert [version for _, version in acts(db, call_id)] == list(range(1, row.version + 1))


def test_a_call_that_somebody_said_is_live_ends_by_the_clock_a_quarter_of_an_hour_late(db: DbSession) -> None:
    by_hand, afterwards = a_call(db), a_call(db)
    start_call(db, call_id=by_hand, now=TEN - 5 * MINUTE, **BY_ADMIN)
    clock(db, TEN)
    for _ in "ab":
        start_call(db, call_id=afterwards, now=TEN + MINUTE, **BY_ADMIN)

    assert clock(db, OVER) == clock(db, OVER + OVERTIME - MINUTE) == []
    assert the_call(db, by_hand).began_at == TEN - 5 * MINUTE
    assert the_call(db, afterwards).began_at == TEN + MINUTE
    assert sorted(clock(db, OVER + OVERTIME)) == sorted([by_hand, afterwards])


def test_who_dropped_in_and_left_before_it_really_began_was_not_there_whoever_says_so(db: DbSession) -> None:
    host = an_open_host(db)
    call_id, drop_in = a_call(db, host, seats=2), SessionKind.DROP_IN
    clock(db, TEN)
    gone, stays = (
        book_seat(db, call_id=call_id, observer_id=a_person(db).id, kind=drop_in, now=TEN + MINUTE, **BY_ADMIN)
        for _ in range(2)
    )
    release_seat(db, seat_id=gone.id, now=TEN + 3 * MINUTE, **BY_ADMIN)
    assert seat_and_session(db, gone) == (SeatStatus.ATTENDED, SessionStatus.COMPLETED)

    start_call(db, call_id=call_id, actor=by(host), now=TEN + 5 * MINUTE)

    assert seat_and_session(db, gone) == (SeatStatus.RELEASED, SessionStatus.CANCELLED)
    end_call(db, call_id=call_id, actor=by(host), now=TEN + 9 * MINUTE)
    assert seat_and_session(db, stays) == (SeatStatus.ATTENDED, SessionStatus.COMPLETED)
    heard = row_of(db, stays.session_id)
    assert (heard.starts_at, heard.ends_at) == (TEN + 5 * MINUTE, TEN + 9 * MINUTE)


def test_a_clock_that_was_stopped_ends_what_is_over_without_beginning_it(db: DbSession) -> None:
    call_id = a_call(db)
    taken = sit(db, call_id)

    assert clock(db, OVER + 24 * 2 * HALF) == [call_id]

    assert seat_and_session(db, taken) == ("attended", "completed")
    assert "call.started" not in [act for act, _ in acts(db, call_id)]


def test_a_call_that_somebody_settled_meanwhile_is_left_alone(db: DbSession) -> None:
    moved, ended = a_call(db), a_call(db)
    due = due_by_clock(db, now=TEN)
    patch_call(db, call_id=moved, changes={"starts_at": OVER, "ends_at": OVER + HALF}, now=TEN, **BY_ADMIN)
    end_call(db, call_id=ended, now=TEN, **BY_ADMIN)
    before = [the_call(db, one) for one in (moved, ended)]

    for call_id in due:
        follow_clock(db, call_id=call_id, now=TEN)

    assert sorted(due) == sorted([moved, ended])
    assert [the_call(db, one) for one in (moved, ended)] == before


@pytest.mark.parametrize("began", [False, True], ids=["by the clock", "as somebody said"])
def test_a_host_who_says_later_that_the_customer_did_not_come_is_heard(db: DbSession, began: bool) -> None:
    host = an_open_host(db)
    call_id = a_call(db, host, seats=3)
    planned = sit(db, call_id)
    if began:
        start_call(db, call_id=call_id, now=TEN, **BY_ADMIN)
    came = TEN + 3 * MINUTE
    dropped = book_seat(
        db, call_id=call_id, observer_id=a_person(db, "Mia").id, kind=SessionKind.DROP_IN, now=came, **BY_ADMIN
    )
    clock(db, OVER + OVERTIME)
    assert seat_and_session(db, planned) == seat_and_session(db, dropped) == ("attended", "completed")

    for _ in "ab":
        missed = miss_call(db, call_id=call_id, actor=by(host), now=OVER + 4 * HALF)

    assert the_call(db, call_id).status is CallStatus.NO_SHOW
    assert seat_and_session(db, planned) == seat_and_session(db, dropped) == ("attempted", "no_show")
    assert set(missed) == {planned.observer_id, dropped.observer_id}
    assert [version for _, version in acts(db, call_id)] == list(range(1, the_call(db, call_id).version + 1))


@pytest.mark.parametrize("how", ["ended", "completed", "left", "logged"])
def test_whoever_says_that_a_call_was_heard_has_the_last_word(db: DbSession, how: str) -> None:
    host, mia = a_person(db, "Host"), a_person(db, "Mia")
    call_id = a_call(db, host, seats=2)
    taken = sit(db, call_id)
    said: dict[str, Any] = {"now": TEN + 9 * MINUTE, **BY_ADMIN}
    match how:
        case "ended":
            end_call(db, call_id=call_id, **said)
        case "completed":
            complete_session(db, session_id=taken.session_id, **said)
        case "left":
            release_seat(db, seat_id=taken.id, **said)
    clock(db, OVER)
    if how == "logged":
        kind, seen = SessionKind.SHADOW, the_call(db, call_id)
        log_on_call(db, kind=kind, seen=seen, observer_id=mia.id, actor=by(mia), now=OVER + HALF)

    with pytest.raises(CallOver):
        miss_call(db, call_id=call_id, actor=by(host), now=OVER + 2 * HALF)


def test_a_crm_still_moves_hands_over_and_cancels_what_only_the_clock_began(db: DbSession) -> None:
    ahead, longer, given, off = (a_call(db, an_open_host(db)) for _ in range(4))
    taken, new_host = sit(db, ahead), a_person(db, "New")
    clock(db, TEN)
    now = TEN + 5 * MINUTE

    moved = {"starts_at": OVER, "ends_at": OVER + HALF}
    patch_call(db, call_id=ahead, changes=moved, now=now, **BY_ADMIN)
    patch_call(db, call_id=longer, changes={"ends_at": OVER + HALF}, now=now, **BY_ADMIN)
    patch_call(db, call_id=given, changes={"host_id": new_host.id}, now=now, **BY_ADMIN)
    cancel_call(db, call_id=off, now=now, **BY_ADMIN)

    rows = [the_call(db, one) for one in (ahead, longer, given, off)]
    assert [row.status for row in rows] == ["scheduled", "live", "live", "cancelled"]
    assert [row.door for row in rows] == ["closed", "open", "closed", "closed"]
    assert row_of(db, taken.session_id).status is SessionStatus.CONFIRMED
    assert clock(db, OVER) == [given, ahead]


def test_a_crm_that_hears_late_of_another_time_puts_a_call_on_again_that_nobody_heard(db: DbSession) -> None:
    alone, heard = a_call(db), a_call(db)
    sit(db, heard)
    for call_id, name in ((alone, "1"), (heard, "2")):
        identify(db, "call", call_id, [("crm", name)])
    clock(db, OVER)
    tomorrow = {"starts_at": TEN + 48 * HALF, "ends_at": OVER + 48 * HALF}

    upsert_call(db, source="crm", external_id="1", changes=tomorrow, now=OVER, **BY_ADMIN)
    with pytest.raises(CallOver):
        upsert_call(db, source="crm", external_id="2", changes=tomorrow, now=OVER, **BY_ADMIN)

    row = the_call(db, alone)
    assert (row.status, row.starts_at) == (CallStatus.SCHEDULED, tomorrow["starts_at"])
    assert sit(db, alone).status is SeatStatus.CONFIRMED


def test_what_somebody_said_is_live_moves_no_more(db: DbSession) -> None:
    call_id = a_call(db)
    start_call(db, call_id=call_id, now=TEN, **BY_ADMIN)

    with pytest.raises(CallOver):
        patch_call(db, call_id=call_id, changes={"ends_at": OVER + HALF}, now=TEN, **BY_ADMIN)
    with pytest.raises(CallOver):
        cancel_call(db, call_id=call_id, now=TEN, **BY_ADMIN)


def test_a_request_that_nobody_answered_is_no_attendance(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        call_id = a_call(db, a_person(db, "Host", seat_approval="host"))
        asked = sit(db, call_id)
        assert asked.status is SeatStatus.REQUESTED

        clock(db, TEN)
        clock(db, OVER)

        assert seat_and_session(db, asked) == ("expired", "expired")
        assert db.execute(select(session.c.id).where(session.c.status == SessionStatus.COMPLETED)).all() == []
