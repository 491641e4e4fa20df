"""Who gives people a role, and what comes of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import DbSession, transaction
from app.errors import Forbidden
from app.models.tables import api_key, person
from app.operations.api_keys import create_api_key
from app.operations.external import identify
from app.operations.people import LastAdmin, create_person, patch_person, upsert_person
from app.queries.access import actor_of
from app.rules.access import SYSTEM, Actor
from app.vocabulary import PersonStatus, Role
from tests.factories import a_person
from tests.harness import NOW

NEW: dict[str, Any] = {"name": "Eve", "email": "eve@earshot.example", "time_zone": "Etc/UTC"}


def acting_as(db: DbSession, who: Any) -> Actor:
    return actor_of(db, credential_id="web_1", role=who.role, person_id=who.id)


def an_integration() -> Actor:
    return Actor("key_crm", Role.INTEGRATION, None)


def change(db: DbSession, who: Any, by: Actor, **changes: Any) -> None:
    patch_person(db, person_id=who.id, changes=changes, actor=by, now=NOW)


@pytest.mark.parametrize("role", [one for one in Role if one not in (Role.REP, Role.INTEGRATION)])
def test_an_integration_makes_nobody_more_than_a_rep(db: DbSession, role: Role) -> None:
    who = a_person(db)
    identify(db, "person", who.id, [("crm", "1")])

    with pytest.raises(Forbidden):
        change(db, who, an_integration(), role=role)
    with pytest.raises(Forbidden):
        upsert_person(db, source="crm", external_id="1", changes={"role": role}, actor=an_integration(), now=NOW)
    with pytest.raises(Forbidden):
        create_person(db, fields={**NEW, "role": role}, actor=an_integration(), now=NOW)

    assert create_person(db, fields=NEW, actor=an_integration(), now=NOW).role is Role.REP


@pytest.mark.parametrize("changes", [{"email": "mine@elsewhere.example"}, {"status": PersonStatus.ACTIVE}])
def test_an_integration_opens_no_way_in_for_who_may_do_more(db: DbSession, changes: dict[str, Any]) -> None:
    gone = {"status": PersonStatus.LEFT} if "status" in changes else {}
    a_person(db, role=Role.ADMIN)
    chief, rep = a_person(db, role=Role.ADMIN, **gone), a_person(db, **gone)

    with pytest.raises(Forbidden):
        change(db, chief, an_integration(), **changes)

    change(db, rep, an_integration(), **changes)


def test_nobody_changes_their_own_role(db: DbSession) -> None:
    ada, _other = a_person(db, role=Role.ADMIN), a_person(db, role=Role.ADMIN)

    with pytest.raises(Forbidden, match="ask another admin"):
        change(db, ada, acting_as(db, ada), role=Role.REP)

    change(db, ada, acting_as(db, ada), role=Role.ADMIN, name="Ada")


@pytest.mark.parametrize("role", [Role.MANAGER, Role.PROGRAM_MANAGER])
def test_who_leads_somebody_gives_them_no_role(db: DbSession, role: Role) -> None:
    boss = a_person(db, role=role)
    jo = a_person(db, manager_id=boss.id)

    with pytest.raises(Forbidden):
        change(db, jo, acting_as(db, boss), role=role)

    change(db, jo, acting_as(db, boss), observe_per_week=3)


@pytest.mark.parametrize("changes", [{"role": Role.REP}, {"status": PersonStatus.LEFT}])
def test_the_last_admin_stays_one(db: DbSession, changes: dict[str, Any]) -> None:
    ada = a_person(db, role=Role.ADMIN)
    a_person(db, role=Role.ADMIN, status=PersonStatus.LEFT)
    a_person(db, role=Role.AUDITOR)

    with pytest.raises(LastAdmin) as refused:
        change(db, ada, SYSTEM, **changes)

    assert refused.value.code == "last_admin"
    a_person(db, role=Role.ADMIN)
    change(db, ada, SYSTEM, **changes)


def test_of_two_admins_who_go_at_once_one_stays(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        admins = [a_person(db, role=Role.ADMIN).id for _ in range(2)]

    def demote(who: str) -> bool:
        try:
            with transaction(engine, writes=True) as db:
                patch_person(db, person_id=who, changes={"role": Role.REP}, actor=SYSTEM, now=NOW)
        except LastAdmin:
            return False
        return True

    with ThreadPoolExecutor(2) as both:
        done = list(both.map(demote, admins))

    with transaction(engine, writes=False) as db:
        left = db.execute(select(func.count()).select_from(person).where(person.c.role == Role.ADMIN)).scalar_one()
    assert (sorted(done), left) == ([False, True], 1)


@pytest.mark.parametrize("changes", [{"role": Role.MANAGER}, {"status": PersonStatus.LEFT}])
def test_another_role_and_leaving_end_the_keys_of_that_person(db: DbSession, changes: dict[str, Any]) -> None:
    who, other = a_person(db), a_person(db)
    for one in (who, other):
        create_api_key(db, name="mine", role=Role.REP, person_id=one.id, actor=SYSTEM, now=NOW)

    change(db, who, SYSTEM, **changes)

    revoked = dict(db.execute(select(api_key.c.person_id, api_key.c.revoked_at)).all())
    assert revoked == {who.id: NOW, other.id: None}
