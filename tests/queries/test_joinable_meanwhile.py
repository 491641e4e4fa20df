"""What is listed while calls are handed over, and while seats that nobody confirmed in time wait to be taken back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from app.db import DbSession, reader_of, transaction
from app.errors import Conflict
from app.models.tables import call
from app.operations.accounts import create_account, patch_account
from app.operations.call_types import patch_call_type
from app.operations.people import patch_person
from app.operations.settings import patch_settings
from app.queries.busy import people_rows
from app.queries.calls import CallFilter, call_by_id
from app.queries.joinable import joinable_calls, refusals
from app.queries.pages import PageRequest
from app.rules.access import SYSTEM
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import HOLD, TEN, hold, take

LATER = NOW + HOLD


def listed(db: DbSession, observer_id: str) -> list[str]:
    page = joinable_calls(
        db,
        CallFilter(),
        PageRequest(50, None, "calls", "secret"),
        sort="starts_at",
        descending=False,
        observer_id=observer_id,
        actor=SYSTEM,
        now=LATER,
    )
    return [row.id for row in page.rows]


def test_a_call_that_is_handed_over_while_the_list_is_read_is_left_out_of_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        host, other, observer = (a_person(db, name) for name in ("Host", "Other", "Junior"))
        handed_over, stays = a_call(db, host), a_call(db, host, starts_at=TEN + timedelta(hours=1))
        observer_id, other_id = observer.id, other.id
    done: list[str] = []

    def hand_over(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "call.title" in statement and not done:
            done.append(statement)
            with transaction(engine, writes=True) as meanwhile:
                meanwhile.execute(update(call).where(call.c.id == handed_over).values(host_id=other_id))

    event.listen(reader_of(engine), "before_cursor_execute", hand_over)
    with transaction(engine, writes=False) as db:
        found = listed(db, observer_id)

    assert done
    # A reader on SQLite sees one state; on PostgreSQL each of its statements sees what is committed by then.
    assert found == {"sqlite": [handed_over, stays], "postgresql": [stays]}[engine.dialect.name]


def by_host(db: DbSession, host_id: str, _account_id: str) -> None:
    patch_person(db, person_id=host_id, changes={"seat_capacity": 1}, actor=SYSTEM, now=NOW)


def by_account(db: DbSession, _host_id: str, account_id: str) -> None:
    patch_account(db, account_id=account_id, changes={"seat_capacity": 1}, actor=SYSTEM, now=NOW)


def by_type(db: DbSession, _host_id: str, _account_id: str) -> None:
    patch_call_type(db, slug="discovery", changes={"seat_capacity": 1}, actor=SYSTEM, now=NOW)


def by_ceiling_of_account(db: DbSession, _host_id: str, account_id: str) -> None:
    patch_account(db, account_id=account_id, changes={"own_side_ceiling": 3}, actor=SYSTEM, now=NOW)


def by_ceiling_of_house(db: DbSession, _host_id: str, _account_id: str) -> None:
    patch_settings(db, changes={"own_side_ceiling": 3}, actor=SYSTEM, now=NOW)


def by_nothing(_db: DbSession, _host_id: str, _account_id: str) -> None:
    """The rules stay as they are."""


@pytest.mark.parametrize(
    ("lower", "free"),
    [
        (by_host, False),
        (by_account, False),
        (by_type, False),
        (by_ceiling_of_account, False),
        (by_ceiling_of_house, False),
        (by_nothing, True),
    ],
)
def test_a_seat_that_nobody_confirmed_in_time_is_listed_unless_the_rules_give_it_no_more(
    db: DbSession, lower: Callable[[DbSession, str, str], None], free: bool
) -> None:
    host, confirmed, slow, observer = (a_person(db, name) for name in ("Host", "One", "Slow", "Junior"))
    account = create_account(db, fields={"name": "Northwind"}, actor=SYSTEM, now=NOW)
    call_id = a_call(db, host, account_id=account.id, type="discovery", colleagues_invited=1)
    take(db, call_id, confirmed)
    hold(db, call_id, slow)
    lower(db, host.id, account.id)

    found = listed(db, observer.id)
    row = call_by_id(db, call_id, actor=SYSTEM)
    why = refusals(db, [row], people_rows(db, [observer.id])[observer.id], now=LATER)[call_id]

    assert (row.seats_taken, row.seat_capacity) == (2, 2)
    if free:
        assert (found, why) == ([call_id], None)
        take(db, call_id, observer, now=LATER)
    else:
        assert (found, why and why.code) == ([], "seats_full")
        with pytest.raises(Conflict) as refused:
            take(db, call_id, observer, now=LATER)
        assert refused.value.code == "seats_full"
