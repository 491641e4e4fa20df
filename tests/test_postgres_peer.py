"""The tests' own PostgreSQL: it is real, it can be restarted, and it leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.patience import until
from tests.postgres import (
    NoPostgresError,
    Postgres,
    create_database,
    drop_database,
    find_binaries,
    own_postgres,
    running_postgres,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with own_postgres() as running:
        yield running


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    """Rows of one statement, on a connection of its own."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def folder_of(server: Postgres) -> Path:
    return Path(str(make_url(server.url).query["host"]))


def test_a_machine_without_postgresql_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(Path, "exists", lambda _path: False)

    with pytest.raises(NoPostgresError) as missing:
        find_binaries()

    assert "TEST_DATABASE_URL" in str(missing.value)


def test_a_given_server_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgres://me:secret@db.example:6000/postgres")

    with running_postgres() as url:
        assert url == "postgresql+psycopg://me:secret@db.example:6000/postgres"


def test_the_server_sorts_by_code_point_and_speaks_utf_8(server: Postgres) -> None:
    encoding = run(server.url, "SHOW server_encoding")
    ordered = run(server.url, "SELECT name FROM (VALUES ('b'), ('B'), ('é')) AS names(name) ORDER BY name")

    assert encoding == [("UTF8",)]
    assert ordered == [("B",), ("b",), ("é",)]


def test_two_databases_made_from_a_template_are_apart(server: Postgres) -> None:
    template = create_database(server.url, "template_of_two")
    run(template, "CREATE TABLE note (words text)")
    first = create_database(server.url, "first one", template="template_of_two")
    second = create_database(server.url, "second", template="template_of_two")

    run(first, "INSERT INTO note VALUES ('only here')")

    assert run(first, "SELECT words FROM note") == [("only here",)]
    assert run(second, "SELECT words FROM note") == []


def test_a_database_in_use_can_be_dropped_and_dropping_it_again_does_nothing(server: Postgres) -> None:
    in_use = create_database(server.url, "in_use")
    connection = psycopg.connect(in_use.replace("+psycopg", ""))

    drop_database(server.url, "in_use")
    drop_database(server.url, "in_use")

    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_what_is_committed_outlives_a_restart(server: Postgres, mode: str) -> None:
    url = create_database(server.url, f"lasting_{mode}")
    run(url, "CREATE TABLE note AS SELECT 'still here' AS words")

    server.stop("immediate" if mode == "immediate" else "fast")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace("+psycopg", "")).close()
    server.start()

    assert run(url, "SELECT words FROM note") == [("still here",)]


def test_nothing_stays_behind_at_the_end() -> None:
    with own_postgres() as ours:
        folder = folder_of(ours)
        assert folder.exists()

    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(ours.url.replace("+psycopg", "")).close()


WAITING = """
import signal, time
from tests.postgres import own_postgres

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it switched off
with own_postgres() as server:
    print(server.url, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_the_tests_however_they_end(how: signal.Signals) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    with tests:
        assert tests.stdout is not None
        url = tests.stdout.readline().strip().replace("+psycopg", "")
        psycopg.connect(url).close()
        tests.send_signal(how)

    folder = Path(str(make_url(url).query["host"]))
    until(lambda: not folder.exists())
