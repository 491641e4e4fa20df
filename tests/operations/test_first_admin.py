"""No default account: the first admin is whom the operator of the machine names, and nobody after them."""

import pytest
from sqlalchemy import func, select, update

from app.db import DbSession
from app.models.tables import api_key, person
from app.operations.sign_in import first_admin
from app.vocabulary import PersonStatus, Role
from tests.factories import a_person
from tests.harness import NOW

EVE = "eve@earshot.example"


def made(db: DbSession, email: str = EVE) -> str | None:
    return first_admin(db, email=email, name="Eve", time_zone="UTC", now=NOW)


def test_a_new_installation_lets_nobody_in(db: DbSession) -> None:
    assert db.execute(select(func.count()).select_from(person)).scalar() == 0
    assert db.execute(select(func.count()).select_from(api_key)).scalar() == 0


def test_where_there_is_nobody_the_first_admin_is_added(db: DbSession) -> None:
    who = made(db)

    row = db.execute(select(person)).one()
    assert (row.id, row.email, row.name, row.role, row.time_zone) == (who, EVE, "Eve", Role.ADMIN, "UTC")


def test_somebody_who_is_here_becomes_the_first_admin_under_their_own_name(db: DbSession) -> None:
    nora = a_person(db, "Nora", email=EVE)

    assert made(db) == nora.id
    assert db.execute(select(person.c.name, person.c.role)).one() == ("Nora", Role.ADMIN)


def test_where_there_is_an_admin_nobody_becomes_one(db: DbSession) -> None:
    a_person(db, "Ada", role=Role.ADMIN)
    nora = a_person(db, "Nora", email=EVE)

    assert made(db) is None
    assert made(db, "new@earshot.example") is None
    assert db.execute(select(person.c.role).where(person.c.id == nora.id)).scalar() is Role.REP


@pytest.mark.parametrize("leaves", ["ada", "nora"])
def test_an_installation_whose_admins_have_all_left_is_recovered(db: DbSession, leaves: str) -> None:
    ada = a_person(db, "Ada", role=Role.ADMIN, email=EVE if leaves == "ada" else "ada@earshot.example")
    db.execute(update(person).where(person.c.id == ada.id).values(status=PersonStatus.LEFT))
    db.expire_all()

    who = made(db)

    row = db.execute(select(person).where(person.c.id == who)).one()
    assert (row.role, row.status) == (Role.ADMIN, PersonStatus.ACTIVE)
    assert (who == ada.id) == (leaves == "ada")
