"""Who is suggested for an open seat, in which order and why."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from app.db import DbSession, transaction
from app.models import PersonSkill
from app.models.tables import match, seat
from app.operations.availability import replace_busy
from app.operations.seats import book_seat
from app.queries import runs
from app.queries.suggestions import observers_for
from app.rules.access import SYSTEM
from app.rules.suggestions import Reason, Why
from app.vocabulary import BusyStatus, MatchStatus, PersonStatus, SeatStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api
from tests.statements import counted

TEN = MONDAY + timedelta(hours=10)
HEARD, OTHER = "discovery.questioning", "account.renewal"


def wanting(db: DbSession, who: Any, skill: str = HEARD, *, wants: int = 5, level: int = 1) -> Any:
    db.add(PersonSkill(person_id=who.id, skill=skill, level=level, wants=wants))
    db.flush()
    return who


def heard(db: DbSession, who: Any, host: Any, status: SeatStatus = SeatStatus.ATTENDED, *, days: int = -7) -> None:
    starts_at = TEN + timedelta(days=days)
    other = a_call(db, host, starts_at=starts_at)
    taken = book_seat(db, call_id=other, observer_id=who.id, actor=SYSTEM, now=starts_at - timedelta(days=1))
    db.execute(update(seat).where(seat.c.id == taken.id).values(status=status))


def suggested(db: DbSession, call_id: str) -> list[str]:
    return [one.name for one in observers_for(db, call_id, now=NOW)]


def test_who_needs_it_most_comes_first_then_who_heard_least_then_by_id(db: DbSession) -> None:
    host = a_person(db, "Host")
    call = a_call(db, host, starts_at=TEN)
    alike = [a_person(db, "Wants nothing"), wanting(db, a_person(db, "Wants what it does not show"), OTHER)]
    busy = wanting(db, a_person(db, "Heard one"), wants=3)
    wanting(db, a_person(db, "Heard none"), wants=3)
    wanting(db, a_person(db, "Needs most"))
    heard(db, busy, host)

    found = suggested(db, call)

    assert found[:3] == ["Needs most", "Heard none", "Heard one"]
    assert found[3:] == [one.name for one in sorted(alike, key=lambda one: one.id)]


@pytest.mark.parametrize(
    ("status", "days", "counts"),
    [
        (SeatStatus.ATTENDED, -7, True),
        (SeatStatus.CONFIRMED, -7, True),
        (SeatStatus.REQUESTED, -7, False),
        (SeatStatus.ATTEMPTED, -7, False),
        (SeatStatus.ATTENDED, -35, False),
        (SeatStatus.CONFIRMED, 7, False),
    ],
)
def test_calls_are_heard_once_they_began_and_only_from_a_seat_that_stood(
    db: DbSession, status: SeatStatus, days: int, counts: bool
) -> None:
    host, ana = a_person(db, "Host"), a_person(db, "Ana")
    heard(db, ana, host, status, days=days)

    (found,) = observers_for(db, a_call(db, host, starts_at=TEN), now=NOW)

    assert found.heard_lately == counts
    assert (Reason(Why.UNHEARD_TYPE) in found.reasons) is not counts


def test_only_who_could_come_is_suggested(db: DbSession) -> None:
    host = a_person(db, "Host")
    call = a_call(db, host, starts_at=TEN, seats=1, language="de")
    seated = a_person(db, "Seated", languages=["de"])
    a_person(db, "Away", languages=["de"], status=PersonStatus.ON_LEAVE)
    a_person(db, "No German")
    a_person(db, "Loaded", languages=["de"], observe_per_day=0)
    a_person(db, "Asleep", languages=["de"], time_zone="America/Los_Angeles")
    elsewhere = a_person(db, "Elsewhere", languages=["de"]).id
    taken = [(TEN, TEN + timedelta(minutes=5), BusyStatus.BUSY)]
    replace_busy(db, person_id=elsewhere, source="outlook", intervals=taken, actor=SYSTEM, now=NOW)
    a_person(db, "Free", languages=["en", "de"])
    assert set(suggested(db, call)) == {"Seated", "Free"}

    book_seat(db, call_id=call, observer_id=seated.id, actor=SYSTEM, now=NOW)

    assert suggested(db, call) == ["Free"], "who waits for a seat on a full call is suggested too"


def test_nobody_is_suggested_for_a_call_that_is_closed(db: DbSession) -> None:
    a_person(db, "Free")

    assert suggested(db, a_call(db, sensitive=True)) == []
    assert suggested(db, a_call(db, a_person(db, "Host", seat_approval="none"))) == []
    assert suggested(db, a_call(db, a_person(db, "Full", host_per_week=0))) == []


def test_reasons_are_what_they_want_and_who_hosts_and_never_a_level(db: DbSession) -> None:
    host = a_person(db, "Host")
    ana = a_person(db, "Ana", manager_id=host.id)
    wanting(db, ana, "craft.listening", wants=2)
    wanting(db, ana, wants=4, level=3)
    wanting(db, ana, OTHER)
    stands: dict[str, Any] = {"id": "mat_1", "mentee_id": ana.id, "mentor_id": host.id, "status": MatchStatus.ACTIVE}
    stands |= {"score": 1, "terms": {}, "pinned": False}
    stands |= {"program_id": runs.program_for_run(db, None).id, "version": 1, "created_at": NOW, "updated_at": NOW}
    db.execute(insert(match), stands)

    (found,) = observers_for(db, a_call(db, host, starts_at=TEN), now=NOW)

    assert found.reasons == (
        Reason(Why.WANTS_SKILL, HEARD),
        Reason(Why.WANTS_SKILL, "craft.listening"),
        Reason(Why.OWN_MENTOR),
        Reason(Why.OWN_MANAGER),
        Reason(Why.UNHEARD_TYPE),
    )


def test_ten_people_cost_as_many_statements_as_one_and_ten_are_enough(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        call = a_call(db)
        costs, found = [], []
        for number in (1, 11):
            for _ in range(number):
                a_person(db, "Free")
            with counted(engine) as statements:
                found.append(len(suggested(db, call)))
            costs.append(len(statements))

    assert costs[0] == costs[1]
    assert found == [1, 10]


def test_a_host_reads_them_over_http(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        host, ana = a_person(db, "Host"), wanting(db, a_person(db, "Ana")).id
        call = a_call(db, host)

    told = api.rep(host.id).get(f"/v1/calls/{call}/suggestions").json()["suggestions"]

    assert {"code": "wants_skill", "skill": HEARD} in told[0]["reasons"]
    assert told[0]["person_id"] == ana
    assert api.rep(ana).get(f"/v1/calls/{call}/suggestions").status_code == 404
