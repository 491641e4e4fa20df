"""Accounts over the API, and the calls that follow them."""

from datetime import timedelta

from app.db import transaction
from tests.factories import MONDAY, a_call
from tests.harness import Api
from tests.statements import assert_same_cost

NORTHWIND = {"name": "Northwind", "segment": "mid_market"}
AISHA = {"name": "Aisha Bello", "email": "aisha.bello@earshot.example", "time_zone": "America/Phoenix"}


def test_an_account_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.admin.post("/v1/accounts", json={**NORTHWIND, "external": [{"source": "crm", "id": "1"}]})

    assert made.status_code == 201, made.text
    place, body = made.headers["location"], made.json()
    assert (body["observers_allowed"], body["seat_capacity"]) == (True, None)
    assert api.admin.get(place).json() == body
    assert api.admin.get(place, headers={"If-None-Match": '"v1"'}).status_code == 304

    changed = api.admin.patch(place, json={"segment": None, "seat_capacity": 1}, headers={"If-Match": '"v1"'})
    late = api.admin.patch(place, json={"name": "Late"}, headers={"If-Match": '"v1"'})
    assert (changed.json()["segment"], changed.json()["seat_capacity"]) == (None, 1)
    assert (changed.json()["name"], changed.headers["etag"]) == ("Northwind", '"v2"')
    assert (late.status_code, late.json()["code"]) == (412, "stale")

    assert api.admin.delete(place, headers={"If-Match": '"v1"'}).status_code == 412
    assert api.admin.delete(place).status_code == 204
    assert api.admin.get(place).status_code == 404
    assert api.admin.post("/v1/accounts", json={**NORTHWIND, "external": body["external"]}).status_code == 201


def test_upcoming_calls_offer_what_their_account_now_allows(api: Api) -> None:
    account = api.admin.post("/v1/accounts", json=NORTHWIND).json()["id"]
    with transaction(api.engine, writes=True) as db:
        ahead = a_call(db, account_id=account)
        own = a_call(db, account_id=account, seats=5, starts_at=MONDAY + timedelta(hours=12))

    def seats() -> list[int]:
        return [api.admin.get(f"/v1/calls/{call}").json()["seat_capacity"] for call in (ahead, own)]

    assert seats() == [2, 5]
    api.admin.patch(f"/v1/accounts/{account}", json={"seat_capacity": 1})
    assert seats() == [1, 5]
    api.admin.patch(f"/v1/accounts/{account}", json={"seat_capacity": None})
    assert seats() == [2, 5]
    refused = api.admin.delete(f"/v1/accounts/{account}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")


def test_an_upsert_creates_then_changes_then_leaves_alone(api: Api) -> None:
    place = "/v1/accounts/by-external-id/hubspot:42/a%2Fb"

    created = api.admin.put(place, json={**NORTHWIND, "observers_allowed": False})
    changed = api.admin.put(place, json={"name": "NW", "external_updated_at": "2026-11-21T08:00:00Z"})
    repeated = api.admin.put(place, json={"name": "NW", "external_updated_at": "2026-11-21T08:00:00Z"})
    overtaken = api.admin.put(place, json={"name": "Old", "external_updated_at": "2026-11-21T07:00:00Z"})
    lacking = api.admin.put("/v1/accounts/by-external-id/crm/2", json={"segment": "smb"})

    assert (created.status_code, created.json()["external"]) == (201, [{"source": "hubspot:42", "id": "a/b"}])
    assert (changed.status_code, changed.json()["version"], changed.json()["observers_allowed"]) == (200, 2, False)
    assert repeated.json()["version"] == 2
    assert (overtaken.json()["name"], overtaken.json()["version"]) == ("NW", 2)
    assert (lacking.status_code, lacking.json()["errors"][0]["pointer"]) == (422, "/name")


def test_a_batch_reports_each_item_and_an_atomic_one_changes_nothing_when_one_is_bad(api: Api) -> None:
    good = {"external": {"source": "crm", "id": "1"}, **NORTHWIND}
    bad = {"external": {"source": "crm", "id": "2"}, "name": ""}

    atomic = api.admin.post("/v1/accounts/batch-upsert", json={"items": [good, bad], "atomic": True})
    assert (atomic.status_code, atomic.json()["code"]) == (422, "batch_refused")
    assert api.admin.get("/v1/accounts").json()["data"] == []

    mixed = api.admin.post("/v1/accounts/batch-upsert", json={"items": [good, bad, good]})
    again = api.admin.post("/v1/accounts/batch-upsert", json={"items": [good]})
    assert mixed.status_code == 207
    assert [item["status"] for item in mixed.json()["data"]] == ["created", "error", "unchanged"]
    assert (again.status_code, again.json()["data"][0]["status"]) == (200, "unchanged")
    too_many = api.admin.post("/v1/accounts/batch-upsert", json={"items": [good] * 201})
    assert too_many.status_code == 422


def test_the_same_key_makes_one_account(api: Api) -> None:
    first, second = (api.admin.post("/v1/accounts", json=NORTHWIND, headers={"Idempotency-Key": "k"}) for _ in "ab")

    assert second.content == first.content
    assert len(api.admin.get("/v1/accounts").json()["data"]) == 1


def test_accounts_are_found_by_name_and_segment(api: Api) -> None:
    for name, segment in (("Northwind", "smb"), ("Fabrikam", "enterprise"), ("North_Star", None)):
        api.admin.post("/v1/accounts", json={"name": name, "segment": segment})

    def names(query: str) -> list[str]:
        return [account["name"] for account in api.admin.get(f"/v1/accounts?sort=name{query}").json()["data"]]

    assert names("&q=north") == ["North_Star", "Northwind"]
    assert names("&q=h_s") == ["North_Star"]
    assert names("&segment=smb&segment=enterprise") == ["Fabrikam", "Northwind"]
    assert names("&updated_at_gte=2026-11-22T00:00:00Z") == []
    assert_same_cost(api, api.admin, "/v1/accounts")


def test_a_rep_reads_accounts_and_changes_none(api: Api) -> None:
    place = api.admin.post("/v1/accounts", json=NORTHWIND).headers["location"]
    rep = api.rep(api.admin.post("/v1/people", json=AISHA).json()["id"])

    assert rep.get(place).status_code == 200
    for refused in (
        rep.post("/v1/accounts", json=NORTHWIND),
        rep.patch(place, json={"observers_allowed": True}),
        rep.delete(place),
        rep.put("/v1/accounts/by-external-id/crm/1", json=NORTHWIND),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_bad_account_is_refused_without_an_echo(api: Api) -> None:
    canary = "canary-7F3A"
    for wrong in (
        {"name": ""},
        {"name": None},
        {"segment": canary},
        {"observers_allowed": "true"},
        {"observers_allowed": 1},
        {"observers_allowed": None},
        {"seat_capacity": 51},
        {"seat_capacity": "1"},
        {"external": [{"source": canary + "!", "id": "1"}]},
        {canary: 1},
    ):
        refused = api.admin.post("/v1/accounts", json={**NORTHWIND, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
    assert api.admin.get("/v1/accounts").json()["data"] == []
