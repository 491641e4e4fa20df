"""Which settings hold where, and why, over the API."""

from typing import Any

import httpx

from app.db import transaction
from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.rules.settings import SETTINGS
from app.vocabulary import Role
from tests.factories import a_call, a_person
from tests.harness import Api
from tests.statements import counted

AT = "/v1/settings/effective"


def said(client: httpx.Client, **query: str) -> dict[str, dict[str, Any]]:
    answer = client.get(AT, params=query)
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["data"]}


def layers(one: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(layer["layer"], layer["value"]) for layer in one["layers"]]


def test_without_a_question_everybody_reads_what_the_house_and_the_default_program_say(sqlite_api: Api) -> None:
    found = said(sqlite_api.client(sqlite_api.key(Role.REP)))

    assert list(found) == [setting.name for setting in SETTINGS]
    notice, weight, seats = found["min_notice_minutes"], found["weights.skill"], found["seat_capacity"]
    assert (notice["value"], notice["layer"]) == (15, "org")
    assert (weight["value"], weight["layer"]) == (DEFAULT_WEIGHTS["skill"], "shipped")
    assert (seats["value"], seats["layer"], {one["id"] for one in seats["layers"]}) == (None, None, {None})


def test_a_call_says_its_seats_layer_by_layer_and_what_booking_gives_it(api: Api) -> None:
    account = api.admin.post("/v1/accounts", json={"name": "Northwind", "seat_capacity": 4}).json()["id"]
    with transaction(api.engine, writes=True) as db:
        host = a_person(db, "Host", seat_capacity=3, seat_approval="host")
        call = a_call(db, host, account_id=account)

    by_account = said(api.admin, call_id=call)["seat_capacity"]
    api.admin.patch(f"/v1/calls/{call}", json={"seat_capacity": 5})
    by_call = said(api.admin, call_id=call)["seat_capacity"]
    api.admin.patch(f"/v1/accounts/{account}", json={"own_side_ceiling": 2})
    by_ceiling = said(api.admin, call_id=call)

    assert layers(by_account) == [("call_type", 2), ("host", 3), ("account", 4), ("call", None)]
    assert (by_account["value"], by_account["layer"], by_account["because"]) == (4, "account", "its account")
    assert (by_call["value"], by_call["layer"]) == (5, "call")
    cut = by_ceiling["seat_capacity"]
    assert (cut["value"], cut["layer"]) == (1, "account")
    assert "ceiling" in cut["because"]
    assert api.admin.get(f"/v1/calls/{call}").json()["seat_capacity"] == cut["value"]
    assert (by_ceiling["own_side_ceiling"]["value"], by_ceiling["own_side_ceiling"]["layer"]) == (2, "account")
    assert (by_ceiling["seat_approval"]["value"], by_ceiling["seat_approval"]["layer"]) == ("host", "host")


def test_a_call_with_an_account_that_allows_no_observers_has_no_seats(sqlite_api: Api) -> None:
    api = sqlite_api
    closed = api.admin.post("/v1/accounts", json={"name": "Closed", "observers_allowed": False}).json()["id"]
    with transaction(api.engine, writes=True) as db:
        call = a_call(db, account_id=closed, seats=5)

    seats = said(api.admin, call_id=call)["seat_capacity"]

    assert (seats["value"], seats["layer"]) == (0, "account")


def test_a_person_is_the_host_unless_a_call_has_another(sqlite_api: Api) -> None:
    api = sqlite_api
    with transaction(api.engine, writes=True) as db:
        host, listener = a_person(db, "Host", host_per_day=1), a_person(db, "Lis", host_per_day=2, observe_per_day=7)
        call = a_call(db, host)

    alone, on_call = said(api.admin, person_id=listener.id), said(api.admin, person_id=listener.id, call_id=call)

    assert (alone["host_per_day"]["value"], alone["observe_per_day"]["value"]) == (2, 7)
    assert (on_call["host_per_day"]["value"], on_call["observe_per_day"]["value"]) == (1, 7)
    assert on_call["host_per_day"]["layers"] == [{"layer": "host", "id": host.id, "value": 1}]


def test_a_program_says_what_it_weighs_differently(sqlite_api: Api) -> None:
    api = sqlite_api
    body = {"name": "Ramp", "weights": {"skill": 9}, "constraints": {"max_grade_gap": 2}}
    ramp = api.admin.post("/v1/programs", json=body).json()["id"]

    found = said(api.admin, program_id=ramp)

    assert (found["weights.skill"]["value"], found["weights.skill"]["layer"]) == (9, "program")
    assert layers(found["weights.skill"]) == [("shipped", DEFAULT_WEIGHTS["skill"]), ("program", 9)]
    assert layers(found["weights.fresh"]) == [("shipped", DEFAULT_WEIGHTS["fresh"]), ("program", None)]
    assert (found["constraints.max_grade_gap"]["value"], found["constraints.max_zone_gap_hours"]["layer"]) == (2, None)


def test_what_is_absent_or_not_for_whoever_asks_is_not_found(sqlite_api: Api) -> None:
    api = sqlite_api
    with transaction(api.engine, writes=True) as db:
        sensitive, stranger = a_call(db, sensitive=True), a_person(db, "Stranger").id

    assert api.rep(stranger).get(AT, params={"call_id": sensitive}).status_code == 404
    assert api.admin.get(AT, params={"call_id": sensitive}).status_code == 200
    for query in ({"call_id": "x"}, {"person_id": "x"}, {"program_id": "x"}, {"call_type": "x"}):
        assert api.admin.get(AT, params=query).status_code == 404, query


def test_a_call_and_a_person_cost_five_statements_more_than_no_question(sqlite_api: Api) -> None:
    api = sqlite_api
    account = api.admin.post("/v1/accounts", json={"name": "Northwind"}).json()["id"]
    with transaction(api.engine, writes=True) as db:
        call, listener = a_call(db, account_id=account), a_person(db, "Listener").id
    said(api.admin, call_id=call, person_id=listener)

    with counted(api.engine) as nothing_asked:
        said(api.admin)
    with counted(api.engine) as all_asked:
        said(api.admin, call_id=call, person_id=listener)

    assert len(all_asked) - len(nothing_asked) == 5
