"""Matches, pair rules and preferences over the API."""

from typing import Any

import httpx

from tests.harness import Api
from tests.routers.test_programs_api import a_rep, enrolled, the_program


def two(api: Api) -> tuple[str, str]:
    """A mentee and a mentor with one place."""
    mentee, mentor = a_rep(api, "jo"), a_rep(api, "mara")
    enrolled(api, mentee, "mentee")
    enrolled(api, mentor, "mentor")
    return mentee, mentor


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_match_is_asked_for_approved_felt_and_ended(api: Api) -> None:
    mentee, mentor = two(api)
    jo, mara = api.rep(mentee), api.rep(mentor)

    made = jo.post("/v1/matches", json={"mentor_id": mentor})
    place = made.headers["location"]
    assert (made.status_code, made.json()["status"], made.json()["awaiting"]) == (201, "pending", ["mentor"])
    assert (made.json()["asked_at"], made.json()["expires_at"]) == ("2026-11-21T09:00:00Z", "2026-12-05T09:00:00Z")
    assert refused(mara.post(f"{place}/approve", headers={"If-Match": '"v7"'})) == (412, "stale")

    begun = mara.post(f"{place}/approve")
    assert (begun.json()["status"], begun.json()["expires_at"], begun.headers["etag"]) == ("active", None, '"v2"')
    assert mara.post(f"{place}/pause", headers={"If-Match": '"v2"'}).json()["status"] == "paused"
    assert jo.post(f"{place}/resume").json()["status"] == "active"

    jo.post(f"{place}/fit", json={"answer": "deciding"})
    assert [who.get(place).json()["mentee_fit"] for who in (jo, mara, api.admin)] == ["deciding", None, "deciding"]

    over = jo.post(f"{place}/end")
    assert (over.json()["status"], over.json()["ended_because"]) == ("ended", "by_hand")
    assert refused(mara.post(f"{place}/fit", json={"answer": "good"})) == (409, "match_not_standing")


def test_a_mentor_who_said_no_is_asked_again_not_before_a_month_and_the_refusal_says_when(api: Api) -> None:
    mentee, mentor = two(api)
    jo = api.rep(mentee)
    place = jo.post("/v1/matches", json={"mentor_id": mentor}).headers["location"]
    api.rep(mentor).post(f"{place}/decline")

    again = jo.post("/v1/matches", json={"mentor_id": mentor})

    assert refused(again) == (409, "asked_too_soon")
    assert again.json()["not_before"] == "2026-12-21T09:00:00Z"


def test_asking_tells_nobody_whom_the_other_would_like(api: Api) -> None:
    mentee, mentor = two(api)
    wish = api.admin.put(f"/v1/people/{mentor}/preferences", params={"as": "mentor"}, json={"preferred": [mentee]})
    assert wish.status_code == 200

    made = api.rep(mentee).post("/v1/matches", json={"mentor_id": mentor})
    for_admin = api.admin.get(made.headers["location"]).json()

    assert for_admin["terms"]["affinity"] > 0
    assert for_admin["score"] == sum(for_admin["terms"].values())
    shown = {name: points for name, points in for_admin["terms"].items() if name != "affinity"}
    assert (made.json()["terms"], made.json()["score"]) == (shown, sum(shown.values()))


def test_a_refusal_names_the_constraint(api: Api) -> None:
    mentee, mentor = two(api)
    api.admin.patch(f"/v1/people/{mentor}", json={"time_zone": "Australia/Sydney"})

    answer = api.rep(mentee).post("/v1/matches", json={"mentor_id": mentor})

    assert refused(answer) == (409, "pair_blocked")
    assert answer.json()["constraint"] == "no_shared_hours"


