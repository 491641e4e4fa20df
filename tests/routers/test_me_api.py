"""Who is asking and where they are signed in, over the API."""

import pytest

from app.db import transaction
from app.operations.browser_sessions import Browser
from app.operations.sign_in import create_sign_in_link, redeem_sign_in_link
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW, Api


@pytest.fixture
def ana(api: Api) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, "Ana").id


def signed_in(api: Api, person_id: str, device: str = "Firefox on Linux") -> None:
    with transaction(api.engine, writes=True) as db:
        link = create_sign_in_link(db, person_id=person_id, actor=SYSTEM, now=NOW)
        redeem_sign_in_link(db, secret=link, browser=Browser(device, "198.51.100.7"), now=NOW)


def test_a_key_says_who_it_is(api: Api, ana: str) -> None:
    nobodys, hers = api.admin.get("/v1/me").json(), api.rep(ana).get("/v1/me").json()
    behalf = api.admin.get("/v1/me", headers={"On-Behalf-Of": ana}).json()

    assert (nobodys["role"], nobodys["person_id"], nobodys["scopes"]) == ("admin", None, None)
    assert (hers["role"], hers["person_id"], hers["acts_for_id"]) == ("rep", ana, None)
    assert (behalf["role"], behalf["person_id"], behalf["acts_for_id"]) == ("rep", ana, ana)
    assert behalf["credential_id"] == nobodys["credential_id"]


def test_one_sees_and_ends_ones_own_browser_sessions_alone(api: Api, ana: str) -> None:
    with transaction(api.engine, writes=True) as db:
        ben = a_person(db, "Ben").id
    signed_in(api, ana)
    signed_in(api, ben, "Safari on iPhone")
    hers, his = api.rep(ana), api.rep(ben)

    [shown] = hers.get("/v1/me/browser-sessions").json()["data"]
    stranger = his.delete(f"/v1/me/browser-sessions/{shown['id']}")
    ended = hers.delete(f"/v1/me/browser-sessions/{shown['id']}")
    again = hers.delete(f"/v1/me/browser-sessions/{shown['id']}")

    assert (shown["device"], shown["address"], shown["signed_in_by"]) == ("Firefox on Linux", "198.51.100.7", "link")
    assert (stranger.status_code, ended.status_code, again.status_code) == (404, 204, 404)
    assert hers.get("/v1/me/browser-sessions").json()["data"] == []
    assert len(his.get("/v1/me/browser-sessions").json()["data"]) == 1


def test_an_admin_sees_where_somebody_is_signed_in_and_ends_it_all(api: Api, ana: str) -> None:
    for _ in range(3):
        signed_in(api, ana)
    path = f"/v1/people/{ana}/browser-sessions"

    listed = api.admin.get(path).json()["data"]
    auditor = api.client(api.key(Role.AUDITOR))
    refused = [auditor.get(path).status_code, auditor.delete(path).status_code, api.rep(ana).delete(path).status_code]
    ended = api.admin.delete(path)

    assert len(listed) == 3
    assert refused == [404, 404, 404]
    assert ended.status_code == 204
    assert api.admin.get(path).json()["data"] == []


def test_signing_out_everywhere_says_how_many_there_were(api: Api, ana: str) -> None:
    for _ in range(2):
        signed_in(api, ana)

    answers = [api.rep(ana).post("/v1/me/sign-out-everywhere").json() for _ in range(2)]

    assert answers == [{"ended": 2}, {"ended": 0}]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "me/browser-sessions"), ("DELETE", "me/browser-sessions/web_x"), ("POST", "me/sign-out-everywhere")],
)
def test_how_somebody_signs_in_is_nobody_elses_business(api: Api, ana: str, method: str, path: str) -> None:
    signed_in(api, ana)

    answer = api.admin.request(method, f"/v1/{path}", headers={"On-Behalf-Of": ana})

    assert (answer.status_code, answer.json()["code"]) == (403, "on_behalf")
    assert len(api.rep(ana).get("/v1/me/browser-sessions").json()["data"]) == 1
