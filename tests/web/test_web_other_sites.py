"""What other sites can make a browser do in our people's name: nothing. Every route is tried: those that change
something, and those that only read.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select
from sqlmodel import SQLModel

from app.db import transaction
from app.main import ROUTERS
from app.models.tables import event, event_detail
from tests.access_world import World, a_world, undone

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
ROUTES = [
    (method, route.path_format, route.include_in_schema)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
BUTTONS = [path for method, path, in_api in ROUTES if method not in READS and not in_api]


@pytest.fixture(scope="module")
def database_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sites") / "earshot.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def world(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(database_url, tmp_path_factory.mktemp("dir")) as made:
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
def test_no_other_site_presses_a_button(world: World, database_url: str, path: str) -> None:
    before = world.contents()

    for sent in OTHER_SITES.values():
        for of in ("admin", "concerned", "anonymous"):
            answer = a_browser(world, of).post(path_of(world, path), headers=sent)
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_form"), (sent, of)

    assert world.contents() == before
    with undone(database_url):
        for sent in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": world.api.url}):
            ours = a_browser(world, "concerned").post(path_of(world, path), headers=sent)
            assert "foreign_form" not in ours.text


def test_there_are_buttons_to_try() -> None:
    assert {"/logout", "/calls/{call_id}", "/login", "/act-for/{person_id}"} <= set(BUTTONS)


OURS = {"Sec-Fetch-Site": "same-origin"}


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
def test_one_of_our_pages_asks_the_api_as_who_is_signed_in(world: World, database_url: str, of: str) -> None:
    browser = a_browser(world, of)
    with undone(database_url):
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


def test_a_browser_that_was_signed_out_is_let_into_nothing(world: World, database_url: str) -> None:
    browser = a_browser(world, "concerned")
    with undone(database_url):
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


def test_who_only_reads_changes_nothing(world: World, database_url: str) -> None:
    """But for what is noted of reading: when a key, a browser, a feed was last used, who read what is private, and an
    entry as it is drawn.
    """
    with undone(database_url):
        before = _but_for_notes(world)
        for method, template, in_api in ROUTES:
            if method in READS:
                path = path_of(world, template)
                keys, browsers = (world.admin, world.concerned), (world.browsers[of] for of in ("admin", "concerned"))
                for client in keys if in_api else browsers:
                    assert client.get(path).status_code < 500
                assert world.admin.head(path).status_code < 500

        assert _but_for_notes(world) == before


NOTES = {
    "calendar_entry": {"renderer", "vevent"},
    "feed": {"last_fetched_at", "last_fetched_by"},
    "browser_session": {"seen_at", "last_seen_at"},
    "api_key": {"last_used_at"},
}


def _but_for_notes(world: World) -> dict[str, list[str]]:
    queries = {
        table.name: select(*(column for column in table.c if column.name not in NOTES.get(table.name, ())))
        for table in SQLModel.metadata.sorted_tables
        if table is not event_detail
    }
    queries["event"] = select(event).where(event.c.act.not_like("%.refused"), event.c.act.not_like("%.read"))
    with transaction(world.api.engine, writes=False) as db:
        return {name: sorted(repr(tuple(row)) for row in db.execute(query)) for name, query in queries.items()}
