"""Bugs that other schedulers shipped, told as stories over the API: those that no test nearer to the code tells."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models.tables import calendar_entry, event, job, session
from app.vocabulary import EntryStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import Api

TEN = MONDAY + timedelta(hours=10)


def somebody(api: Api, name: str, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, name, **fields).id


def a_call_of(api: Api, host_id: str | None = None, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        made = a_call(db, **fields)
    if host_id is not None:
        api.admin.patch(f"/v1/calls/{made}", json={"host_id": host_id})
    return made


def book(api: Api, call_id: str, observer_id: str, **given: Any) -> httpx.Response:
    return api.admin.post(f"/v1/calls/{call_id}/seats", json={"observer_id": observer_id}, **given)


def iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def meeting(*person_ids: str, starts_at: datetime = TEN) -> dict[str, Any]:
    parts = [{"person_id": who, "as": part} for who, part in zip(person_ids, ("mentor", "mentee"), strict=True)]
    return {"kind": "one_on_one", "participants": parts, "starts_at": iso(starts_at), "duration_minutes": 30}


def counted(api: Api, table: Any) -> int:
    with transaction(api.engine, writes=False) as db:
        found: int = db.execute(select(func.count()).select_from(table)).scalar_one()
        return found


def test_of_many_who_plan_the_same_time_at_once_one_gets_it(api: Api) -> None:
    mentor, mentees = somebody(api, "Mara"), [somebody(api, f"Rep {n}") for n in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda who: api.admin.post("/v1/sessions", json=meeting(mentor, who)), mentees))

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(one["code"], one["person_id"]) for one in refused} == {("slot_taken", mentor)}
    assert counted(api, session) == 1


def test_two_requests_for_the_last_seat_are_never_both_approved(api: Api) -> None:
    host, jo, kim = somebody(api, "Mara", seat_approval="host"), somebody(api, "Jo"), somebody(api, "Kim")
    call_id = a_call_of(api, host, seats=1)

    first, second = book(api, call_id, jo), book(api, call_id, kim)
    approved = api.admin.post(f"/v1/seats/{first.json()['id']}/approve")

    assert (first.status_code, first.json()["status"]) == (201, "requested")
    assert (second.status_code, second.json()["code"]) == (409, "seats_full")
    assert approved.json()["status"] == "confirmed"


def test_somebody_who_asked_for_a_seat_is_kept_free_for_it(api: Api) -> None:
    host, other, jo = somebody(api, "Mara", seat_approval="host"), somebody(api, "Ola"), somebody(api, "Jo")
    asked_for = a_call_of(api, host)

    assert book(api, asked_for, jo).json()["status"] == "requested"
    elsewhere = book(api, a_call_of(api, other), jo)

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "slot_taken")


def test_the_copy_of_a_call_in_its_hosts_calendar_hides_no_seat(api: Api) -> None:
    host, jo = somebody(api, "Mara"), somebody(api, "Jo")
    call_id = a_call_of(api, host, seats=2)
    copy = {"starts_at": iso(TEN), "ends_at": iso(TEN + timedelta(minutes=30)), "status": "busy"}
    assert api.admin.put(f"/v1/people/{host}/busy", json={"source": "outlook", "intervals": [copy]}).status_code == 200

    assert book(api, call_id, jo).status_code == 201
    assert api.admin.get(f"/v1/calls/{call_id}").json()["joinable"] is True


@pytest.mark.parametrize(
    ("begins", "stops", "blocks"),
    [
        (TEN - timedelta(minutes=30), TEN, False),
        (TEN + timedelta(minutes=30), TEN + timedelta(hours=1), False),
        (TEN + timedelta(minutes=29), TEN + timedelta(hours=1), True),
        (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC), True),
        (datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC), False),
    ],
)
def test_imported_time_blocks_exactly_what_it_covers(api: Api, begins: datetime, stops: datetime, blocks: bool) -> None:
    jo, call_id = somebody(api, "Jo"), a_call_of(api)
    outside = {"starts_at": iso(begins), "ends_at": iso(stops), "status": "busy"}
    api.admin.put(f"/v1/people/{jo}/busy", json={"source": "outlook", "intervals": [outside]})

    assert book(api, call_id, jo).status_code == (409 if blocks else 201)


def test_what_an_import_no_longer_says_blocks_nothing(api: Api) -> None:
    jo, call_id = somebody(api, "Jo"), a_call_of(api)
    gone = {"starts_at": iso(TEN), "ends_at": iso(TEN + timedelta(hours=1)), "status": "busy"}
    place = f"/v1/people/{jo}/busy"
    api.admin.put(place, json={"source": "outlook", "intervals": [gone]})
    assert book(api, call_id, jo).status_code == 409

    api.admin.put(place, json={"source": "outlook", "intervals": []})

    assert book(api, call_id, jo).status_code == 201


def test_nothing_reminds_anybody_of_what_was_cancelled(api: Api) -> None:
    jo = somebody(api, "Jo")
    call_id = a_call_of(api)
    made = book(api, call_id, jo).json()
    invite = f"/v1/sessions/{made['session_id']}/invite.ics"
    assert "BEGIN:VALARM" in api.admin.get(invite).text

    api.admin.post(f"/v1/calls/{call_id}/cancel")

    assert "BEGIN:VALARM" not in api.admin.get(invite).text
    with transaction(api.engine, writes=False) as db:
        statuses = set(db.execute(select(calendar_entry.c.status)).scalars())
    assert statuses == {EntryStatus.CANCELLED}


def test_an_act_that_was_refused_tells_nobody_anything(api: Api) -> None:
    jo, mara = somebody(api, "Jo"), somebody(api, "Mara")
    here, there = a_call_of(api), a_call_of(api, mara)
    book(api, here, jo)
    before = counted(api, event), counted(api, job), counted(api, calendar_entry)
    all_or_none = [
        {"external": {"source": "crm", "id": "a1"}, "name": "Ada"},
        {"external": {"source": "crm", "id": "a2"}},
    ]

    refused = [
        book(api, there, jo),
        api.admin.post("/v1/sessions", json=meeting(mara, jo)),
        api.admin.post(f"/v1/calls/{there}/seats", json={"observer_id": "per_nobody"}),
        api.admin.post("/v1/accounts/batch-upsert", json={"atomic": True, "items": all_or_none}),
    ]

    assert [answer.status_code for answer in refused] == [409, 409, 422, 422]
    assert (counted(api, event), counted(api, job), counted(api, calendar_entry)) == before


def test_a_key_that_booked_what_was_given_back_keeps_nobody_from_booking_again(api: Api) -> None:
    jo, call_id = somebody(api, "Jo"), a_call_of(api)
    first = book(api, call_id, jo, headers={"Idempotency-Key": "first"})
    api.admin.post(f"/v1/seats/{first.json()['id']}/release")

    again = book(api, call_id, jo, headers={"Idempotency-Key": "second"})
    without = api.admin.post(f"/v1/seats/{again.json()['id']}/release")

    assert (again.status_code, again.json()["id"] != first.json()["id"]) == (201, True)
    assert (without.status_code, book(api, call_id, jo).status_code) == (200, 201)


def test_wrong_keys_lock_nobody_out(api: Api) -> None:
    right, wrong = api.admin, api.client("es_live_" + "x" * 40)

    tried = [wrong.get("/v1/people").status_code for _ in range(60)]

    assert tried == [401] * 30 + [429] * 30
    assert right.get("/v1/people").status_code == 200
