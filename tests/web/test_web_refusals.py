"""Refusals as pages: what happened, what to do next, and a way on that changes nothing."""

import pytest

from tests.factories import a_person
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page


def links(shown: Page) -> list[str]:
    return [attrs["href"] for attrs in shown.all("a")]


def test_what_may_be_another_time_can_be_asked_for_again(site: Site) -> None:
    site.api.clock.at = "broken"  # type: ignore[assignment]

    broken = page(site.browser(), "/login/t/x?a=b", status=500)

    assert links(broken)[0] == "/login/t/x?a=b"


def test_what_is_not_there_is_not_asked_for_again(site: Site) -> None:
    assert links(page(site.browser(), "/nowhere", status=404)) == ["/login"]


def test_who_tries_too_often_reads_how_long_to_wait(site: Site) -> None:
    browser = site.browser()
    for _ in range(40):
        answer = browser.post("/login", data={"email": "a@earshot.example"}, headers=OURS)

    shown = Page(answer)

    assert answer.status_code == 429
    assert list(shown.faults()) == []
    assert "Try again in " in shown.text


@pytest.mark.parametrize(
    ("came_from", "leads"),
    [
        ("/me/security?a=b", ["/me/security?a=b", "/login"]),
        ("//else.example/x", ["/login"]),
        ("/a//b", ["/login"]),
        ("", ["/login"]),
    ],
)
def test_a_refused_press_leads_back_to_its_page_and_nowhere_else(site: Site, came_from: str, leads: list[str]) -> None:
    browser = site.browser()

    answer = browser.post("/nowhere", headers={**OURS, "Referer": came_from and f"http://x{came_from}"})

    assert answer.status_code == 404
    assert links(Page(answer)) == leads


def test_a_refusal_leads_who_is_signed_in_to_the_floor_and_back_to_where_they_were(site: Site) -> None:
    with site.db() as db:
        person_id = a_person(db).id
    browser = site.signed_in(person_id)

    typed = page(browser, "/nowhere", status=404)
    followed = browser.get("/nowhere?a=b", headers={**OURS, "Referer": "http://x/week?d=2026-W43"})
    itself = browser.get("/nowhere?a=b", headers={**OURS, "Referer": "http://x/nowhere"})
    elsewhere = browser.get("/nowhere", headers={"Sec-Fetch-Site": "cross-site", "Referer": "http://x/week"})

    assert links(typed) == ["/"]
    assert "Go to the floor" in typed.text
    assert links(Page(followed)) == ["/week?d=2026-W43", "/"]
    assert [links(Page(one)) for one in (itself, elsewhere)] == [["/"], ["/"]]


def test_another_site_gets_no_way_back(site: Site) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Referer": "https://else.example/login"}

    answer = site.browser().post("/logout", headers=foreign)

    assert answer.status_code == 403
    assert links(Page(answer)) == ["/login"]
