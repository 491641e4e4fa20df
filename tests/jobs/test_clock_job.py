"""The job that begins and ends calls each minute."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from app.db import transaction
from app.errors import Invalid
from app.jobs import HANDLERS, PERIODIC, clock
from app.models.tables import call, event
from app.vocabulary import CallStatus
from app.worker import Worker
from tests.factories import a_call
from tests.harness import FakeClock
from tests.jobs.house import House
from tests.sessions_and_people import HALF, TEN
from tests.statements import counted

BREAKS = {
    "sqlite": "CREATE TRIGGER broken BEFORE UPDATE ON call WHEN NEW.id = '{id}' BEGIN SELECT RAISE(ABORT, 'no'); END",
    "postgresql": "ALTER TABLE call ADD CONSTRAINT broken CHECK (id <> '{id}' OR status = 'scheduled')",
}
MENDS = {"sqlite": "DROP TRIGGER broken", "postgresql": "ALTER TABLE call DROP CONSTRAINT broken"}


def calls(engine: Engine, count: int) -> list[str]:
    with transaction(engine, writes=True) as db:
        return [a_call(db, starts_at=TEN + n * timedelta(seconds=1)) for n in range(count)]


def statuses(engine: Engine) -> list[CallStatus]:
    with transaction(engine, writes=False) as db:
        return list(db.execute(select(call.c.status).order_by(call.c.starts_at)).scalars())


def test_one_call_that_can_not_be_written_keeps_no_other_from_beginning(house: House) -> None:
    broken, *_ = calls(house.engine, 3)
    house.clock.at = TEN + timedelta(minutes=1)
    name = house.engine.dialect.name
    with house.engine.begin() as connection:
        connection.execute(text(BREAKS[name].format(id=broken)))

    with pytest.raises((IntegrityError, Invalid)):
        clock.follow(house.context({}))
    with house.engine.begin() as connection:
        connection.execute(text(MENDS[name]))

    assert statuses(house.engine) == ["scheduled", "live", "live"]
    clock.follow(house.context({}))
    assert statuses(house.engine) == ["live"] * 3


def test_a_worker_that_is_told_to_stop_begins_no_other_call(house: House) -> None:
    calls(house.engine, 2)
    house.clock.at = TEN + timedelta(minutes=1)
    context = house.context({})
    context.over.set()

    clock.follow(context)

    assert statuses(house.engine) == ["scheduled"] * 2


def test_most_minutes_have_nothing_to_write(house: House) -> None:
    calls(house.engine, 1)

    with counted(house.engine) as statements:
        clock.follow(house.context({}))

    assert [one for one in statements if not one.startswith(("BEGIN", "ROLLBACK", "SET"))] == statements[-1:]


def test_workers_begin_and_end_calls_each_minute(house: House) -> None:
    calls(house.engine, 2)
    said: list[Any] = []
    for minutes in (0, 1, 1, 29, 31, 32):
        house.clock.at = TEN + timedelta(minutes=minutes)
        tick(house, house.clock)
        said.append(statuses(house.engine))

    assert said == [["live", "scheduled"], *[["live"] * 2] * 3, *[["ended"] * 2] * 2]
    with transaction(house.engine, writes=False) as db:
        told = db.execute(select(event.c.act, event.c.actor).where(event.c.act.in_(("call.started", "call.ended"))))
        assert sorted(told.all()) == [*[("call.ended", "system")] * 2, *[("call.started", "system")] * 2]
    assert (PERIODIC["calls_by_clock"], HANDLERS["calls_by_clock"]) == (timedelta(minutes=1), clock.follow)
    assert house.clock.at > TEN + HALF


def tick(house: House, at: FakeClock) -> None:
    worker = Worker(house.engine, house.settings, at, periodic={"calls_by_clock": PERIODIC["calls_by_clock"]})
    worker.plan()
    while worker.run_one():
        pass
