"""People over the API: create, read, change, follow a CRM, list, and every way to be refused."""

from tests.harness import Api

AISHA = {"name": "Aisha Bello", "email": "Aisha.Bello@earshot.example", "time_zone": "America/Phoenix"}


def test_a_created_person_reads_back_with_a_version_and_can_be_read_conditionally(api: Api) -> None:
    made = api.admin.post("/v1/people", json=AISHA)

    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["location"] == f"/v1/people/{body['id']}"
    assert made.headers["etag"] == '"v1"'
    assert body["email"] == "aisha.bello@earshot.example"
    assert body["created_at"] == "2026-11-21T09:00:00Z"

    again = api.admin.get(made.headers["location"])
    assert again.json() == body
    same = api.admin.get(made.headers["location"], headers={"If-None-Match": '"v1"'})
    assert (same.status_code, same.content) == (304, b"")


def test_a_change_based_on_an_old_version_is_refused(api: Api) -> None:
    place = api.admin.post("/v1/people", json=AISHA).headers["location"]
    changed = api.admin.patch(place, json={"name": "Aisha B."}, headers={"If-Match": '"v1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')

    late = api.admin.patch(place, json={"name": "Someone"}, headers={"If-Match": '"v1"'})

    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert api.admin.get(place).json()["name"] == "Aisha B."


def test_the_same_key_gives_the_same_answer_and_one_effect(api: Api) -> None:
    first = api.admin.post("/v1/people", json=AISHA, headers={"Idempotency-Key": "k-1"})
    second = api.admin.post("/v1/people", json=AISHA, headers={"Idempotency-Key": "k-1"})
    other = api.admin.post("/v1/people", json={**AISHA, "name": "B"}, headers={"Idempotency-Key": "k-1"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(api.admin.get("/v1/people").json()["data"]) == 1


def test_a_refused_request_with_a_key_can_be_mended_and_sent_again(api: Api) -> None:
    api.admin.post("/v1/people", json=AISHA)
    refused = api.admin.post("/v1/people", json=AISHA, headers={"Idempotency-Key": "k-2"})
    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")

    other = {**AISHA, "email": "b@earshot.example"}
    mended = api.admin.post("/v1/people", json=other, headers={"Idempotency-Key": "k-2"})

    assert mended.status_code == 201


def test_pages_go_through_everybody_once_and_a_cursor_fits_only_its_list(api: Api) -> None:
    for number in range(7):
        api.admin.post("/v1/people", json={**AISHA, "email": f"p{number}@earshot.example", "name": f"P{6 - number}"})

    seen, url = [], "/v1/people?limit=3&sort=name"
    while True:
        page = api.admin.get(url)
        seen += [person["name"] for person in page.json()["data"]]
        if not page.json()["has_more"]:
            break
        url = page.links["next"]["url"]
    assert seen == [f"P{number}" for number in range(7)]

    cursor = api.admin.get("/v1/people?limit=3").json()["next_cursor"]
    for bad in (f"?cursor={cursor}&q=x", f"?cursor={cursor[:-1]}", "?cursor=x", f"?cursor={cursor}&sort=name"):
        refused = api.admin.get("/v1/people" + bad)
        assert (refused.status_code, refused.json()["code"]) == (400, "cursor_invalid")


def test_an_upsert_creates_then_changes_then_leaves_alone(api: Api) -> None:
    place = "/v1/people/by-external-id/hubspot:42/a%2Fb"

    created = api.admin.put(place, json=AISHA)
    changed = api.admin.put(place, json={"name": "Aisha", "external_updated_at": "2026-11-21T08:00:00Z"})
    repeated = api.admin.put(place, json={"name": "Aisha", "external_updated_at": "2026-11-21T08:00:00Z"})
    overtaken = api.admin.put(place, json={"name": "Old", "external_updated_at": "2026-11-21T07:00:00Z"})

    assert (created.status_code, created.json()["external"]) == (201, [{"source": "hubspot:42", "id": "a/b"}])
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert repeated.json()["version"] == 2
    assert (overtaken.json()["name"], overtaken.json()["version"]) == ("Aisha", 2)


def test_a_batch_reports_each_item_and_an_atomic_one_changes_nothing_when_one_is_bad(api: Api) -> None:
    good = {"external": {"source": "crm", "id": "1"}, **AISHA}
    bad = {"external": {"source": "crm", "id": "2"}, "name": "No address", "time_zone": "Mars/Olympus"}

    atomic = api.admin.post("/v1/people/batch-upsert", json={"items": [good, bad], "atomic": True})
    assert (atomic.status_code, atomic.json()["code"]) == (422, "batch_refused")
    assert api.admin.get("/v1/people").json()["data"] == []

    mixed = api.admin.post("/v1/people/batch-upsert", json={"items": [good, bad, good]})
    assert mixed.status_code == 207
    assert [item["status"] for item in mixed.json()["data"]] == ["created", "error", "unchanged"]


def test_nobody_reports_to_themselves_through_others(api: Api) -> None:
    top = api.admin.post("/v1/people", json=AISHA).json()["id"]
    low = api.admin.post("/v1/people", json={**AISHA, "email": "b@earshot.example", "manager_id": top}).json()["id"]

    circle = api.admin.patch(f"/v1/people/{top}", json={"manager_id": low})
    self_ = api.admin.patch(f"/v1/people/{top}", json={"manager_id": top})

    assert {circle.json()["code"], self_.json()["code"]} == {"manager_cycle"}


def test_a_bad_field_is_named_and_never_echoed(api: Api) -> None:
    canary = "canary-7f3a"
    for wrong in (
        {"time_zone": canary},
        {"email": canary},
        {"name": ""},
        {"started_on": canary},
        {"seat_capacity": True},
        {"seat_capacity": "1"},
        {"grade": 21},
        {"grade": -1},
        {"observe_per_day": 10**30},
        {canary: 1},
        {"team_id": canary},
        {"manager_id": canary},
        {"name": None},
    ):
        refused = api.admin.post("/v1/people", json={**AISHA, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["errors"]
        assert canary not in refused.text
    assert api.admin.get("/v1/people").json()["data"] == []


def test_a_rep_changes_little_about_themselves_and_nothing_about_others(api: Api) -> None:
    me = api.admin.post("/v1/people", json=AISHA).json()["id"]
    other = api.admin.post("/v1/people", json={**AISHA, "email": "b@earshot.example"}).json()["id"]
    rep = api.rep(me)

    assert rep.patch(f"/v1/people/{me}", json={"time_zone": "Asia/Kolkata"}).status_code == 200
    assert rep.patch(f"/v1/people/{me}", json={"role": "admin"}).status_code == 403
    assert api.admin.patch(f"/v1/people/{me}", json={"role": "integration"}).status_code == 422
    assert rep.patch(f"/v1/people/{other}", json={"time_zone": "Asia/Kolkata"}).status_code == 403
    assert rep.post("/v1/people", json={**AISHA, "email": "c@earshot.example"}).status_code == 403
