"""What a smaller rule does to calls where more sit than it allows: nobody is thrown out, and nobody new gets in."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import DbSession, transaction
from app.models.tables import call, event
from app.models.tables import seat as seats
from app.operations.call_types import patch_call_type
from app.operations.calls import CapacityBelowTaken, patch_call
from app.operations.people import patch_person
from app.operations.refused import SeatsFull
from app.operations.seats import release_seat
from app.rules.access import SYSTEM
from tests.calls_and_seats import a_seat
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.statements import counted

TEN = MONDAY + timedelta(hours=10)


def three_sit_in_on_a_demo(db: DbSession) -> tuple[str, list[Any]]:
    patch_call_type(db, slug="demo", changes={"seat_capacity": 3}, actor=SYSTEM, now=NOW)
    call_id = a_call(db, type="demo")
    return call_id, [a_seat(db, call_id, a_person(db, name)) for name in ("Ann", "Ben", "Cid")]


def capacity_of(db: DbSession, call_id: str) -> int:
    number: int = db.execute(select(call.c.seat_capacity).where(call.c.id == call_id)).scalar_one()
    return number


def test_a_call_with_more_observers_than_its_type_now_allows_takes_nobody_new_until_it_fits(db: DbSession) -> None:
    call_id, (first, second, third) = three_sit_in_on_a_demo(db)
    patch_call_type(db, slug="demo", changes={"seat_capacity": 1}, actor=SYSTEM, now=NOW)
    shrinking = [capacity_of(db, call_id)]

    for one in (first, second):
        release_seat(db, seat_id=one.id, actor=SYSTEM, now=NOW)
        shrinking.append(capacity_of(db, call_id))
        with pytest.raises(SeatsFull):
            a_seat(db, call_id, a_person(db, "New"))

    assert shrinking == [3, 2, 1]
    release_seat(db, seat_id=third.id, actor=SYSTEM, now=NOW)
    assert a_seat(db, call_id, a_person(db, "New")).seat_no == 1


def test_a_seat_that_gets_another_number_counts_a_version_and_tells_so(db: DbSession) -> None:
    _, (first, second, third) = three_sit_in_on_a_demo(db)
    release_seat(db, seat_id=second.id, actor=SYSTEM, now=NOW)
    later = NOW + timedelta(minutes=5)

    patch_call_type(db, slug="demo", changes={"seat_capacity": 2}, actor=SYSTEM, now=later)

    rows = {row.id: (row.seat_no, row.capacity, row.version, row.updated_at) for row in db.execute(select(seats))}
    assert rows[first.id] == (1, 2, 1, NOW)
    assert rows[third.id] == (2, 2, 2, later)
    told = db.execute(select(event.c.object_id, event.c.version).where(event.c.act == "seat.renumbered")).all()
    assert told == [(third.id, 2)]


def test_a_seat_that_moves_and_gets_another_number_tells_of_each_version_once(db: DbSession) -> None:
    busy, quiet = a_person(db, "Busy"), a_person(db, "Quiet")
    call_id = a_call(db, type="demo")
    a_seat(db, call_id, busy)
    kept = a_seat(db, call_id, quiet)
    a_seat(db, a_call(db, starts_at=TEN + timedelta(hours=2)), busy)
    patch_call_type(db, slug="demo", changes={"seat_capacity": 1}, actor=SYSTEM, now=NOW)

    later = {"starts_at": TEN + timedelta(hours=2), "ends_at": TEN + timedelta(hours=3)}
    patch_call(db, call_id=call_id, changes=later, actor=SYSTEM, now=NOW)

    row = db.execute(select(seats).where(seats.c.id == kept.id)).one()
    told = db.execute(select(event.c.act, event.c.version).where(event.c.object_id == kept.id)).all()
    assert (row.seat_no, row.capacity, row.version) == (1, 1, 3)
    assert sorted(told, key=lambda one: one.version) == [("seat.booked", 1), ("seat.renumbered", 2), ("seat.moved", 3)]


def test_fewer_seats_than_are_taken_are_refused_however_sensitive_the_call_becomes(db: DbSession) -> None:
    call_id, _ = three_sit_in_on_a_demo(db)

    with pytest.raises(CapacityBelowTaken):
        patch_call(db, call_id=call_id, changes={"seat_capacity": 1, "sensitive": True}, actor=SYSTEM, now=NOW)

    patch_call(db, call_id=call_id, changes={"sensitive": True}, actor=SYSTEM, now=NOW)
    assert capacity_of(db, call_id) == 3


def test_a_new_number_of_a_host_costs_no_statement_per_call(engine: Engine) -> None:
    costs = []
    for many in (2, 20):
        with transaction(engine, writes=True) as db:
            host, jo = a_person(db, "Host", host_per_day=9, host_per_week=50), a_person(db, "Jo", observe_per_day=9)
            hours = [TEN + timedelta(minutes=15 * number) for number in range(many)]
            calls = [a_call(db, host, starts_at=hour, minutes=15, type="demo") for hour in hours]
            for call_id in calls[:2]:
                a_seat(db, call_id, jo)
        with transaction(engine, writes=True) as db, counted(engine) as statements:
            patch_person(db, person_id=host.id, changes={"seat_capacity": 5}, actor=SYSTEM, now=NOW)
        costs.append(len(statements))
        with transaction(engine, writes=False) as db:
            numbers = db.execute(select(call.c.seat_capacity).where(call.c.host_id == host.id)).scalars().all()
            assert numbers == [5] * many

    assert costs[0] == costs[1] <= 17
