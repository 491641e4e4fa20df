"""What booking asks for under locks is found by partial indexes: their words stand in the text of the statement."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from app.db import DbSession
from app.queries import calls
from tests.factories import a_call
from tests.statements import counted

_OFTEN = 6
"""The driver prepares a statement the fifth time."""


def test_the_live_seats_of_a_call_are_found_by_index(db: DbSession, engine: Engine) -> None:
    call_id = a_call(db)

    with counted(engine) as statements:
        for _ in range(_OFTEN):
            calls.live_seats(db, [call_id])

    assert "seat_one_per_" in plan(db.connection(), statements[-1])


@pytest.mark.parametrize("ask", [calls.call_for_update, calls.call_to_sit])
def test_whether_anybody_waits_for_a_call_is_found_by_index(
    db: DbSession, engine: Engine, ask: Callable[[DbSession, str], Any]
) -> None:
    call_id = a_call(db)

    with counted(engine) as statements:
        for _ in range(_OFTEN):
            ask(db, call_id)

    assert "waitlist_once" in plan(db.connection(), statements[-1])


def test_who_waits_for_calls_is_found_by_index(db: DbSession, engine: Engine) -> None:
    call_id = a_call(db)

    with counted(engine) as statements:
        for _ in range(_OFTEN):
            calls.people_on(db, [call_id])

    assert "waitlist_once" in plan(db.connection(), statements[-1])


def plan(connection: Connection, statement: str) -> str:
    """Return how the database runs a statement whose values it does not know yet."""
    if connection.dialect.name == "sqlite":
        nothing = ("",) * statement.count("?")
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nothing)
        return "\n".join(row.detail for row in steps)
    connection.execute(text("SET LOCAL enable_seqscan = off"))  # it would be quicker while there is nothing to read
    connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    known = text("SELECT name, cardinality(parameter_types) FROM pg_prepared_statements ORDER BY prepare_time DESC")
    name, number = connection.execute(known).first() or ("", 0)
    given = f"({', '.join(['NULL'] * number)})" if number else ""
    return "\n".join(connection.exec_driver_sql(f"EXPLAIN EXECUTE {name}{given}").scalars())
