"""PostgreSQL databases for tests: each is lent to one test at a time and cleared after it.

To make and to drop a database takes some 0.3 s of the processor, to clear one a few thousandths.
"""

import os
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, event, make_url

from tests.patience import PATIENCE_SECONDS
from tests.postgres import create_database, drop_database

_REST = 3
"""So many others are lent before one is again: whatever a test left running has ended by then."""
_LOANS = 60
"""After which a database is dropped: its indexes have grown with all that was in it."""
_SHAPE = """
    SELECT md5(string_agg(part, ';' ORDER BY part)) FROM (
        SELECT concat_ws(' ', 'class', oid, relname, relkind, relchecks) FROM pg_class WHERE oid >= 16384
        UNION ALL
        SELECT concat_ws(' ', attrelid, attname, atttypid, attnotnull, atthasdef) FROM pg_attribute
            WHERE attrelid >= 16384
        UNION ALL SELECT concat_ws(' ', 'constraint', oid, conname, convalidated) FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'trigger', oid, tgname, tgenabled) FROM pg_trigger WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'function', oid, prosrc) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'extension', oid, extname) FROM pg_extension
        UNION ALL SELECT concat_ws(' ', 'setting', setdatabase, setconfig) FROM pg_db_role_setting
    ) AS shape (part)
"""
"""What only a change of the schema changes."""
_TABLES = "SELECT relname FROM pg_class WHERE oid >= 16384 AND relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class _Seed:
    """What a fresh database holds."""

    shape: str
    rows: Mapping[str, bytes]
    """Table to its rows, as COPY writes them."""
    sequences: Mapping[str, int]


@dataclass(slots=True)
class _Copy:
    name: str
    url: str
    seed: _Seed
    loans: int = 0


def patient(engine: Engine) -> Engine:
    """Let writers wait for one another as long as tests wait for anything, not three seconds or five."""
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _wait_for_locks)
    else:
        queue: Any = engine.get_execution_options()["writers"]
        queue.acquire = partial(queue.acquire, PATIENCE_SECONDS)
    return engine


def _wait_for_locks(connection: Any, _entry: Any) -> None:
    connection.execute(f"SET lock_timeout = '{PATIENCE_SECONDS:.0f}s'")
    connection.commit()


class Databases:
    """Copies of one template."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._free: deque[_Copy] = deque()
        self._numbers = count(1)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Give the URL of a database that is as the template was. One whose schema was changed is not lent again."""
        one = self._free.popleft() if len(self._free) > _REST else self._new()
        one.loans += 1
        try:
            yield one.url
        finally:
            if one.loans < _LOANS and _cleared(one):
                self._free.append(one)
            else:
                drop_database(self._server, one.name)

    def drop(self) -> None:
        """Drop those that nobody has."""
        while self._free:
            drop_database(self._server, self._free.pop().name)

    def _new(self) -> _Copy:
        name = f"earshot_{os.getpid()}_{next(self._numbers)}"
        url = create_database(self._server, name, template=self._template)
        with _connected(url) as connection:
            return _Copy(name, url, _seed(connection))


def _seed(connection: psycopg.Connection) -> _Seed:
    rows = {}
    for (table,) in connection.execute(_TABLES).fetchall():
        with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as found:
            rows[table] = b"".join(bytes(part) for part in found)
    sequences = {name: last or 0 for name, last in connection.execute(_SEQUENCES)}
    return _Seed(_shape(connection), {table: held for table, held in rows.items() if held}, sequences)


def _shape(connection: psycopg.Connection) -> str:
    (shape,) = connection.execute(_SHAPE).fetchone() or ("",)
    return str(shape)


def _cleared(one: _Copy) -> bool:
    """Make a database what it was; False when its schema is another one, and nothing was done."""
    with _connected(one.url) as connection:
        connection.execute(_END_OTHERS)
        if _shape(connection) != one.seed.shape:
            return False
        connection.execute("SET session_replication_role = replica")  # no foreign key asks in which order
        for (table,) in connection.execute(_TABLES).fetchall():
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        for table, rows in one.seed.rows.items():
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                copy.write(rows)
        for name, last in one.seed.sequences.items():
            connection.execute("SELECT setval(%s::regclass, %s, %s)", (name, max(last, 1), last > 0))
        return True


def _connected(url: str) -> psycopg.Connection:
    plain = make_url(url).set(drivername="postgresql")
    return psycopg.connect(plain.render_as_string(hide_password=False))
