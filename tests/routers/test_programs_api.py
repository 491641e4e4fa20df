"""Programs, their weights and who is enrolled, over the API."""

from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.schemas.match_runs import RunWeights
from app.schemas.programs import Weights
from tests.harness import Api
from tests.statements import assert_same_cost


def a_rep(api: Api, name: str) -> str:
    body = {"name": name, "email": f"{name}@earshot.example", "time_zone": "Europe/London"}
    made: str = api.admin.post("/v1/people", json=body).json()["id"]
    return made


def the_program(api: Api) -> str:
    found = [program["id"] for program in api.admin.get("/v1/programs").json()["data"] if program["is_default"]]
    return f"/v1/programs/{found[0]}"


def enrolled(api: Api, person_id: str, side: str, capacity: int = 1) -> str:
    body = {"person_id": person_id, "as": side, "capacity": capacity}
    made = api.admin.post(f"{the_program(api)}/enrollments", json=body)
    assert made.status_code == 201, made.text
    place: str = made.headers["location"]
    return place


def test_the_default_program_is_there_with_the_weights_that_ship(api: Api) -> None:
    listed = api.admin.get("/v1/programs").json()["data"]

    assert [(program["is_default"], program["weights"]) for program in listed] == [(True, dict(DEFAULT_WEIGHTS))]
    assert api.admin.get(the_program(api), headers={"If-None-Match": '"v1"'}).status_code == 304
    assert api.admin.get("/v1/programs/prg_none").status_code == 404


def test_a_program_is_made_and_its_weights_are_merged(api: Api) -> None:
    made = api.admin.post("/v1/programs", json={"name": "Ramp", "weights": {"skill": 6000, "fresh": 0}})
    place = made.headers["location"]
    assert made.status_code == 201, made.text
    assert made.json()["weights"] == {**DEFAULT_WEIGHTS, "skill": 6000, "fresh": 0}

    merged = api.admin.patch(place, json={"weights": {"skill": None, "segment": 1}}, headers={"If-Match": '"v1"'})
    same = api.admin.patch(place, json={"weights": {"segment": 1}})
    late = api.admin.patch(place, json={"name": "Late"}, headers={"If-Match": '"v1"'})
    taken = api.admin.patch(place, json={"name": "Call shadowing"})

    assert (merged.json()["weights"], merged.json()["version"]) == ({**DEFAULT_WEIGHTS, "fresh": 0, "segment": 1}, 2)
    assert same.json()["version"] == 2
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    assert api.admin.post("/v1/programs", json={"name": "Ramp"}).json()["code"] == "name_taken"


def test_weights_that_matching_could_not_use_are_refused_without_an_echo(api: Api) -> None:
    canary = "canary-7f3a"
    for weights in (
        {canary: 1},
        {canary: canary},
        {"skill": -1},
        {"skill": 10_001},
        {"skill": 1.0},
        {"skill": True},
        {"skill": canary},
        [canary],
        None,
    ):
        refused = api.admin.patch(the_program(api), json={"weights": weights})

        assert refused.status_code == 422, (weights, refused.text)
        assert refused.json()["errors"][0]["pointer"].startswith("/weights")
        assert canary not in refused.text
    nothing = api.admin.patch(the_program(api), json={"weights": dict.fromkeys(DEFAULT_WEIGHTS, 0)})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "weights_all_zero")
    assert api.admin.get(the_program(api)).json()["version"] == 1


def test_a_run_names_no_criterion_that_the_client_made_up(api: Api) -> None:
    canary = "canary-7f3a"
    for weights in ({canary: 1}, {canary: canary}, {"skill": canary}, {"skill": None}, [canary], None):
        refused = api.admin.post("/v1/match-runs", json={"weights": weights})

        assert refused.status_code == 422, (weights, refused.text)
        assert refused.json()["errors"][0]["pointer"].startswith("/weights")
        assert canary not in refused.text


def test_an_unknown_criterion_is_an_unknown_field_and_the_known_ones_are_those_of_matching(api: Api) -> None:
    for method, place in (("PATCH", the_program(api)), ("POST", "/v1/programs"), ("POST", "/v1/match-runs")):
        body = {"weights": {"charm": 1}} | ({"name": "Ramp"} if place == "/v1/programs" else {})
        (fault,) = api.admin.request(method, place, json=body).json()["errors"]

        assert (fault["pointer"], fault["code"]) == ("/weights", "unknown_field")
    assert Weights.model_fields.keys() == RunWeights.model_fields.keys() == DEFAULT_WEIGHTS.keys()


