"""Sign in at an OpenID provider, a real one on loopback; come back wrongly in every way; connect and disconnect."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from oidc_provider_mock import User, run_server_in_thread  # type: ignore[import-untyped]
from pydantic import SecretStr
from sqlalchemy import select

from app.adapters.oidc import Provider
from app.config import Settings
from app.db import make_engine
from app.main import create_app
from app.models.tables import browser_session, event, sign_in_identity
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import TEST_VAULT, Api, FakeClock, served, with_prepared_routes
from tests.patience import PATIENCE_SECONDS
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page

# The provider's own; it runs in this process.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")

NORA = "nora@earshot.example"
USERS = (
    User(sub="nora-1", claims={"email": NORA, "email_verified": True}),
    User(sub="nora-2", claims={"email": NORA, "email_verified": True}),
    User(sub="unverified", claims={"email": NORA, "email_verified": False}),
    User(sub="stranger", claims={"email": "stranger@earshot.example", "email_verified": True}),
)


@pytest.fixture(scope="module")
def provider_url() -> Iterator[str]:
    with run_server_in_thread(user_claims=USERS, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path, provider_url: str) -> Settings:
    return Settings(
        dir=tmp_path,
        database_url=sqlite_url,
        secret_key=SecretStr("test"),
        allow_plain_http=True,
        oidc_issuer=provider_url,
        oidc_client_id="earshot",
        oidc_client_secret=SecretStr("hush"),
        oidc_name="Example account",
        outbound_allow=("localhost", ip_network("127.0.0.0/8"), ip_network("::1/128")),
        _env_file=None,
    )


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    monkeypatch.setattr("app.adapters.oidc._SKEW", timedelta(hours=1))  # the provider's clock goes on, ours stands
    engine = make_engine(settings.url, vault=TEST_VAULT)
    clock = FakeClock(datetime.now(UTC))  # the provider's own
    yield with_prepared_routes(create_app(settings, engine=engine, clock=clock))
    engine.dispose()


@pytest.fixture
def site(app: FastAPI, settings: Settings) -> Iterator[Site]:
    house = app.state.house
    with ExitStack() as stack:
        url = stack.enter_context(served(app))
        object.__setattr__(settings, "public_url", url)  # the app holds the same settings
        yield Site(Api(url, house.engine, house.clock, settings, stack))


@pytest.fixture
def nora(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Nora Quinn", email=NORA).id


def there(address: str, sub: str) -> str:
    """Sign in at the provider as this subject, and return where it sends the browser back to."""
    answer = httpx.post(address, data={"sub": sub}, trust_env=False, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def begun(browser: httpx.Client, sub: str) -> str:
    return there(browser.get("/login/oidc").headers["location"], sub)


def connecting(browser: httpx.Client, sub: str) -> str:
    """Set out to connect an account, sign in there as this subject, and return where that leads back to."""
    onward = browser.post("/me/security/connect", headers=OURS)
    place = next(part for part in onward.text.split('"') if "/oauth2/authorize?" in part)
    return there(unescape(place), sub)


def rows(site: Site, table: Any) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(table)).all())


def test_a_verified_address_links_once_and_then_the_subject_counts_alone(site: Site, nora: str) -> None:
    browser = site.browser()
    page_shown = page(browser, "/login").text
    browser.get("/login?next=/docs")

    answer = browser.get(begun(browser, "nora-1"))
    with site.db() as db:
        patch_person(db, person_id=nora, changes={"email": "other@earshot.example"}, actor=SYSTEM, now=site.api.clock())
    again = site.browser()

    assert "Go on with Example account" in page_shown
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
    assert "oidc" not in browser.cookies
    assert again.get(begun(again, "nora-1")).status_code == 303
    assert {(row.person_id, row.signed_in_by) for row in rows(site, browser_session)} == {(nora, "oidc")}
    assert [(row.issuer, row.subject, row.person_id) for row in rows(site, sign_in_identity)] == [
        (site.api.settings.oidc_issuer, "nora-1", nora)
    ]
    assert [row.object_id for row in rows(site, event) if row.act == "person.identity_connected"] == [nora]


@pytest.mark.parametrize("sub", ["unverified", "stranger", "no-mail-at-all"])
def test_nobody_is_let_in_by_an_address_that_is_not_verified_or_not_here(site: Site, nora: str, sub: str) -> None:
    browser = site.browser()

    answer = browser.get(begun(browser, sub))

    assert (answer.status_code, "Ask an admin" in answer.text) == (403, True)
    assert site.refusals() == ["nobody_here"]
    assert (rows(site, browser_session), rows(site, sign_in_identity)) == ([], [])
    assert "oidc" not in browser.cookies


def test_a_second_subject_with_the_same_address_is_not_the_same_person(site: Site, nora: str) -> None:
    browser, other = site.browser(), site.browser()
    browser.get(begun(browser, "nora-1"))

    assert other.get(begun(other, "nora-2")).status_code == 403
    assert len(rows(site, sign_in_identity)) == 1


def test_the_identity_of_somebody_who_left_lets_nobody_in(site: Site, nora: str) -> None:
    browser = site.browser()
    browser.get(begun(browser, "nora-1"))
    with site.db() as db:
        patch_person(db, person_id=nora, changes={"status": "left"}, actor=SYSTEM, now=site.api.clock())

    assert browser.get("/").status_code == 303
    assert browser.get(begun(browser, "nora-1")).status_code == 403


Spoil = Callable[[Site, httpx.Client, str], httpx.Response]


def other_browser(site: Site, _browser: httpx.Client, back: str) -> httpx.Response:
    return site.browser().get(back)


def other_state(_site: Site, browser: httpx.Client, back: str) -> httpx.Response:
    return browser.get(back.replace("state=", "state=x"))


def too_late(site: Site, browser: httpx.Client, back: str) -> httpx.Response:
    site.api.clock.advance(timedelta(minutes=10, seconds=1))
    return browser.get(back)


def altered_cookie(site: Site, browser: httpx.Client, back: str) -> httpx.Response:
    kept = browser.cookies["oidc"]
    altered = kept[:-2] + ("BB" if kept.endswith("AA") else "AA")
    return site.browser().get(back, headers={"Cookie": f"oidc={altered}"})


def replayed(_site: Site, browser: httpx.Client, back: str) -> httpx.Response:
    browser.get("/login/oidc/callback?" + urlsplit(back).query.replace("code=", "code=x"))
    assert "oidc" not in browser.cookies
    return browser.get(back)


@pytest.mark.parametrize("spoil", [other_browser, other_state, too_late, altered_cookie, replayed])
def test_who_comes_back_in_another_way_than_they_set_out_is_not_let_in(site: Site, nora: str, spoil: Spoil) -> None:
    browser = site.browser()

    answer = spoil(site, browser, begun(browser, "nora-1"))

    assert (answer.status_code, "Nothing has happened" in answer.text) == (400, True)
    assert site.refusals()[-1] == "sign_in_interrupted"
    assert (rows(site, browser_session), rows(site, sign_in_identity)) == ([], [])


@pytest.mark.parametrize("told", ["error=access_denied", "code=made-up", "", "code=c&iss=https%3A%2F%2Fevil.example"])
def test_what_the_provider_does_not_vouch_for_is_refused_once_and_for_all(site: Site, nora: str, told: str) -> None:
    browser = site.browser()
    state = parse_qs(urlsplit(browser.get("/login/oidc").headers["location"]).query)["state"][0]

    answer = browser.get(f"/login/oidc/callback?state={state}&{told}")

    assert answer.status_code == 403
    assert site.refusals() == ["sign_in_failed"]
    assert "oidc" not in browser.cookies
    assert rows(site, browser_session) == []


def test_a_code_of_another_sign_in_is_refused(site: Site, nora: str) -> None:
    browser, attacker = site.browser(), site.browser()
    theirs = parse_qs(urlsplit(begun(attacker, "nora-1")).query)["code"][0]
    state = parse_qs(urlsplit(browser.get("/login/oidc").headers["location"]).query)["state"][0]

    answer = browser.get(f"/login/oidc/callback?state={state}&code={theirs}")

    assert answer.status_code == 403
    assert rows(site, browser_session) == []


def test_a_provider_that_is_away_is_said_to_be_away(site: Site, app: FastAPI, nora: str) -> None:
    browser = site.browser()
    back = begun(browser, "nora-1")
    app.state.provider = nobody = Provider(
        issuer="http://127.0.0.1:9", client_id="x", client_secret="", allowed=(ip_network("127.0.0.0/8"),)
    )

    answers = [browser.get("/login/oidc"), browser.get(back)]

    assert nobody.issuer not in "".join(answer.text for answer in answers)
    assert [(answer.status_code, "retry-after" in answer.headers) for answer in answers] == [(503, True)] * 2


def test_a_network_that_fails_all_the_time_is_told_to_wait_and_its_provider_is_left_alone(
    site: Site, app: FastAPI, nora: str
) -> None:
    browser = site.browser()
    back = begun(browser, "nora-1")
    anybody = site.browser()
    failed = [anybody.get("/login/oidc/callback?code=c&state=s").status_code for _ in range(32)]
    provider = app.state.provider
    app.state.provider = Unasked(provider)

    answer = browser.get(back)
    site.api.clock.advance(timedelta(minutes=1))
    app.state.provider = provider
    again = browser.get(begun(browser, "nora-1"))

    assert failed == [400] * 30 + [429] * 2
    assert site.refusals() == ["sign_in_interrupted"] * 30
    assert (answer.status_code, "retry-after" in answer.headers, "oidc" in browser.cookies) == (429, True, False)
    assert again.status_code == 303


def test_an_office_signs_in_at_one_time_from_one_address(site: Site, nora: str) -> None:
    browsers = [site.browser() for _ in range(35)]

    assert {browser.get(begun(browser, "nora-1")).status_code for browser in browsers} == {303}


class Unasked:
    """A provider that must not be asked who somebody is."""

    def __init__(self, there: Provider) -> None:
        self.issuer = there.issuer

    def vouched(self, **_: Any) -> None:
        raise AssertionError("asked")


def test_one_connects_and_disconnects_an_account_while_signed_in(site: Site, nora: str) -> None:
    browser = site.signed_in(nora)

    answer = browser.get(connecting(browser, "stranger"))
    shown = page(browser, "/me/security").text
    other = site.browser()
    let_in = other.get(begun(other, "stranger")).status_code
    browser.post("/me/security/disconnect", headers=OURS)

    assert (answer.status_code, answer.headers["location"]) == (303, "/me/security")
    assert "Connected since" in shown
    assert let_in == 303
    assert rows(site, sign_in_identity) == []
    assert other.get(begun(other, "stranger")).status_code == 403


def test_an_account_that_signs_somebody_else_in_is_not_connected(site: Site, nora: str) -> None:
    with site.db() as db:
        other = a_person(db, "Otto", role=Role.REP).id
    first = site.browser()
    first.get(begun(first, "nora-1"))
    browser = site.signed_in(other)

    answer = browser.get(connecting(browser, "nora-1"))

    assert answer.status_code == 409
    assert [row.person_id for row in rows(site, sign_in_identity)] == [nora]


def test_connecting_that_was_begun_by_one_is_not_ended_by_another(site: Site, nora: str) -> None:
    with site.db() as db:
        other = a_person(db, "Otto").id
    browser = site.signed_in(nora)
    back = connecting(browser, "stranger")
    browser.post(site.link(other), headers=OURS)

    answer = browser.get(back)

    assert answer.status_code == 400
    assert rows(site, sign_in_identity) == []
