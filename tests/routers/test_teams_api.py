"""Teams over the API."""

from concurrent.futures import ThreadPoolExecutor

from tests.harness import Api
from tests.statements import assert_same_cost

WEST = {"name": "Mid-Market West"}
AISHA = {"name": "Aisha Bello", "email": "aisha.bello@earshot.example", "time_zone": "America/Phoenix"}


def test_a_team_is_made_read_renamed_and_deleted(api: Api) -> None:
    made = api.admin.post("/v1/teams", json={**WEST, "external": [{"source": "crm", "id": "7"}]})

    assert made.status_code == 201, made.text
    place, body = made.headers["location"], made.json()
    assert (place, made.headers["etag"]) == (f"/v1/teams/{body['id']}", '"v1"')
    assert body["external"] == [{"source": "crm", "id": "7"}]
    assert api.admin.get(place).json() == body
    assert api.admin.get(place, headers={"If-None-Match": '"v1"'}).status_code == 304

    renamed = api.admin.patch(place, json={"name": "West"}, headers={"If-Match": '"v1"'})
    assert (renamed.json()["name"], renamed.headers["etag"]) == ("West", '"v2"')
    assert api.admin.patch(place, json={"name": "W"}, headers={"If-Match": '"v1"'}).json()["code"] == "stale"
    assert api.admin.delete(place, headers={"If-Match": '"v1"'}).json()["code"] == "stale"

    gone = api.admin.delete(place, headers={"If-Match": '"v2"'})
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.admin.get(place).json()["code"] == "not_found"
    assert api.admin.delete(place).status_code == 404
    again = api.admin.put("/v1/teams/by-external-id/crm/7", json=WEST)
    assert again.status_code == 201


def test_a_team_with_somebody_in_it_stays(api: Api) -> None:
    team = api.admin.post("/v1/teams", json=WEST).json()["id"]
    person = api.admin.post("/v1/people", json={**AISHA, "team_id": team}).headers["location"]

    refused = api.admin.delete(f"/v1/teams/{team}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")

    api.admin.patch(person, json={"team_id": None})
    assert api.admin.delete(f"/v1/teams/{team}").status_code == 204


def test_two_teams_never_have_one_name(api: Api) -> None:
    api.admin.post("/v1/teams", json=WEST)
    east = api.admin.post("/v1/teams", json={"name": "East"}).headers["location"]

    for refused in (
        api.admin.post("/v1/teams", json=WEST),
        api.admin.patch(east, json=WEST),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
    assert api.admin.patch(east, json={"name": "East"}).json()["version"] == 1


def test_of_many_who_make_the_same_team_at_once_one_does(api: Api) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: api.admin.post("/v1/teams", json=WEST), range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"name_taken"}


def test_a_crm_finds_its_team_again_or_names_one_that_was_there(api: Api) -> None:
    known = api.admin.post("/v1/teams", json=WEST).json()["id"]
    place = "/v1/teams/by-external-id/hubspot:42/a%2Fb"

    named = api.admin.put(place, json=WEST)
    renamed = api.admin.put(place, json={"name": "West"})
    repeated = api.admin.put(place, json={"name": "West"})
    lacking = api.admin.put("/v1/teams/by-external-id/hubspot:42/c", json={})

    assert (named.status_code, named.json()["id"], named.json()["version"]) == (200, known, 2)
    assert named.json()["external"] == [{"source": "hubspot:42", "id": "a/b"}]
    assert (renamed.json()["version"], repeated.json()["version"]) == (3, 3)
    assert (lacking.status_code, lacking.json()["errors"][0]["pointer"]) == (422, "/name")


def test_the_same_key_makes_one_team(api: Api) -> None:
    first, second = (api.admin.post("/v1/teams", json=WEST, headers={"Idempotency-Key": "k"}) for _ in "ab")

    assert (first.status_code, second.status_code, second.content) == (201, 201, first.content)
    assert second.headers["idempotency-replayed"] == "true"


def test_teams_are_found_by_a_part_of_their_name_page_by_page(api: Api) -> None:
    for name in ("North", "South", "Northern % lights"):
        api.admin.post("/v1/teams", json={"name": name})

    def names(query: str) -> list[str]:
        return [team["name"] for team in api.admin.get(f"/v1/teams?sort=name{query}").json()["data"]]

    assert names("&q=NORTH") == ["North", "Northern % lights"]
    assert names("&q=%25") == ["Northern % lights"]
    first = api.admin.get("/v1/teams?sort=name&limit=2")
    assert [team["name"] for team in api.admin.get(first.links["next"]["url"]).json()["data"]] == ["South"]
    assert api.admin.get("/v1/teams?colour=red").json()["code"] == "unknown_parameter"
    assert_same_cost(api, api.admin, "/v1/teams")


def test_a_rep_reads_teams_and_changes_none(api: Api) -> None:
    place = api.admin.post("/v1/teams", json=WEST).headers["location"]
    rep = api.rep(api.admin.post("/v1/people", json=AISHA).json()["id"])

    assert rep.get(place).status_code == 200
    assert len(rep.get("/v1/teams").json()["data"]) == 1
    for refused in (
        rep.post("/v1/teams", json={"name": "Mine"}),
        rep.patch(place, json={"name": "Mine"}),
        rep.delete(place),
        rep.put("/v1/teams/by-external-id/crm/1", json={"name": "Mine"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert api.client().get(place).status_code == 401


def test_a_bad_team_is_refused_without_an_echo(api: Api) -> None:
    canary = "canary-7f3a"
    for wrong in ({"name": ""}, {"name": canary * 30}, {"name": None}, {"name": 1}, {canary: 1}, {"external": canary}):
        refused = api.admin.post("/v1/teams", json={**WEST, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
    for place in (f"{canary}!/1", f"{'s' * 65}/1", f"crm/{'i' * 513}"):
        refused = api.admin.put(f"/v1/teams/by-external-id/{place}", json=WEST)
        assert refused.status_code == 422, (place, refused.text)
        assert canary not in refused.text
    assert api.admin.get("/v1/teams").json()["data"] == []
