"""Mara Okafor's discovery call with Northwind Freight, and who sits in on it: for tests of what goes out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.db import DbSession
from app.models import Account, Person
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW

TEN = MONDAY + timedelta(hours=10)


@dataclass
class Scene:
    """A host and an account with calls, and the first of them."""

    host: Person
    account_id: str
    call_id: str

    def another_call(self, db: DbSession, starts_at: datetime) -> str:
        return _discovery(db, self.host, self.account_id, starts_at)


def a_scene(db: DbSession) -> Scene:
    account = Account(id="acc_northwind", name="Northwind Freight", created_at=NOW, updated_at=NOW)
    db.add(account)
    db.flush()
    host = a_person(db, "Mara Okafor", email="mara@earshot.example", host_per_day=9, host_per_week=50)
    return Scene(host, account.id, _discovery(db, host, account.id, TEN))


def a_seat(db: DbSession, call_id: str, observer: Person) -> Any:
    return book_seat(db, call_id=call_id, observer_id=observer.id, actor=SYSTEM, now=NOW)


def _discovery(db: DbSession, host: Person, account_id: str, starts_at: datetime) -> str:
    return a_call(
        db,
        host,
        account_id=account_id,
        starts_at=starts_at,
        seats=3,
        title="Discovery with Ms Buyer",
        meeting_url="https://meet.example/1",
    )
