"""Another address is another way in: whoever changes it, what let somebody in before ends, and the old address hears of
it. An integration moves nobody's who may do more than a rep.
"""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import DbSession, transaction
from app.errors import Forbidden
from app.models.tables import event, event_detail, person
from app.operations.browser_sessions import sign_out_everywhere
from app.operations.external import identify
from app.operations.people import patch_person, upsert_person
from app.operations.people_imports import import_people
from app.operations.sign_in import LinkUsed, create_sign_in_link, redeem_sign_in_link
from app.queries.access import browser_in_use
from app.rules.access import SYSTEM, Actor
from app.rules.csv_files import read_people
from app.vocabulary import PersonStatus, Role
from tests.factories import a_person
from tests.harness import NOW
from tests.jobs.house import House, subject_of, to, words_of

OLD, NEW = "jo@earshot.example", "jo@elsewhere.example"
CRM = Actor("key_crm", Role.INTEGRATION, None)
Change = Callable[[DbSession, str, Actor], object]


def patched(db: DbSession, who: str, by: Actor) -> object:
    return patch_person(db, person_id=who, changes={"email": NEW}, actor=by, now=NOW)


def upserted(db: DbSession, who: str, by: Actor) -> object:
    return upsert_person(db, source="crm", external_id="1", changes={"email": NEW}, actor=by, now=NOW)


def imported(db: DbSession, who: str, by: Actor) -> object:
    text = f"name,email,time_zone,external_id\nJo,{NEW},Europe/London,1\n"
    report = import_people(db, read_people(text.encode()), source="crm", actor=by, now=NOW)
    if report.errors:
        raise Forbidden(report.errors[0].detail)
    return report


WAYS = pytest.mark.parametrize("change", [patched, upserted, imported])


def jo(db: DbSession, **fields: Any) -> str:
    who = a_person(db, "Jo", email=OLD, **fields).id
    identify(db, "person", who, [("crm", "1")])
    return who


@WAYS
@pytest.mark.parametrize("role", [one for one in Role if one not in (Role.REP, Role.INTEGRATION)])
def test_an_integration_moves_the_address_of_nobody_who_has_a_role_and_says_who_does(
    db: DbSession, change: Change, role: Role
) -> None:
    a_person(db, "Ada", role=Role.ADMIN)
    who = jo(db, role=role)

    with pytest.raises(Forbidden) as refused:
        change(db, who, CRM)

    assert "admin" in refused.value.detail
    assert db.execute(select(person.c.email).where(person.c.id == who)).scalar_one() == OLD


@WAYS
@pytest.mark.parametrize("by", [CRM, SYSTEM], ids=["an integration", "an admin"])
def test_another_address_ends_links_and_sessions_and_the_audit_has_both(
    db: DbSession, change: Change, by: Actor
) -> None:
    who = jo(db)
    inside = redeem_sign_in_link(db, secret=create_sign_in_link(db, person_id=who, actor=SYSTEM, now=NOW), now=NOW)
    unused = create_sign_in_link(db, person_id=who, actor=SYSTEM, now=NOW)

    change(db, who, by)

    assert browser_in_use(db, inside, now=NOW) is None
    with pytest.raises(LinkUsed):
        redeem_sign_in_link(db, secret=unused, now=NOW)
    noted = select(event_detail.c.detail).join(event, event.c.id == event_detail.c.event_id)
    detail = db.execute(noted.where(event.c.act == "person.changed", event.c.object_id == who)).scalar_one()
    assert (detail["before"]["email"], detail["after"]["email"]) == (OLD, NEW)


def test_the_same_address_again_signs_nobody_out(db: DbSession) -> None:
    who = jo(db)
    inside = redeem_sign_in_link(db, secret=create_sign_in_link(db, person_id=who, actor=SYSTEM, now=NOW), now=NOW)

    patch_person(db, person_id=who, changes={"email": OLD, "name": "Jo Smith"}, actor=SYSTEM, now=NOW)

    assert browser_in_use(db, inside, now=NOW) is not None
    sign_out_everywhere(db, person_id=who, actor=SYSTEM, now=NOW)
    assert browser_in_use(db, inside, now=NOW) is None


@WAYS
def test_the_old_address_is_told_and_the_new_one_is_not(house: House, change: Change) -> None:
    with transaction(house.engine, writes=True) as db:
        change(db, jo(db), CRM)

    house.work()

    (told,) = to(house, OLD)
    assert subject_of(told) == "Your address in Earshot is another now"
    assert "Saturday 21 November 2026, 09:00 (Europe/London)" in words_of(told, "text/plain")
    assert NEW not in words_of(told, "text/plain")
    assert to(house, NEW) == []


def test_nobody_is_told_who_has_left_or_whose_address_is_erased(house: House) -> None:
    with transaction(house.engine, writes=True) as db:
        left, erased = a_person(db, "Lee", email="lee@earshot.example").id, jo(db)
        db.execute(update(person).where(person.c.id == left).values(status=PersonStatus.LEFT))
        for who in (left, erased):
            patch_person(db, person_id=who, changes={"email": f"new.{who}@earshot.example"}, actor=SYSTEM, now=NOW)
        db.execute(event_detail.delete())

    house.work()

    assert house.mails() == {}
