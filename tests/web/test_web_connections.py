"""How everything outside is: calendars, mail and sign-in; read now, mailed again; seen by who sees the house."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.models.tables import job
from app.operations.connected_calendars import connect_calendar, note_failure
from app.operations.mail_troubles import note_trouble
from app.rules.access import SYSTEM
from app.vocabulary import CalendarKind, CalendarUse, Role
from tests.factories import a_person
from tests.harness import NOW
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page

SECRET = "https://calendar.example/private-4711.ics"


def somebody(site: Site, role: Role) -> httpx.Client:
    with site.db() as db:
        person_id = a_person(db, "Diego Salas", role=role).id
    return site.signed_in(person_id)


def a_calendar(site: Site, name: str = "Work") -> tuple[str, str]:
    """A calendar of Nora's: her id and its."""
    given: dict[str, Any] = {"kind": CalendarKind.ICS, "use": CalendarUse.BUSY, "title_contains": None}
    with site.db() as db:
        nora = a_person(db, "Nora Quinn").id
        made = connect_calendar(
            db,
            person_id=nora,
            url=SECRET,
            name=name,
            username=None,
            password=None,
            allowed=(),
            actor=SYSTEM,
            now=NOW,
            **given,
        )
        return nora, made.id


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
def test_connections_are_shown_to_who_sees_the_house(site: Site, role: Role) -> None:
    browser = somebody(site, role)

    page(browser, "/connections", status=404)
    assert browser.post("/connections?do=clear", headers=OURS).status_code == 404


def test_a_calendar_says_whose_it_is_and_what_is_wrong_but_not_where_it_lies(site: Site) -> None:
    _, calendar_id = a_calendar(site)
    with site.db() as db:
        note_failure(db, calendar_id, "It asks for a password.", lasting=True, retry_at=None, now=NOW)

    shown = page(somebody(site, Role.ADMIN), "/connections")

    assert "Nora Quinn Work, calendar.example" in shown.text
    assert "Can’t be read now It asks for a password." in shown.text
    assert "1 can’t be read now" in shown.text
    assert "4711" not in shown.answer.text


def test_an_admin_has_a_calendar_read_and_an_auditor_does_not(site: Site) -> None:
    person_id, calendar_id = a_calendar(site)
    form = {"person": person_id, "calendar": calendar_id}

    answer = somebody(site, Role.ADMIN).post("/connections?do=read", data=form, headers=OURS)

    assert answer.headers["location"] == "/connections?said=read"
    with site.db() as db:
        assert db.execute(select(func.count()).where(job.c.kind == "calendar_refresh")).scalar_one() == 1
    auditor = somebody(site, Role.AUDITOR)
    assert auditor.post("/connections?do=read", data=form, headers=OURS).status_code == 403
    assert "Read now" not in page(auditor, "/connections").text


def test_mail_goes_to_an_address_again(site: Site) -> None:
    with site.db() as db:
        note_trouble(db, email="nora@x.example", why="No such mailbox.", now=NOW)
    admin = somebody(site, Role.ADMIN)

    assert "nora@x.example No such mailbox." in page(admin, "/connections").text
    for status in (303, 404):
        answer = admin.post("/connections?do=clear", data={"email": "nora@x.example"}, headers=OURS)
        assert answer.status_code == status
    assert "nothing has bounced" in page(admin, "/connections").text


def test_what_is_not_set_says_how_it_is(site: Site) -> None:
    shown = page(somebody(site, Role.ADMIN), "/connections")

    assert "set EARSHOT_SMTP_HOST" in shown.text
    assert "set EARSHOT_OIDC_ISSUER" in shown.text
    assert "Nobody has connected a calendar yet" in shown.text


def test_a_list_takes_as_many_statements_for_one_calendar_as_for_three(site: Site) -> None:
    admin = somebody(site, Role.ADMIN)
    a_calendar(site)
    with counted(site.api.engine) as for_one:
        admin.get("/connections")
    a_calendar(site)
    a_calendar(site)

    with counted(site.api.engine) as for_three:
        admin.get("/connections")

    assert len(for_three) == len(for_one)
