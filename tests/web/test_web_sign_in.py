"""Sign in by a link, sign out, and the wall against other sites' forms."""

from datetime import datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from app.models.tables import browser_session
from tests.factories import a_person
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page


@pytest.fixture
def nora(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Nora Quinn").id


def _sessions(site: Site) -> int:
    """How many are not over."""
    with site.db() as db:
        return len(db.execute(browser_session.select().where(browser_session.c.ended_at.is_(None))).all())


def _refused(answer: httpx.Response, status: int) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert answer.headers["x-request-id"] in answer.text


def test_looking_at_a_link_changes_nothing_however_often(site: Site, nora: str) -> None:
    path, scanner = site.link(nora), site.browser()

    for _ in range(3):
        shown = page(scanner, path)
        assert scanner.head(path).status_code == 200
        assert "Sign in as N… Q…" in shown.text
        assert "Nora" not in shown.text
    assert (_sessions(site), scanner.cookies.jar._cookies) == (0, {})  # type: ignore[attr-defined]
    answer = site.browser().post(path, headers=OURS)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert _sessions(site) == 1


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(site: Site, nora: str) -> None:
    cookie = site.browser().post(site.link(nora), headers=OURS).headers["set-cookie"]

    name, *flags = cookie.split("; ")
    assert name.startswith("sid=")  # plain HTTP was allowed explicitly
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=604800"} == set(flags)


def test_a_link_works_once_and_in_one_browser(site: Site, nora: str) -> None:
    path, first, second = site.link(nora), site.browser(), site.browser()
    first.post(path, headers=OURS)

    _refused(second.post(path, headers=OURS), 410)
    shown = page(second, path, status=410)

    assert "Send a new one" in shown.text
    assert second.get("/").headers["location"] == "/login"
    assert first.get("/").status_code == 200


def test_a_link_is_over_after_a_quarter_of_an_hour(site: Site, nora: str) -> None:
    path = site.link(nora)

    site.api.clock.advance(timedelta(minutes=15))

    _refused(site.browser().get(path), 410)
    _refused(site.browser().post(path, headers=OURS), 410)


def test_who_guesses_links_is_told_to_wait_and_who_has_a_right_one_is_not(site: Site, nora: str) -> None:
    path, guesser = site.link(nora), site.browser()

    guesses = [guesser.post(f"/login/t/{number:052}", headers=OURS).status_code for number in range(20)]
    guesses += [guesser.get(f"/login/t/{number:052}").status_code for number in range(12)]

    assert guesses == [410] * 30 + [429] * 2
    assert len(site.refusals()) == 30
    assert site.browser().get(path).status_code == 200
    assert site.browser().post(path, headers=OURS).status_code == 303


def test_a_stranger_is_sent_to_the_sign_in_page(site: Site) -> None:
    stranger = site.browser()

    answers = [stranger.get("/"), stranger.get("/", headers={"Cookie": "sid=guess"})]

    assert [(a.status_code, a.headers["location"]) for a in answers] == [(303, "/login")] * 2
    assert "earshot login-link EMAIL" in page(stranger, "/login").text


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_of_another_site_is_refused_and_changes_nothing(site: Site, nora: str, sent: dict[str, str]) -> None:
    path, victim = site.link(nora), site.signed_in(nora)

    _refused(site.browser().post(path, headers=sent), 403)
    _refused(victim.post("/logout", headers=sent), 403)

    assert victim.get("/").status_code == 200
    assert site.browser().post(path, headers={"Origin": site.api.url}).status_code == 303


def test_signing_out_ends_the_session_and_signing_in_again_ends_the_one_before(site: Site, nora: str) -> None:
    browser = site.signed_in(nora)
    old = dict(browser.cookies)
    browser.post(site.link(nora), headers=OURS)
    assert site.browser().get("/", headers={"Cookie": f"sid={old['sid']}"}).status_code == 303
    new = dict(browser.cookies)

    answer = browser.post("/logout", headers=OURS)

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert site.browser().get("/", headers={"Cookie": f"sid={new['sid']}"}).status_code == 303
    assert _sessions(site) == 0


def test_with_tls_the_cookie_belongs_to_this_host_alone(site: Site, nora: str) -> None:
    house = site.api
    object.__setattr__(house.settings, "allow_plain_http", False)  # the app holds the same settings

    cookie = site.browser().post(site.link(nora), headers=OURS).headers["set-cookie"]

    assert cookie.startswith("__Host-sid=")
    assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} < set(cookie.split("; "))
    assert "Domain" not in cookie


def test_a_browser_in_use_is_noted_once_a_minute_and_signed_out_after_eight_idle_hours(site: Site, nora: str) -> None:
    browser, clock = site.signed_in(nora), site.api.clock
    seen = [_seen_at(site)]

    for step in (timedelta(seconds=30), timedelta(seconds=30), timedelta(hours=7), timedelta(hours=7)):
        clock.advance(step)
        assert browser.get("/").status_code == 200
        seen.append(_seen_at(site))
    clock.advance(timedelta(hours=8))

    assert [later > earlier for earlier, later in pairwise(seen)] == [False, True, True, True]
    assert browser.get("/").headers["location"] == "/login"
    assert _seen_at(site) == seen[-1]


def _seen_at(site: Site) -> datetime:
    with site.db() as db:
        found: datetime = db.execute(browser_session.select()).one().seen_at
        return found
