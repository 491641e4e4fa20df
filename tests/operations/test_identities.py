"""Whom a provider means by a subject: linked once by a verified address, then for ever by itself; on each engine."""

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import browser_session, sign_in_identity
from app.operations.browser_sessions import Browser
from app.operations.sign_in import (
    IdentityTaken,
    NobodyHere,
    connect_identity,
    disconnect_identities,
    sign_in_with_identity,
)
from app.rules.access import Actor
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW

ISSUER, EMAIL = "https://login.example", "nora@earshot.example"


def comes(db: DbSession, subject: str, email: str | None = None, issuer: str = ISSUER) -> str:
    secret = sign_in_with_identity(db, issuer=issuer, subject=subject, verified_email=email, browser=Browser(), now=NOW)
    assert secret
    query = select(browser_session.c.person_id).order_by(browser_session.c.id.desc())
    return str(db.execute(query).scalars().first())


def test_a_verified_address_links_once_and_the_subject_needs_none_after_that(db: DbSession) -> None:
    nora = a_person(db, "Nora", email=EMAIL)

    assert comes(db, "one", EMAIL) == nora.id
    assert comes(db, "one") == nora.id
    assert comes(db, "one", "somebody.else@earshot.example") == nora.id
    with pytest.raises(NobodyHere):
        comes(db, "two", EMAIL)
    assert comes(db, "two", EMAIL, issuer="https://other.example") == nora.id


@pytest.mark.parametrize("email", [None, "nobody@earshot.example", ""])
def test_without_a_verified_address_of_somebody_here_nobody_is_linked(db: DbSession, email: str | None) -> None:
    a_person(db, "Nora", email=EMAIL)

    with pytest.raises(NobodyHere):
        comes(db, "one", email)

    assert db.execute(select(sign_in_identity)).all() == []


def test_an_account_is_connected_and_disconnected_and_belongs_to_one(db: DbSession) -> None:
    nora, otto = (Actor(f"web_{name}", Role.REP, a_person(db, name).id) for name in ("Nora", "Otto"))
    for _ in range(2):
        connect_identity(db, issuer=ISSUER, subject="one", actor=nora, now=NOW)

    with pytest.raises(IdentityTaken):
        connect_identity(db, issuer=ISSUER, subject="one", actor=otto, now=NOW)
    assert comes(db, "one") == nora.person_id
    for _ in range(2):
        disconnect_identities(db, issuer=ISSUER, actor=nora, now=NOW)
    with pytest.raises(NobodyHere):
        comes(db, "one")
