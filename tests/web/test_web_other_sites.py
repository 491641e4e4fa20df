"""What other sites can make a browser do in our people's name: nothing. Every route is tried: those that change
something, and those that only read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Column

from app.models.tables import api_key, browser_session, calendar_entry, feed
from tests.access_world import World, an_sqlite_world
from tests.described import routes
from tests.dialling import HOOK
from tests.stored import contents
from tests.web.browsers import OURS

OTHER_SITES: dict[str, dict[str, str]] = {
    "cross-site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "same-site": {"Sec-Fetch-Site": "same-site", "Origin": "https://other.earshot.example"},
    "from nowhere": {"Sec-Fetch-Site": "none"},
    "cross-site, which lies about its origin": {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
    "an old browser, another origin": {"Origin": "https://evil.example"},
    "an old browser, another scheme": {"Origin": "https://127.0.0.1:8000"},
    "an old browser, another port": {"Origin": "http://127.0.0.1:8001"},
    "an old browser, no origin": {"Origin": "null"},
    "no word of where from": {},
    "a referer alone": {"Referer": "http://127.0.0.1:8000/"},
}
READS = ("GET", "HEAD")
ROUTES = [(method, one.path_format, one.include_in_schema) for one in routes() for method in sorted(one.methods or ())]
BUTTONS = [path for method, path, in_api in ROUTES if method not in READS and not in_api and path != HOOK]


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with an_sqlite_world(sqlite_template, tmp_path_factory.mktemp("world")) as made:
        yield made


def a_browser(world: World, of: str) -> httpx.Client:
    """A browser with this cookie that says nothing of where its requests come from."""
    browser = world.api.client()
    if cookie := world.browsers[of].headers.get("Cookie"):
        browser.headers["Cookie"] = cookie
    return browser


def path_of(world: World, template: str) -> str:
    return world.path(template.replace("{feed_secret}", "{secret}"), token="x", digest="x", name="x", group_id="x")


@pytest.mark.parametrize("path", BUTTONS)
def test_no_other_site_presses_a_button(world: World, path: str) -> None:
    before = world.contents()

    for sent in OTHER_SITES.values():
        for of in ("admin", "concerned", "anonymous"):
            answer = a_browser(world, of).post(path_of(world, path), headers=sent)
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_form"), (sent, of)

    assert world.contents() == before
    with world.undone():
        for sent in (OURS, {"Origin": world.api.url}):
            ours = a_browser(world, "concerned").post(path_of(world, path), headers=sent)
            assert "foreign_form" not in ours.text


def test_there_are_buttons_to_try() -> None:
    assert {"/logout", "/calls/{call_id}", "/login", "/act-for/{person_id}"} <= set(BUTTONS)


def test_a_cookie_opens_nothing_of_the_api_to_another_site(world: World) -> None:
    before, browser, nobody = world.contents(), a_browser(world, "admin"), world.api.client()

    for method, template, in_api in ROUTES:
        if in_api and template.startswith("/v1/"):
            path = path_of(world, template)
            without = nobody.request(method, path).status_code
            for site in OTHER_SITES if template in ("/v1/me", "/v1/teams") else ("cross-site", "from nowhere"):
                with_cookie = browser.request(method, path, headers=OTHER_SITES[site])
                assert with_cookie.status_code == without in (401, 404, 422), (method, template, site)

    assert world.contents() == before


@pytest.mark.parametrize("of", ["admin", "concerned"])
def test_one_of_our_pages_asks_the_api_as_who_is_signed_in(world: World, of: str) -> None:
    browser = a_browser(world, of)
    with world.undone():
        for said in (OURS, {"Origin": world.api.url}):
            me = browser.get("/v1/me", headers=said)
            made = browser.post("/v1/teams", json={"name": f"West {said}"}, headers=said)

            assert (me.status_code, me.json()["scopes"]) == (200, None)
            assert me.json()["person_id"] is not None
            assert "ratelimit" in me.headers
            assert "access-control-allow-origin" not in me.headers
            assert made.status_code == (201 if of == "admin" else 403)


def test_beside_a_key_a_cookie_is_not_looked_at(world: World) -> None:
    browser = a_browser(world, "admin")
    ana = dict(world.concerned.headers)["authorization"]

    with_key = browser.get("/v1/me", headers={**OURS, "Authorization": ana})

    assert with_key.json() == world.concerned.get("/v1/me").json()
    for wrong in ("Bearer x", "Basic x", ""):
        assert browser.get("/v1/me", headers={**OURS, "Authorization": wrong}).status_code == 401


def test_a_browser_that_was_signed_out_is_let_into_nothing(world: World) -> None:
    browser = a_browser(world, "concerned")
    with world.undone():
        me = browser.get("/v1/me", headers=OURS).json()["credential_id"]
        assert browser.delete(f"/v1/me/browser-sessions/{me}", headers=OURS).status_code == 204

        assert browser.get("/v1/me", headers=OURS).status_code == 401
    assert browser.get("/v1/me", headers=OURS).status_code == 200
    assert browser.get("/v1/me", headers={**OURS, "Cookie": "sid=nonsense"}).status_code == 401


def test_no_other_site_may_read_an_answer(world: World) -> None:
    """There is no CORS: a preflight is refused, and nothing is ever allowed."""
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}

    for path in ("/v1/people", "/v1/nowhere", "/login", "/feeds/x.ics", "/healthz"):
        answers = [world.admin.options(path, headers=asks), world.admin.get(path, headers=asks)]
        assert answers[0].status_code in (404, 405), path
        assert not any(name.startswith("access-control") for answer in answers for name in answer.headers), path


def test_a_key_opens_no_page(world: World) -> None:
    for method, template, in_api in ROUTES:
        if not in_api and method in READS:
            path = path_of(world, template)
            with_key, without = world.admin.get(path), world.api.client().get(path)
            assert (with_key.status_code, len(with_key.content)) == (without.status_code, len(without.content)), path


def test_who_only_reads_changes_nothing(world: World) -> None:
    """But for what is noted of reading: when a key, a browser, a feed was last used, who read what is private, and an
    entry as it is drawn.
    """
    engine = world.api.engine
    with world.undone():
        before = contents(engine, but=NOTES)
        for method, template, in_api in ROUTES:
            if method in READS:
                path = path_of(world, template)
                keys, browsers = (world.admin, world.concerned), (world.browsers[of] for of in ("admin", "concerned"))
                for client in keys if in_api else browsers:
                    assert client.get(path).status_code < 500
                assert world.admin.head(path).status_code < 500

        assert contents(engine, but=NOTES) == before


NOTES: frozenset[Column[Any]] = frozenset(
    {
        calendar_entry.c.renderer,
        calendar_entry.c.vevent,
        feed.c.last_fetched_at,
        feed.c.last_fetched_by,
        browser_session.c.seen_at,
        api_key.c.last_used_at,
    }
)
