"""Whoever shows what does not let them in gets the right 4xx, changes nothing, and leaves one line in the audit."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import update

from app import credentials, ids
from app.config import Settings
from app.db import make_engine
from app.main import create_app
from app.models.tables import api_key, browser_session
from app.operations.api_keys import rotate_api_key
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.adapters.oidc_peer import OTHER_KEY, Peer, claims, signed
from tests.adapters.oidc_peer import OURS as CLIENT
from tests.adapters.web_server import WebServer
from tests.factories import a_person
from tests.harness import NOW, TEST_VAULT, Api, FakeClock, served, with_prepared_routes
from tests.stored import contents
from tests.web.browsers import OURS, Site

Attempt = Callable[[], httpx.Response]


@dataclass
class Door:
    """A house with a provider, Nora who may come in, and Otto."""

    site: Site
    peer: Peer
    nora: str
    otto: str

    @property
    def api(self) -> Api:
        return self.site.api

    def rows(self) -> dict[str, list[str]]:
        """Everything that is stored, but for the lines about refusals."""
        return contents(self.api.engine, notes=("%.refused",))

    def browser(self) -> httpx.Client:
        """A browser whose pages are read by a machine."""
        client = self.site.browser()
        client.headers["Accept"] = "application/json"
        return client

    def signed_in(self, person_id: str) -> httpx.Client:
        client = self.browser()
        assert client.post(self.site.link(person_id), headers=OURS).status_code == 303
        return client

    def bound_link(self) -> str:
        """A link that Nora's browser asked for."""
        asked = self.browser()
        assert asked.post("/login", data={"email": "nora@earshot.example"}, headers=OURS).status_code == 303
        [link] = self.site.mailed_links()
        return link

    def back(self, browser: httpx.Client, *, key: Any = None, **said: Any) -> str:
        """Set out from this browser, and return where the provider sends it back to with a token that says so, signed
        by its own key or another one.
        """
        asked = parse_qs(urlsplit(browser.get("/login/oidc").headers["location"]).query)
        self.peer.token = signed(claims(self.peer, **{"nonce": asked["nonce"][0], **said}), key=key)
        return f"/login/oidc/callback?code=c0de&state={asked['state'][0]}"

    def key(self, role: Role = Role.ADMIN, person_id: str | None = None, **columns: Any) -> str:
        shown = self.api.key(role, person_id)
        if columns:
            with self.site.db() as db:
                db.execute(update(api_key).where(api_key.c.id == credentials.key_id_of(shown)).values(**columns))
        return shown

    def asks(self, key: str, path: str = "/v1/people", **headers: str) -> Attempt:
        client = self.api.client(key)
        return lambda: client.get(path, headers=headers)


