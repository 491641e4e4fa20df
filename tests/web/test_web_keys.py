"""The keys of the house in a browser: made, rotated and revoked there, and shown once."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.credentials import key_id_of
from app.models.tables import api_key
from app.operations.api_keys import create_api_key, patch_api_key
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

SYNC = {"name": "CRM sync", "whose": "program", "days": "90", "calls": "write", "people": "read"}


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    return a_browser(site, Role.ADMIN)


def a_browser(site: Site, role: Role) -> httpx.Client:
    with site.db() as db:
        person_id = a_person(db, "Ada Weber", role=role).id
    return site.signed_in(person_id)


def a_key(site: Site, name: str = "Data warehouse", **fields: Any) -> str:
    made: dict[str, Any] = {"role": Role.INTEGRATION, "person_id": None, "scopes": ["calls:read"], **fields}
    with site.db() as db:
        return create_api_key(db, name=name, **made, actor=SYSTEM, now=NOW)


def stored(site: Site, name: str) -> Any:
    with site.db() as db:
        return db.execute(select(api_key).where(api_key.c.name == name)).one()


def press(browser: httpx.Client, do: str, key: str = "", **fields: str) -> httpx.Response:
    of = f"&key={key_id_of(key)}" if key else ""
    return browser.post(f"/keys?do={do}{of}", data=fields, headers=OURS)


def secret_in(answer: httpx.Response) -> str:
    fields = [attrs for attrs in Page(answer).all("input") if attrs.get("id") == "f-secret"]
    return fields[0]["value"] if fields else ""


def works(site: Site, secret: str) -> bool:
    return site.api.client(secret).get("/v1/calls").status_code == 200


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
def test_nobody_else_finds_the_keys(site: Site, role: Role) -> None:
    browser = a_browser(site, role)

    page(browser, "/keys", status=404)
    assert press(browser, "create", **SYNC).status_code == 404


def test_an_auditor_looks_and_changes_nothing(site: Site) -> None:
    secret = a_key(site)
    browser = a_browser(site, Role.AUDITOR)

    shown = page(browser, f"/keys?key={key_id_of(secret)}")

    assert "Data warehouse" in shown.text
    assert not [form for form in shown.all("form") if form.get("action", "").startswith("/keys")]
    assert press(browser, "revoke", secret, revoke="revoke").status_code == 403
    assert stored(site, "Data warehouse").revoked_at is None


def test_what_a_new_key_holds_is_shown_in_one_answer_that_is_not_kept(site: Site, admin: httpx.Client) -> None:
    answer = press(admin, "create", **SYNC)

    secret = secret_in(answer)
    made = stored(site, "CRM sync")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert works(site, secret)
    assert (made.role, made.scopes) == (Role.INTEGRATION, ["calls:write", "people:read"])
    assert made.expires_at == NOW + timedelta(days=90)
    assert secret not in page(admin, f"/keys?key={made.id}").answer.text


def test_a_key_for_oneself_may_what_one_may(site: Site, admin: httpx.Client) -> None:
    press(admin, "create", name="Mine", whose="me", days="")

    made = stored(site, "Mine")
    assert (made.role, made.scopes, made.expires_at) == (Role.ADMIN, None, None)


def test_a_key_for_somebody_else_is_theirs(site: Site, admin: httpx.Client) -> None:
    with site.db() as db:
        mara = a_person(db, "Mara Okafor", email="mara@earshot.example").id

    press(admin, "create", name="Mara’s", whose="person", email=" Mara@earshot.example ")

    assert stored(site, "Mara’s").person_id == mara


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"calls": "", "people": ""}, "scopes"),
        ({"whose": "person", "email": "nobody@earshot.example"}, "email"),
        ({"whose": "person", "email": "other.admin@earshot.example"}, "email"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_the_rest_stays(
    site: Site, admin: httpx.Client, changed: dict[str, str], field: str
) -> None:
    with site.db() as db:
        a_person(db, "Other Admin", email="other.admin@earshot.example", role=Role.ADMIN)

    answer = press(admin, "create", **SYNC | changed)

    shown = Page(answer)
    assert (answer.status_code, list(shown.faults())) == (422, [])
    assert f"#f-{field}" in [link.get("href") for link in shown.all("a")]
    assert "There is no key yet." in shown.text
    with site.db() as db:
        assert db.execute(select(api_key.c.id).where(api_key.c.role == Role.INTEGRATION)).all() == []


def test_nothing_is_rotated_or_revoked_before_the_word_is_typed(site: Site, admin: httpx.Client) -> None:
    secret = a_key(site)

    answers = [press(admin, "revoke", secret, revoke="yes"), press(admin, "rotate", secret, rotate="")]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert "Type revoke here." in answers[0].text
    assert works(site, secret)


def test_a_rotated_key_holds_something_else_and_the_one_before_works_as_long_as_was_said(
    site: Site, admin: httpx.Client
) -> None:
    before = a_key(site)

    after = secret_in(press(admin, "rotate", before, rotate="Rotate", overlap="1"))

    assert (works(site, before), works(site, after)) == (True, True)
    site.api.clock.advance(timedelta(hours=1))
    assert (works(site, before), works(site, after)) == (False, True)


def test_a_revoked_key_lets_nobody_in_and_leaves_the_list(site: Site, admin: httpx.Client) -> None:
    secret = a_key(site)

    answer = press(admin, "revoke", secret, revoke="revoke")

    assert (answer.status_code, answer.headers["location"]) == (303, "/keys?said=revoked")
    assert not works(site, secret)
    assert "Data warehouse" not in page(admin, "/keys?said=revoked").text
    assert "Data warehouse revoked" in page(admin, "/keys?show=all").text


def test_what_is_revoked_is_not_rotated(site: Site, admin: httpx.Client) -> None:
    secret = a_key(site)
    press(admin, "revoke", secret, revoke="revoke")

    answer = press(admin, "rotate", secret, rotate="rotate")

    assert answer.status_code == 409
    assert "This key is revoked for good." in answer.text


def test_a_key_that_is_not_there_is_not_found(admin: httpx.Client) -> None:
    page(admin, "/keys?key=key_none", status=404)


def test_a_long_list_goes_on_and_keeps_what_it_shows(site: Site, admin: httpx.Client) -> None:
    for number in range(51):
        a_key(site, f"Program {number:02}")

    first = page(admin, "/keys?show=all")
    onward = next(link["href"] for link in first.all("a") if link.get("rel") == "next")

    shown = first.text + page(admin, onward).text
    assert [number for number in range(51) if f"Program {number:02}" not in shown] == []
    assert "show=all" in onward


def a_change(**fields: str) -> dict[str, str]:
    """The form that changes a key, as it stands for a program that reads calls."""
    return {
        "name": "Data warehouse",
        "days": "keep",
        "calls": "read",
        "requests_per_minute": "",
        "version": "1",
    } | fields


def test_a_key_gets_another_name_scopes_rate_and_end_and_holds_what_it_held(site: Site, admin: httpx.Client) -> None:
    secret = a_key(site, expires_at=NOW + timedelta(days=1))

    form = a_change(name="Warehouse", calls="write", seats="read", requests_per_minute="60", days="30")
    answer = press(admin, "change", secret, **form)

    made = stored(site, "Warehouse")
    assert answer.headers["location"] == f"/keys?key={made.id}&said=changed"
    assert (made.scopes, made.requests_per_minute) == (["calls:write", "seats:read"], 60)
    assert made.expires_at == NOW + timedelta(days=30)
    assert works(site, secret)
    assert "The key is changed." in page(admin, answer.headers["location"]).text


def test_what_is_saved_as_it_stands_changes_nothing(site: Site, admin: httpx.Client) -> None:
    secret = a_key(site, expires_at=NOW + timedelta(days=1))
    before = stored(site, "Data warehouse")

    press(admin, "change", secret, **a_change())

    assert stored(site, "Data warehouse") == before


def test_a_key_is_let_into_everything_only_when_that_is_said(site: Site, admin: httpx.Client) -> None:
    with site.db() as db:
        nora = a_person(db, "Nora Quinn").id
    secret = a_key(site, role=Role.REP, person_id=nora)

    nothing = press(admin, "change", secret, **a_change(lets="some", calls=""))
    scopes = stored(site, "Data warehouse").scopes
    press(admin, "change", secret, **a_change(lets="all", calls=""))

    assert (nothing.status_code, "Choose what it is let into." in nothing.text) == (422, True)
    assert (scopes, stored(site, "Data warehouse").scopes) == (["calls:read"], None)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"requests_per_minute": "often"}, "requests_per_minute"),
        ({"requests_per_minute": "0"}, "requests_per_minute"),
        ({"calls": ""}, "scopes"),
        ({"calls": "", "lets": "all"}, "scopes"),
    ],
)
def test_a_change_that_cannot_be_is_said_at_its_field_and_what_was_typed_stays(
    site: Site, admin: httpx.Client, changed: dict[str, str], field: str
) -> None:
    secret = a_key(site)

    answer = press(admin, "change", secret, **a_change(name="Typed", seats="") | changed)

    shown = Page(answer)
    assert (answer.status_code, list(shown.faults())) == (422, [])
    assert [link["href"] for link in shown.all("a") if link.get("href", "").startswith("#f-")] == [f"#f-{field}"]
    assert {"Typed", *changed.values()} & {attrs.get("value") for attrs in shown.all("input")}
    assert stored(site, "Data warehouse").version == 1


def test_who_changes_a_key_that_somebody_changed_meanwhile_is_told(site: Site, admin: httpx.Client) -> None:
    secret = a_key(site)
    with site.db() as db:
        patch_api_key(db, key_id=key_id_of(secret), changes={"requests_per_minute": 5}, actor=SYSTEM, now=NOW)

    answer = press(admin, "change", secret, **a_change(name="Typed"))

    assert (answer.status_code, "Somebody changed it meanwhile." in answer.text) == (409, True)
    assert stored(site, "Data warehouse").requests_per_minute == 5


def test_the_key_of_another_admin_is_not_rotated_and_the_page_says_why(site: Site, admin: httpx.Client) -> None:
    with site.db() as db:
        other = a_person(db, "Other Admin", role=Role.ADMIN).id
    secret = a_key(site, role=Role.ADMIN, person_id=other, scopes=None)

    answer = press(admin, "rotate", secret, rotate="rotate")

    assert (answer.status_code, "Who sees everything makes such keys for themselves" in answer.text) == (409, True)
    assert works(site, secret)
