"""The page behind the links in reminders: looking changes nothing, one click switches a topic off (RFC 8058)."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from pydantic import SecretStr

from app.credentials import seal
from app.models.tables import event, mail_setting, person
from app.queries.mail_settings import unsubscribe_url
from app.rules.reminders import Topic
from app.vocabulary import PersonStatus
from app.web.dependencies import our_own_form
from app.web.pages.mail import our_own_form_or_one_click
from tests.described import routes
from tests.dialling import HOOK
from tests.factories import a_person
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FILLED = {"reminders": "on", "digest": "on", "quiet": "on", "from": "21:00", "to": "06:30"}


@pytest.fixture
def nora(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Nora Quinn", email="nora.quinn@earshot.example", time_zone="America/Phoenix").id


def link(site: Site, person_id: str, topic: Topic = Topic.REMINDERS) -> str:
    """The path that a mail about this topic leads to."""
    url = unsubscribe_url(site.api.settings, person_id, topic)
    assert url.startswith(f"{site.api.settings.public_url}/r/")
    return url.removeprefix(site.api.settings.public_url)


def held(site: Site) -> list[tuple[bool, bool, str | None, str | None, int]]:
    with site.db() as db:
        rows = db.execute(mail_setting.select()).all()
        return [(row.reminders, row.digest, row.quiet_from, row.quiet_to, row.version) for row in rows]


def switched_on(shown: Page) -> set[str]:
    return {box["name"] for box in shown.all("input") if box["type"] == "checkbox" and "checked" in box}


def test_looking_changes_nothing_however_often(site: Site, nora: str) -> None:
    path, scanner = link(site, nora), site.browser()

    for _ in range(3):
        shown = page(scanner, path)
        assert scanner.head(path).status_code == 200
    scanner.get(f"{path}?List-Unsubscribe=One-Click")
    scanner.get(f"{path}?done=saved&reminders=off")

    assert switched_on(shown) == {"reminders", "digest", "quiet"}
    assert [box["value"] for box in shown.all("input") if box["type"] == "time"] == ["20:00", "07:00"]
    assert "n…@earshot.example" in shown.text
    assert "By the clock in Phoenix." in shown.text
    assert "Nora" not in shown.answer.text
    assert "set-cookie" not in shown.answer.headers
    assert held(site) == []


def test_everything_on_the_page_has_a_style(site: Site, nora: str) -> None:
    shown = page(site.browser(), link(site, nora))
    style = site.browser().get(next(a["href"] for a in shown.all("link") if a["rel"] == "stylesheet")).text

    used = {word for _, attrs in shown.elements for word in attrs.get("class", "").split()}

    assert {word for word in used if f".{word}" not in style} == set()


def test_the_same_mail_again_has_the_same_link_and_each_topic_its_own(site: Site, nora: str) -> None:
    with site.db() as db:
        other = a_person(db, "Ola").id

    links = [link(site, who, topic) for who, topic in product((nora, other), Topic)]

    assert links == [link(site, who, topic) for who, topic in product((nora, other), Topic)]
    assert len(set(links)) == 4


@pytest.mark.parametrize("encoding", ["multipart/form-data", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(("topic", "left"), [(Topic.REMINDERS, {"digest"}), (Topic.DIGEST, {"reminders"})])
def test_one_click_of_a_mail_client_switches_that_topic_off_and_twice_is_the_same(
    site: Site, nora: str, topic: Topic, left: set[str], encoding: str
) -> None:
    path, client = link(site, nora, topic), site.api.client()
    sent: dict[str, Any] = {"data": ONE_CLICK}
    if encoding.startswith("multipart"):
        sent = {"files": {name: (None, value) for name, value in ONE_CLICK.items()}}

    first, second = client.post(path, **sent), client.post(path, **sent)

    assert first.request.headers["content-type"].startswith(encoding)
    assert [answer.status_code for answer in (first, second)] == [200, 200], "clients follow no redirect"
    assert switched_on(Page(first)) == switched_on(Page(second)) == left | {"quiet"}
    assert "No more" in Page(first).text
    assert held(site) == [(Topic.REMINDERS.value in left, Topic.DIGEST.value in left, "20:00", "07:00", 1)]
    with site.db() as db:
        told = db.execute(event.select().where(event.c.act == "mail_setting.changed")).all()
    assert [(one.object_id, one.actor, one.version) for one in told] == [(nora, nora, 1)]


def test_the_form_saves_what_was_chosen_and_twice_is_the_same(site: Site, nora: str) -> None:
    path, browser = link(site, nora), site.browser()

    answers = [browser.post(path, data={**FILLED}, headers=OURS) for _ in range(2)]
    shown = page(browser, answers[0].headers["location"])

    assert [answer.status_code for answer in answers] == [303, 303]
    assert "Saved." in shown.text
    assert held(site) == [(True, True, "21:00", "06:30", 1)]
    browser.post(path, data={"from": "21:00", "to": "06:30"}, headers=OURS)
    assert held(site) == [(False, False, None, None, 2)]
    assert switched_on(page(browser, path)) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "09:00", "to": "09:00"},
        {"from": "", "to": "09:00"},
        {"to": "09:00"},
        {"from": "9", "to": "25:00"},
        {"from": '"><script>canary-7f3a</script>', "to": "07:00"},
        {"from": "\u0662\u0660:\u0660\u0660", "to": "\x00"},
    ],
)
def test_quiet_hours_that_are_none_are_refused_with_what_would_work_and_keep_what_was_filled_in(
    site: Site, nora: str, wrong: dict[str, str]
) -> None:
    answer = site.browser().post(link(site, nora), data={"digest": "on", "quiet": "on", **wrong}, headers=OURS)

    shown = Page(answer)
    assert answer.status_code == 422
    assert list(shown.faults()) == []
    assert "Nothing has changed yet." in shown.text
    assert switched_on(shown) == {"digest", "quiet"}
    assert "<script>" not in answer.text
    assert held(site) == []


def spoilt(path: str) -> Iterator[str]:
    """Tokens that nobody gave out, at the place of one that somebody did."""
    start, token, end = path[: len("/r/")], path[len("/r/") : -len("/mail")], "/mail"
    for altered in (
        token[:-1],
        token + "A",
        token + "=",
        token[:5] + ("A" if token[5] != "A" else "B") + token[6:],
        token[:-3] + "AAA",
        token[::-1],
        "0" * 43,
        "é",
        "%FF%FE",
        "x" * 5000,
    ):
        yield start + altered + end


def test_a_link_that_nobody_gave_out_leads_nowhere(site: Site, nora: str) -> None:
    browser, client = site.browser(), site.api.client()

    for path in spoilt(link(site, nora)):
        shown = Page(browser.get(path))
        assert (shown.answer.status_code, "There is nothing here" in shown.text) == (404, True), path
        assert list(shown.faults()) == []
        assert browser.post(path, data=FILLED, headers=OURS).status_code == 404
        assert client.post(path, data=ONE_CLICK).status_code == 404
    assert held(site) == []


def test_a_link_of_another_house_or_for_another_purpose_leads_nowhere(site: Site, nora: str) -> None:
    ours = site.api.settings
    another = ours.model_copy(update={"secret_key": SecretStr("another")})
    sealed = seal(f"digest {nora}".encode(), secret_key=ours.secret_key.get_secret_value(), purpose="cursor")

    for path in (
        link(site, nora),
        f"/r/{sealed}/mail",
        unsubscribe_url(another, nora, Topic.DIGEST)[len(ours.public_url) :],
    ):
        expected = 200 if path == link(site, nora) else 404
        assert site.browser().get(path).status_code == expected


def test_the_link_of_somebody_who_has_left_leads_nowhere(site: Site, nora: str) -> None:
    path = link(site, nora)
    with site.db() as db:
        db.execute(person.update().values(status=PersonStatus.LEFT))

    assert site.browser().get(path).status_code == 404
    assert site.api.client().post(path, data=ONE_CLICK).status_code == 404


FOREIGN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("sent", FOREIGN)
def test_a_form_of_another_site_is_refused_and_the_one_click_of_a_mail_client_is_not(
    site: Site, nora: str, sent: dict[str, str]
) -> None:
    path, browser = link(site, nora), site.browser()

    almost = [{**FILLED}, {}, {"List-Unsubscribe": "one-click"}, {"list-unsubscribe": "One-Click"}]
    forms = [browser.post(path, data=data, headers=sent) for data in almost]
    in_query = browser.post(path, params=ONE_CLICK, headers=sent)
    unchanged = held(site)
    one_click = browser.post(path, data=ONE_CLICK, headers=sent)

    assert [answer.status_code for answer in (*forms, in_query)] == [403] * 5
    assert unchanged == []
    assert one_click.status_code == 200
    assert held(site) == [(False, True, "20:00", "07:00", 1)]


def test_every_other_button_of_every_page_is_guarded_against_other_sites() -> None:
    """What is guarded is read from the routes: a page that forgets it would be found here."""

    def guards(dependant: Dependant) -> set[Any]:
        return {dependant.call}.union(*(guards(one) for one in dependant.dependencies))

    pages = [one for one in routes() if not one.include_in_schema and set(one.methods or ()) - {"GET", "HEAD"}]
    unguarded = {route.path for route in pages if our_own_form not in guards(route.dependant)}

    assert len(pages) >= 5
    assert unguarded == {"/r/{token}/mail", HOOK}
    (exempt,) = (route for route in pages if route.path in unguarded - {HOOK})
    assert our_own_form_or_one_click in guards(exempt.dependant)


def test_no_session_is_needed_and_none_is_looked_at(site: Site, nora: str) -> None:
    with site.db() as db:
        ola = a_person(db, "Ola").id
    signed_in_as_another = site.signed_in(ola)

    signed_in_as_another.post(link(site, nora), data=ONE_CLICK)

    with site.db() as db:
        assert [row.person_id for row in db.execute(mail_setting.select())] == [nora]


A_FILE = b'--x\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n1\r\n--x--'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("multipart/form-data", b"no boundary"),
        (
            "multipart/form-data; boundary=x",
            A_FILE,
        ),
        ("application/json", b'{"List-Unsubscribe": "One-Click"}'),
        ("text/plain", b"List-Unsubscribe=One-Click"),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(5000))),
        ("application/x-www-form-urlencoded", b"\xff\xfe=%ff%00&&&=;"),
    ],
)
def test_what_is_no_form_is_refused_and_changes_nothing(site: Site, nora: str, content_type: str, body: bytes) -> None:
    answer: httpx.Response = site.api.client().post(
        link(site, nora), content=body, headers={"Content-Type": content_type}
    )

    assert 400 <= answer.status_code < 500, answer.text
    assert held(site) == []
