"""Jobs of the same singleton key: one runs at a time, in all processes together, and what waits for its turn is neither
lost nor in anybody's way.
"""

import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from app.db import make_engine, reader_of, transaction
from app.jobs.context import JobContext
from app.models.tables import job
from app.operations import leases
from app.operations.jobs import enqueue
from app.vocabulary import JobStatus
from app.worker import Worker
from tests.crews import SETTINGS, working
from tests.harness import NOW, FakeClock
from tests.patience import PATIENCE_SECONDS, until


def queue(engine: Engine, kind: str = "pump", *, singleton: str | None = "one endpoint", priority: int = 100) -> None:
    with transaction(engine, writes=True) as db:
        enqueue(db, kind, {}, singleton=singleton, priority=priority, now=NOW)


def rows(engine: Engine) -> list[Any]:
    with transaction(engine, writes=False) as db:
        return list(db.execute(select(job).order_by(job.c.id)))


def take(engine: Engine) -> leases.Leased | None:
    """Take what is next, if anything is."""
    with transaction(engine, writes=True) as db:
        found = leases.next_due(db, most=1, left_out=(), running=(), now=NOW)
        return leases.take(db, found, worker="here:1", now=NOW)[0] if found else None


class Pump:
    """A job that notes how many of it run side by side, and how often it ran."""

    def __init__(self) -> None:
        self.inside = self.most = self.ran = 0
        self._guard = threading.Lock()

    def __call__(self, _: JobContext) -> None:
        with self._guard:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.002)
        with self._guard:
            self.inside -= 1
            self.ran += 1


def test_a_twin_is_taken_only_once_the_first_has_ended(engine: Engine) -> None:
    queue(engine)
    first = take(engine)
    queue(engine)
    assert first

    meanwhile = take(engine)
    with transaction(engine, writes=True) as db:
        leases.end(db, [first], now=NOW)
    afterwards = take(engine)

    assert meanwhile is None
    assert afterwards
    assert afterwards.id != first.id


def test_who_waits_for_its_twin_keeps_nobody_awake(engine: Engine) -> None:
    queue(engine)
    take(engine)
    queue(engine)

    with transaction(engine, writes=False) as db:
        next_at = leases.next_at(db, left_out=())

    assert next_at == NOW + leases.LEASE  # when the first would be lost


def test_a_twin_that_waits_is_in_nobody_s_way(engine: Engine) -> None:
    queue(engine)
    take(engine)
    queue(engine, priority=1)
    queue(engine, "mail", singleton="another", priority=200)
    queue(engine, "mail", singleton=None, priority=200)

    taken = [take(engine) for _ in range(3)]

    assert [one.kind if one else None for one in taken] == ["mail", "mail", None]


def test_a_twin_waits_for_one_that_was_lost_until_that_is_taken_over_and_done(engine: Engine, clock: FakeClock) -> None:
    ran: list[JobContext] = []
    queue(engine)
    take(engine)
    queue(engine)
    clock.advance(leases.LEASE)
    worker = Worker(engine, SETTINGS, clock, {"pump": ran.append})

    worker.run_one()
    between = {(one.status, one.attempts) for one in rows(engine)}
    worker.run_one()

    assert between == {(JobStatus.DONE, 2), (JobStatus.QUEUED, 0)}
    assert [one.status for one in rows(engine)] == [JobStatus.DONE] * 2


@pytest.mark.parametrize(  # on SQLite one process works
    ("database_url", "engines"), [("sqlite", 1), ("postgresql", 1), ("postgresql", 3)], indirect=["database_url"]
)
def test_however_many_workers_and_whoever_queues_one_runs_at_a_time_and_the_last_word_is_heard(
    engine: Engine, database_url: str, clock: FakeClock, engines: int
) -> None:
    pump, heard_last = Pump(), [0]
    said = [0]

    def heard(context: JobContext) -> None:
        before = said[0]
        pump(context)
        heard_last[0] = max(heard_last[0], before)

    with ExitStack() as crews:
        for _ in range(engines):
            made = make_engine(database_url)
            crews.callback(made.dispose)
            crews.enter_context(working(Worker(made, SETTINGS, clock, {"pump": heard}, threads=4, periodic={})))
        while pump.ran < 20:
            said[0] += 1
            queue(engine)
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    assert (pump.most, heard_last[0]) == (1, said[0])
    assert pump.ran == len(rows(engine))


def test_a_crew_whose_only_work_waits_for_its_twin_does_not_spin(sqlite_url: str, clock: FakeClock) -> None:
    engine, looks, opened = make_engine(sqlite_url), list[str](), threading.Event()
    queue(engine)

    def long(_: JobContext) -> None:
        opened.wait(PATIENCE_SECONDS)

    with working(Worker(engine, SETTINGS, clock, {"pump": long}, threads=4, periodic={})):
        until(lambda: rows(engine)[0].status is JobStatus.RUNNING)
        queue(engine)
        time.sleep(0.2)
        for one in (engine, reader_of(engine)):
            event.listen(one, "before_cursor_execute", lambda *told: looks.append(told[2]))
        began = time.monotonic()
        time.sleep(1)
        counted, seconds = len(looks), time.monotonic() - began
        opened.set()
        until(lambda: all(one.status is JobStatus.DONE for one in rows(engine)))

    engine.dispose()
    # A look is a BEGIN and a question; three idle threads and the herald look once a second.
    assert counted <= 3 * 8 * seconds
