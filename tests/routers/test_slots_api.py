"""When people are free together, over the API."""

from typing import Any

import httpx

from tests.harness import Api
from tests.routers.test_availability_api import a_rep
from tests.statements import counted

WEEK: dict[str, Any] = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-28T00:00:00Z", "duration_minutes": 30}
MONDAY: dict[str, Any] = {**WEEK, "to": "2026-11-24T00:00:00Z", "step_minutes": 30}


def slots(client: httpx.Client, *people: str, **query: Any) -> httpx.Response:
    return client.get("/v1/availability/slots", params={"person_id": list(people), **query})


def starts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [slot["starts_at"][11:16] for slot in answer.json()["slots"]]


def busy(api: Api, person_id: str, *ranges: tuple[str, str]) -> None:
    intervals = [{"starts_at": f"2026-11-{a}Z", "ends_at": f"2026-11-{b}Z"} for a, b in ranges]
    put = api.admin.put(f"/v1/people/{person_id}/busy", json={"source": "outlook", "intervals": intervals})
    assert put.status_code == 200, put.text


def test_questions_that_make_no_sense_are_refused_by_saying_what_would(sqlite_api: Api) -> None:
    canary = "canary-7f3a"
    ada = a_rep(sqlite_api, "ada")
    for wrong, code in (
        ({"to": WEEK["from"]}, "invalid"),
        ({"to": "2026-11-22T00:00:00Z"}, "invalid"),
        ({"to": "2027-02-24T00:00:00Z"}, "invalid"),
        ({"to": "2026-11-23T00:29:00Z"}, "invalid"),
        ({"from": "2026-11-23T00:00:00"}, "invalid"),
        ({"duration_minutes": 4}, "invalid"),
        ({"duration_minutes": 481}, "invalid"),
        ({"duration_minutes": canary}, "invalid"),
        ({"step_minutes": 0}, "invalid"),
        ({"step_minutes": 7}, "invalid"),
        ({"step_minutes": 1441}, "invalid"),
        ({"time_zone": canary}, "invalid"),
        ({"person_id": []}, "invalid"),
        ({"person_id": [ada] * 201}, "invalid"),
        ({"person_id": [ada, canary]}, "unknown_reference"),
        ({canary: 1}, "unknown_parameter"),
    ):
        refused = slots(sqlite_api.admin, ada, **{**WEEK, **wrong})

        assert (refused.status_code, refused.json()["code"]) == (422, code), (wrong, refused.text)
        assert canary not in refused.text
    ranges = {"to": WEEK["from"]}, {"to": "2027-02-24T00:00:00Z"}, {"to": "2026-11-23T00:29:00Z"}
    told = [slots(sqlite_api.admin, ada, **{**WEEK, **wrong}).json()["errors"][0]["code"] for wrong in ranges]
    assert told == ["end_before_start", "range_too_long", "range_too_short"]
    for missing in WEEK:
        rest = {name: value for name, value in WEEK.items() if name != missing}
        assert slots(sqlite_api.admin, ada, **rest).status_code == 422
    seven = slots(sqlite_api.admin, ada, **WEEK, step_minutes=7).json()["errors"]
    assert [(one["pointer"], "15, 20, 30" in one["detail"]) for one in seven] == [("query:step_minutes", True)]


def test_who_left_is_as_unknown_as_who_never_was(api: Api) -> None:
    ada, gone = a_rep(api, "ada"), a_rep(api, "gone")
    left = api.admin.patch(f"/v1/people/{gone}", json={"status": "left"})
    assert left.status_code == 200, left.text

    about_nobody, about_gone = (slots(api.rep(ada), ada, other, **WEEK) for other in ("per_none", gone))
    by_admin = slots(api.admin, ada, gone, **WEEK)

    assert (about_nobody.status_code, about_gone.status_code) == (422, 422)
    assert about_nobody.json()["errors"] == about_gone.json()["errors"]
    assert "number 2" in about_gone.json()["errors"][0]["detail"]
    assert [one["empty_reason"] for one in by_admin.json()["people"]] == ["no_common_time", "not_active"]