def test_a_person_is_enrolled_once_on_each_side(api: Api) -> None:
    ada = a_rep(api, "ada")
    place = enrolled(api, ada, "mentor", capacity=3)
    enrolled(api, ada, "mentee")

    again = api.admin.post(f"{the_program(api)}/enrollments", json={"person_id": ada, "as": "mentor", "capacity": 1})
    body = api.admin.get(place).json()

    assert (again.status_code, again.json()["code"]) == (409, "already_enrolled")
    assert again.json()["enrollment_id"] == body["id"]
    assert (body["as"], body["capacity"], body["person_id"]) == ("mentor", 3, ada)
    assert "side" not in body
    sides = [row["as"] for row in api.admin.get(f"{the_program(api)}/enrollments?as=mentee").json()["data"]]
    assert sides == ["mentee"]


def test_enrolling_nobody_or_in_nothing_is_refused(api: Api) -> None:
    canary = "canary-7f3a"
    good = {"person_id": a_rep(api, "ada"), "as": "mentor", "capacity": 1}
    for wrong in (
        {"person_id": canary},
        {"as": canary},
        {"as": None},
        {"side": "mentor"},
        {"capacity": 51},
        {"capacity": -1},
        {"capacity": "1"},
        {canary: 1},
    ):
        refused = api.admin.post(f"{the_program(api)}/enrollments", json={**good, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
    assert api.admin.post("/v1/programs/prg_none/enrollments", json=good).status_code == 404
    assert api.admin.get("/v1/programs/prg_none/enrollments").status_code == 404
    assert api.admin.get(f"{the_program(api)}/enrollments").json()["data"] == []


def test_a_mentor_sets_their_own_capacity_and_sees_only_themselves(api: Api) -> None:
    ada, ben = a_rep(api, "ada"), a_rep(api, "ben")
    mentor, mentee, other = enrolled(api, ada, "mentor"), enrolled(api, ada, "mentee"), enrolled(api, ben, "mentor")
    rep = api.rep(ada)

    out = rep.patch(mentor, json={"capacity": 0}, headers={"If-Match": '"v1"'})
    late = rep.patch(mentor, json={"capacity": 5}, headers={"If-Match": '"v1"'})

    assert (out.status_code, out.json()["capacity"], out.headers["etag"]) == (200, 0, '"v2"')
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert rep.patch(mentee, json={"capacity": 5}).json()["code"] == "forbidden"
    assert rep.delete(mentor).json()["code"] == "forbidden"
    for hidden in (rep.get(other), rep.patch(other, json={"capacity": 5}), rep.delete(other)):
        assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
    assert {row["person_id"] for row in rep.get(f"{the_program(api)}/enrollments").json()["data"]} == {ada}
    assert rep.patch(the_program(api), json={"name": "Mine"}).status_code == 403
    assert rep.post("/v1/programs", json={"name": "Mine"}).status_code == 403
    body = {"person_id": ada, "as": "mentor", "capacity": 9}
    assert rep.post(f"{the_program(api)}/enrollments", json=body).status_code == 403


def test_who_leaves_a_side_leaves_the_matches_on_it_and_no_others(api: Api) -> None:
    ada, ben = a_rep(api, "ada"), a_rep(api, "ben")
    mentor, both = enrolled(api, ada, "mentor"), enrolled(api, ben, "mentor")
    enrolled(api, ben, "mentee")
    match = api.admin.post("/v1/matches", json={"mentor_id": ada, "mentee_id": ben}).headers["location"]

    assert api.admin.delete(both, headers={"If-Match": '"v2"'}).status_code == 412
    assert api.admin.delete(both).status_code == 204
    assert api.admin.get(both).status_code == 404
    assert api.admin.get(match).json()["status"] == "active"
    assert api.admin.delete(mentor).status_code == 204
    ended = api.admin.get(match).json()
    assert (ended["status"], ended["ended_because"]) == ("ended", "left")


def test_lists_cost_the_same_for_one_and_for_three(api: Api) -> None:
    for name in ("ada", "ben", "eve"):
        enrolled(api, a_rep(api, name), "mentee")
        api.admin.post("/v1/programs", json={"name": name})

    assert_same_cost(api, api.admin, "/v1/programs")
    assert_same_cost(api, api.admin, f"{the_program(api)}/enrollments")
    first = api.admin.get(f"{the_program(api)}/enrollments?as=mentee&limit=2")
    assert len(api.admin.get(first.links["next"]["url"]).json()["data"]) == 1
