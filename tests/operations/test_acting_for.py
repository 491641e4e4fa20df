"""Acting on somebody's behalf: who may, for whom, with how much, and what the events say of it."""

import pytest
from sqlalchemy import select, update

from app.db import DbSession
from app.models.tables import event, person
from app.operations.people import patch_person
from app.queries.access import CannotActFor, acting_for
from app.rules.access import SYSTEM, Actor, decides_access, runs_the_house
from app.vocabulary import PersonStatus, Role
from tests.factories import a_person
from tests.harness import NOW


def an_admin(db: DbSession) -> Actor:
    return Actor("web_1", Role.ADMIN, a_person(db, "Ada", role=Role.ADMIN).id)


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
def test_an_admin_becomes_whom_they_act_for_and_is_no_admin_any_more(db: DbSession, role: Role) -> None:
    admin, ana = an_admin(db), a_person(db, "Ana", role=role)
    below = a_person(db, "Ben", manager_id=ana.id)

    actor = acting_for(db, admin, ana.id)

    assert (actor.person_id, actor.role, actor.credential_id) == (ana.id, role, "web_1")
    assert (actor.name, actor.on_behalf_of_id) == (admin.person_id, ana.id)
    assert actor.reports == (frozenset() if role is Role.REP else {below.id})
    assert not runs_the_house(actor)
    assert not decides_access(actor)


def test_an_integration_that_may_change_people_acts_for_them_within_its_scopes(db: DbSession) -> None:
    ana = a_person(db, "Ana")
    scopes = frozenset({"people:write", "seats:read"})

    actor = acting_for(db, Actor("key_1", Role.INTEGRATION, None, scopes), ana.id)

    assert (actor.scopes, actor.name, actor.on_behalf_of_id) == (scopes, "key_1", ana.id)


@pytest.mark.parametrize("scopes", [frozenset({"people:read", "seats:write"}), frozenset[str]()])
def test_an_integration_that_may_not_change_people_acts_for_nobody(db: DbSession, scopes: frozenset[str]) -> None:
    with pytest.raises(CannotActFor):
        acting_for(db, Actor("key_1", Role.INTEGRATION, None, scopes), a_person(db).id)


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER, Role.AUDITOR])
def test_nobody_else_acts_for_anybody(db: DbSession, role: Role) -> None:
    ana, boss = a_person(db, "Ana"), a_person(db, "Bo", role=role)

    with pytest.raises(CannotActFor):
        acting_for(db, Actor("web_1", role, boss.id, reports=frozenset({ana.id})), ana.id)


def test_whoever_can_not_be_acted_for_is_refused_in_the_same_words(db: DbSession) -> None:
    admin = an_admin(db)
    gone, auditor, other = a_person(db, "Lee"), a_person(db, "Au", role=Role.AUDITOR), an_admin(db).person_id
    db.execute(update(person).where(person.c.id == gone.id).values(status=PersonStatus.LEFT))

    said = set()
    for person_id in (gone.id, auditor.id, other, admin.person_id, "per_nobody", ""):
        with pytest.raises(CannotActFor) as refused:
            acting_for(db, admin, str(person_id))
        said.add((refused.value.code, refused.value.detail))

    assert len(said) == 1


def test_who_acts_for_somebody_does_not_act_for_a_third_one(db: DbSession) -> None:
    ana, ben = a_person(db, "Ana"), a_person(db, "Ben")
    actor = acting_for(db, an_admin(db), ana.id)

    with pytest.raises(CannotActFor):
        acting_for(db, actor, ben.id)


def test_what_is_done_on_behalf_says_who_did_it_for_whom_and_by_what(db: DbSession) -> None:
    admin, ana = an_admin(db), a_person(db, "Ana")

    patch_person(db, person_id=ana.id, changes={"observe_per_day": 2}, actor=acting_for(db, admin, ana.id), now=NOW)

    told = db.execute(select(event).where(event.c.object_id == ana.id, event.c.act == "person.changed")).one()
    assert (told.actor, told.on_behalf_of_id, told.credential_id) == (admin.person_id, ana.id, "web_1")
    assert SYSTEM.on_behalf_of_id is None
