"""What every answer carries, whichever route, method, asker and status; and what none does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from app.routers.edges import MEBIBYTE
from tests.described import routes
from tests.harness import WITHOUT_TLS, Api, served
from tests.patience import PATIENCE_SECONDS

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types frag"
)
ROUTES = [(method, re.sub(r"\{[^}]*\}", "x", one.path)) for one in routes() for method in sorted(one.methods or ())]


def assert_guarded(answer: httpx.Response) -> None:
    said, of = answer.headers, (answer.request.method, answer.request.url.path, answer.status_code)
    is_page = said["content-security-policy"] == PAGE_POLICY
    assert is_page or said["content-security-policy"] == API_POLICY, of
    assert is_page or not said.get("content-type", "").startswith("text/html"), of
    assert said["referrer-policy"] == ("same-origin" if is_page else "no-referrer"), of
    assert said["x-content-type-options"] == "nosniff", of
    assert said["cross-origin-opener-policy"] == "same-origin", of
    assert said["cross-origin-resource-policy"] == "same-origin", of
    assert said.get_list("cache-control") == [said["cache-control"]], of
    if answer.status_code != 404 and "/assets/" in of[1]:
        assert "immutable" in said["cache-control"], of
    else:
        assert re.match("no-store|private, ", said["cache-control"]), of
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", said["x-request-id"]), of
    assert "server" not in said, of
    assert "Traceback" not in answer.text, of


def test_every_route_answers_with_its_guards_whoever_asks(sqlite_api: Api) -> None:
    assert len(ROUTES) > 150
    reader = {"Accept": "text/html,*/*"}

    for client in (sqlite_api.admin, sqlite_api.client()):
        for method, path in ROUTES:
            assert_guarded(client.request(method, path, headers=reader if not path.startswith("/v1/") else {}))


def test_whatever_is_refused_or_sent_has_the_same_guards(sqlite_api: Api) -> None:
    api = sqlite_api.admin
    ana = api.post("/v1/people", json={"name": "Ana", "email": "ana@earshot.example", "time_zone": "UTC"})
    place, browser = ana.headers["location"], sqlite_api.client()
    browser.headers["Accept"] = "text/html"
    login = browser.get("/login")
    style = re.findall(r'/assets/[^"]+', login.text)
    answers = {
        201: ana,
        200: api.get(place),
        304: api.get(place, headers={"If-None-Match": ana.headers["etag"]}),
        400: api.post("/v1/people", content=b"{", headers={"Content-Type": "application/json"}),
        401: sqlite_api.client().get("/v1/people"),
        404: api.get("/nowhere"),
        405: api.delete("/v1/people"),
        406: api.get("/v1/people", headers={"Accept": "image/png"}),
        412: api.patch(place, json={"name": "A"}, headers={"If-Match": '"v9"'}),
        413: api.post("/v1/people", content=bytes(2 * MEBIBYTE)),
        415: api.post("/v1/people", content=b"x"),
        421: api.get("/v1/people", headers={"Host": "evil.example"}),
        422: api.post("/v1/people", json={}),
        303: browser.get("/"),
    }

    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    for answer in (*answers.values(), login, api.head(place), *map(browser.get, style), browser.get("/openapi.json")):
        assert_guarded(answer)
    wide = browser.post("/login", content=bytes(2 * MEBIBYTE))
    for shown in (browser.get("/nowhere"), wide, browser.delete("/login")):
        assert shown.headers["content-type"].startswith("text/html")
        assert_guarded(shown)


def test_who_has_a_tag_asks_each_time_and_what_has_none_is_kept_by_nobody(sqlite_api: Api) -> None:
    body = {"name": "Ana", "email": "ana@earshot.example", "time_zone": "UTC"}
    tagged = sqlite_api.admin.post("/v1/people", json=body)

    listed = sqlite_api.admin.get("/v1/people")

    assert "etag" in tagged.headers
    assert tagged.headers["cache-control"] == "private, no-cache"
    assert listed.headers["cache-control"] == "no-store"


@pytest.fixture
def behind_tls(sqlite_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """A service whose public address is https, with a route that fails."""
    settings = Settings(
        dir=tmp_path,
        database_url=sqlite_url,
        public_url="https://earshot.example",
        secret_key=SecretStr("test"),
        _env_file=None,
    )
    app = create_app(settings)

    def fail() -> NoReturn:
        raise RuntimeError("canary-7f3a")

    app.add_api_route("/v1/fail", fail, response_model=None)
    with (
        served(app) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS, verify=WITHOUT_TLS) as client,
    ):
        client.headers["Host"] = "earshot.example"
        yield client


def test_with_tls_every_answer_says_that_it_stays_so(behind_tls: httpx.Client) -> None:
    for path, status in (("/login", 200), ("/v1/people", 401), ("/nowhere", 404), ("/v1/fail", 500)):
        answer = behind_tls.get(path)
        assert answer.status_code == status
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert "canary" not in answer.text
        assert_guarded(answer)


def test_without_tls_no_answer_says_so(sqlite_api: Api) -> None:
    for path in ("/login", "/v1/people", "/nowhere"):
        assert "strict-transport-security" not in sqlite_api.admin.get(path).headers
