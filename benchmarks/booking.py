"""Booking a seat: the whole `book_seat` in its transaction against the raw driver writing the same rows in one.

One client, wall clock. The raw side replays the very INSERTs and UPDATEs that `book_seat` makes, on a copy of the same
database with the same constraints and the same care for the disk; it looks at nothing and locks nothing first.
"""

import argparse
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Engine, event, make_url

from app.db import make_engine, transaction
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from benchmarks import booking_crowd, booking_queue
from benchmarks.databases import EngineName, Wanted, copies, observers_with_calls
from benchmarks.figures import Figure, spending
from tests.harness import NOW

# booking.md sets 30 times raw with NORMAL and 0.6 of the floor with FULL; for PostgreSQL 0.15 of a database function.
_AT_MOST = {"NORMAL": 30.0, "FULL": 1 / 0.6, "postgresql": 1 / 0.15}


@dataclass(frozen=True, slots=True)
class Write:
    """One statement that writes, as the driver was given it."""

    statement: str
    values: Any

    def by(self, cursor: Any) -> None:
        """Run it as it was run: once for each of several values."""
        (cursor.executemany if isinstance(self.values, list) else cursor.execute)(self.statement, self.values)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append", help="both, unless given")
    parser.add_argument("--bookings", type=int, default=100)


def run(options: argparse.Namespace) -> list[Figure]:
    """Measure on each engine."""
    engines: Sequence[EngineName] = options.engine or ("sqlite", "postgresql")
    found = [figure for name in engines for figure in _on(name, options.bookings)]
    if "sqlite" in engines:
        found += booking_queue.figures()
    if "postgresql" in engines:
        found += booking_crowd.figures(8 * options.bookings)
    return found


def _on(name: EngineName, bookings: int) -> list[Figure]:
    with copies(name, partial(observers_with_calls, bookings=bookings)) as (wanted, copy):
        recorded = _recorded(copy(), wanted)
        modes = ("NORMAL", "FULL") if name == "sqlite" else ("postgresql",)
        return [_figure(mode, copy(), copy(), wanted, recorded) for mode in modes]


def _recorded(url: str, wanted: Wanted) -> list[list[Write]]:
    """Book everything once and return what each booking wrote."""
    engine, writes = make_engine(url), []

    @event.listens_for(engine, "before_cursor_execute")
    def _remember(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            writes.append(Write(statement, values))

    booked = []
    for call_id, observer_id in wanted:
        _book(engine, call_id, observer_id)
        booked.append(list(writes))
        writes.clear()
    engine.dispose()
    return booked


def _book(engine: Engine, call_id: str, observer_id: str) -> None:
    with transaction(engine, writes=True) as db:
        book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=NOW)


def _figure(mode: str, url: str, raw_url: str, wanted: Wanted, recorded: list[list[Write]]) -> Figure:
    engine = make_engine(url)
    if mode == "postgresql":
        replay, close = _postgresql(raw_url)
    else:
        _synchronous(engine, mode)
        replay, close = _sqlite(raw_url, mode)
    ours = raw = 0.0
    warm = len(wanted) // 10
    for number, (writes, (call_id, observer_id)) in enumerate(zip(recorded, wanted, strict=True)):
        with spending() as our_turn:
            _book(engine, call_id, observer_id)
        with spending() as raw_turn:
            replay(writes)
        if number >= warm:
            ours, raw = ours + our_turn.wall, raw + raw_turn.wall
    engine.dispose()
    close()
    each = 1000 / (len(wanted) - warm)
    what = "book_seat on PostgreSQL" if mode == "postgresql" else f"book_seat on SQLite, synchronous={mode}"
    return Figure(what, ours * each, "ms", raw * each, "raw driver, same rows", _AT_MOST[mode])


def _synchronous(engine: Engine, mode: str) -> None:
    @event.listens_for(engine, "connect")
    def _set(connection: Any, _entry: Any) -> None:
        connection.execute(f"PRAGMA synchronous={mode}")


def _sqlite(url: str, mode: str) -> tuple[Callable[[list[Write]], None], Callable[[], None]]:
    connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
    for pragma in ("journal_mode=WAL", f"synchronous={mode}", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")

    def replay(writes: list[Write]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for one in writes:
            one.by(connection)
        connection.execute("COMMIT")

    return replay, connection.close


def _postgresql(url: str) -> tuple[Callable[[list[Write]], None], Callable[[], None]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(plain)

    def replay(writes: list[Write]) -> None:
        with connection.cursor() as cursor:
            for one in writes:
                one.by(cursor)
        connection.commit()

    return replay, connection.close
