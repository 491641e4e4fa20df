"""Call types over the API."""

from sqlalchemy import insert

from app.db import transaction
from app.models.tables import call
from tests.harness import NOW, Api
from tests.statements import assert_same_cost

CHECK_IN = {
    "slug": "check_in",
    "name": "Check-in",
    "seat_capacity": 1,
    "keywords": ["Check-In", "quarterly review"],
    "stages": ["customer"],
    "skills": ["craft.listening", "account.renewal"],
}
AISHA = {"name": "Aisha Bello", "email": "aisha.bello@earshot.example", "time_zone": "America/Phoenix"}


def test_a_call_type_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.admin.post("/v1/call-types", json=CHECK_IN)

    assert made.status_code == 201, made.text
    place, body = made.headers["location"], made.json()
    assert (place, made.headers["etag"]) == ("/v1/call-types/check_in", '"v1"')
    assert body["skills"] == ["account.renewal", "craft.listening"]
    assert body["keywords"] == ["check-in", "quarterly review"]
    assert api.admin.get(place).json() == body
    assert api.admin.get(place, headers={"If-None-Match": '"v1"'}).status_code == 304

    skills = api.admin.patch(place, json={"skills": ["demo.technical"]}, headers={"If-Match": '"v1"'})
    same = api.admin.patch(place, json={"skills": ["demo.technical"], "seat_capacity": 1})
    late = api.admin.patch(place, json={"name": "Late"}, headers={"If-Match": '"v1"'})
    assert (skills.json()["skills"], skills.headers["etag"]) == (["demo.technical"], '"v2"')
    assert skills.json()["keywords"] == body["keywords"]
    assert same.json()["version"] == 2
    assert (late.status_code, late.json()["code"]) == (412, "stale")

    assert api.admin.delete(place, headers={"If-Match": '"v1"'}).status_code == 412
    assert api.admin.delete(place).status_code == 204
    assert api.admin.get(place).status_code == 404


def test_a_call_type_that_a_call_is_of_stays(api: Api) -> None:
    host = api.admin.post("/v1/people", json=AISHA).json()["id"]
    times = {"starts_at": NOW, "ends_at": NOW.replace(hour=10), "created_at": NOW, "updated_at": NOW}
    kept = {"id": "call_1", "title": "Demo", "type": "demo", "host_id": host, "seat_capacity": 0, **times}
    defaults = {
        "type_source": "rule",
        "status": "cancelled",
        "language": "en",
        "sensitive": False,
        "colleagues_invited": 0,
    }
    with transaction(api.engine, writes=True) as db:
        db.execute(insert(call).values(**kept, **defaults, seats_taken=0, version=1))

    refused = api.admin.delete("/v1/call-types/demo")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert api.admin.get("/v1/call-types/demo").json()["skills"] != []


def test_a_skill_that_does_not_exist_is_pointed_at_and_nothing_is_changed(api: Api) -> None:
    wrong = {"skills": ["craft.listening", "canary.unknown"]}

    for refused in (
        api.admin.post("/v1/call-types", json={**CHECK_IN, **wrong}),
        api.admin.patch("/v1/call-types/demo", json={"name": "D", **wrong}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")
        assert refused.json()["errors"][0]["pointer"] == "/skills/1"
        assert "canary" not in refused.text
    assert api.admin.get("/v1/call-types/check_in").status_code == 404
    assert api.admin.get("/v1/call-types/demo").json()["version"] == 1


def test_call_types_come_by_slug_with_their_skills_at_one_cost(api: Api) -> None:
    listed = api.admin.get("/v1/call-types").json()["data"]

    slugs = [kind["slug"] for kind in listed]
    assert slugs == ["demo", "discovery", "negotiation", "other", "renewal", "technical"]
    assert listed[3]["skills"] == ["craft.listening"]
    assert api.admin.post("/v1/call-types", json={**CHECK_IN, "slug": "demo"}).json()["code"] == "slug_taken"
    assert_same_cost(api, api.admin, "/v1/call-types")


def test_a_rep_reads_call_types_and_changes_none(api: Api) -> None:
    rep = api.rep(api.admin.post("/v1/people", json=AISHA).json()["id"])

    assert rep.get("/v1/call-types/demo").status_code == 200
    for refused in (
        rep.post("/v1/call-types", json=CHECK_IN),
        rep.patch("/v1/call-types/demo", json={"seat_capacity": 50}),
        rep.delete("/v1/call-types/other"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_bad_call_type_is_refused_without_an_echo(api: Api) -> None:
    canary = "canary-7F3A"
    for wrong in (
        {"slug": canary},
        {"seat_capacity": 51},
        {"seat_capacity": -1},
        {"seat_capacity": True},
        {"keywords": [""]},
        {"keywords": ["k" * 65]},
        {"keywords": canary},
        {"stages": [canary]},
        {"skills": [canary]},
        {"skills": None},
        {canary: 1},
    ):
        refused = api.admin.post("/v1/call-types", json={**CHECK_IN, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
