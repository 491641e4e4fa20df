"""What other schedulers got wrong, where somebody sits in on a call: the list and booking say the same each time."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.db import DbSession, transaction
from app.errors import Problem
from app.models.tables import availability, installation
from app.operations.availability import replace_busy
from app.operations.seats import book_seat
from app.queries import busy, joinable
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api

TEN = MONDAY + timedelta(hours=10)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def outcome(db: DbSession, call_id: str, observer_id: str, *, now: datetime = NOW) -> str | None:
    """Why this observer is refused, None when not: the list and booking agree on it, and nothing is booked."""
    observer = busy.people_rows(db, [observer_id])[observer_id]
    window = MONDAY - 7 * DAY, MONDAY + 21 * DAY
    listed = joinable.joinable_ids(db, *window, observer=observer, now=now, limit=50)
    doing = db.begin_nested()
    try:
        book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=now)
        said = None
    except Problem as problem:
        said = problem.code
    doing.rollback()
    assert (call_id in listed) == (said is None)
    return said


def taken(db: DbSession, observer_id: str, *ranges: tuple[datetime, datetime]) -> None:
    intervals = [(*one, BusyStatus.BUSY) for one in ranges]
    replace_busy(db, person_id=observer_id, source="outlook", intervals=intervals, actor=SYSTEM, now=NOW)


@pytest.mark.parametrize(
    ("before", "after", "busy_from", "busy_to", "expected"),
    [
        (10, 0, -40, -10, None),
        (10, 0, -40, -9, "slot_taken"),
        (10, 0, 30, 60, None),
        (0, 10, 40, 60, None),
        (0, 10, 39, 60, "slot_taken"),
        (0, 10, -40, 0, None),
    ],
)
def test_bug_21_an_observers_buffer_is_kept_on_its_own_side(
    db: DbSession, before: int, after: int, busy_from: int, busy_to: int, expected: str | None
) -> None:
    ana, call = a_person(db, "Ana").id, a_call(db, starts_at=TEN, minutes=30)
    values = {"buffer_before_minutes": before, "buffer_after_minutes": after}
    db.execute(update(availability).where(availability.c.person_id == ana).values(**values))
    taken(db, ana, (TEN + busy_from * MINUTE, TEN + busy_to * MINUTE))

    assert outcome(db, call, ana) == expected


def test_bug_21_two_seats_keep_both_buffers_between_them(db: DbSession) -> None:
    ana, host = a_person(db, "Ana").id, a_person(db, "Host")
    values = {"buffer_before_minutes": 5, "buffer_after_minutes": 10}
    db.execute(update(availability).where(availability.c.person_id == ana).values(**values))
    first = a_call(db, host, starts_at=TEN, minutes=30)
    book_seat(db, call_id=first, observer_id=ana, actor=SYSTEM, now=NOW)

    too_near, near_enough = (a_call(db, starts_at=TEN + minutes * MINUTE) for minutes in (44, 45))

    assert (outcome(db, too_near, ana), outcome(db, near_enough, ana)) == ("slot_taken", None)


def test_bug_23_the_notice_of_the_house_holds_to_the_minute(db: DbSession) -> None:
    ana, call = a_person(db, "Ana").id, a_call(db, starts_at=TEN)
    db.execute(update(installation).values(min_notice_minutes=30))

    asked = {minutes: outcome(db, call, ana, now=TEN - minutes * MINUTE) for minutes in (31, 30, 29, 0)}

    assert asked == {31: None, 30: None, 29: "min_notice", 0: "past"}


def test_bug_24_each_limit_is_counted_on_the_days_of_whose_it_is(db: DbSession) -> None:
    # 23:30 UTC on Monday is Tuesday in Sydney and still Monday in London.
    round_the_clock: dict[str, Any] = {"observe_per_day": 1, "host_per_day": 1}
    host = a_person(db, "Host", time_zone="Australia/Sydney", **round_the_clock)
    ana, ben = (a_person(db, name, **round_the_clock).id for name in ("Ana", "Ben"))
    db.execute(update(availability).values(weekly=[[day, 0, 1440] for day in range(1, 8)]))
    monday_late = a_call(db, host, starts_at=MONDAY + 23 * HOUR + 30 * MINUTE, minutes=15)
    book_seat(db, call_id=monday_late, observer_id=ana, actor=SYSTEM, now=NOW)
    hosts_tuesday, hosts_monday = (a_call(db, host, starts_at=MONDAY + hours * HOUR, minutes=15) for hours in (25, 9))
    elsewhere_on_monday, elsewhere_on_tuesday = (a_call(db, starts_at=MONDAY + hours * HOUR) for hours in (12, 30))

    assert outcome(db, hosts_tuesday, ben) == "limit", "Tuesday of the host is full"
    assert outcome(db, hosts_monday, ben) is None
    assert outcome(db, elsewhere_on_monday, ana) == "limit", "Monday of the observer is full"
    assert outcome(db, elsewhere_on_tuesday, ana) is None


def test_bug_11_no_way_of_booking_goes_past_a_limit(db: DbSession) -> None:
    ana = a_person(db, "Ana", observe_per_week=2).id
    calls = [a_call(db, starts_at=TEN + n * DAY) for n in range(3)]
    for call in calls[:2]:
        book_seat(db, call_id=call, observer_id=ana, actor=SYSTEM, now=NOW)

    assert outcome(db, calls[2], ana) == "limit"
    assert outcome(db, a_call(db, starts_at=TEN + 7 * DAY), ana) is None


def test_a_host_keeps_a_gap_between_calls_with_observers(db: DbSession) -> None:
    host, ana, ben = a_person(db, "Host", host_gap_minutes=30), a_person(db).id, a_person(db).id
    observed, near, far = (a_call(db, host, starts_at=TEN + minutes * MINUTE, minutes=30) for minutes in (0, 59, 60))
    book_seat(db, call_id=observed, observer_id=ana, actor=SYSTEM, now=NOW)

    assert [outcome(db, call, ben) for call in (observed, near, far)] == [None, "limit", None]


def test_bug_19_the_list_is_the_same_from_every_zone(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        ana, call = a_person(db, "Ana").id, a_call(db, starts_at=TEN)
        a_call(db, starts_at=TEN + HOUR)
    windows = (
        ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z"),
        ("2026-11-23T15:30:00+05:30", "2026-11-23T16:30:00+05:30"),
        ("2026-11-23T21:00:00+11:00", "2026-11-23T22:00:00+11:00"),
        ("2026-11-22T23:00:00-11:00", "2026-11-23T00:00:00-11:00"),
    )

    for starts_at_gte, starts_at_lt in windows:
        wanted = {"joinable_by": ana, "starts_at_gte": starts_at_gte, "starts_at_lt": starts_at_lt}
        (found,) = api.admin.get("/v1/calls", params=wanted).json()["data"]
        assert (found["id"], found["starts_at"]) == (call, "2026-11-23T10:00:00Z")


def test_bug_22_what_is_listed_over_http_books_over_http_and_the_rest_is_refused_as_was_said(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        ana = a_person(db, "Ana").id
        for hours in (-1, 0, 6, 8):
            a_call(db, starts_at=TEN + hours * HOUR)
        a_call(db, starts_at=TEN + HOUR, stage="legal")
        taken(db, ana, (TEN + 6 * HOUR, TEN + 7 * HOUR))
    me = api.rep(ana)

    told = {one["id"]: one["refusal"] for one in me.get("/v1/calls", params={"expand": "refusal"}).json()["data"]}

    for call_id, why in told.items():
        answer = me.post(f"/v1/calls/{call_id}/seats", json={"observer_id": ana})
        assert (answer.json().get("code") if answer.status_code != 201 else None) == (why and why["code"])
        if why:
            assert all(answer.json().get(name) == why[name] for name in why)
    assert {why and why["code"] for why in told.values()} == {
        None,
        "slot_taken",
        "outside_availability",
        "not_joinable",
    }