@pytest.fixture
def door(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Iterator[Door]:
    peer = Peer()
    with ExitStack() as stack:
        peer.url = f"http://127.0.0.1:{stack.enter_context(WebServer(peer)).port}"
        settings = Settings(
            dir=tmp_path,
            database_url=sqlite_url,
            secret_key=SecretStr("test"),
            allow_plain_http=True,
            oidc_issuer=peer.url,
            oidc_client_id=CLIENT,
            outbound_allow=(ip_network("127.0.0.0/8"),),
            _env_file=None,
        )
        engine = make_engine(sqlite_url, vault=TEST_VAULT)
        stack.callback(engine.dispose)
        url = stack.enter_context(served(with_prepared_routes(create_app(settings, engine=engine, clock=clock))))
        site = Site(Api(url, engine, clock, settings, stack))
        with site.db() as db:
            nora, otto = a_person(db, "Nora Quinn", email="nora@earshot.example").id, a_person(db, "Otto").id
        yield Door(site, peer, nora, otto)


# --- Keys ---


def made_up(door: Door) -> Attempt:
    return door.asks(credentials.new_api_key(ids.new("key", NOW))[0])


def with_anothers_secret(door: Door) -> Attempt:
    shown, _ = credentials.new_api_key(credentials.key_id_of(door.key()))
    return door.asks(shown)


def expired(door: Door) -> Attempt:
    return door.asks(door.key(expires_at=NOW))


def revoked(door: Door) -> Attempt:
    return door.asks(door.key(revoked_at=NOW))


def rotated_out(door: Door) -> Attempt:
    shown = door.key()
    with door.site.db() as db:
        rotate_api_key(db, key_id=credentials.key_id_of(shown), overlap=timedelta(0), actor=SYSTEM, now=NOW)
    return door.asks(shown)


def of_who_left(door: Door) -> Attempt:
    shown = door.key(Role.REP, door.otto)
    with door.site.db() as db:
        patch_person(db, person_id=door.otto, changes={"status": "left"}, actor=SYSTEM, now=NOW)
    return door.asks(shown)


def reps_for_others(door: Door) -> Attempt:
    return _after_use(door, door.key(Role.REP, door.otto), **{"On-Behalf-Of": door.nora})


def integrations_that_may_not(door: Door) -> Attempt:
    return _after_use(door, door.key(Role.INTEGRATION, scopes=["people:read"]), **{"On-Behalf-Of": door.nora})


def for_an_auditor(door: Door) -> Attempt:
    with door.site.db() as db:
        auditor = a_person(db, "Audrey", role=Role.AUDITOR).id
    return _after_use(door, door.key(), **{"On-Behalf-Of": auditor})


def tampered_cursor(door: Door) -> Attempt:
    cursor = door.api.admin.get("/v1/people?limit=1").json()["next_cursor"]
    return lambda: door.api.admin.get(f"/v1/people?limit=1&cursor={'A' if cursor[0] != 'A' else 'B'}{cursor[1:]}")


def cursor_of_another_list(door: Door) -> Attempt:
    cursor = door.api.admin.get("/v1/people?limit=1").json()["next_cursor"]
    return lambda: door.api.admin.get(f"/v1/api-keys?limit=1&cursor={cursor}")


def _after_use(door: Door, key: str, **headers: str) -> Attempt:
    """Ask with a key whose use was noted this minute."""
    assert door.asks(key)().status_code == 200
    return door.asks(key, **headers)


# --- Links and browsers ---


def link_made_up(door: Door) -> Attempt:
    return lambda: door.browser().post(f"/login/t/{ids.secret()}", headers=OURS)


def link_used(door: Door) -> Attempt:
    path = door.site.link(door.nora)
    door.browser().post(path, headers=OURS)
    return lambda: door.browser().post(path, headers=OURS)


def link_used_looked_at(door: Door) -> Attempt:
    path = door.site.link(door.nora)
    door.browser().post(path, headers=OURS)
    return lambda: door.browser().get(path)


def link_expired(door: Door) -> Attempt:
    path = door.site.link(door.nora)
    door.api.clock.advance(timedelta(minutes=15))
    return lambda: door.browser().post(path, headers=OURS)


def link_of_who_left(door: Door) -> Attempt:
    path = door.site.link(door.otto)
    with door.site.db() as db:
        patch_person(db, person_id=door.otto, changes={"status": "left"}, actor=SYSTEM, now=NOW)
    return lambda: door.browser().post(path, headers=OURS)


def link_elsewhere(door: Door) -> Attempt:
    path = door.bound_link()
    return lambda: door.browser().post(path, headers=OURS)


def link_looked_at_elsewhere(door: Door) -> Attempt:
    path = door.bound_link()
    return lambda: door.browser().head(path)


def link_in_a_foreign_form(door: Door) -> Attempt:
    path = door.site.link(door.nora)
    return lambda: door.browser().post(path, headers={"Sec-Fetch-Site": "cross-site"})


def session_that_was_ended(door: Door) -> Attempt:
    browser = door.signed_in(door.nora)
    with door.site.db() as db:
        db.execute(update(browser_session).values(ended_at=NOW))
    return lambda: browser.get("/")


def rep_who_acts_for_others(door: Door) -> Attempt:
    browser = door.signed_in(door.otto)
    return lambda: browser.post(f"/act-for/{door.nora}", headers=OURS)


# --- The provider ---


def came_back_elsewhere(door: Door) -> Attempt:
    back = door.back(door.browser())
    return lambda: door.browser().get(back)


def came_back(altered: Callable[[str], str] = str, **said: Any) -> Callable[[Door], Attempt]:
    """The browser that set out comes back, but to an altered address, or with a token that says something else."""

    def attempt(door: Door) -> Attempt:
        browser = door.browser()
        back = altered(door.back(browser, **said))
        return lambda: browser.get(back)

    return attempt


def too_late(door: Door) -> Attempt:
    browser = door.browser()
    back = door.back(browser)
    door.api.clock.advance(timedelta(minutes=10, seconds=1))
    return lambda: browser.get(back)


def altered_cookie(door: Door) -> Attempt:
    browser = door.browser()
    back = door.back(browser)
    kept = browser.cookies["oidc"]
    altered = kept[:-2] + ("BB" if kept.endswith("AA") else "AA")
    return lambda: door.browser().get(back, headers={"Cookie": f"oidc={altered}"})


def cookie_of_no_key(door: Door) -> Attempt:
    return lambda: door.browser().get(
        "/login/oidc/callback?code=c&state=s", headers={"Cookie": f"oidc=v1.deadbeef.{'A' * 80}"}
    )


def replayed(door: Door) -> Attempt:
    browser = door.browser()
    back = door.back(browser)
    assert browser.get(back).status_code == 303
    return lambda: browser.get(back)


def code_that_is_none(door: Door) -> Attempt:
    browser = door.browser()
    back = door.back(browser)
    door.peer.token_status = 400
    return lambda: browser.get(back)


def identity_of_somebody_else(door: Door) -> Attempt:
    first, browser = door.browser(), door.signed_in(door.otto)
    assert first.get(door.back(first)).status_code == 303
    page = browser.post("/me/security/connect", headers=OURS).text
    place = next(part for part in page.split('"') if part.startswith(door.peer.url)).replace("&amp;", "&")
    asked = parse_qs(urlsplit(place).query)
    door.peer.token = signed(claims(door.peer, nonce=asked["nonce"][0]))
    return lambda: browser.get(f"/login/oidc/callback?code=c0de&state={asked['state'][0]}")


CASES: dict[str, tuple[Callable[[Door], Attempt], int, str]] = {
    "a key that is made up": (made_up, 401, "unauthenticated"),
    "a key with the secret of another": (with_anothers_secret, 401, "unauthenticated"),
    "an expired key": (expired, 401, "unauthenticated"),
    "a revoked key": (revoked, 401, "unauthenticated"),
    "a key that was rotated out": (rotated_out, 401, "unauthenticated"),
    "a key of who left": (of_who_left, 401, "unauthenticated"),
    "a rep on somebody's behalf": (reps_for_others, 403, "cannot_act_for"),
    "an integration on somebody's behalf": (integrations_that_may_not, 403, "cannot_act_for"),
    "an admin on an auditor's behalf": (for_an_auditor, 403, "cannot_act_for"),
    "a tampered cursor": (tampered_cursor, 400, "cursor_invalid"),
    "a cursor of another list": (cursor_of_another_list, 400, "cursor_invalid"),
    "a link that is made up": (link_made_up, 410, "link_used"),
    "a link that was used": (link_used, 410, "link_used"),
    "a link that was used, looked at": (link_used_looked_at, 410, "link_used"),
    "an expired link": (link_expired, 410, "link_used"),
    "a link of who left": (link_of_who_left, 410, "link_used"),
    "a link in another browser": (link_elsewhere, 403, "link_elsewhere"),
    "a link in another browser, looked at": (link_looked_at_elsewhere, 403, "link_elsewhere"),
    "a link in another site's form": (link_in_a_foreign_form, 403, "foreign_form"),
    "a session that was ended": (session_that_was_ended, 401, "signed_out"),
    "a rep who acts for others": (rep_who_acts_for_others, 403, "cannot_act_for"),
    "the provider's answer in another browser": (came_back_elsewhere, 400, "sign_in_interrupted"),
    "the provider's answer with another state": (came_back(lambda back: f"{back}x"), 400, "sign_in_interrupted"),
    "the provider's answer too late": (too_late, 400, "sign_in_interrupted"),
    "the provider's answer with an altered cookie": (altered_cookie, 400, "sign_in_interrupted"),
    "the provider's answer with a forged cookie": (cookie_of_no_key, 400, "sign_in_interrupted"),
    "the provider's answer, replayed": (replayed, 400, "sign_in_interrupted"),
    "turned away by the provider": (
        came_back(lambda back: back.replace("code=c0de", "error=access_denied")),
        403,
        "sign_in_failed",
    ),
    "the answer of another issuer": (
        came_back(lambda back: f"{back}&iss=https%3A%2F%2Fevil.example"),
        403,
        "sign_in_failed",
    ),
    "a code that is none": (code_that_is_none, 403, "sign_in_failed"),
    "a token of another issuer": (came_back(iss="https://evil.example"), 403, "sign_in_failed"),
    "a token for another audience": (came_back(aud="another"), 403, "sign_in_failed"),
    "a token for another sign-in": (came_back(nonce="another"), 403, "sign_in_failed"),
    "a token that is over": (came_back(exp=int(NOW.timestamp()) - 120), 403, "sign_in_failed"),
    "a token of another key": (came_back(key=OTHER_KEY), 403, "sign_in_failed"),
    "an address that nobody verified": (came_back(email_verified=False), 403, "nobody_here"),
    "an address that nobody has here": (came_back(email="eve@earshot.example"), 403, "nobody_here"),
    "an identity of somebody else": (identity_of_somebody_else, 409, "identity_taken"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_gets_the_right_refusal_changes_nothing_and_leaves_one_line(door: Door, case: str) -> None:
    arranged, status, code = CASES[case]
    attempt = arranged(door)
    before, lines = door.rows(), len(door.site.refusals())

    answer = attempt()

    assert answer.status_code == status, answer.text
    assert {name: rows for name, rows in door.rows().items() if rows != before[name]} == {}
    assert door.site.refusals()[lines:] == [code]
    assert answer.request.method == "HEAD" or answer.json()["code"] == code
    assert "sid=" not in answer.headers.get("set-cookie", "")


def scanned(door: Door) -> Attempt:
    path = door.site.link(door.nora)
    door.browser().head(path)
    return lambda: door.browser().get(path)


def no_key(door: Door) -> Attempt:
    return lambda: door.api.client().get("/v1/people")


def mistyped(door: Door) -> Attempt:
    shown = door.key()
    return door.asks(f"{shown[:40]}{'0' if shown[40] != '0' else '1'}{shown[41:]}")


def session_that_is_none(door: Door) -> Attempt:
    return lambda: door.browser().get("/", headers={"Cookie": f"sid={ids.secret()}"})


def session_unused_for_long(door: Door) -> Attempt:
    browser = door.signed_in(door.nora)
    door.api.clock.advance(timedelta(hours=8))
    return lambda: browser.get("/")


def feed_that_is_none(door: Door) -> Attempt:
    return lambda: door.browser().get(f"/feeds/{ids.secret()}.ics")


ACCIDENTS = {
    "a good link that a scanner follows": (scanned, 200),
    "no key": (no_key, 401),
    "a mistyped key": (mistyped, 401),
    "a session that never was": (session_that_is_none, 401),
    "a session that was forgotten": (session_unused_for_long, 401),
    "a calendar that is none": (feed_that_is_none, 404),
}


@pytest.mark.parametrize("case", ACCIDENTS)
def test_what_happens_to_anybody_changes_nothing_and_leaves_no_line(door: Door, case: str) -> None:
    arranged, status = ACCIDENTS[case]
    attempt = arranged(door)
    before = door.rows()

    assert attempt().status_code == status
    assert door.rows() == before
    assert door.site.refusals() == []


def test_who_is_right_is_let_in_by_key_by_link_and_by_the_provider(door: Door) -> None:
    by_provider, by_link = door.browser(), door.signed_in(door.nora)

    assert by_provider.get(door.back(by_provider)).status_code == 303
    assert [browser.get("/").status_code for browser in (by_provider, by_link)] == [200, 200]
    assert door.asks(door.key())().status_code == 200
    assert door.site.refusals() == []
