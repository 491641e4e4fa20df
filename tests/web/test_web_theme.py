"""Light and dark: chosen once in a browser, for every page of it."""

import pytest

from app.web import themes
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page


@pytest.mark.parametrize("came_from", ["https://else.example//x", "//else.example", "javascript:alert(1)", ""])
def test_a_choice_leads_nowhere_else(site: Site, came_from: str) -> None:
    answer = site.browser().post("/me/theme", data={"theme": "dark"}, headers={**OURS, "Referer": came_from})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_what_is_no_theme_is_forgotten(site: Site) -> None:
    browser = site.browser()
    browser.cookies.set("theme", '"><script>')

    shown = page(browser, "/login")
    answer = browser.post("/me/theme", data={"theme": "purple"}, headers=OURS)

    assert "data-theme" not in shown.answer.text
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_another_site_chooses_nothing(site: Site) -> None:
    answer = site.browser().post("/me/theme", data={"theme": "dark"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_of_the_browser_looks_as_chosen(site: Site, theme: str) -> None:
    browser = site.browser()

    answer = browser.post("/me/theme", data={"theme": theme}, headers={**OURS, "Referer": "http://x/docs?a=b"})

    assert answer.headers["location"] == "/docs?a=b"
    for path, status in (("/login", 200), ("/docs", 200), ("/nowhere", 404)):
        [html] = page(browser, path, status=status).all("html")
        assert html["data-theme"] == theme


def test_the_pressed_button_is_the_chosen_theme(site: Site) -> None:
    browser = site.browser()
    browser.cookies.set(themes.COOKIE, "dark")

    [pressed] = [one for one in page(browser, "/docs").all("button") if one.get("aria-pressed") == "true"]

    assert pressed["value"] == "dark"


def test_as_the_system_says_is_no_cookie(site: Site) -> None:
    browser = site.browser()
    browser.post("/me/theme", data={"theme": "dark"}, headers=OURS)

    answer = browser.post("/me/theme", data={"theme": "auto"}, headers=OURS)

    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "data-theme" not in page(browser, "/login").answer.text
