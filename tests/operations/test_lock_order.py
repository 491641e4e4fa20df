"""Two connections on PostgreSQL that want the same rows: they wait in one order, and nothing derived is lost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import repeat
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from app.db import DbSession, make_engine, retrying, transaction
from app.errors import Unavailable
from app.models import Account
from app.models.tables import call
from app.operations.accounts import patch_account
from app.operations.call_imports import import_calls
from app.operations.call_types import patch_call_type
from app.operations.calls import create_call, patch_call
from app.operations.people import patch_person
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.rules.csv_files import read_calls
from tests.databases import patient
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api
from tests.patience import PATIENCE_SECONDS

TEN = MONDAY + timedelta(hours=10)
Work = Callable[[DbSession], Any]


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    made = patient(make_engine(postgres_url))
    yield made
    made.dispose()


def while_the_first_is_open(engine: Engine, first: Work, second: Work) -> None:
    """Do the second act on its own connection when the first is done but not committed. Neither is run again."""
    started = threading.Event()

    def follow() -> None:
        with transaction(engine, writes=True) as db:
            db.execute(text("SELECT 1"))
            started.set()
            second(db)

    with ThreadPoolExecutor(1) as pool:
        with transaction(engine, writes=True) as db:
            first(db)
            following = pool.submit(follow)
            assert started.wait(PATIENCE_SECONDS)
            wait_until_blocked(engine, following)
        following.result(PATIENCE_SECONDS)


def wait_until_blocked(engine: Engine, following: Any) -> None:
    """Return when the other connection waits for a lock, or has finished without one."""
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not following.done():
        with transaction(engine, writes=False) as db:
            if db.execute(blocked).scalar():
                return


def an_account(db: DbSession, account_id: str = "acc_a", name: str = "Northwind") -> str:
    db.add(Account(id=account_id, name=name, created_at=NOW, updated_at=NOW))
    db.flush()
    return account_id


def capacities(engine: Engine) -> list[int]:
    with transaction(engine, writes=False) as db:
        return list(db.execute(select(call.c.seat_capacity)).scalars())


@pytest.mark.parametrize("turned", [False, True])
def test_a_call_that_joins_an_account_while_its_seats_change_has_the_new_number(postgres: Engine, turned: bool) -> None:
    with transaction(postgres, writes=True) as db:
        account_id, call_id = an_account(db), a_call(db)

    def join(db: DbSession) -> None:
        patch_call(db, call_id=call_id, changes={"account_id": account_id}, actor=SYSTEM, now=NOW)

    def close(db: DbSession) -> None:
        patch_account(db, account_id=account_id, changes={"seat_capacity": 0}, actor=SYSTEM, now=NOW)

    while_the_first_is_open(postgres, *((close, join) if turned else (join, close)))

    assert capacities(postgres) == [0]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("whose", ["host", "type", "account"])
def test_a_call_that_is_made_while_its_rules_change_has_the_new_number(
    postgres: Engine, whose: str, turned: bool
) -> None:
    with transaction(postgres, writes=True) as db:
        host, account_id = a_person(db, "Host"), an_account(db)
    fields = {"title": "Product demo", "host_id": host.id, "account_id": account_id, "starts_at": TEN}

    def make(db: DbSession) -> None:
        create_call(db, fields={**fields, "ends_at": TEN + timedelta(hours=1)}, actor=SYSTEM, now=NOW)

    def close(db: DbSession) -> None:
        given: dict[str, Any] = {"changes": {"seat_capacity": 0}, "actor": SYSTEM, "now": NOW}
        if whose == "host":
            patch_person(db, person_id=host.id, **given)
        elif whose == "type":
            patch_call_type(db, slug="demo", **given)
        else:
            patch_account(db, account_id=account_id, **given)

    while_the_first_is_open(postgres, *((close, make) if turned else (make, close)))

    assert capacities(postgres) == [0]


def test_a_new_account_name_and_a_move_of_its_call_never_deadlock(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        account_id = an_account(db)
        call_id = a_call(db, account_id=account_id)
        book_seat(db, call_id=call_id, observer_id=a_person(db, "Jo").id, actor=SYSTEM, now=NOW)

    def rename(db: DbSession, number: int) -> None:
        patch_account(db, account_id=account_id, changes={"name": f"Northwind {number}"}, actor=SYSTEM, now=NOW)

    def move(db: DbSession, number: int) -> None:
        starts_at = TEN + timedelta(minutes=15 * (1 + number % 8))
        changes = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30)}
        patch_call(db, call_id=call_id, changes=changes, actor=SYSTEM, now=NOW)

    side_by_side(postgres, rename, move)


def test_an_import_that_changes_accounts_and_bookings_on_their_calls_never_deadlock(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        host = a_person(db, "Host", host_per_day=99, host_per_week=99)
        call_id = a_call(db, host, account_id=an_account(db), seats=50)
        juniors = [a_person(db, f"Junior {number}").id for number in range(20)]
    head = "external_id,title,host_email,starts_at,ends_at,account,account_segment\n"

    def bring(db: DbSession, number: int) -> None:
        row = f"7,Discovery,{host.email},2026-11-24T10:00:00Z,2026-11-24T10:30:00Z,Northwind,segment{number}\n"
        report = import_calls(db, read_calls((head + row).encode()), actor=SYSTEM, now=NOW)
        assert report.written, report

    def book(db: DbSession, number: int) -> None:
        book_seat(db, call_id=call_id, observer_id=juniors[number], actor=SYSTEM, now=NOW)

    side_by_side(postgres, bring, book)


def side_by_side(engine: Engine, *acts: Callable[[DbSession, int], None]) -> None:
    """Do each act twenty times on a connection of its own, all at once. PostgreSQL may refuse none as a deadlock."""

    def often(act: Callable[[DbSession, int], None]) -> None:
        for number in range(20):

            def once(number: int = number) -> None:
                with transaction(engine, writes=True) as db:
                    act(db, number)

            while True:
                try:
                    retrying(once)
                    break
                except Unavailable:  # somebody came on the call while its people were locked, four times running
                    continue

    before = deadlocks(engine)
    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(often, acts))
    assert deadlocks(engine) == before


def deadlocks(engine: Engine) -> int:
    """How many there have been in this database, other tests' too."""
    if engine.dialect.name != "postgresql":
        return 0
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        found = connection.execute(text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
        return int(found.scalar_one())


@pytest.mark.parametrize("noun", ["people", "accounts", "calls"])
@pytest.mark.parametrize("known", [False, True])
def test_batches_in_opposite_orders_wait_for_one_another(api: Api, noun: str, known: bool) -> None:
    with transaction(api.engine, writes=True) as db:
        host = a_person(db, "Host")
        accounts = [an_account(db, f"acc_{name}", name) for name in "abc"]

    def item(number: int, run: int) -> dict[str, Any]:
        external = {"external": {"source": "crm", "id": str(number)}}
        if noun == "accounts":
            return {**external, "name": f"Account {number}.{run}"}
        if noun == "people":
            email = f"p{number}@earshot.example"
            return {**external, "name": f"P {number}.{run}", "email": email, "time_zone": "UTC", "seat_capacity": run}
        times = {"starts_at": "2026-11-24T10:00:00Z", "ends_at": f"2026-11-24T10:{30 + run}:00Z"}
        return {**external, "title": "Demo", "host_id": host.id, "account_id": accounts[(number + run) % 3], **times}

    def send(run: int) -> list[int]:
        order = range(12) if run % 2 else range(11, -1, -1)
        body = {"items": [item(number, run) for number in order]}
        return [until_answered(body) for _ in repeat(None, 3)]

    def until_answered(body: dict[str, Any]) -> int:
        while True:
            answer = api.admin.post(f"/v1/{noun}/batch-upsert", json=body)
            if (
                answer.status_code != 503
            ):  # on a busy machine three batches in front take longer than a lock is waited for
                return answer.status_code
            assert answer.headers["retry-after"] == "1"

    before = deadlocks(api.engine)
    if known:
        assert send(9) == [200] * 3
    with ThreadPoolExecutor(4) as pool:
        answers = [code for codes in pool.map(send, range(4)) for code in codes]

    assert answers == [200] * 12
    assert deadlocks(api.engine) == before
