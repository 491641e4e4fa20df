"""Slots: 100 people × 200 busy blocks × 4 weeks, ours against the bare bitmap, an exact sweep, `portion`, PostgreSQL.

Without a database each side starts from the same ranges, in whole minutes since 1970, and finds the same slots. With
one, `free_slots` is held against the raw driver that fetches the same rows, as they are stored, and does nothing with
them, and against a multirange query that looks at busy time alone.
"""

import argparse
import importlib
import importlib.util
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import Engine, event, insert, make_url, update

from app.db import make_engine, reader_of, transaction
from app.models.tables import availability, busy
from app.queries import busy as busy_queries
from app.queries.house_rules import house_rules
from app.queries.meetings import participants
from app.queries.slots import free_slots
from app.rules.access import SYSTEM
from app.rules.availability import Range, WorkingHours, working_ranges
from app.rules.loads import load
from app.rules.meeting import Colleague
from app.rules.slots import Taken, Wanted, common_slots
from app.vocabulary import BusyStatus
from benchmarks.databases import EngineName, copies
from benchmarks.figures import Figure, median_cpu, spent_on
from tests.factories import MONDAY, a_person
from tests.harness import NOW

_ZONES = ("America/New_York", "America/Chicago", "America/Sao_Paulo", "Europe/London", "Europe/Berlin", "Asia/Kolkata")
_WEEKLY = tuple((weekday, 5 * 60, 23 * 60) for weekday in range(1, 6))
_PEOPLE, _BLOCKS, _DAYS = 100, 200, 28
_EPOCH, _MINUTE = datetime(1970, 1, 1, tzinfo=UTC), timedelta(minutes=1)
_LENGTH, _STEP = 30, 15
_WANTED = Wanted(MONDAY, MONDAY + _DAYS * timedelta(days=1), _LENGTH, _STEP)
_FIRST, _END = ((at - _EPOCH) // _MINUTE for at in (_WANTED.starts_at, _WANTED.ends_at))
_TIMES_BARE, _TIMES_RAW, _TIMES_PORTION = 1.5, 2.0, 1 / 40

Minutes = tuple[int, int]
"""A half-open range in minutes since 1970."""


@dataclass(frozen=True, slots=True)
class Diary:
    """Somebody as each side is given them."""

    working: list[Minutes]
    taken: list[Minutes]
    colleague: Colleague
    columns: Taken


class House:
    """Rules that stand in nobody's way."""

    min_notice_minutes = 15
    horizon_days = 180


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append", help="both, unless given")
    parser.add_argument("--times", type=int, default=15, help="the median of so many runs; one of `portion`")


def run(options: argparse.Namespace) -> list[Figure]:
    """Compare the search alone, then on each engine."""
    names: list[EngineName] = options.engine or ["sqlite", "postgresql"]
    return [*_searches(options.times), *(figure for name in names for figure in _on(name, options.times))]


# --- the search alone ------------------------------------------------------------------------------------------------


def _searches(times: int) -> list[Figure]:
    people = [_diary(number) for number in range(_PEOPLE)]
    ours, bare, sweep = partial(_ours, people), partial(_bare, people), partial(_sweep, people)
    slots = [(begins - _EPOCH) // _MINUTE for begins, _ in ours()]
    assert slots
    assert slots == bare() == sweep()
    mine = 1000 * median_cpu(times, ours)
    what = "search in 20,000 ranges"
    figures = [
        Figure(what, mine, "ms CPU", 1000 * median_cpu(times, bare), "bare bitmap", _TIMES_BARE),
        Figure(what, mine, "ms CPU", 1000 * median_cpu(times, sweep), "exact sweep"),
    ]
    if importlib.util.find_spec("portion"):
        spent, found = spent_on(partial(_by_portion, people))
        assert found == slots
        figures.append(Figure(what, mine, "ms CPU", 1000 * spent.cpu, "portion", _TIMES_PORTION))
    else:
        figures.append(Figure("portion is absent: install it to compare", 0, ""))
    return figures


def _zone(number: int) -> str:
    return _ZONES[number % len(_ZONES)]


def _blocks(number: int) -> list[Minutes]:
    """Somebody's busy time, 15 to 60 minutes a time. Everybody is free on Wednesdays from 14:00 to 16:00 UTC."""
    rng = random.Random(number)
    found: list[Minutes] = []
    while len(found) < _BLOCKS:
        begins = rng.randrange(_DAYS * 1440)
        stops = begins + rng.choice((15, 30, 30, 45, 50, 60))
        wednesday, minute = begins // 1440 % 7 == 2, begins % 1440
        if not (wednesday and minute < 16 * 60 and minute + stops - begins > 14 * 60):
            found.append((_FIRST + begins, _FIRST + stops))
    return sorted(found)


def _diary(number: int) -> Diary:
    zone, blocks = _zone(number), _blocks(number)
    hours = WorkingHours(zone, _WEEKLY)
    working = working_ranges(hours, _WANTED.starts_at, _WANTED.ends_at)
    return Diary(
        working=[((begins - _EPOCH) // _MINUTE, (stops - _EPOCH) // _MINUTE) for begins, stops in working],
        taken=blocks,
        colleague=Colleague(
            id=str(number), works_here=True, hours=hours, working=working, load=load(zone, None, None, ())
        ),
        columns=Taken(*np.array(blocks, np.int64).T),
    )


def _ours(people: list[Diary]) -> list[Range]:
    return common_slots([(one.colleague, one.columns) for one in people], _WANTED, house=House(), now=NOW).slots


def _bare(people: list[Diary]) -> list[int]:
    """One int per person, a bit for each quarter hour, and nothing else: no zones, buffers, limits or reasons."""
    cells = (_END - _FIRST) // _STEP
    free = (1 << cells) - 1
    for person in people:
        working = taken = 0
        for begins, stops in person.working:
            working |= (1 << (stops - _FIRST) // _STEP) - (1 << -((_FIRST - begins) // _STEP))
        for begins, stops in person.taken:
            taken |= (1 << -((_FIRST - stops) // _STEP)) - (1 << (begins - _FIRST) // _STEP)
        free &= working & ~taken
    free &= free >> 1
    return [_FIRST + cell * _STEP for cell in range(cells) if free >> cell & 1]


def _sweep(people: list[Diary]) -> list[int]:
    """Exact to the minute: one pass over all ends, counting who is at work and not taken."""
    edges = []
    for person in people:
        for begins, stops in person.working:
            edges += [(begins, 1), (stops, -1)]
        for begins, stops in person.taken:
            edges += [(begins, -1), (stops, 1)]
    edges.sort()
    found: list[int] = []
    free, since = 0, _FIRST
    for at, step in edges:
        if free == len(people):
            found += _starts_in(since, at)
        free, since = free + step, at
    return found


def _by_portion(people: list[Diary]) -> list[int]:
    portion: Any = importlib.import_module("portion")

    def interval(ranges: list[Minutes]) -> Any:
        return portion.Interval(*(portion.closedopen(begins, stops) for begins, stops in ranges))

    common = portion.closedopen(_FIRST, _END)
    for person in people:
        common &= interval(person.working) - interval(person.taken)
    return [start for one in common for start in _starts_in(one.lower, one.upper)]


def _starts_in(begins: int, stops: int) -> list[int]:
    return list(range(-(-begins // _STEP) * _STEP, stops - _LENGTH + 1, _STEP))


# --- with a database -------------------------------------------------------------------------------------------------


def _on(name: EngineName, times: int) -> list[Figure]:
    with copies(name, _fill) as (person_ids, copy):
        url = copy()
        engine = make_engine(url)
        ours = partial(_asked, engine, person_ids)
        connection = _connected(url)
        statements = _statements(engine, partial(_rows, engine, person_ids))
        assert ours() == _ours([_diary(number) for number in range(_PEOPLE)])
        mine, raw = _alternating(times, ours, partial(_fetched, connection, statements))
        figures = [Figure(f"slots with {name}", mine, "ms wall", raw, "raw driver, same rows", _TIMES_RAW)]
        if name == "postgresql":
            mine, peer = _alternating(times, ours, partial(_multirange, connection, person_ids))
            figures.append(Figure("slots with postgresql", mine, "ms wall", peer, "multirange, busy time alone"))
        connection.close()
        engine.dispose()
        return figures


def _fill(engine: Engine) -> list[str]:
    with transaction(engine, writes=True) as db:
        ids = [a_person(db, time_zone=_zone(number)).id for number in range(_PEOPLE)]
        db.execute(update(availability).values(weekly=[list(row) for row in _WEEKLY]))
        rows = [
            {"id": f"bsy_{number}_{nth}", "person_id": person_id, "source": "outlook", "status": BusyStatus.BUSY}
            | {"starts_at": _EPOCH + begins * _MINUTE, "ends_at": _EPOCH + stops * _MINUTE}
            for number, person_id in enumerate(ids)
            for nth, (begins, stops) in enumerate(_blocks(number))
        ]
        db.execute(insert(busy), rows)
        return ids


def _asked(engine: Engine, person_ids: list[str]) -> list[Range]:
    with transaction(engine, writes=False) as db:
        return free_slots(db, person_ids, _WANTED, actor=SYSTEM, now=NOW).slots


def _rows(engine: Engine, person_ids: list[str]) -> None:
    """Ask for every row that the slots depend on, as it is stored."""
    with transaction(engine, writes=False) as db:
        people = busy_queries.people_rows(db, person_ids).values()
        participants(db, people, _WANTED.starts_at, _WANTED.ends_at, now=NOW)
        house_rules(db)


def _statements(engine: Engine, work: Callable[[], object]) -> list[tuple[str, Any]]:
    """Return what the driver is asked meanwhile."""
    seen: list[tuple[str, Any]] = []

    def remember(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, values))

    event.listen(reader_of(engine), "before_cursor_execute", remember)
    work()
    event.remove(reader_of(engine), "before_cursor_execute", remember)
    return seen


def _connected(url: str) -> Any:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite3.connect(parsed.database or "", isolation_level=None)
    return psycopg.connect(parsed.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True)


def _fetched(connection: Any, statements: list[tuple[str, Any]]) -> object:
    return [connection.execute(*one).fetchall() for one in statements]


def _multirange(connection: Any, person_ids: list[str]) -> object:
    """Let the database find the gaps that everybody's busy time leaves; working hours, buffers and limits left out."""
    gaps = """
        SELECT unnest(tstzmultirange(tstzrange(%s, %s)) - range_agg(tstzrange(starts_at, ends_at)))
        FROM busy WHERE person_id = ANY(%s) AND starts_at < %s AND ends_at > %s
    """
    window = (_WANTED.starts_at, _WANTED.ends_at)
    return connection.execute(gaps, (*window, person_ids, *window[::-1])).fetchall()


def _alternating(times: int, *works: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each by the wall clock, taking turns; the first round only warms up."""
    rounds = [[spent_on(work)[0].wall for work in works] for _ in range(times + 1)][1:]
    return [1000 * median(turns) for turns in zip(*rounds, strict=True)]
