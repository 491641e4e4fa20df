"""The first steps of an admin: what is done, what is next, and nobody else's business."""

import pytest

from app import credentials
from app.operations.sign_in import create_sign_in_link, redeem_sign_in_link
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_call, a_person
from tests.web.browsers import Site
from tests.web.page_reader import Page, page


def an_admin(site: Site, **fields: str) -> str:
    with site.db() as db:
        return a_person(db, "Diego Salas", role=Role.ADMIN, **fields).id


def done(shown: Page) -> int:
    return sum(attrs.get("class") == "is-done" for attrs in shown.all("li"))


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER, Role.AUDITOR])
def test_nobody_else_finds_the_first_steps(site: Site, role: Role) -> None:
    with site.db() as db:
        person_id = a_person(db, "Nora Quinn", role=role).id

    shown = page(site.signed_in(person_id), "/setup", status=404)

    assert "/setup" not in shown.answer.text.replace("/setup?", "")


def test_a_new_house_says_what_is_next(site: Site) -> None:
    shown = page(site.signed_in(an_admin(site, time_zone="UTC")), "/setup")

    assert (done(shown), "0 of 6 done" in shown.text) == (0, True)
    assert [one["href"] for one in shown.all("a") if "primary" in one.get("class", "")] == ["/me"]


def test_what_is_there_is_done(site: Site) -> None:
    admin = an_admin(site, time_zone="Europe/Berlin")
    with site.db() as db:
        host = a_person(db, "Mara Okafor")
        a_call(db, host)
        now = site.api.clock()
        secret = create_sign_in_link(
            db, person_id=admin, browser_digest=credentials.digest("asked"), actor=SYSTEM, now=now
        )
        redeem_sign_in_link(db, secret=secret, asked="asked", now=now)

    shown = page(site.signed_in(admin), "/setup")

    assert "4 of 6 done" in shown.text
    assert "1 other works here" in shown.text
    assert "mail arrives" in shown.text


def test_a_link_that_nobody_used_says_nothing_of_mail(site: Site) -> None:
    admin = an_admin(site)
    with site.db() as db:
        create_sign_in_link(
            db, person_id=admin, browser_digest=credentials.digest("x"), actor=SYSTEM, now=site.api.clock()
        )

    assert "EARSHOT_SMTP_HOST" in page(site.signed_in(admin), "/setup").text


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_SMTP_HOST", "127.0.0.1")


@pytest.mark.usefixtures("mail_server")
def test_where_mail_is_set_up_a_link_is_sent_to_whoever_looks(site: Site) -> None:
    admin = an_admin(site, email="diego@earshot.example")

    shown = page(site.signed_in(admin), "/setup")

    assert {"type": "hidden", "name": "email", "value": "diego@earshot.example"} in shown.all("input")
