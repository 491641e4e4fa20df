"""Links that come by mail: asked for by anybody, the same for everybody, and of use in one browser only."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.models.tables import browser_session, event, job, sign_in_link
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page

NORA = "nora@earshot.example"


@pytest.fixture
def nora(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Nora Quinn", email=NORA).id


def ask(browser: httpx.Client, email: str = NORA) -> httpx.Response:
    return browser.post("/login", data={"email": email}, headers=OURS)


def rows(site: Site, table: Any) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(table)).all())


def test_what_is_answered_is_the_same_for_somebody_and_for_nobody(site: Site, nora: str) -> None:
    known, unknown = site.browser(), site.browser()

    answers = [ask(known), ask(unknown, "nobody@earshot.example")]

    assert [(a.status_code, a.headers["location"], a.content) for a in answers] == [(303, "/login?sent=true", b"")] * 2
    told = [{name: len(value) for name, value in a.headers.items() if name != "x-request-id"} for a in answers]
    assert told[0] == told[1]
    assert page(known, "/login?sent=true").text == page(unknown, "/login?sent=true").text
    assert [(row.kind, row.payload["person_id"]) for row in rows(site, job)] == [
        ("sign_in_mail", nora),
        ("sign_in_mail", None),
    ]


def test_a_link_comes_by_mail_and_signs_in_the_browser_that_asked(site: Site, nora: str) -> None:
    browser = site.browser()
    page(browser, "/login?next=/docs")
    ask(browser)

    [link] = site.mailed_links()
    shown = page(browser, link)
    answer = browser.post(link, headers=OURS)

    assert "Sign in as N… Q…" in shown.text
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
    assert browser.get("/").status_code == 200
    assert "asked" not in browser.cookies
    assert [row.person_id for row in rows(site, browser_session)] == [nora]


def test_no_secret_is_at_rest_before_the_mail_is_sent_and_only_a_digest_after_it(site: Site, nora: str) -> None:
    browser = site.browser()
    ask(browser)
    before = str(rows(site, job)), rows(site, sign_in_link)

    [link] = site.mailed_links()

    secret = link.rpartition("/")[2]
    assert before[1] == []
    assert browser.cookies["asked"] not in before[0]
    with site.db() as db:
        dump = str([list(db.execute(select(table))) for table in (job, sign_in_link, event)])
    assert secret not in dump
    assert browser.cookies["asked"] not in dump


def test_a_link_is_of_no_use_in_another_browser_and_still_works_in_its_own(site: Site, nora: str) -> None:
    asked, thief = site.browser(), site.browser()
    ask(asked)
    ask(thief, "thief@earshot.example")
    [link] = site.mailed_links()

    shown = page(thief, link, status=403)
    refused = [thief.head(link), thief.post(link, headers=OURS), site.browser().post(link, headers=OURS)]

    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert "Send a new one" in shown.text
    assert "Nora" not in shown.answer.text
    assert set(site.refusals()) == {"link_elsewhere"}
    assert rows(site, browser_session) == []
    assert asked.post(link, headers=OURS).status_code == 303


def test_a_used_and_an_expired_link_leave_a_line_each_and_offer_a_new_one(site: Site, nora: str) -> None:
    browser = site.browser()
    ask(browser)
    [used] = site.mailed_links()
    browser.post(used, headers=OURS)
    ask(browser)
    expired = site.mailed_links()[-1]
    site.api.clock.advance(timedelta(minutes=15))

    answers = [browser.post(used, headers=OURS), browser.post(expired, headers=OURS)]

    assert [answer.status_code for answer in answers] == [410, 410]
    assert all("Send a new one" in answer.text for answer in answers)
    assert site.refusals() == ["link_used", "link_used"]
    assert len(rows(site, browser_session)) == 1


def test_two_links_for_the_same_browser_both_work(site: Site, nora: str) -> None:
    browser = site.browser()
    ask(browser)
    ask(browser)

    first, second = site.mailed_links()

    assert browser.get(first).status_code == browser.get(second).status_code == 200


def test_nobody_is_sent_more_than_five_links_in_a_quarter_of_an_hour_whether_they_exist_or_not(
    site: Site, nora: str
) -> None:
    emails = (NORA, "nobody@earshot.example")

    at_once = [[ask(site.browser(), email) for _ in range(4)] for email in emails]
    site.api.clock.advance(timedelta(minutes=7, seconds=30))
    later = [[ask(site.browser(), email) for _ in range(2)] for email in emails]

    assert [[answer.status_code for answer in answers] for answers in at_once] == [[303, 303, 303, 429]] * 2
    assert [answers[-1].headers["retry-after"] for answers in at_once] == ["450", "450"]
    assert [[answer.status_code for answer in answers] for answers in later] == [[303, 429]] * 2
    assert len(rows(site, job)) == 8


def test_one_network_asks_for_twenty_links_in_a_quarter_of_an_hour_at_most(site: Site) -> None:
    def asked(number: int) -> list[int]:
        return [ask(site.browser(), f"nobody{number}.{each}@earshot.example").status_code for each in range(11)]

    at_once = asked(1)
    site.api.clock.advance(timedelta(minutes=15))
    later = asked(2)

    assert at_once == later == [303] * 10 + [429]


@pytest.mark.parametrize("email", ["", "nora", "a@b", f"{'a' * 300}@earshot.example", '"><script>@x.example'])
def test_what_is_no_address_is_asked_for_again(site: Site, email: str) -> None:
    answer = ask(site.browser(), email)

    assert (answer.status_code, "That is not an e-mail address" in answer.text) == (422, True)
    assert "<script>" not in answer.text
    assert rows(site, job) == []


def test_who_has_left_and_who_asked_too_long_ago_is_sent_nothing(site: Site, nora: str) -> None:
    ask(site.browser())
    site.api.clock.advance(timedelta(minutes=16))
    assert site.mailed_links() == []
    ask(site.browser())
    with site.db() as db:
        patch_person(db, person_id=nora, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    assert site.mailed_links() == []
    assert rows(site, sign_in_link) == []
