"""Pauses and buffers over the API."""

from typing import Any

from tests.harness import Api
from tests.routers.test_availability_api import HOURS, a_rep
from tests.statements import assert_same_cost

HOLIDAYS = {"starts_on": "2026-12-21", "ends_on": "2027-01-03"}


def test_pauses_that_are_none_are_refused_without_an_echo(sqlite_api: Api) -> None:
    canary = "canary-7f3a"
    place = f"/v1/people/{a_rep(sqlite_api, 'ada')}/availability/pauses"
    for wrong in (
        {"starts_on": "2027-01-04"},
        {"starts_on": "2026-02-30"},
        {"starts_on": "2026-12-21T00:00:00Z"},
        {"ends_on": None},
        {"ends_on": "2101-01-01"},
        {"ends_on": canary},
        {canary: 1},
    ):
        refused = sqlite_api.admin.post(place, json={**HOLIDAYS, **wrong})

        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
    assert sqlite_api.admin.get(place).json()["data"] == []


def test_the_pauses_of_others_are_hidden(api: Api) -> None:
    ada, ben = a_rep(api, "ada"), a_rep(api, "ben")
    place = f"/v1/people/{ada}/availability/pauses"
    pause = api.admin.post(place, json=HOLIDAYS).json()["id"]
    stranger = api.rep(ben)

    for hidden in (
        stranger.get(place),
        stranger.post(place, json=HOLIDAYS),
        stranger.delete(f"{place}/{pause}"),
        stranger.delete(f"/v1/people/{ben}/availability/pauses/{pause}"),
        api.admin.delete(f"/v1/people/{ben}/availability/pauses/{pause}"),
        api.admin.delete(f"{place}/pau_none"),
        api.admin.post("/v1/people/per_none/availability/pauses", json=HOLIDAYS),
        api.admin.get("/v1/people/per_none/availability/pauses"),
    ):
        assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
    assert [one["id"] for one in api.rep(ada).get(place).json()["data"]] == [pause]


def test_the_same_days_are_one_pause(api: Api) -> None:
    ada, ben = a_rep(api, "ada"), a_rep(api, "ben")
    place = f"/v1/people/{ada}/availability/pauses"

    first, again = (api.rep(ada).post(place, json=HOLIDAYS) for _ in "ab")
    longer = api.admin.post(place, json={**HOLIDAYS, "ends_on": "2027-01-04"})
    of_ben = api.admin.post(f"/v1/people/{ben}/availability/pauses", json=HOLIDAYS)
    gone = api.admin.delete(f"{place}/{first.json()['id']}")
    anew = api.admin.post(place, json=HOLIDAYS)

    assert [one.status_code for one in (first, again, longer, of_ben, gone, anew)] == [201, 200, 201, 201, 204, 201]
    assert first.json() == again.json()
    assert {one["id"] for one in api.admin.get(place).json()["data"]} == {longer.json()["id"], anew.json()["id"]}


def test_pauses_are_made_listed_and_taken_back(api: Api) -> None:
    ada = a_rep(api, "ada")
    rep, place = api.rep(ada), f"/v1/people/{ada}/availability/pauses"

    made = [rep.post(place, json={"starts_on": day, "ends_on": day}) for day in ("2026-12-24", "2026-12-31")]
    made.append(rep.post(place, json=HOLIDAYS))
    assert_same_cost(api, rep, place)
    gone = rep.delete(f"{place}/{made[0].json()['id']}")

    assert [one.status_code for one in (*made, gone)] == [201, 201, 201, 204]
    assert {name: made[2].json()[name] for name in HOLIDAYS} == HOLIDAYS
    kept = sorted((one.json() for one in made[1:]), key=lambda one: str(one["id"]))
    assert rep.get(place).json()["data"] == kept
    assert rep.delete(f"{place}/{made[0].json()['id']}").status_code == 404


def test_buffers_that_are_none_are_refused(sqlite_api: Api) -> None:
    place = f"/v1/people/{a_rep(sqlite_api, 'ada')}/availability"
    for wrong in (-1, 121, 2.5, "10", True, None):
        for name in ("buffer_before_minutes", "buffer_after_minutes"):
            assert sqlite_api.admin.put(place, json={**HOURS, name: wrong}).status_code == 422, wrong
    assert sqlite_api.admin.get(place).headers["etag"] == '"v1"'


def test_buffers_are_kept_until_hours_are_put_without_them(api: Api) -> None:
    place = f"/v1/people/{a_rep(api, 'ada')}/availability"
    buffers: dict[str, Any] = {"buffer_before_minutes": 5, "buffer_after_minutes": 120}

    put, again, without = (api.admin.put(place, json={**HOURS, **more}) for more in (buffers, buffers, {}))

    assert {name: put.json()[name] for name in buffers} == buffers
    assert [answer.headers["etag"] for answer in (put, again, without)] == ['"v2"', '"v2"', '"v3"']
    assert {without.json()[name] for name in buffers} == {0}
