"""Jobs: a worker with as many threads as it has by default, which does nothing in them, against the raw driver making
the same claims and finishes.

The raw side goes from job to job in one transaction each, over one connection that is kept; ours records what its
threads have ended, and takes for those without, in one. Both on copies of the same queue, with the same care for the
disk. Beside it, the same with one thread, which has nobody to share a transaction with.
Then how long a job waits for an idle worker: from before the transaction that queues it until its handler begins, woken
in the same process on SQLite, by NOTIFY on PostgreSQL.
"""

import argparse
import json
import random
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import psycopg
from sqlalchemy import Engine, make_url

from app import clock
from app.config import Settings
from app.db import make_engine, transaction
from app.jobs import Handler
from app.jobs.context import JobContext
from app.operations.jobs import enqueue
from app.worker import EMBEDDED_THREADS, WORKER_THREADS, Worker
from benchmarks.databases import EngineName, copies
from benchmarks.figures import Figure, Spent

_AT_MOST = 2.0
_WAITS = 100
_DONE = """UPDATE job SET status = 'done', lease = NULL, leased_until = NULL, last_error = NULL, updated_at = {0}
WHERE id = {0} AND lease = {0}"""
_CLAIM = """UPDATE job SET status = 'running', attempts = attempts + 1, lease = {0}, leased_until = {0}, worker = {0},
    updated_at = {0}
WHERE id = (SELECT id FROM job WHERE status = 'queued' AND due_at <= {0} ORDER BY priority, due_at, id LIMIT 1 {1})
RETURNING id, kind, payload, attempts, max_attempts"""
Step = Callable[[tuple[str, str] | None], tuple[str, str] | None]
"""Ends the job with this id and lease, and claims the next one."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append", help="both, unless given")
    parser.add_argument("--jobs", type=int, default=3000)


def run(options: argparse.Namespace) -> list[Figure]:
    """Measure on each engine."""
    engines: Sequence[EngineName] = options.engine or ("sqlite", "postgresql")
    return [figure for name in engines for figure in _on(name, options.jobs)]


def _on(name: EngineName, jobs: int) -> Iterator[Figure]:
    def fill(engine: Engine) -> None:
        with transaction(engine, writes=True) as db:
            for number in range(jobs):
                enqueue(db, "nothing", {"number": number}, now=clock.now())

    with copies(name, fill) as (_, copy):
        raw_url, alone_url, url = copy(), copy(), copy()
        threads = EMBEDDED_THREADS if name == "sqlite" else WORKER_THREADS
        raw, alone, ours = _raw(raw_url, jobs), _ours(alone_url, jobs, threads=1), _ours(url, jobs, threads=threads)
        yield Figure(
            f"a job on {name}, {threads} threads", 1000 * ours.wall, "ms", 1000 * raw.wall, "raw driver", _AT_MOST
        )
        yield Figure(f"a job on {name}, CPU of the worker", 1000 * ours.cpu, "ms", 1000 * raw.cpu, "raw driver")
        yield Figure(f"a job on {name}, one thread", 1000 * alone.wall, "ms", 1000 * raw.wall, "raw driver")
        yield Figure(f"jobs per second on {name}", 1 / ours.wall, "/s")
        # On SQLite all is one process; on PostgreSQL workers are others, of which another engine knows as little.
        waits = sorted(_waits(url, together=name == "sqlite"))
        for what, place in (("median", len(waits) // 2), ("p95", len(waits) * 95 // 100)):
            yield Figure(f"queued until begun on {name}, {what}", 1000 * waits[place], "ms")


def _ours(url: str, jobs: int, *, threads: int) -> Spent:
    began: list[Spent] = []
    with _working(url, {"nothing": lambda _: began.append(_now())}, threads=threads):
        while len(began) < jobs:
            time.sleep(0.1)
    return _per_job(began)


def _now() -> Spent:
    return Spent(time.process_time(), time.perf_counter())


def _per_job(began: Sequence[Spent]) -> Spent:
    """Return what a job took, from the beginning of the first to that of the last."""
    first, last, count = began[0], began[-1], len(began) - 1
    return Spent((last.cpu - first.cpu) / count, (last.wall - first.wall) / count)


def _waits(url: str, *, together: bool) -> Iterator[float]:
    """Yield the seconds from before a job was queued until it began, for one job after the other."""
    began = Event()
    beginnings: list[float] = []

    def note(_: JobContext) -> None:
        beginnings.append(time.perf_counter())
        began.set()

    with _working(url, {"something": note}, threads=4) as engine:
        time.sleep(0.7)  # until it listens
        writer = engine if together else make_engine(url)
        for _ in range(_WAITS):
            time.sleep(random.uniform(0.02, 0.1))
            began.clear()
            asked_at = time.perf_counter()
            with transaction(writer, writes=True) as db:
                enqueue(db, "something", {}, now=clock.now())
            began.wait(10)
            yield beginnings[-1] - asked_at
        writer.dispose()


@contextmanager
def _working(url: str, handlers: dict[str, Handler], *, threads: int) -> Iterator[Engine]:
    engine, stop = make_engine(url), Event()
    worker = Worker(engine, Settings(_env_file=None), clock.now, handlers, threads=threads, periodic={})
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield engine
    finally:
        stop.set()
        thread.join()
        engine.dispose()


def _raw(url: str, jobs: int) -> Spent:
    step, close = _sqlite(url) if url.startswith("sqlite") else _postgresql(url)
    began, held = [], step(None)
    while held:
        began.append(_now())
        held = step(held)
    close()
    assert len(began) == jobs
    return _per_job(began)


def _sqlite(url: str) -> tuple[Step, Callable[[], None]]:
    connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    done, claim = _DONE.format("?"), _CLAIM.format("?", "")

    def text(instant: datetime) -> str:
        return instant.replace(tzinfo=None).isoformat(" ", "microseconds")

    def step(held: tuple[str, str] | None) -> tuple[str, str] | None:
        now, lease = datetime.now(UTC), secrets.token_hex(16)
        connection.execute("BEGIN IMMEDIATE")
        if held:
            connection.execute(done, (text(now), *held))
        until = text(now + timedelta(seconds=60))
        found = connection.execute(claim, (lease, until, "raw", text(now), text(now))).fetchone()
        connection.execute("COMMIT")
        if found is None:
            return None
        json.loads(found[2])
        return found[0], lease

    return step, connection.close


def _postgresql(url: str) -> tuple[Step, Callable[[], None]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(plain)
    done, claim = _DONE.format("%s"), _CLAIM.format("%s", "FOR UPDATE SKIP LOCKED")

    def step(held: tuple[str, str] | None) -> tuple[str, str] | None:
        now, lease = datetime.now(UTC), secrets.token_hex(16)
        if held:
            connection.execute(done, (now, *held))
        given = (lease, now + timedelta(seconds=60), "raw", now, now)
        found = connection.execute(claim, given).fetchone()
        connection.commit()
        return (found[0], lease) if found else None

    return step, connection.close
