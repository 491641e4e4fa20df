"""Thirty-two threads book at once on SQLite: our queue of writers against SQLite's own busy timeout, which polls.

Both sides run the same `book_seat` on copies of the same file. What counts is how long the unluckiest wait.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from app.db import WriterQueue, transaction
from app.errors import Unavailable
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.wake import Bell
from benchmarks.databases import Wanted, copies, observers_with_calls
from benchmarks.figures import Figure
from tests.harness import NOW

THREADS = 32
_EACH = 12
_AT_MOST = 0.25


def figures() -> list[Figure]:
    """Measure both, one after the other."""
    with copies("sqlite", partial(observers_with_calls, bookings=THREADS * _EACH)) as (wanted, copy):
        queued = _waits(_engine(copy(), WriterQueue(waiting=THREADS)), wanted)
        polled = _waits(_engine(copy(), None), wanted)
    what = f"booking by {THREADS} threads on SQLite, p99"
    return [Figure(what, _p99(queued), "ms", _p99(polled), "busy timeout", _AT_MOST)]


def _waits(engine: Engine, wanted: Wanted) -> list[float]:
    """Return how many seconds each booking took, from asking to the commit."""
    together = threading.Barrier(THREADS)

    def work(share: Wanted) -> Iterator[float]:
        together.wait(60)
        for call_id, observer_id in share:
            asked_at = time.perf_counter()
            while not _booked(engine, call_id, observer_id):
                pass
            yield time.perf_counter() - asked_at

    with ThreadPoolExecutor(THREADS) as pool:
        shares = [wanted[number::THREADS] for number in range(THREADS)]
        found = [wait for share in pool.map(lambda share: list(work(share)), shares) for wait in share]
    engine.dispose()
    return found


def _booked(engine: Engine, call_id: str, observer_id: str) -> bool:
    with suppress(Unavailable), transaction(engine, writes=True) as db:
        book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=NOW)
        return True
    return False  # SQLite's patience ended: ask again


def _engine(url: str, queue: WriterQueue | None) -> Engine:
    """Return an engine as `make_engine` does, but with room in the queue for everybody, or with none: then writers
    wait as SQLite makes them wait, asking again and again, in no order.
    """
    engine = create_engine(url, pool_size=THREADS, connect_args={"isolation_level": None, "timeout": 5.0})
    engine.update_execution_options(bell=Bell(engine))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if queue:
            queue.acquire(60)
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def _hand_over(_connection: Any, _entry: Any) -> None:
        if queue:
            queue.release()

    return engine


def _p99(waits: list[float]) -> float:
    """Return the wait in milliseconds that one in a hundred exceeds."""
    return 1000 * sorted(waits)[len(waits) * 99 // 100]
