"""What a refused seat is answered with: the nearest calls of that type that would do."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.db import DbSession, transaction
from app.errors import Problem
from app.models.tables import person
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call
from app.operations.seats import book_seat
from app.queries.joinable import next_calls
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, PersonStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api

TEN = MONDAY + timedelta(hours=10)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def refused(db: DbSession, call_id: str, observer_id: str) -> Problem:
    with pytest.raises(Problem) as problem, db.begin_nested():
        book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=NOW)
    return problem.value


def a_full_call(db: DbSession, **fields: Any) -> str:
    call_id = a_call(db, seats=1, **fields)
    book_seat(db, call_id=call_id, observer_id=a_person(db, "Tom").id, actor=SYSTEM, now=NOW)
    return call_id


def offered(problem: Problem) -> list[str]:
    alternatives: Any = problem.extra["alternatives"]
    return [one["call_id"] for one in alternatives]


def test_a_full_call_is_answered_with_the_three_nearest_of_its_type_that_the_observer_could_join(db: DbSession) -> None:
    ana = a_person(db, "Ana").id
    full = a_full_call(db, starts_at=TEN)
    at_night = a_call(db, starts_at=TEN - 8 * HOUR)
    other_type = a_call(db, starts_at=TEN + HOUR, title="Renewal", type="renewal")
    before, after = a_call(db, starts_at=TEN - HOUR), a_call(db, starts_at=TEN + 2 * HOUR)
    tomorrow, later = a_call(db, starts_at=TEN + DAY), a_call(db, starts_at=TEN + 2 * DAY)

    problem = refused(db, full, ana)

    assert problem.code == "seats_full"
    assert offered(problem) == [before, after, tomorrow]
    assert {at_night, other_type, later}.isdisjoint(offered(problem))
    for call in offered(problem):
        book_seat(db, call_id=call, observer_id=ana, actor=SYSTEM, now=NOW)


def test_who_is_taken_is_offered_what_is_free_within_two_weeks(db: DbSession) -> None:
    ana = a_person(db, "Ana").id
    busy = [(MONDAY, MONDAY + 5 * DAY, BusyStatus.BUSY)]
    replace_busy(db, person_id=ana, source="outlook", intervals=busy, actor=SYSTEM, now=NOW)
    taken = a_call(db, starts_at=TEN)
    a_call(db, starts_at=TEN + HOUR)
    next_week, in_three_weeks = a_call(db, starts_at=TEN + 7 * DAY), a_call(db, starts_at=TEN + 21 * DAY)

    problem = refused(db, taken, ana)

    assert problem.code == "slot_taken"
    assert offered(problem) == [next_week]
    assert in_three_weeks


def test_a_cancelled_call_and_one_that_is_over_are_answered_with_others(db: DbSession) -> None:
    ana, other = a_person(db, "Ana").id, a_call(db, starts_at=TEN + HOUR)
    cancelled, over = a_call(db, starts_at=TEN), a_call(db, starts_at=NOW - HOUR)
    cancel_call(db, call_id=cancelled, actor=SYSTEM, now=NOW)

    assert offered(refused(db, cancelled, ana)) == offered(refused(db, over, ana)) == [other]


def test_nothing_to_offer_is_said_too(db: DbSession) -> None:
    assert offered(refused(db, a_full_call(db), a_person(db).id)) == []


def test_replacements_are_the_next_ones_from_now_on(db: DbSession) -> None:
    ana = a_person(db, "Ana").id
    first, second = a_call(db, starts_at=TEN), a_call(db, starts_at=TEN + HOUR)

    def found(now: datetime) -> list[str]:
        return [one.id for one in next_calls(db, observer_id=ana, type="discovery", now=now, limit=2)]

    assert found(NOW) == [first, second]
    assert found(TEN) == [second]
    db.execute(update(person).where(person.c.id == ana).values(status=PersonStatus.ON_LEAVE))
    assert found(NOW) == []
    assert next_calls(db, observer_id="per_nobody", type="discovery", now=NOW) == []


def test_over_http_they_are_instants_and_ids(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        ana, host = a_person(db, "Ana").id, a_person(db, "Host")
        full, free = a_full_call(db, host=host), a_call(db, host, starts_at=TEN + HOUR)

    answer = api.admin.post(f"/v1/calls/{full}/seats", json={"observer_id": ana})

    assert answer.status_code == 409
    assert answer.json()["alternatives"] == [
        {"call_id": free, "starts_at": "2026-11-23T11:00:00Z", "ends_at": "2026-11-23T11:30:00Z", "host_id": host.id}
    ]
