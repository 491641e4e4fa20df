"""Diallers in a browser: added, read otherwise, paused, given another secret and deleted there."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.tables import dialler_connection
from app.operations.diallers import create_connection, patch_connection
from app.rules.access import SYSTEM
from app.vocabulary import DiallerStatus, Role
from tests.dialling import MAPPING, Dialler, said_of
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

AT = "/connections/diallers"
FORM = {
    "name": "Our dialler",
    "event": "/event",
    "started": "call.answered",
    "ended": "call.ended\r\ncall.hungup\r\n",
    "call": "/data/id",
    "host_email": "/data/user/email",
    "started_at": "/data/answered_at",
    "ended_at": "/data/ended_at",
    "title": "",
    "account": "",
}


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    return a_browser(site, Role.ADMIN)


def a_browser(site: Site, role: Role) -> httpx.Client:
    with site.db() as db:
        person_id = a_person(db, "Ada Weber", role=role).id
    return site.signed_in(person_id)


def a_dialler(site: Site, **said: Any) -> str:
    with site.db() as db:
        made: str = create_connection(db, name="Sales dialler", mapping=MAPPING, actor=SYSTEM, now=NOW).connection.id
        if said:
            db.execute(update(dialler_connection).where(dialler_connection.c.id == made).values(**said))
    return made


def stored(site: Site) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(dialler_connection).order_by(dialler_connection.c.id)))


def press(browser: httpx.Client, dialler_id: str, do: str, **fields: str) -> httpx.Response:
    return browser.post(f"{AT}/{dialler_id}?do={do}", data=fields, headers=OURS)


def value_of(answer: httpx.Response, field: str) -> str:
    return next((attrs["value"] for attrs in Page(answer).all("input") if attrs.get("id") == field), "")


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
def test_nobody_else_finds_the_diallers(site: Site, role: Role) -> None:
    dialler_id, browser = a_dialler(site), a_browser(site, role)

    assert [browser.get(path).status_code for path in (AT, f"{AT}/{dialler_id}")] == [404, 404]
    assert browser.post(AT, data=FORM, headers=OURS).status_code == 404
    assert press(browser, dialler_id, "pause").status_code == 404


def test_an_auditor_sees_how_a_dialler_is_read_and_has_nothing_to_press(site: Site) -> None:
    dialler_id, auditor = a_dialler(site), a_browser(site, Role.AUDITOR)

    shown = [page(auditor, path) for path in (AT, f"{AT}/{dialler_id}", "/connections")]

    assert "/data/answered_at" in shown[1].text
    assert not [form for one in shown for form in one.all("form") if form.get("action", "").startswith("/connections")]
    assert press(auditor, dialler_id, "delete", delete="delete").status_code == 403
    assert auditor.post(AT, data=FORM, headers=OURS).status_code == 403
    assert len(stored(site)) == 1


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"name": " "}, "name", "Say which dialler it is"),
        ({"event": "event"}, "event", "a pointer such as /data/id"),
        ({"call": ""}, "call", "a pointer such as /data/id"),
        ({"started": " \r\n"}, "started", "one in a line"),
        ({"started": "call.ended"}, "ended", "none of those of the start"),
        ({"account": "data~2"}, "account", "Leave it out"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_the_rest_stays(
    site: Site, admin: httpx.Client, changed: dict[str, str], field: str, said: str
) -> None:
    answer = admin.post(AT, data=FORM | changed, headers=OURS)

    shown = Page(answer)
    assert (answer.status_code, list(shown.faults())) == (422, [])
    assert [link["href"] for link in shown.all("a") if link.get("href", "").startswith("#f-")] == [f"#f-{field}"]
    assert said in shown.text
    assert value_of(answer, "f-host_email") == "/data/user/email"
    assert stored(site) == []


def test_the_secret_of_a_new_dialler_is_in_one_answer_with_the_address_and_is_believed(
    site: Site, admin: httpx.Client
) -> None:
    answer = admin.post(AT, data=FORM, headers=OURS)

    (made,) = stored(site)
    secret = value_of(answer, "f-secret")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert value_of(answer, "f-address-once").endswith(f"/hooks/dialler/{made.id}")
    assert secret.startswith("whsec_")
    assert all(secret not in admin.get(path).text for path in (AT, f"{AT}/{made.id}", "/connections"))
    assert (made.mapping["ended"], "title" in made.mapping) == (["call.ended", "call.hungup"], False)


def test_a_rotated_secret_is_believed_from_then_on_and_the_one_before_is_not(site: Site, admin: httpx.Client) -> None:
    dialler = Dialler(site.api)

    untyped = press(admin, dialler.id, "rotate", rotate="yes")
    rotated = press(admin, dialler.id, "rotate", rotate=" Rotate ")

    message = said_of("mara@earshot.example", site.api.clock())
    before = dialler.post(message)
    dialler.secret = value_of(rotated, "f-secret")
    assert (untyped.status_code, "Type rotate here." in untyped.text) == (422, True)
    assert (rotated.status_code, before.status_code, dialler.post(message).status_code) == (200, 401, 202)
    assert dialler.secret not in page(admin, f"{AT}/{dialler.id}").answer.text


def test_it_is_read_otherwise_once_it_is_saved(site: Site, admin: httpx.Client) -> None:
    dialler_id = a_dialler(site)

    answer = press(admin, dialler_id, "change", **FORM | {"call": "/call_id"}, version="1")

    (row,) = stored(site)
    assert answer.headers["location"] == f"{AT}/{dialler_id}?said=change"
    assert (row.name, row.mapping["call"], "account" in row.mapping) == ("Our dialler", "/call_id", False)
    assert "It is read this way from its next message on." in page(admin, answer.headers["location"]).text


def test_who_saves_what_somebody_else_changed_meanwhile_is_told_and_keeps_what_they_typed(
    site: Site, admin: httpx.Client
) -> None:
    dialler_id = a_dialler(site)
    with site.db() as db:
        patch_connection(db, connection_id=dialler_id, changes={"name": "Renamed"}, actor=SYSTEM, now=NOW)

    answer = press(admin, dialler_id, "change", **FORM | {"call": "/call_id"}, version="1")

    assert (answer.status_code, stored(site)[0].name) == (409, "Renamed")
    assert "Somebody changed it meanwhile." in answer.text
    assert value_of(answer, "f-call") == "/call_id"


def test_it_is_paused_resumed_and_deleted_once_the_word_is_typed(site: Site, admin: httpx.Client) -> None:
    dialler_id = a_dialler(site)

    press(admin, dialler_id, "pause")
    paused = stored(site)[0].status
    press(admin, dialler_id, "resume")
    resumed = stored(site)[0].status
    untyped = press(admin, dialler_id, "delete", delete="")
    deleted = press(admin, dialler_id, "delete", delete="delete")

    assert (paused, resumed) == (DiallerStatus.PAUSED, DiallerStatus.ACTIVE)
    assert (untyped.status_code, deleted.headers["location"]) == (422, f"{AT}?said=delete")
    assert stored(site) == []
    page(admin, f"{AT}/{dialler_id}", status=404)


def test_connections_say_how_diallers_do(site: Site, admin: httpx.Client) -> None:
    a_dialler(site, last_heard_at=NOW, last_error="It does not name its call where `call` points to.")
    a_dialler(site, status=DiallerStatus.PAUSED)

    shown = page(admin, "/connections").text

    assert "Not understood It does not name its call where “Its id of the call” points to. 09:00" in shown
    assert "Sales dialler Paused never" in shown


def test_a_long_list_goes_on(site: Site, admin: httpx.Client) -> None:
    made = [a_dialler(site) for _ in range(51)]

    first = page(admin, AT)
    onward = next(link["href"] for link in first.all("a") if link.get("rel") == "next")

    shown = first.answer.text + page(admin, onward).answer.text
    assert [one for one in made if f"{AT}/{one}" not in shown] == []
    assert "See all diallers" in page(admin, "/connections").text
