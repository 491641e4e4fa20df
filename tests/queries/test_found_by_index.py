"""What booking asks for under locks is found by partial indexes: their words stand in the text of the statement. So is
what is asked of tables that only grow.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text

from app.db import DbSession
from app.models.tables import account, call
from app.operations.audit import reads_to_note
from app.operations.claims import drop_expired
from app.operations.settling import settle_calls_soon, settle_waits_of
from app.operations.waitlist import end_wait
from app.queries import busy, calls, waitlist
from app.queries.joinable import open_now
from app.queries.seats import under_own_calls
from app.rules.access import SYSTEM
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.statements import counted

CALLS = select(call.c.id).outerjoin(account, account.c.id == call.c.account_id)
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


def test_a_line_is_found_by_index_however_many_waited_before(db: DbSession, engine: Engine) -> None:
    call_id, mia = a_call(db), a_person(db, "Mia")
    asks = (
        lambda: waitlist.line_of(db, call_id, actor=SYSTEM, now=NOW),
        lambda: waitlist.waiting(db, call_id),
        lambda: waitlist.places_of(db, mia.id, [call_id]),
        lambda: end_wait(db, call_id, actor=SYSTEM, now=NOW),
    )

    for ask in asks:
        with counted(engine) as statements:
            for _ in range(_OFTEN):
                ask()
        assert "waitlist_once" in plan(db.connection(), next(one for one in statements[::-1] if "waitlist" in one))


@pytest.mark.parametrize("ask", ["for some calls", "for somebody", "for what comes free"])
def test_who_waits_is_found_by_index_however_many_waited_before(db: DbSession, engine: Engine, ask: str) -> None:
    call_id, mia = a_call(db), a_person(db, "Mia")
    asks: dict[str, Callable[[], object]] = {
        "for some calls": lambda: settle_calls_soon(db, [call_id], now=NOW),
        "for somebody": lambda: settle_waits_of(db, [mia.id], now=NOW),
        "for what comes free": lambda: db.execute(CALLS.where(*open_now(db, now=NOW))),
    }

    with counted(engine) as statements:
        for _ in range(_OFTEN):
            asks[ask]()

    found = plan(db.connection(), next(one for one in statements[::-1] if "waitlist_entry" in one))
    scans = re.findall(r"(?:scan|search)\b.*\bwaitlist_.*", found, re.IGNORECASE)
    assert scans, found
    assert all(re.search(r"waitlist_(once|of_person)", scan) for scan in scans), found


def test_what_comes_free_is_found_by_index_however_many_sat_before(db: DbSession, engine: Engine) -> None:
    with counted(engine) as statements:
        for _ in range(_OFTEN):
            db.execute(CALLS.where(*open_now(db, now=NOW)))

    found = plan(db.connection(), statements[-1])
    assert re.search(r"session_expiring|seat_one_per_", found), found


@pytest.mark.parametrize("ask", ["what takes their time", "what lapsed", "what lies under their own calls"])
def test_the_time_of_somebody_is_found_by_index_however_much_was_claimed_before(
    db: DbSession, engine: Engine, ask: str
) -> None:
    mia = a_person(db, "Mia")
    much_is_claimed(db)
    asks: dict[str, Callable[[], object]] = {
        "what takes their time": lambda: busy.taken(db, [mia.id], NOW, NOW + timedelta(hours=1), now=NOW),
        "what lapsed": lambda: drop_expired(db, [mia.id], now=NOW),
        "what lies under their own calls": lambda: under_own_calls(db, [mia.id], now=NOW),
    }

    with counted(engine) as statements:
        for _ in range(_OFTEN):
            asks[ask]()

    found = plan(db.connection(), statements[-1])
    assert re.search(r"claim_of_person|claims_apart", found), found


def test_what_was_read_within_the_hour_is_found_by_index_however_much_was_read_before(
    db: DbSession, engine: Engine
) -> None:
    with counted(engine) as statements:
        for _ in range(_OFTEN):
            reads_to_note(db, "sessions.read", ["everybody"], actor=SYSTEM, now=NOW)

    found = plan(db.connection(), statements[-1])
    assert re.search(r"(INDEX event_of_object|Index Cond:).*\bobject_id\b.*\bat ?>", found), found


def much_is_claimed(db: DbSession) -> None:
    """PostgreSQL takes any index of a table that is empty. SQLite goes by the words of the statement alone."""
    if db.connection().dialect.name == "postgresql":
        db.execute(text("SET LOCAL session_replication_role = replica"))  # claims of nobody, for nothing
        db.execute(
            text("""
            INSERT INTO claim (id, person_id, session_id, kind, starts_at, ends_at, active)
            SELECT n, n, n, 'session', timestamptz 'epoch', timestamptz 'epoch' + interval '1 hour', true
            FROM generate_series(1, 3000) AS n
            """)
        )
        db.execute(text("SET LOCAL session_replication_role = origin"))
        db.execute(text("ANALYZE claim"))


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
