"""Joinable: a page of the calls that somebody could sit in on, out of 10,000, against the raw fetch of the same calls.

Where everything fits, a page comes out of the first few calls. The worst is when nothing fits, or only the last call
does: because the observer is taken whenever there is a call, or because every host has reached their limit. The raw
driver fetches the id, host and times of every upcoming call with a seat, once.
"""

import argparse
import random
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import psycopg
from sqlalchemy import Engine, insert, make_url, update

from app.db import make_engine, transaction
from app.models.tables import availability, busy, call, person, seat, session
from app.operations.calls import NewCall, create_calls
from app.queries.calls import CallFilter
from app.queries.joinable import joinable_calls
from app.queries.pages import PageRequest
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, SeatStatus, SessionKind, SessionStatus
from benchmarks.databases import EngineName, copies
from benchmarks.figures import Figure, spent_on
from tests.factories import MONDAY, a_person
from tests.harness import NOW

_CALLS, _HOSTS, _DAYS, _BLOCKS = 10_000, 150, 28, 200
_LIMIT = 50
_AT_MOST_MILLISECONDS = 100
_MINUTE = timedelta(minutes=1)
_LAST = MONDAY + timedelta(days=_DAYS, hours=9)
_RAW = """
    SELECT id, host_id, starts_at, ends_at FROM call
    WHERE status = 'scheduled' AND seats_taken < seat_capacity AND starts_at > '2026-11-21' ORDER BY starts_at, id
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append", help="both, unless given")
    parser.add_argument("--times", type=int, default=9, help="the median of so many runs")


def run(options: argparse.Namespace) -> list[Figure]:
    """Measure on each engine."""
    names: list[EngineName] = options.engine or ["sqlite", "postgresql"]
    return [figure for name in names for figure in _on(name, options.times)]


def _on(name: EngineName, times: int) -> list[Figure]:
    with copies(name, _fill) as (who, copy):
        url = copy()
        engine = make_engine(url)
        fetch, close = _raw(url)
        figures: list[Figure] = []
        for about, expected in (("everything fits", _LIMIT), ("nothing fits", 0), ("only the last fits", 1)):
            ours = partial(_page, engine, who[about])
            assert len(ours()) == expected, about
            figures += _figures(f"{about}, {name}", times, ours, fetch)
        _fill_hosts(engine)
        ours = partial(_page, engine, who["everything fits"])
        assert len(ours()) == 1
        figures += _figures(f"every host at their limit but for the last call, {name}", times, ours, fetch)
        close()
        engine.dispose()
        return figures


def _figures(what: str, times: int, ours: Callable[[], object], raw: Callable[[], object]) -> list[Figure]:
    rounds = [(spent_on(ours)[0].cpu, spent_on(raw)[0].cpu) for _ in range(times + 1)][1:]
    mine, peer = (1000 * median(turn) for turn in zip(*rounds, strict=True))
    return [
        Figure(what, mine, "ms CPU", at_most=_AT_MOST_MILLISECONDS),
        Figure(what, mine, "ms CPU", peer, "raw driver, all 10,000"),
    ]


def _fill(engine: Engine) -> dict[str, str]:
    """Put 10,000 calls into four weeks of working time, and the last one a day later; return who asks."""
    rng = random.Random(1)
    with transaction(engine, writes=True) as db:
        hosts = [a_person(db, "Host", host_per_day=2, host_per_week=10).id for _ in range(_HOSTS)]
        starts = [
            MONDAY + timedelta(days=rng.randrange(_DAYS), hours=8 + rng.randrange(9), minutes=15 * rng.randrange(4))
            for _ in range(_CALLS - 1)
        ]
        new = [_call(hosts[number % _HOSTS], at) for number, at in enumerate([*starts, _LAST])]
        create_calls(db, new, actor=SYSTEM, now=NOW)
        who = {
            about: a_person(db, about, observe_per_day=9, observe_per_week=9).id
            for about in ("everything fits", "nothing fits", "only the last fits")
        }
        weekly = [[weekday, 0, 1440] for weekday in range(1, 8)]
        db.execute(update(availability).values(weekly=weekly))
        for about, until in (("nothing fits", _LAST + timedelta(days=1)), ("only the last fits", _LAST)):
            db.execute(insert(busy), _blocks(who[about], until))
        return who


def _call(host_id: str, at: datetime) -> NewCall:
    times = {"starts_at": at, "ends_at": at + 30 * _MINUTE}
    return NewCall({"title": "Northwind", "host_id": host_id, "seat_capacity": 5, **times})


def _blocks(person_id: str, until: datetime) -> list[dict[str, Any]]:
    """Cover all the time with blocks too near for a call between any two."""
    length = (until - MONDAY) / _BLOCKS
    return [
        {"id": f"bsy_{person_id}_{n}", "person_id": person_id, "source": "outlook", "status": BusyStatus.BUSY}
        | {"starts_at": MONDAY + n * length, "ends_at": MONDAY + (n + 1) * length - 10 * _MINUTE * (n < _BLOCKS - 1)}
        for n in range(_BLOCKS)
    ]


def _fill_hosts(engine: Engine) -> None:
    """Give every host as many observers as they take on each day, but for the day of the last call."""
    with transaction(engine, writes=True) as db:
        rows = db.execute(call.select().where(call.c.starts_at < _LAST).order_by(call.c.starts_at)).all()
        observers = [a_person(db, "Junior").id for _ in range(2)]
        first_of: dict[tuple[str, object], Any] = {}
        for row in rows:
            first_of.setdefault((row.host_id, row.starts_at.date()), row)
        for row in first_of.values():
            _seat_both(db, row, observers)
        db.execute(update(person).values(host_per_week=100))
        db.execute(update(call).where(call.c.id.in_([row.id for row in first_of.values()])).values(seats_taken=2))


def _seat_both(db: Any, row: Any, observers: list[str]) -> None:
    for number, observer_id in enumerate(observers, 1):
        stamped = {"version": 1, "created_at": NOW, "updated_at": NOW}
        its = f"{row.id[5:]}{number}"
        db.execute(
            insert(session),
            {"id": f"ses_{its}", "uid": its, "kind": SessionKind.SHADOW, "status": SessionStatus.CONFIRMED}
            | {"call_id": row.id, "starts_at": row.starts_at, "ends_at": row.ends_at, "time_zone": "Etc/UTC"}
            | {"sequence": 0, **stamped},
        )
        db.execute(
            insert(seat),
            {"id": f"seat_{its}", "call_id": row.id, "observer_id": observer_id, "session_id": f"ses_{its}"}
            | {"kind": SessionKind.SHADOW, "status": SeatStatus.CONFIRMED, "seat_no": number, "capacity": 5}
            | {"late": False, **stamped},
        )


def _page(engine: Engine, observer_id: str) -> list[Any]:
    with transaction(engine, writes=False) as db:
        request = PageRequest(_LIMIT, None, "calls", "secret")
        asked: dict[str, Any] = {"sort": "starts_at", "descending": False, "observer_id": observer_id}
        return joinable_calls(db, CallFilter(), request, **asked, actor=SYSTEM, now=NOW).rows


def _raw(url: str) -> tuple[Callable[[], object], Callable[[], None]]:
    connection: Any
    if make_url(url).get_backend_name() == "sqlite":
        connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
    else:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(plain, autocommit=True)
    return (lambda: connection.execute(_RAW).fetchall()), connection.close
