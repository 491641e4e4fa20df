"""Databases to measure on: filled once, then copied, so that ours and the peer begin with the same bytes."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from os import getpid
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import Engine

from app import migrations
from app.db import make_engine, transaction
from app.demo.company import Size, company
from app.demo.files import calls_csv, people_csv
from app.demo.shapes import DemoPerson
from app.operations.availability import replace_busy, set_availability
from app.operations.call_imports import import_calls
from app.operations.installation import first_start
from app.operations.people_imports import import_people
from app.queries.people import ids_by_email
from app.rules import csv_files
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.postgres import create_database, drop_database, running_postgres

EngineName = Literal["sqlite", "postgresql"]
T = TypeVar("T")
Wanted = list[tuple[str, str]]
"""(call id, observer id)."""
_numbers = count(1)


@contextmanager
def copies(name: EngineName, fill: Callable[[Engine], T]) -> Iterator[tuple[T, Callable[[], str]]]:
    """Give what `fill` returned for a migrated database, and a function that makes a copy of it and returns its URL."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
            original = Path(folder) / "original.db"
            filled = _filled(f"sqlite:///{original}", fill)

            def copy() -> str:
                path = original.with_name(f"{next(_numbers)}.db")
                shutil.copy(original, path)
                return f"sqlite:///{path}"

            yield filled, copy
    else:
        with running_postgres() as server:
            made = [f"earshot_bench_{getpid()}_0"]

            def clone() -> str:
                made.append(f"earshot_bench_{getpid()}_{next(_numbers)}")
                return create_database(server, made[-1], template=made[0])

            try:
                yield _filled(create_database(server, made[0]), fill), clone
            finally:
                for database in made:
                    drop_database(server, database)


def _filled(url: str, fill: Callable[[Engine], T]) -> T:
    engine = make_engine(url)
    try:
        migrations.upgrade(engine)
        with transaction(engine, writes=True) as db:
            first_start(db, now=NOW)
        return fill(engine)
    finally:
        engine.dispose()


def observers_with_calls(engine: Engine, *, bookings: int) -> Wanted:
    """Put in so many calls with two seats each, all at one time, and an observer for each."""
    with transaction(engine, writes=True) as db:
        return [
            (a_call(db, starts_at=MONDAY + timedelta(hours=10), seats=2), a_person(db, "Junior").id)
            for _ in range(bookings)
        ]


def demo_company(engine: Engine, size: Size) -> None:
    """Put the demo's company in as its tour does, without the way through the API."""
    made = company(size, seed=1, today=NOW.date())
    with transaction(engine, writes=True) as db:
        people = csv_files.read_people(people_csv(made).encode())
        calls = csv_files.read_calls(calls_csv(made).encode())
        import_people(db, people, actor=SYSTEM, now=NOW)
        id_of = ids_by_email(db, [somebody.email for somebody in made.people])
        for somebody in made.people:
            person_id = id_of[somebody.email]
            if somebody.exceptions:
                set_availability(
                    db,
                    person_id=person_id,
                    time_zone=somebody.time_zone,
                    weekly=_weekly(somebody),
                    exceptions={day.isoformat(): () for day in somebody.exceptions},
                    actor=SYSTEM,
                    now=NOW,
                )
            busy = [(starts_at, ends_at, BusyStatus.BUSY) for starts_at, ends_at in somebody.busy]
            replace_busy(db, person_id=person_id, source="calendar", intervals=busy, actor=SYSTEM, now=NOW)
        import_calls(db, calls, actor=SYSTEM, now=NOW)


def _weekly(somebody: DemoPerson) -> list[tuple[int, int, int]]:
    return [(hours.weekday, _minute(hours.start), _minute(hours.end)) for hours in somebody.working_hours]


def _minute(wall: str) -> int:
    hours, _, minutes = wall.partition(":")
    return 60 * int(hours) + int(minutes)