def test_a_body_that_is_no_wish_is_refused_without_an_echo(api: Api) -> None:
    canary = "canary-7f3a"
    mentee, mentor = two(api)
    jo = api.rep(mentee)
    for body in (
        {},
        {"mentor_id": None},
        {"mentor_id": canary},
        {"mentor_id": mentor, canary: 1},
        {"mentor_id": mentor, "program_id": 1},
        {"mentor_id": canary * 10},
    ):
        answer = jo.post("/v1/matches", json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert canary not in answer.text
    place = jo.post("/v1/matches", json={"mentor_id": mentor}).headers["location"]
    for body in ({"as": canary}, {"as": "host"}, {"said_as": "mentor", canary: 1}):
        assert jo.post(f"{place}/approve", json=body).status_code == 422
    for body in ({}, {"answer": canary}, {"answer": None}, {"answer": "good", "as": "admin"}):
        assert jo.post(f"{place}/fit", json=body).status_code == 422


def test_a_published_run_asks_whom_the_program_wants_to_ask(api: Api) -> None:
    mentee, mentor = two(api)

    changed = api.admin.patch(the_program(api), json={"approval": "both", "requests_open": False})
    made = api.admin.post("/v1/matches", json={"mentor_id": mentor, "mentee_id": mentee})

    assert (changed.json()["approval"], changed.json()["requests_open"]) == ("both", False)
    assert made.json()["awaiting"] == ["mentor", "mentee"]
    assert refused(api.admin.post(f"{made.headers['location']}/approve")) == (409, "not_awaited")
    for side in ("mentor", "mentee"):
        said = api.admin.post(f"{made.headers['location']}/approve", json={"as": side})
    assert said.json()["status"] == "active"


def test_constraints_of_a_program_are_merged_and_null_is_as_it_ships(api: Api) -> None:
    ships = {
        "min_shared_minutes_per_week": 120,
        "same_team": "any",
        "max_zone_gap_hours": None,
        "max_grade_gap": None,
        "never_repeat": False,
    }
    place = the_program(api)
    assert api.admin.get(place).json()["constraints"] == ships

    one = api.admin.patch(place, json={"constraints": {"max_grade_gap": 3, "min_shared_minutes_per_week": 0}})
    two_ = api.admin.patch(place, json={"constraints": {"min_shared_minutes_per_week": None, "never_repeat": True}})
    made = api.admin.post("/v1/programs", json={"name": "Ramp", "constraints": {"same_team": "different"}})

    assert one.json()["constraints"] == {**ships, "max_grade_gap": 3, "min_shared_minutes_per_week": 0}
    assert two_.json()["constraints"] == {**ships, "max_grade_gap": 3, "never_repeat": True}
    assert made.json()["constraints"] == {**ships, "same_team": "different"}
    for wrong in (
        {"max_grade_gap": 21},
        {"max_zone_gap_hours": -1},
        {"min_shared_minutes_per_week": 1.5},
        {"same_team": "mine"},
        {"never_repeat": "yes"},
        {"charm": 1},
    ):
        answer = api.admin.patch(place, json={"constraints": wrong})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"][:12]) == (422, "/constraints"), wrong


def test_a_program_says_one_thing_of_a_pair_and_takes_it_back(api: Api) -> None:
    mentee, mentor = two(api)
    other = a_rep(api, "kai")
    enrolled(api, other, "mentor")
    place, pair = f"{the_program(api)}/pair-rules", {"mentee_id": mentee, "mentor_id": mentor}

    made = api.admin.put(place, json={**pair, "kind": "forbidden"})
    again = api.admin.put(place, json={**pair, "kind": "forbidden"})
    turned = api.admin.put(place, json={**pair, "kind": "forced"})
    second = api.admin.put(place, json={"mentee_id": mentee, "mentor_id": other, "kind": "forced"})

    assert made.status_code == 200
    assert made.json() == again.json()
    assert turned.json() == {**made.json(), "kind": "forced"}
    assert (refused(second), second.json()["mentor_id"]) == ((409, "already_forced"), mentor)
    assert api.admin.get(place).json()["data"] == [turned.json()]
    assert api.rep(mentee).get(place).status_code == 404
    assert api.admin.delete(place, params=pair).status_code == 204
    assert api.admin.delete(place, params=pair).status_code == 404
    assert api.admin.get(place).json()["data"] == []


def test_a_rule_is_about_people_on_those_sides_of_the_program(api: Api) -> None:
    mentee, mentor = two(api)
    place = f"{the_program(api)}/pair-rules"

    answer = api.admin.put(place, json={"mentee_id": mentor, "mentor_id": mentee, "kind": "forced"})

    assert refused(answer) == (422, "not_enrolled")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/mentee_id", "/mentor_id"]
    assert api.admin.put(place, json={"mentee_id": mentee, "mentor_id": mentor, "kind": "liked"}).status_code == 422


def test_people_rank_whom_they_would_like_for_each_side(api: Api) -> None:
    mentee, mentor = two(api)
    other = a_rep(api, "kai")
    enrolled(api, other, "mentor")
    jo, place = api.rep(mentee), f"/v1/people/{mentee}/preferences?as=mentee"

    first = jo.put(place, json={"preferred": [other, mentor]})
    version = api.admin.get(f"/v1/people/{mentee}").json()["version"]
    jo.put(place, json={"preferred": [other, mentor]})
    assert first.json()["preferred"] == [other, mentor] == jo.get(place).json()["preferred"]
    assert first.json()["program_id"] == the_program(api).rpartition("/")[2]
    assert api.admin.get(f"/v1/people/{mentee}").json()["version"] == version
    assert jo.put(place, json={"preferred": [mentor]}).json()["preferred"] == [mentor]
    assert api.admin.get(place).json()["preferred"] == [mentor]
    assert api.rep(mentor).get(place).status_code == 404, "nobody whom it names gets to know"
    assert jo.put(place, json={"preferred": []}).json()["preferred"] == []


def test_a_wish_for_somebody_who_is_not_there_is_refused_by_its_place(api: Api) -> None:
    mentee, mentor = two(api)
    jo, place = api.rep(mentee), f"/v1/people/{mentee}/preferences"
    body: dict[str, Any] = {"preferred": [mentor, mentee, "per_none"]}

    absent = jo.put(f"{place}?as=mentee", json=body)
    other_side = jo.put(f"{place}?as=mentor", json={"preferred": []})

    assert refused(absent) == (422, "not_enrolled")
    assert [fault["pointer"] for fault in absent.json()["errors"]] == ["/preferred/1", "/preferred/2"]
    assert (refused(other_side), other_side.json()["errors"][0]["pointer"]) == ((422, "not_enrolled"), "query:as")
    assert jo.put(f"{place}?as=mentee", json={"preferred": [mentor, mentor]}).status_code == 422
    assert jo.put(f"{place}?as=mentee", json={"preferred": [mentor] * 21}).status_code == 422
    assert jo.put(place, json={"preferred": []}).status_code == 422
    assert jo.get(f"{place}?as=mentee&program_id=prg_none").status_code == 404
