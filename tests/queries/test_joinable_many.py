"""Calls that could be joined come in order out of hundreds, and to the microsecond."""

import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from app import ids
from app.db import DbSession
from app.models.tables import busy
from app.operations.seats import book_seat
from app.queries.calls import CallFilter
from app.queries.joinable import joinable_calls
from app.queries.pages import PageRequest
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NINE = MONDAY + 9 * HOUR
HALF_A_SECOND = timedelta(microseconds=500_001)


def listed(db: DbSession, observer_id: str, *, sort: str = "starts_at", limit: int = 50) -> list[str]:
    request = PageRequest(limit, None, "calls", "secret")
    order, descending = sort.lstrip("-"), sort.startswith("-")
    page = joinable_calls(
        db, CallFilter(), request, sort=order, descending=descending, observer_id=observer_id, actor=SYSTEM, now=NOW
    )
    return [row.id for row in page.rows]


@pytest.mark.parametrize("sort", ["starts_at", "-starts_at"])
def test_when_the_first_hundreds_are_taken_the_next_come_in_order(db: DbSession, sort: str) -> None:
    host, observer = a_person(db, "Host"), a_person(db, "Junior", observe_per_day=9)
    minutes = list(range(300))
    random.Random(1).shuffle(minutes)
    made = {minute: a_call(db, host, starts_at=NINE + minute * MINUTE, minutes=1) for minute in minutes}
    taken = (0, 250) if sort == "starts_at" else (50, 300)
    times = {"starts_at": NINE + taken[0] * MINUTE, "ends_at": NINE + taken[1] * MINUTE}
    its = {"id": ids.new("bsy", NOW), "person_id": observer.id, "source": "outlook", "status": BusyStatus.BUSY}
    db.execute(insert(busy), its | times)

    found = listed(db, observer.id, sort=sort, limit=40)

    free = range(250, 290) if sort == "starts_at" else range(49, 9, -1)
    assert found == [made[minute] for minute in free]


def test_nothing_is_listed_when_there_is_nothing_or_no_time_for_it(db: DbSession) -> None:
    observer = a_person(db, "Junior")

    assert listed(db, observer.id) == []

    a_call(db, starts_at=MONDAY - 30 * HOUR)  # a Saturday
    assert listed(db, observer.id) == []


@pytest.mark.parametrize("starts_at", [NINE, NINE + HALF_A_SECOND])
def test_a_call_may_begin_the_very_instant_that_the_hosts_gap_is_over(db: DbSession, starts_at: datetime) -> None:
    host = a_person(db, "Host", host_gap_minutes=10)
    observed, other = a_call(db, host, starts_at=starts_at), a_call(db, host, starts_at=starts_at + 40 * MINUTE)
    too_near = a_call(db, host, starts_at=starts_at + 40 * MINUTE - timedelta(microseconds=1))
    book_seat(db, call_id=observed, observer_id=a_person(db, "Junior").id, actor=SYSTEM, now=NOW)
    observer = a_person(db, "Junior")

    assert set(listed(db, observer.id)) == {observed, other}
    assert too_near
    book_seat(db, call_id=other, observer_id=observer.id, actor=SYSTEM, now=NOW)


def test_a_call_in_the_last_half_second_of_a_day_counts_on_that_day(db: DbSession) -> None:
    host = a_person(db, "Host", host_per_day=1)
    midnight = MONDAY + 24 * HOUR
    full = a_call(db, host, starts_at=midnight + 10 * HOUR)
    book_seat(db, call_id=full, observer_id=a_person(db, "Junior").id, actor=SYSTEM, now=NOW)
    late = a_call(db, host, starts_at=midnight - timedelta(microseconds=1), seats=1)
    observer = a_person(db, "Junior", time_zone="Australia/Sydney")  # where it is before noon

    assert listed(db, observer.id) == [late]
    book_seat(db, call_id=late, observer_id=observer.id, actor=SYSTEM, now=NOW)
