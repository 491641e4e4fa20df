"""How an idle worker hears of work: at once after the commit, in this process and, on PostgreSQL, in every other."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine, make_url, select, text

from app import clock
from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.jobs.context import JobContext
from app.models.tables import job
from app.operations.announcing import anything_to_announce
from app.operations.events import tell
from app.operations.jobs import enqueue
from app.rules.access import SYSTEM
from app.wake import Bell, bell_of
from app.worker import Worker
from tests.patience import PATIENCE_SECONDS, until

AGES = 10 * PATIENCE_SECONDS
"""Longer than a test waits for anything."""


@pytest.fixture(autouse=True)
def idle_workers_never_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait until they are woken, or what they know of falls due."""
    monkeypatch.setattr("app.jobs.tray.LONGEST_PAUSE_SECONDS", AGES)


@contextmanager
def idle(engine: Engine, done: list[JobContext]) -> Iterator[None]:
    """A worker that has looked, has found nothing, and waits."""
    worker, stop = (
        Worker(engine, Settings(_env_file=None), clock.now, {"mail": done.append}, periodic={}),
        threading.Event(),
    )
    thread = threading.Thread(target=worker.run, args=(stop,))
    rung = bell_of(engine).rung
    thread.start()
    if engine.dialect.name == "postgresql":
        until(lambda: bell_of(engine).rung > rung)  # it listens
    time.sleep(0.7)
    try:
        yield
    finally:
        stop.set()
        bell_of(engine).ring()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def queue(db: DbSession, *, after: timedelta = timedelta()) -> None:
    now = clock.now()
    enqueue(db, "mail", {}, now=now, due_at=now + after)


def test_a_commit_wakes_the_worker_in_the_same_process(engine: Engine) -> None:
    done: list[JobContext] = []
    with idle(engine, done):
        with transaction(engine, writes=True) as db:
            queue(db)

        until(lambda: done)


def test_what_happens_is_announced_at_once_though_it_queues_nothing(engine: Engine) -> None:
    with idle(engine, []):
        with transaction(engine, writes=True) as db:
            tell(db, "team.changed", "team_gone", version=1, actor=SYSTEM, now=clock.now())

        until(lambda: _nothing_to_announce(engine))


def test_what_is_rolled_back_wakes_nobody_and_is_never_done(engine: Engine) -> None:
    bell, done = bell_of(engine), list[JobContext]()
    with idle(engine, done):
        rung = bell.rung
        with suppress(KeyError), transaction(engine, writes=True) as db:
            queue(db)
            raise KeyError

        assert bell.rung == rung
        with transaction(engine, writes=False) as db:
            assert db.execute(select(job.c.id)).all() == []


def test_many_jobs_of_one_transaction_ring_once_and_those_for_later_not_at_all(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    bell = bell_of(engine)

    with transaction(engine, writes=True) as db:
        for _ in range(3):
            queue(db)
    at_once = bell.rung
    with transaction(engine, writes=True) as db:
        queue(db, after=timedelta(hours=1))

    engine.dispose()
    assert (at_once, bell.rung) == (1, 1)


def test_a_worker_sleeps_no_longer_than_until_the_next_job_is_due(engine: Engine) -> None:
    done, began = list[JobContext](), time.monotonic()
    with transaction(engine, writes=True) as db:
        queue(db, after=timedelta(seconds=1.5))

    with idle(engine, done):
        until(lambda: done)

    assert time.monotonic() - began > 1.4


def test_a_commit_wakes_the_workers_of_other_processes_on_postgresql(postgres_url: str) -> None:
    here, elsewhere = make_engine(postgres_url), make_engine(postgres_url)
    done: list[JobContext] = []
    with idle(elsewhere, done):
        with transaction(here, writes=True) as db:
            queue(db)

        until(lambda: done)
    here.dispose()
    elsewhere.dispose()


def test_a_worker_listens_again_when_its_line_was_cut(postgres_url: str) -> None:
    here, elsewhere = make_engine(postgres_url), make_engine(postgres_url)
    done: list[JobContext] = []
    with idle(elsewhere, done):
        rung = bell_of(elsewhere).rung
        with transaction(here, writes=True) as db:
            cut = db.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                )
            ).all()
        until(lambda: bell_of(elsewhere).rung > rung)
        with transaction(here, writes=True) as db:
            queue(db)

        until(lambda: done)
    here.dispose()
    elsewhere.dispose()
    assert len(cut) == 1


def test_a_bell_that_rang_before_one_waited_is_heard(sqlite_url: str, soak: bool) -> None:
    engine = make_engine(sqlite_url)
    bell = Bell(engine)
    heard = bell.rung
    bell.ring()
    began = time.monotonic()

    bell.wait(heard, AGES)
    bell.wait(bell.rung, 0.05)

    engine.dispose()
    assert 0.05 <= time.monotonic() - began < (10 if soak else AGES)


def test_who_rings_waits_for_nothing_though_the_database_is_away(soak: bool) -> None:
    engine = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    began = time.monotonic()

    for _ in range(100):
        bell_of(engine).ring_everywhere()
    seconds = time.monotonic() - began

    engine.dispose()
    assert bell_of(engine).rung == 100
    assert seconds < (5 if soak else PATIENCE_SECONDS)


def told_of(listener: psycopg.Connection) -> int:
    """How often it is told, from the first time on, however late that is, until nothing comes for a moment."""
    first = list(listener.notifies(timeout=PATIENCE_SECONDS, stop_after=1))
    return len(first) + sum(1 for _ in listener.notifies(timeout=0.2))


def test_many_rings_are_told_as_few_over_one_line_that_closes_when_nobody_rings(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.wake._SILENCE_SECONDS", PATIENCE_SECONDS)
    engine = make_engine(postgres_url)
    lines = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'NOTIFY%' AND datname = current_database()"
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as listener:
        listener.execute("LISTEN earshot_jobs")

        for _ in range(1000):
            bell_of(engine).ring_everywhere()
        told = told_of(listener)
        (during,) = listener.execute(lines).fetchone() or ()
        monkeypatch.setattr("app.wake._SILENCE_SECONDS", 0.1)
        bell_of(engine).ring_everywhere()  # from now on the line is patient for a tenth of a second
        until(lambda: listener.execute(lines).fetchone() == (0,))
        told += sum(1 for _ in listener.notifies(timeout=0))
        bell_of(engine).ring_everywhere()
        told_again = told_of(listener)

    engine.dispose()
    assert 1 <= told < 100
    assert (during, told_again) == (1, 1)


def _nothing_to_announce(engine: Engine) -> bool:
    with transaction(engine, writes=False) as db:
        return not anything_to_announce(db)
