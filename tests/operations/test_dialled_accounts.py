"""A call that nobody planned is with the account of that name; of several, whichever forbids observers is heard."""

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import account, call
from app.operations.accounts import create_account
from app.operations.dialled_calls import hear_dialler
from app.operations.diallers import create_connection
from app.rules.access import SYSTEM
from tests.dialling import MAPPING, said_of
from tests.factories import an_open_host
from tests.harness import NOW

MARA = "mara@earshot.example"


@pytest.mark.parametrize(
    ("accounts", "company", "door", "taken_for"),
    [
        ([("Northwind", True)], "Northwind", "open", "Northwind"),
        ([("Northwind", False)], "Northwind", "closed", "Northwind"),
        ([("Northwind", True), ("Northwind", False)], "Northwind", "closed", "Northwind"),
        ([("Northwind", False), ("Northwind", True), ("Northwind", False)], "Northwind", "closed", "Northwind"),
        ([("Northwind", True), ("NORTHWIND  gmbh", False)], "Northwind GmbH", "closed", "NORTHWIND  gmbh"),
        ([("Müller & Söhne", False)], " MÜLLER & SO\u0308HNE", "closed", "Müller & Söhne"),
        ([("Northwind", True), ("Northwind", True)], "Northwind", "open", None),
        ([("Northwind", True), ("Southwind", False)], "Northwind", "open", "Northwind"),
    ],
)
def test_whom_a_dialler_calls_by_a_name_nobody_hears_where_an_account_of_that_name_forbids_it(
    db: DbSession, accounts: list[tuple[str, bool]], company: str, door: str, taken_for: str | None
) -> None:
    for name, allowed in accounts:
        create_account(db, fields={"name": name, "observers_allowed": allowed}, actor=SYSTEM, now=NOW)
    an_open_host(db, "Mara", email=MARA)
    connection_id = create_connection(db, name="Dialler", mapping=MAPPING, actor=SYSTEM, now=NOW).connection.id

    hear_dialler(db, connection_id=connection_id, message_id="msg_1", body=said_of(MARA, NOW, company=company), now=NOW)

    made = select(call.c.door, account.c.name).outerjoin(account, account.c.id == call.c.account_id)
    assert db.execute(made).one() == (door, taken_for)
