"""Imports: new people from one file, looked at and then written; and the same file again, which changes nothing.

Each row has nearly every column; one in ten leads ten others. CPU of this process, in which SQLite works too.
"""

import argparse
from functools import partial
from typing import Any

from sqlalchemy import Engine

from app.db import make_engine, written
from app.operations.imports import told_by_reading
from app.operations.people_imports import import_people
from app.rules.access import SYSTEM
from app.rules.csv_files import read_people
from benchmarks.databases import EngineName, copies
from benchmarks.figures import Figure, spent_on
from tests.harness import NOW

_HEADER = "external_id,name,email,time_zone,team,manager_email,as,capacity,skills,wants,working_hours"
_CHECK, _WRITE = 4.0, 8.0
"""Seconds of CPU for 10,000 rows."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append", help="SQLite, unless given")
    parser.add_argument("--rows", type=int, default=10_000)


def run(options: argparse.Namespace) -> list[Figure]:
    """Measure on each engine."""
    return [figure for name in options.engine or ["sqlite"] for figure in _on(name, options.rows)]


def _on(name: EngineName, rows: int) -> list[Figure]:
    with copies(name, lambda _engine: None) as (_, copy):
        engine = make_engine(copy())
        figures = _figures(engine, f"{rows:,} people on {name}", rows)
        engine.dispose()
        return figures


def _figures(engine: Engine, what: str, rows: int) -> list[Figure]:
    raw = _people(rows).encode()
    read, file = spent_on(lambda: read_people(raw))
    work: Any = partial(import_people, file=file, actor=SYSTEM, now=NOW)
    look = partial(told_by_reading, engine, partial(work, dry_run=True, reads_only=True))
    looked, told = spent_on(look)
    wrote, done = spent_on(lambda: written(engine, work))
    again, same = spent_on(look)
    assert told is not None
    assert same is not None
    assert (told.created, done.created, same.unchanged) == (rows, rows, rows)
    return [
        Figure(f"{what}: the file read", read.cpu, "s CPU"),
        Figure(f"{what}: looked at", looked.cpu, "s CPU", at_most=_CHECK),
        Figure(f"{what}: written", wrote.cpu, "s CPU", at_most=_WRITE),
        Figure(f"{what}: looked at again, nothing new", again.cpu, "s CPU", at_most=_CHECK),
    ]


def _people(rows: int) -> str:
    return "\n".join([_HEADER, *(_person(number) for number in range(rows))])


def _person(number: int) -> str:
    leads = f"p{number // 10}@x.example" if number >= 10 else ""
    side = ("mentor,2", "mentee,")[number % 2]
    skills = f"demo.technical={number % 3 + 1};closing.ask=2,craft.product=2"
    return (
        f"{number},Person {number},p{number}@x.example,Europe/London,Team {number % 50},{leads},{side},{skills},"
        "Mon 08:00-12:00;Tue 09:00-17:00"
    )
