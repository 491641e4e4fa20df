"""Seats over the API: booked, released and booked again, and every reason why not."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models.tables import seat as seats
from app.operations.accounts import create_account
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api

TEN = MONDAY + timedelta(hours=10)


def somebody(api: Api, name: str, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, name, **fields).id


def a_call_of(api: Api, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_call(db, **fields)


def book(api: Api, call_id: str, observer_id: str, client: httpx.Client | None = None, **given: Any) -> httpx.Response:
    return (client or api.admin).post(f"/v1/calls/{call_id}/seats", json={"observer_id": observer_id}, **given)


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_seat_is_booked_read_released_and_booked_again(api: Api) -> None:
    call_id, jo = a_call_of(api, seats=1), somebody(api, "Jo")

    first = book(api, call_id, jo)
    place = first.headers["location"]
    assert (first.status_code, first.headers["etag"], first.json()["seat_no"]) == (201, '"v1"', 1)
    assert api.admin.get(place).json() == first.json()
    assert api.admin.get(place, headers={"If-None-Match": '"v1"'}).status_code == 304

    stale = api.admin.post(f"{place}/release", headers={"If-Match": '"v7"'})
    released = api.admin.post(f"{place}/release", headers={"If-Match": '"v1"'})
    again = api.admin.post(f"{place}/release")

    assert said(stale) == (412, "stale")
    assert (released.json()["status"], released.headers["etag"], again.headers["etag"]) == ("released", '"v2"', '"v2"')
    second = book(api, call_id, jo)
    assert (second.status_code, second.json()["id"] != first.json()["id"]) == (201, True)
    listed = api.admin.get(f"/v1/calls/{call_id}/seats").json()["data"]
    assert [seat["id"] for seat in listed] == [second.json()["id"]]


def test_the_same_key_books_one_seat(api: Api) -> None:
    call_id, jo = a_call_of(api), somebody(api, "Jo")

    first, second = (book(api, call_id, jo, headers={"Idempotency-Key": "k-1"}) for _ in "ab")
    without = book(api, call_id, jo)

    assert (first.status_code, second.status_code, second.content) == (201, 201, first.content)
    assert (said(without), without.json()["seat_id"]) == ((409, "already_booked"), first.json()["id"])
    with transaction(api.engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(seats)).scalar() == 1


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"starts_at": NOW}, 422, "past"),
        ({"starts_at": NOW + timedelta(minutes=14)}, 422, "min_notice"),
        ({"starts_at": MONDAY + timedelta(hours=20)}, 422, "outside_availability"),
        ({"sensitive": True}, 409, "not_joinable"),
        ({"stage": "legal"}, 409, "not_joinable"),
        ({"seats": 0}, 409, "not_joinable"),
    ],
)
def test_a_call_that_nobody_can_join_says_why(api: Api, fields: dict[str, Any], status: int, code: str) -> None:
    refused = book(api, a_call_of(api, **fields), somebody(api, "Jo"))

    assert said(refused) == (status, code)


def test_a_cancelled_call_an_account_without_observers_and_a_host_who_left_are_not_joined(api: Api) -> None:
    jo, gone = somebody(api, "Jo"), somebody(api, "Gone")
    cancelled = a_call_of(api)
    api.admin.post(f"/v1/calls/{cancelled}/cancel")
    with transaction(api.engine, writes=True) as db:
        closed = create_account(db, fields={"name": "Closed", "observers_allowed": False}, actor=SYSTEM, now=NOW)
        of_closed = a_call(db, account_id=closed.id)
        host = a_person(db, "Host")
        of_gone = a_call(db, host)
        patch_person(db, person_id=host.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)
        patch_person(db, person_id=gone, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    without_host = book(api, of_gone, jo)
    assert said(book(api, cancelled, jo)) == (409, "call_cancelled")
    assert said(book(api, of_closed, jo)) == (409, "not_joinable")
    assert (said(without_host), without_host.json()["person_id"]) == ((409, "not_joinable"), host.id)
    assert said(book(api, a_call_of(api), gone)) == (422, "not_active")
    assert said(book(api, a_call_of(api), "per_none")) == (422, "unknown_reference")
    assert said(book(api, "call_none", jo)) == (404, "not_found")


def test_who_is_elsewhere_learns_where_and_until_when(api: Api) -> None:
    jo = somebody(api, "Jo")
    book(api, a_call_of(api, minutes=60), jo)

    refused = book(api, a_call_of(api, starts_at=TEN + timedelta(minutes=30)), jo)

    assert said(refused) == (409, "slot_taken")
    blocking = {name: refused.json()[name] for name in ("person_id", "blocking_starts_at", "blocking_ends_at")}
    assert blocking == {
        "person_id": jo,
        "blocking_starts_at": "2026-11-23T10:00:00Z",
        "blocking_ends_at": "2026-11-23T11:00:00Z",
    }


def test_whose_limit_is_reached_and_who_hosts_is_named(api: Api) -> None:
    idle, jo = somebody(api, "Idle", observe_per_week=0), somebody(api, "Jo")
    with transaction(api.engine, writes=True) as db:
        host = a_person(db, "Host", host_per_day=0)
        of_host = a_call(db, host)

    for refused, code, who in (
        (book(api, a_call_of(api), idle), "limit", idle),
        (book(api, of_host, jo), "limit", host.id),
        (book(api, of_host, host.id), "own_call", host.id),
    ):
        assert (said(refused), refused.json()["person_id"]) == ((422, code), who)


def test_a_full_call_takes_the_next_one_when_a_seat_is_given_back(api: Api) -> None:
    call_id, jo, tom = a_call_of(api, seats=1), somebody(api, "Jo"), somebody(api, "Tom")
    held = book(api, call_id, jo).json()

    assert said(book(api, call_id, tom)) == (409, "seats_full")
    api.admin.post(f"/v1/seats/{held['id']}/release")
    assert book(api, call_id, tom).json()["seat_no"] == 1


def test_a_seat_whose_call_is_over_is_not_given_back(api: Api) -> None:
    call_id, tom = a_call_of(api), somebody(api, "Tom")
    held = book(api, call_id, somebody(api, "Jo")).json()
    of_cancelled = book(api, (cancelled := a_call_of(api)), tom).json()
    api.admin.post(f"/v1/calls/{cancelled}/cancel")
    api.clock.at = TEN + timedelta(minutes=30)

    assert said(api.admin.post(f"/v1/seats/{held['id']}/release")) == (422, "past")
    assert said(api.admin.post(f"/v1/seats/{of_cancelled['id']}/release")) == (409, "seat_over")


def test_reps_book_for_themselves_and_see_their_own_seat_while_the_host_sees_all(api: Api) -> None:
    host, jo, tom = (somebody(api, name) for name in ("Host", "Jo", "Tom"))
    body = {"title": "Demo", "host_id": host, "starts_at": "2026-11-23T10:00:00Z", "ends_at": "2026-11-23T11:00:00Z"}
    call_id = api.admin.post("/v1/calls", json=body).json()["id"]
    rep, of_tom, of_host = api.rep(jo), api.rep(tom), api.rep(host)

    mine = book(api, call_id, jo, rep).json()
    theirs = book(api, call_id, tom, of_tom).json()

    assert said(book(api, call_id, tom, rep)) == (403, "forbidden")
    seen = [[seat["id"] for seat in who.get(f"/v1/calls/{call_id}/seats").json()["data"]] for who in (rep, of_host)]
    assert seen == [[mine["id"]], [mine["id"], theirs["id"]]]
    assert said(rep.get(f"/v1/seats/{theirs['id']}")) == (404, "not_found")
    assert said(rep.post(f"/v1/seats/{theirs['id']}/release")) == (404, "not_found")
    assert of_host.post(f"/v1/seats/{theirs['id']}/release").json()["status"] == "released"
