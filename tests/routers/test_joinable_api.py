"""Calls that somebody could join: over HTTP, for whom, and at what cost."""

from datetime import timedelta

import pytest

from app.db import transaction
from app.operations.availability import replace_busy
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, Role
from tests.described import operations
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api
from tests.statements import assert_same_cost, counted

TEN = MONDAY + timedelta(hours=10)
HOUR = timedelta(hours=1)
LIST = next(one for one in operations() if one.id == "calls_list")


def test_only_what_could_be_joined_is_listed_and_the_rest_says_why_not(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        ana = a_person(db, "Ana").id
        free = a_call(db, starts_at=TEN)
        at_lunch = a_call(db, starts_at=TEN + 2 * HOUR)
        at_night = a_call(db, starts_at=TEN - 7 * HOUR)
        lunch = [(TEN + 2 * HOUR - timedelta(minutes=5), TEN + 3 * HOUR, BusyStatus.BUSY)]
        replace_busy(db, person_id=ana, source="outlook", intervals=lunch, actor=SYSTEM, now=NOW)

    listed = api.admin.get("/v1/calls", params={"joinable_by": ana}).json()["data"]
    everything = api.admin.get("/v1/calls", params={"joinable_by": ana, "expand": "refusal"}).json()["data"]
    one = api.admin.get(f"/v1/calls/{at_lunch}", params={"joinable_by": ana, "expand": "refusal"})

    assert [call["id"] for call in listed] == [free]
    assert {call["id"]: call["refusal"] and call["refusal"]["code"] for call in everything} == {
        at_night: "outside_availability",
        free: None,
        at_lunch: "slot_taken",
    }
    assert one.json()["refusal"] == {
        "code": "slot_taken",
        "detail": "The observer is taken at that time.",
        "person_id": ana,
        "blocking_starts_at": "2026-11-23T11:55:00Z",
        "blocking_ends_at": "2026-11-23T13:00:00Z",
    }
    assert "etag" not in one.headers
    assert "refusal" not in listed[0]


def test_a_seat_that_one_has_is_no_reason_to_offer_it_again(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        ana, call = a_person(db, "Ana").id, a_call(db)
        book_seat(db, call_id=call, observer_id=ana, actor=SYSTEM, now=NOW)
    me = api.rep(ana)

    assert me.get("/v1/calls", params={"joinable_by": ana}).json()["data"] == []
    (told,) = me.get("/v1/calls", params={"expand": "refusal"}).json()["data"]
    assert told["refusal"]["code"] == "already_booked"


def test_other_filters_and_pages_hold_beside_it(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        ana, host = a_person(db, "Ana").id, a_person(db, "Host")
        mine = [a_call(db, host, starts_at=TEN + n * HOUR, title=f"Demo {n}", type="demo") for n in range(5)]
        a_call(db, host, starts_at=TEN, title="Renewal", type="renewal")
        a_call(db, starts_at=TEN, title="Demo elsewhere", type="demo")
    wanted = {"joinable_by": ana, "host_id": host.id, "type": "demo", "q": "demo", "limit": "2", "sort": "-starts_at"}

    page = api.admin.get("/v1/calls", params=wanted)
    seen = [call["id"] for call in page.json()["data"]]
    while page.json()["has_more"]:
        page = api.admin.get(page.links["next"]["url"])
        seen += [call["id"] for call in page.json()["data"]]

    assert seen == mine[::-1]


@pytest.mark.parametrize("path", ["/v1/calls", "/v1/calls/{call}"])
def test_people_ask_for_themselves_and_admins_for_anybody(api: Api, path: str) -> None:
    with transaction(api.engine, writes=True) as db:
        ana, ben, call = a_person(db, "Ana").id, a_person(db, "Ben").id, a_call(db)
    path = path.format(call=call)

    def status(client: object, **query: str) -> int:
        return int(client.get(path, params={"expand": "refusal", **query}).status_code)  # type: ignore[attr-defined]

    assert [status(api.rep(ana), joinable_by=who) for who in (ana, ben, "per_nobody")] == [200, 403, 403]
    assert [status(api.admin, joinable_by=who) for who in (ana, ben, "per_nobody")] == [200, 200, 404]
    assert [status(api.rep(ana)), status(api.admin), status(api.client(api.key(Role.REP)))] == [200, 422, 422]


def test_an_altered_cursor_is_refused_before_anything_else(api: Api) -> None:
    refused = api.admin.get("/v1/calls", params={"joinable_by": "per_nobody", "cursor": "x"})

    assert (refused.status_code, refused.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize("query", ["joinable_by={ana}", "joinable_by={ana}&expand=refusal"])
def test_three_calls_cost_as_many_statements_as_one(sqlite_api: Api, query: str) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        ana = a_person(db, "Ana").id
        for n in range(4):
            a_call(db, starts_at=TEN + n * HOUR)

    assert_same_cost(sqlite_api, sqlite_api.admin, f"/v1/calls?{query.format(ana=ana)}")


def test_many_calls_that_nobody_can_join_cost_no_more_statements_than_a_few(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        ana, host = a_person(db, "Ana").id, a_person(db, "Host")
        for n in range(450):
            a_call(db, host, starts_at=MONDAY + timedelta(minutes=n), minutes=15)
        last = a_call(db, host, starts_at=TEN)

    with counted(sqlite_api.engine) as statements:
        listed = sqlite_api.admin.get("/v1/calls", params={"joinable_by": ana, "limit": 1, "sort": "-updated_at"})

    assert [call["id"] for call in listed.json()["data"]] != []
    assert last
    assert len(statements) <= 30
