"""Calls that are over stay as they were while somebody sat in on them, and calls ahead don't move into the past."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import call, claim
from app.models.tables import seat as seats
from app.operations.call_outcomes import miss_call
from app.operations.calls import CallOver, cancel_call, create_call, patch_call, upsert_call
from app.operations.external import identify
from app.operations.refused import Past
from app.operations.session_outcomes import complete_session
from app.operations.sessions import book_on_call
from app.rules.access import SYSTEM
from app.vocabulary import CallStatus, Part, SeatStatus, SessionKind
from tests.calls_and_seats import a_seat
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW

TEN = MONDAY + timedelta(hours=10)
MINUTE = timedelta(minutes=1)
END = TEN + 30 * MINUTE
AHEAD = {"starts_at": TEN + timedelta(days=40), "ends_at": END + timedelta(days=40)}


def times(starts_at: datetime) -> dict[str, datetime]:
    return {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30)}


def a_call_with_a_seat(db: DbSession) -> str:
    call_id = a_call(db)
    a_seat(db, call_id, a_person(db, "Jo"))
    return call_id


def as_it_was(db: DbSession, call_id: str) -> bool:
    row = db.execute(select(call).where(call.c.id == call_id)).one()
    held = db.execute(select(seats.c.status).where(seats.c.call_id == call_id)).scalars().all()
    active = db.execute(select(claim.c.starts_at).where(claim.c.active)).scalars().all()
    return (row.status, row.starts_at, held, active) == (CallStatus.SCHEDULED, TEN, [SeatStatus.CONFIRMED], [TEN])


def what_became(db: DbSession, call_id: str) -> tuple[CallStatus, SeatStatus]:
    of_call = select(call.c.status).where(call.c.id == call_id)
    of_seat = select(seats.c.status).where(seats.c.call_id == call_id)
    return db.execute(of_call).scalar_one(), db.execute(of_seat).scalar_one()


def cancel(db: DbSession, call_id: str, *, by_crm: bool, now: datetime) -> None:
    if by_crm:
        off = {"status": CallStatus.CANCELLED}
        upsert_call(db, source="crm", external_id="7", changes=off, actor=SYSTEM, now=now)
    else:
        cancel_call(db, call_id=call_id, actor=SYSTEM, now=now)


@pytest.mark.parametrize("now", [END, END + timedelta(days=30)])
def test_a_call_that_has_ended_is_not_cancelled(db: DbSession, now: datetime) -> None:
    call_id = a_call_with_a_seat(db)

    with pytest.raises(CallOver):
        cancel_call(db, call_id=call_id, actor=SYSTEM, now=now)

    assert as_it_was(db, call_id)


@pytest.mark.parametrize("changes", [AHEAD, {"ends_at": END + timedelta(hours=20)}, times(TEN - timedelta(days=9))])
def test_a_call_that_has_ended_with_observers_keeps_its_time(db: DbSession, changes: dict[str, Any]) -> None:
    call_id = a_call_with_a_seat(db)
    identify(db, "call", call_id, [("crm", "7")])

    with pytest.raises(CallOver):
        patch_call(db, call_id=call_id, changes=changes, actor=SYSTEM, now=END)
    with pytest.raises(CallOver):
        upsert_call(db, source="crm", external_id="7", changes=changes, actor=SYSTEM, now=END)

    assert as_it_was(db, call_id)


def test_a_call_that_has_ended_with_observers_keeps_its_host_and_may_be_said_better(db: DbSession) -> None:
    call_id, lena = a_call_with_a_seat(db), a_person(db, "Lena")

    with pytest.raises(CallOver):
        patch_call(db, call_id=call_id, changes={"host_id": lena.id}, actor=SYSTEM, now=END)
    patch_call(db, call_id=call_id, changes={"title": "Discovery, second part"}, actor=SYSTEM, now=END)

    assert as_it_was(db, call_id)


@pytest.mark.parametrize("starts_at", [NOW, NOW - timedelta(days=1)])
def test_a_call_ahead_with_observers_does_not_move_into_the_past(db: DbSession, starts_at: datetime) -> None:
    call_id = a_call_with_a_seat(db)

    with pytest.raises(Past) as refused:
        patch_call(db, call_id=call_id, changes=times(starts_at), actor=SYSTEM, now=NOW)

    assert [fault.pointer for fault in refused.value.faults] == ["/starts_at"]
    assert as_it_was(db, call_id)


def test_a_call_that_runs_may_run_longer(db: DbSession) -> None:
    call_id, later = a_call_with_a_seat(db), END + timedelta(minutes=15)

    patch_call(db, call_id=call_id, changes={"ends_at": later}, actor=SYSTEM, now=END - timedelta(minutes=5))

    assert db.execute(select(claim.c.ends_at).where(claim.c.active)).scalars().all() == [later]


def test_a_crm_says_of_calls_nobody_sat_in_on_whatever_happened(db: DbSession) -> None:
    lena, past = a_person(db, "Lena"), times(NOW - timedelta(days=30))
    fields = {"title": "Discovery", "host_id": lena.id, **past}
    create_call(db, fields=fields, external=[("crm", "7")], actor=SYSTEM, now=NOW)

    for changes in (times(NOW - timedelta(days=20)), AHEAD, past):
        done = upsert_call(db, source="crm", external_id="7", changes=changes, actor=SYSTEM, now=NOW)
        assert done.status == "updated"


@pytest.mark.parametrize("by", ["logged", "completed"])
def test_a_call_that_somebody_heard_was_not_missed(db: DbSession, by: str) -> None:
    call_id, jo = a_call(db), a_person(db, "Jo")
    if by == "logged":
        book_on_call(db, kind=SessionKind.SHADOW, call_id=call_id, people={jo.id: Part.OBSERVER}, actor=SYSTEM, now=END)
    else:
        complete_session(db, session_id=a_seat(db, call_id, jo).session_id, actor=SYSTEM, now=END)

    with pytest.raises(CallOver):
        miss_call(db, call_id=call_id, actor=SYSTEM, now=END)

    assert what_became(db, call_id) == (CallStatus.SCHEDULED, SeatStatus.ATTENDED)


@pytest.mark.parametrize("by_crm", [False, True])
def test_a_call_that_somebody_heard_is_not_cancelled_though_it_goes_on(db: DbSession, by_crm: bool) -> None:
    call_id, jo = a_call(db), a_person(db, "Jo")
    identify(db, "call", call_id, [("crm", "7")])
    complete_session(db, session_id=a_seat(db, call_id, jo).session_id, actor=SYSTEM, now=TEN + MINUTE)

    with pytest.raises(CallOver):
        cancel(db, call_id, by_crm=by_crm, now=TEN + 2 * MINUTE)

    assert what_became(db, call_id) == (CallStatus.SCHEDULED, SeatStatus.ATTENDED)
