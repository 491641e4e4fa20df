"""The skills that people can have, over the API."""

from tests.harness import Api
from tests.statements import assert_same_cost

PITCH = {"slug": "demo.pitch", "name": "Demo: pitch"}
AISHA = {"name": "Aisha Bello", "email": "aisha.bello@earshot.example", "time_zone": "America/Phoenix"}


def test_a_skill_is_made_read_renamed_and_deleted(api: Api) -> None:
    made = api.admin.post("/v1/skills", json=PITCH)

    assert made.status_code == 201, made.text
    place = made.headers["location"]
    assert (place, made.json()["group"]) == ("/v1/skills/demo.pitch", "demo")
    assert api.admin.get(place, headers={"If-None-Match": '"v1"'}).status_code == 304

    renamed = api.admin.patch(place, json={"name": "Pitch"}, headers={"If-Match": '"v1"'})
    late = api.admin.patch(place, json={"name": "Late"}, headers={"If-Match": '"v1"'})
    assert (renamed.json()["name"], renamed.headers["etag"]) == ("Pitch", '"v2"')
    assert (late.status_code, late.json()["code"]) == (412, "stale")

    assert api.admin.delete(place, headers={"If-Match": '"v1"'}).status_code == 412
    assert api.admin.delete(place).status_code == 204
    assert api.admin.get(place).status_code == 404


def test_a_slug_is_taken_once(api: Api) -> None:
    taken = api.admin.post("/v1/skills", json={"slug": "craft.listening", "name": "Listening"})

    assert (taken.status_code, taken.json()["code"]) == (409, "slug_taken")


def test_a_skill_that_a_call_type_or_a_person_uses_or_used_stays(api: Api) -> None:
    person = api.admin.post("/v1/people", json=AISHA).json()["id"]
    place = api.admin.post("/v1/skills", json=PITCH).headers["location"]
    skills = f"/v1/people/{person}/skills"

    of_a_type = api.admin.delete("/v1/skills/craft.listening")
    api.admin.put(skills, json={"skills": [{"slug": "demo.pitch", "level": 1, "wants": 0, "teaches": False}]})
    of_a_person = api.admin.delete(place)
    api.admin.put(skills, json={"skills": []})
    of_history = api.admin.delete(place)

    for refused in (of_a_type, of_a_person, of_history):
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use")


def test_skills_come_by_slug_within_their_groups(api: Api) -> None:
    api.admin.post("/v1/skills", json={"slug": "demo", "name": "Demo"})
    api.admin.post("/v1/skills", json={"slug": "demonstration.x", "name": "Another group"})

    def slugs(query: str) -> list[str]:
        return [skill["slug"] for skill in api.admin.get(f"/v1/skills{query}").json()["data"]]

    demo = ["demo", "demo.storytelling", "demo.tailoring", "demo.technical"]
    assert slugs("?group=demo") == demo
    assert slugs("?group=demo&group=account") == ["account.expansion", "account.renewal", *demo]
    assert slugs("?group=dem_") == []
    assert slugs("") == sorted(slugs(""))
    first = api.admin.get("/v1/skills?group=demo&limit=3")
    assert [skill["slug"] for skill in api.admin.get(first.links["next"]["url"]).json()["data"]] == demo[3:]
    assert_same_cost(api, api.admin, "/v1/skills")


def test_a_rep_reads_skills_and_changes_none(api: Api) -> None:
    rep = api.rep(api.admin.post("/v1/people", json=AISHA).json()["id"])

    assert rep.get("/v1/skills/craft.listening").status_code == 200
    for refused in (
        rep.post("/v1/skills", json=PITCH),
        rep.patch("/v1/skills/craft.listening", json={"name": "Mine"}),
        rep.delete("/v1/skills/craft.listening"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_bad_skill_is_refused_without_an_echo(api: Api) -> None:
    canary = "Canary-7f3a"
    for wrong in ({"slug": canary}, {"slug": "a" * 65}, {"slug": "a."}, {"slug": "a\n"}, {"name": ""}, {canary: 1}):
        refused = api.admin.post("/v1/skills", json={**PITCH, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
    assert api.admin.patch("/v1/skills/craft.listening", json={"slug": "x"}).status_code == 422
