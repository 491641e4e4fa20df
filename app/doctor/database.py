"""Looks at the database itself: its engine, its schema, and its clock."""

import sqlite3
from contextlib import closing
from datetime import timedelta

from sqlalchemy import Engine, select, text

from app import clock, migrations
from app.config import Settings
from app.db import make_engine
from app.doctor.findings import Unwell, reading
from app.models.tables import installation

OLDEST_POSTGRESQL = 14
MOST_APART = timedelta(seconds=5)
"""Leases are compared by the clocks of machines: one that is ahead takes the jobs of others."""


def answers(settings: Settings) -> str:
    """Say that it answers. Looks at the file of SQLite before our engine does, which would make or change it."""
    if settings.embedded:
        file = settings.database_file
        if not file.exists():
            raise Unwell("There is none yet: the first start makes it.")
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            [mode] = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            raise Unwell(f"Its journal mode is {mode} in place of wal: the next start of the service sets it.")
    engine = make_engine(settings.url, pool_size=1)
    try:
        with reading(engine) as connection:
            connection.execute(text("SELECT 1"))
    finally:
        engine.dispose()
    return "it answers"


def schema(engine: Engine) -> str:
    """Say that the schema is the newest one."""
    migrations.require_newest(engine)
    return f"revision {migrations.newest()}, the newest"


def sqlite_durability(engine: Engine) -> str:
    """Say that a commit that was acknowledged survives a loss of power."""
    with reading(engine) as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        synchronous = connection.execute(text("PRAGMA synchronous")).scalar_one()
    if (mode, synchronous) != ("wal", 2):
        raise Unwell(f"journal_mode is {mode} and synchronous {synchronous}, not wal and 2 (FULL).")
    return "WAL, synced at every commit"


def sqlite_file(engine: Engine) -> str:
    """Say that the file is whole: reads all of it."""
    with reading(engine) as connection:
        said = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if said != "ok":
        raise Unwell("It is damaged: stop the service, keep the file, and restore a backup.")
    return "undamaged (quick_check)"


def postgresql_version(engine: Engine) -> str:
    """Say that the server is new enough."""
    with reading(engine) as connection:
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if number < OLDEST_POSTGRESQL * 10_000:
        raise Unwell(f"The server is PostgreSQL {number // 10_000}: {OLDEST_POSTGRESQL} or newer is needed.")
    return f"PostgreSQL {number // 10_000}.{number % 10_000}"


def postgresql_time_zone(engine: Engine) -> str:
    """Say that our connections are in UTC."""
    with reading(engine) as connection:
        zone = connection.execute(text("SHOW timezone")).scalar_one()
    if zone != "UTC":
        raise Unwell(f"Our connections are in {zone}, not in UTC: something between us and the server changes it.")
    return "UTC"


def btree_gist(engine: Engine) -> str:
    """Say that the extension is there by which claims of a person stay apart."""
    with reading(engine) as connection:
        found = connection.execute(text("SELECT extversion FROM pg_extension WHERE extname = 'btree_gist'")).scalar()
    if found is None:
        raise Unwell("The extension is not installed: run `CREATE EXTENSION btree_gist` in the database.")
    return f"version {found}"


def is_installed(engine: Engine) -> str:
    """Say that the first start was finished."""
    with reading(engine) as connection:
        found = connection.execute(select(installation.c.id)).scalar()
    if found is None:
        raise Unwell("The first start was never finished: run `earshot migrate`.")
    return str(found)


def claims_apart(engine: Engine) -> str:
    """Say that the schema itself refuses a claim that overlaps another one of the same person (migration 0001)."""
    if engine.dialect.name == "sqlite":
        query = "SELECT lower(name) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'claim'"
        needed = {"claims_apart_insert", "claims_apart_update"}
    else:
        query = (
            "SELECT conname FROM pg_constraint WHERE conrelid = 'claim'::regclass AND contype = 'x' AND convalidated"
        )
        needed = {"claims_apart"}
    with reading(engine) as connection:
        missing = needed - set(connection.execute(text(query)).scalars())
    if missing:
        raise Unwell(f"The schema has lost {', '.join(sorted(missing))}: restore a backup, or put it back by hand.")
    return "in the schema"


def clock_apart(engine: Engine) -> str:
    """Compare this machine's clock with the database's."""
    with reading(engine) as connection:
        theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    apart = abs(clock.now() - theirs)
    if apart > MOST_APART:
        raise Unwell(f"It differs from the database's by {apart // timedelta(seconds=1)} seconds: keep both by NTP.")
    return "as the database's"
