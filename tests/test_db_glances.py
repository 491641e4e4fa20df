"""Glances at the database: one statement of the driver's own, with nothing in front of it and nothing behind."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db import glance, make_engine, transaction
from tests.factories import a_person


def seen(engine: Engine, statement: str = "SELECT count(*) FROM person") -> int:
    with glance(engine) as cursor:
        cursor.execute(statement)
        found: int = cursor.fetchone()[0]
        return found


def lives(engine: Engine) -> bool:
    try:
        return seen(engine) == 0
    except Exception:
        return False


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    engine = make_engine(postgres_url)
    yield engine
    engine.dispose()


def test_a_glance_writes_nothing_and_the_next_one_sees(engine: Engine) -> None:
    with pytest.raises(Exception, match=r"read-only|readonly"):
        seen(engine, "DELETE FROM person")

    assert lives(engine)


def test_a_glance_sees_what_was_committed_before_it(engine: Engine) -> None:
    before = seen(engine)
    with transaction(engine, writes=True) as db:
        a_person(db, "Jo")

    assert (before, seen(engine)) == (0, 1)


def test_no_transaction_stays_open_behind_a_glance(postgres: Engine) -> None:
    seen(postgres)

    states = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    with transaction(postgres, writes=False) as db:
        assert db.execute(text(states)).scalar_one() == 0


def test_each_dead_connection_fails_one_glance_and_is_thrown_away(postgres: Engine) -> None:
    with glance(postgres) as one, glance(postgres) as other:
        one.execute("SELECT 1")
        other.execute("SELECT 1")
    with transaction(postgres, writes=False) as db:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        db.execute(text(f"{others} AND datname = current_database()"))

    assert [lives(postgres) for _ in range(4)] == [False, False, True, True]


def test_who_can_not_get_a_connection_is_told_and_the_others_go_on(postgres: Engine) -> None:
    glancer: Engine = postgres.get_execution_options()["glancer"]
    glancer.pool._timeout = 0.1  # type: ignore[attr-defined]
    with (
        glance(postgres),
        glance(postgres),
        glance(postgres),
        glance(postgres),
        pytest.raises(PoolTimeout),
        glance(postgres),
    ):
        raise AssertionError

    assert lives(postgres)
