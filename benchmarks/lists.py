"""Lists of calls and people: the whole app against bare Starlette with the same rows by the raw driver.

CPU of the server per request, over HTTP, 50 rows. The bare app asks nobody who they are and checks nothing; that it
answers with the same data is asserted first.
"""

import argparse
import json
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Engine, make_url
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.db import transaction
from app.operations.api_keys import create_api_key
from app.rules.access import SYSTEM
from app.vocabulary import Role
from benchmarks.databases import EngineName, copies, demo_company
from benchmarks.figures import Figure
from benchmarks.servers import Get, apart, earshot, made, milliseconds
from tests.harness import NOW

_AT_MOST: dict[EngineName, float] = {"sqlite": 7.5, "postgresql": 4.0}
_PATHS = ("/v1/calls?limit=50", "/v1/people?limit=50")

_CALLS = """
    SELECT c.id, c.title, c.type, c.status, c.host_id, c.account_id, a.name AS account_name,
        a.segment AS account_segment, c.starts_at, c.ends_at, c.language, c.stage, c.product, c.region, c.sensitive,
        c.colleagues_invited, c.seat_capacity, c.seats_taken,
        c.seats_taken < c.seat_capacity AND coalesce(c.stage, '') NOT IN ('legal', 'legal_review') AS joinable,
        c.meeting_url, c.version, c.created_at, c.updated_at
    FROM call c LEFT JOIN account a ON a.id = c.account_id JOIN person p ON p.id = c.host_id
    ORDER BY c.starts_at, c.id LIMIT 50
"""
_PEOPLE = """
    SELECT id, name, email, time_zone, role, status, team_id, manager_id, started_on, languages, segments, products,
        regions, seat_capacity, observe_per_day, observe_per_week, host_per_day, host_per_week,
        seat_approval, host_gap_minutes, sessions_per_day, sessions_per_week, version, created_at,
        updated_at
    FROM person ORDER BY created_at, id LIMIT 50
"""
_SKILLS = "SELECT call_type, skill FROM call_type_skill ORDER BY call_type, skill"
_EXTERNAL = "SELECT object_id, source, external_id FROM external_identity WHERE object_id IN ({}) ORDER BY 1, 2, 3"

Row = dict[str, Any]
Query = Callable[[str, list[str]], list[Row]]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append", help="both, unless given")
    parser.add_argument("--requests", type=int, default=50, help="per round; there are six")


def run(options: argparse.Namespace) -> list[Figure]:
    """Measure on each engine."""
    return [figure for name in options.engine or _AT_MOST for figure in _on(name, options.requests)]


def _on(name: EngineName, requests: int) -> list[Figure]:
    with ExitStack() as stack:
        key, copy = stack.enter_context(copies(name, _fill))
        url, folder = copy(), Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(apart(made(earshot, url, folder)))
        bare = stack.enter_context(apart(made(_bare, url)))
        known = {"Authorization": f"Bearer {key}"}
        figures = []
        for path in _PATHS:
            same = [server.get(path, known, expect=200).json()["data"] for server in (ours, bare)]
            assert same[0] == same[1]
            assert len(same[0]) == 50
            mine, peer = milliseconds([Get(ours, path, known), Get(bare, path, {})], requests=requests)
            figures.append(Figure(f"{path} on {name}", mine, "ms CPU", peer, "bare Starlette", _AT_MOST[name]))
        return figures


def _fill(engine: Engine) -> str:
    demo_company(engine, "team")
    with transaction(engine, writes=True) as db:
        asks: dict[str, Any] = {"name": "benchmark", "requests_per_minute": 1_000_000}
        return create_api_key(db, role=Role.ADMIN, person_id=None, **asks, actor=SYSTEM, now=NOW)


def _bare(url: str) -> ASGIApp:
    """Return an app that does nothing but ask and answer."""
    query = _query(url)

    def calls(_request: Request) -> Response:
        rows = query(_CALLS, [])
        skills: dict[str, list[str]] = {}
        for row in query(_SKILLS, []):
            skills.setdefault(row["call_type"], []).append(row["skill"])
        external = _external(query, rows)
        for row in rows:
            account = {
                "id": row.pop("account_id"),
                "name": row.pop("account_name"),
                "segment": row.pop("account_segment"),
            }
            row |= {
                "account": account if account["id"] else None,
                "skills": skills.get(row["type"], []),
                "external": external.get(row["id"], []),
            }
        return _json(rows)

    def people(_request: Request) -> Response:
        rows = query(_PEOPLE, [])
        external = _external(query, rows)
        for row in rows:
            row["external"] = external.get(row["id"], [])
        return _json(rows)

    return Starlette(routes=[Route("/v1/calls", calls), Route("/v1/people", people)])


def _external(query: Query, rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in query(_EXTERNAL, [row["id"] for row in rows]):
        found.setdefault(row["object_id"], []).append({"source": row["source"], "id": row["external_id"]})
    return found


def _json(rows: list[Row]) -> Response:
    return Response(json.dumps({"data": rows}, default=_text), media_type="application/json")


def _text(value: datetime | date) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def _query(url: str) -> Query:
    """Return how to ask: one connection for each of the server's threads, as a pool would hold."""
    own = threading.local()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return partial(_ask_sqlite, own, parsed.database or "")
    return partial(_ask_postgresql, own, parsed.set(drivername="postgresql").render_as_string(hide_password=False))


def _ask_sqlite(own: threading.local, path: str, statement: str, values: list[str]) -> list[Row]:
    if not hasattr(own, "connection"):
        own.connection = sqlite3.connect(path, isolation_level=None)
    cursor = own.connection.execute(statement.format(", ".join("?" * len(values))), values)
    names = [column[0] for column in cursor.description]
    return [{name: _SQLITE.get(name, _same)(value) for name, value in zip(names, row, strict=True)} for row in cursor]


def _ask_postgresql(own: threading.local, url: str, statement: str, values: list[str]) -> list[Row]:
    if not hasattr(own, "connection"):
        own.connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
    rows: list[Row] = own.connection.execute(statement.format(", ".join(["%s"] * len(values))), values).fetchall()
    return rows


def _same(value: Any) -> Any:
    return value


def _instant(stored: str) -> str:
    return f"{stored[:10]}T{stored[11:].removesuffix('.000000')}Z"


_SQLITE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("starts_at", "ends_at", "created_at", "updated_at"), _instant),
    **dict.fromkeys(("languages", "segments", "products", "regions"), json.loads),
    **dict.fromkeys(("sensitive", "joinable"), bool),
}
"""What SQLite has no type for, by column."""