def test_nobody_without_a_key_learns_when_anybody_is_free(api: Api) -> None:
    assert slots(api.client(), a_rep(api, "ada"), **WEEK).status_code == 401


def test_colleagues_find_when_they_are_free_together(api: Api) -> None:
    ada, ben = a_rep(api, "ada"), a_rep(api, "ben")
    busy(api, ada, ("23T09:00:00", "23T13:00:00"))
    busy(api, ben, ("23T14:00:00", "23T16:00:00.000001"), ("23T08:00:00", "23T08:59:59"))

    found = slots(api.rep(ada), ada, ben, ada, **MONDAY)

    assert starts(found) == ["13:00", "13:30", "16:30"]
    assert found.json()["slots"][0] == {"starts_at": "2026-11-23T13:00:00Z", "ends_at": "2026-11-23T13:30:00Z"}
    assert found.json()["people"] == [{"person_id": one, "empty_reason": None} for one in (ada, ben)]


def test_each_is_told_why_there_is_no_slot(api: Api) -> None:
    names = ("ada", "ben", "cleo", "dan", "eve")
    ada, ben, cleo, dan, eve = (a_rep(api, name) for name in names)
    busy(api, ada, ("23T00:00:00", "24T00:00:00"))
    api.admin.patch(f"/v1/people/{ben}", json={"status": "on_leave"})
    api.admin.post(f"/v1/people/{cleo}/availability/pauses", json={"starts_on": "2026-11-23", "ends_on": "2026-11-23"})
    api.admin.patch(f"/v1/people/{dan}", json={"sessions_per_day": 0})

    found = slots(api.admin, ada, ben, cleo, dan, eve, **MONDAY)

    reasons = [one["empty_reason"] for one in found.json()["people"]]
    assert found.json()["slots"] == []
    assert reasons == ["busy", "not_active", "no_working_hours", "limit", "no_common_time"]


def test_bug_19_slots_are_the_same_from_every_viewing_zone(api: Api) -> None:
    ada = a_rep(api, "ada")

    seen = [slots(api.admin, ada, **WEEK, time_zone=zone) for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns")]

    assert len(starts(seen[0])) == 5 * 31
    assert seen[0].json() == seen[1].json() == seen[2].json()


def test_bug_18_steps_follow_the_clock_of_the_viewing_zone(api: Api) -> None:
    ada = a_rep(api, "ada")

    found = slots(api.admin, ada, **{**MONDAY, "step_minutes": 60}, time_zone="Asia/Kolkata")

    assert starts(found) == [f"{hour:02}:30" for hour in range(9, 17)]


def test_bug_21_buffers_are_kept_from_the_calls_that_they_host(api: Api) -> None:
    ada = a_rep(api, "ada")
    hours = api.admin.get(f"/v1/people/{ada}/availability").json()
    body = {"time_zone": "Europe/London", "weekly": hours["weekly"], "buffer_before_minutes": 30}
    api.admin.put(f"/v1/people/{ada}/availability", json=body)
    call = {"title": "Demo", "host_id": ada, "starts_at": "2026-11-23T11:00:00Z", "ends_at": "2026-11-23T12:00:00Z"}
    made = api.admin.post("/v1/calls", json=call)
    assert made.status_code == 201, made.text

    found = slots(api.admin, ada, **MONDAY)

    assert starts(found)[2:6] == ["10:00", "10:30", "12:30", "13:00"]


def test_the_question_costs_as_many_statements_for_many_people_as_for_one(api: Api) -> None:
    people = [a_rep(api, f"rep{number}") for number in range(5)]
    costs = []
    for asked in (people[:1], people):
        with counted(api.engine) as statements:
            assert starts(slots(api.admin, *asked, **MONDAY))
        costs.append(len(statements))

    assert costs[0] == costs[1]


def test_a_quarter_of_a_year_in_steps_of_five_minutes_is_found(sqlite_api: Api) -> None:
    ada = a_rep(sqlite_api, "ada")

    found = slots(sqlite_api.admin, ada, **{**WEEK, "to": "2027-02-23T00:00:00Z"}, step_minutes=5)

    assert len(starts(found)) == 66 * 91
