"""Calls over the API: made, changed, followed from a CRM, cancelled, and what becomes of the seats on them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.db import transaction
from tests.factories import MONDAY, a_person
from tests.harness import Api

TEN = MONDAY + timedelta(hours=10)
CRM = "/v1/calls/by-external-id/crm/00U%2F1"


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def times(starts_at: datetime = TEN, minutes: int = 30) -> dict[str, str]:
    return {"starts_at": iso(starts_at), "ends_at": iso(starts_at + timedelta(minutes=minutes))}


def somebody(api: Api, name: str, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, name, **fields).id


def fields(api: Api, **given: Any) -> dict[str, Any]:
    return {
        "title": "Northwind: discovery",
        "host_id": given.pop("host_id", None) or somebody(api, "Host"),
        **times(),
        **given,
    }


def made(api: Api, **given: Any) -> dict[str, Any]:
    answer = api.admin.post("/v1/calls", json=fields(api, **given))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def booked(api: Api, call_id: str, observer_id: str) -> dict[str, Any]:
    answer = api.admin.post(f"/v1/calls/{call_id}/seats", json={"observer_id": observer_id})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_call_is_made_read_and_changed_by_version(api: Api) -> None:
    answer = api.admin.post("/v1/calls", json=fields(api, external=[{"source": "crm", "id": "1"}], seat_capacity=1))

    place, body = answer.headers["location"], answer.json()
    assert (answer.status_code, answer.headers["etag"], body["joinable"]) == (201, '"v1"', True)
    assert (body["external"], body["seat_capacity"], body["seats_taken"]) == ([{"source": "crm", "id": "1"}], 1, 0)
    assert api.admin.get(place).json() == body
    assert api.admin.get(place, headers={"If-None-Match": '"v1"'}).status_code == 304

    changed = api.admin.patch(place, json={"language": "de", "seat_capacity": None}, headers={"If-Match": '"v1"'})
    late = api.admin.patch(place, json={"language": "fr"}, headers={"If-Match": '"v1"'})
    same = api.admin.patch(place, json={"language": "de"})

    assert (changed.json()["language"], changed.json()["seat_capacity"], changed.headers["etag"]) == ("de", 2, '"v2"')
    assert said(late) == (412, "stale")
    assert same.headers["etag"] == '"v2"'


@pytest.mark.parametrize(
    ("minutes", "code", "detail"),
    [
        (0, "end_before_start", "must be later than starts_at"),
        (-30, "end_before_start", "must be later than starts_at"),
        (24 * 60 + 1, "lasts_too_long", "must be within a day of starts_at"),
    ],
)
def test_a_call_that_ends_before_it_starts_or_never_is_refused_alike_everywhere(
    api: Api, minutes: int, code: str, detail: str
) -> None:
    call, wrong = made(api), fields(api, **times(TEN, minutes))

    for refused in (
        api.admin.post("/v1/calls", json=wrong),
        api.admin.put(CRM, json=wrong),
        api.admin.patch(f"/v1/calls/{call['id']}", json=times(TEN, minutes)),
        api.admin.patch(f"/v1/calls/{call['id']}", json={"ends_at": iso(TEN + timedelta(minutes=minutes))}),
    ):
        assert refused.status_code == 422
        assert refused.json()["errors"] == [{"pointer": "/ends_at", "code": code, "detail": detail}]


def test_what_a_call_refers_to_must_be_there(api: Api) -> None:
    call = made(api)

    for name in ("host_id", "account_id", "type"):
        wrong = {name: "none_such"}
        for refused in (
            api.admin.post("/v1/calls", json={**fields(api), **wrong}),
            api.admin.patch(f"/v1/calls/{call['id']}", json=wrong),
        ):
            assert said(refused) == (422, "unknown_reference")
            assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/{name}"]


def test_who_has_left_hosts_no_call_and_who_is_on_leave_keeps_theirs(api: Api) -> None:
    gone, away = somebody(api, "Gone"), somebody(api, "Away")
    theirs, call = made(api, host_id=gone, external=[{"source": "crm", "id": "00U/1"}]), made(api)
    for who, status in ((gone, "left"), (away, "on_leave")):
        assert api.admin.patch(f"/v1/people/{who}", json={"status": status}).status_code == 200
    item = {"external": {"source": "crm", "id": "2"}, **fields(api, host_id=gone)}

    for refused in (
        api.admin.post("/v1/calls", json=fields(api, host_id=gone)),
        api.admin.patch(f"/v1/calls/{call['id']}", json={"host_id": gone}),
        api.admin.put("/v1/calls/by-external-id/crm/2", json=fields(api, host_id=gone)),
    ):
        assert said(refused) == (422, "not_active")
        assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [("/host_id", "left")]
    (of_batch,) = api.admin.post("/v1/calls/batch-upsert", json={"items": [item]}).json()["data"]
    assert (of_batch["status"], of_batch["error"]["code"]) == ("error", "not_active")

    assert api.admin.put(CRM, json=fields(api, host_id=gone, title=theirs["title"])).status_code == 200
    assert api.admin.patch(f"/v1/calls/{theirs['id']}", json={"host_id": away}).status_code == 200
    assert made(api, host_id=away)["joinable"] is False


def test_title_and_stage_say_the_type_until_somebody_does(api: Api) -> None:
    call = made(api, title="Product demo")
    place = f"/v1/calls/{call['id']}"
    changes: list[dict[str, str | None]] = [
        {"title": "Catch-up", "stage": "negotiation"},
        {"type": "renewal"},
        {"title": "Product demo", "stage": None},
        {"type": None},
    ]

    types = [api.admin.patch(place, json=change).json()["type"] for change in changes]

    assert [call["type"], *types] == ["demo", "negotiation", "renewal", "renewal", "demo"]


def test_fewer_seats_than_are_taken_are_refused_and_more_are_given(api: Api) -> None:
    call = made(api, seat_capacity=2)
    place = f"/v1/calls/{call['id']}"
    for name in ("Ann", "Ben"):
        booked(api, call["id"], somebody(api, name))

    refused = api.admin.patch(place, json={"seat_capacity": 1})
    sensitive = api.admin.patch(place, json={"seat_capacity": 1, "sensitive": True})
    more = api.admin.patch(place, json={"seat_capacity": 3}).json()

    assert said(refused) == said(sensitive) == (409, "capacity_below_taken")
    assert refused.json()["seats_taken"] == 2
    assert (more["seat_capacity"], more["seats_taken"], more["joinable"], more["sensitive"]) == (3, 2, True, False)


def test_seats_go_where_their_call_goes(api: Api) -> None:
    call, jo = made(api), somebody(api, "Jo")
    seat = booked(api, call["id"], jo)

    moved = api.admin.patch(f"/v1/calls/{call['id']}", json=times(TEN + timedelta(hours=2)))

    assert (moved.status_code, moved.json()["seats_taken"]) == (200, 1)
    session = api.admin.get(f"/v1/sessions/{seat['session_id']}").json()
    assert session["starts_at"] == iso(TEN + timedelta(hours=2))
    assert api.admin.get(f"/v1/seats/{seat['id']}").json()["version"] == 2


def test_an_upsert_follows_the_crm_and_ignores_what_comes_late(api: Api) -> None:
    body = fields(api)

    def put(**changes: Any) -> httpx.Response:
        return api.admin.put(CRM, json={**body, **changes})

    created = put(external_updated_at="2026-11-21T08:00:00Z")
    booked(api, created.json()["id"], somebody(api, "Jo"))
    moved = put(**times(TEN + timedelta(hours=1)), external_updated_at="2026-11-21T08:30:00Z")
    repeated = put(**times(TEN + timedelta(hours=1)), external_updated_at="2026-11-21T08:30:00Z")
    overtaken = put(**times(TEN), external_updated_at="2026-11-21T08:15:00Z")
    lacking = api.admin.put("/v1/calls/by-external-id/crm/2", json={"title": "Discovery"})

    assert (created.status_code, created.json()["external"]) == (201, [{"source": "crm", "id": "00U/1"}])
    assert (moved.status_code, moved.json()["seats_taken"]) == (200, 1)
    assert repeated.headers["etag"] == moved.headers["etag"] == overtaken.headers["etag"]
    assert overtaken.json()["starts_at"] == iso(TEN + timedelta(hours=1))
    assert [fault["pointer"] for fault in lacking.json()["errors"]] == ["/host_id", "/starts_at", "/ends_at"]


def test_a_batch_says_of_each_call_what_happened_and_an_atomic_one_does_all_or_nothing(api: Api) -> None:
    good = {"external": {"source": "crm", "id": "1"}, **fields(api)}
    bad = [
        {**good, "external": {"source": "crm", "id": "2"}, "host_id": "per_none"},
        {**good, "external": {"source": "crm", "id": "3"}, **times(TEN, -1)},
        {**good, "external": {"source": "crm", "id": "4"}, "title": ""},
    ]

    def send(*items: dict[str, Any], atomic: bool = False) -> httpx.Response:
        return api.admin.post("/v1/calls/batch-upsert", json={"items": items, "atomic": atomic})

    assert said(send(good, *bad, atomic=True)) == (422, "batch_refused")
    assert api.admin.get("/v1/calls").json()["data"] == []
    mixed = send(*bad, good, good)

    assert mixed.status_code == 207
    assert [item["status"] for item in mixed.json()["data"]] == ["error"] * 3 + ["created", "unchanged"]
    pointers = [item["error"]["errors"][0]["pointer"] for item in mixed.json()["data"][:3]]
    assert pointers == ["/host_id", "/ends_at", "/title"]
    assert send(good, atomic=True).status_code == 200


def test_a_cancelled_call_takes_its_seats_along_once(api: Api) -> None:
    call = made(api)
    place = f"/v1/calls/{call['id']}"
    seat = booked(api, call["id"], somebody(api, "Jo"))

    stale = api.admin.post(f"{place}/cancel", headers={"If-Match": '"v1"'})
    first = api.admin.post(f"{place}/cancel", headers={"If-Match": '"v2"'})
    second = api.admin.post(f"{place}/cancel")

    assert said(stale) == (412, "stale")
    assert (first.json()["status"], first.json()["seats_taken"], first.json()["joinable"]) == ("cancelled", 0, False)
    assert second.headers["etag"] == first.headers["etag"]
    assert api.admin.get(f"/v1/seats/{seat['id']}").json()["status"] == "cancelled"
    assert said(api.admin.patch(place, json=times(TEN + timedelta(hours=1)))) == (409, "call_over")


def test_a_call_that_is_over_stays_as_it_was(api: Api) -> None:
    call = made(api)
    place = f"/v1/calls/{call['id']}"
    booked(api, call["id"], somebody(api, "Jo"))
    into_the_past = api.admin.patch(place, json=times(api.clock() - timedelta(hours=1)))
    api.clock.at = TEN + timedelta(days=30)

    assert said(into_the_past) == (422, "past")
    assert [fault["pointer"] for fault in into_the_past.json()["errors"]] == ["/starts_at"]
    assert said(api.admin.post(f"{place}/cancel")) == (409, "call_over")
    assert said(api.admin.patch(place, json=times(TEN + timedelta(days=40)))) == (409, "call_over")
    assert api.admin.get(place).json()["status"] == "scheduled"


def test_hosts_say_whether_and_how_many_sit_in_on_their_own_calls_and_nothing_else(api: Api) -> None:
    call = made(api)
    place = f"/v1/calls/{call['id']}"
    host, other = api.rep(call["host_id"]), api.rep(somebody(api, "Other"))

    assert host.patch(place, json={"seat_capacity": 1}).json()["seat_capacity"] == 1
    for refused in (
        host.patch(place, json=times(TEN + timedelta(hours=1))),
        other.patch(place, json={"seat_capacity": 0}),
        other.post(f"{place}/cancel"),
        host.post("/v1/calls", json=fields(api)),
        host.put(CRM, json=fields(api)),
        host.post("/v1/calls/batch-upsert", json={"items": [{"external": {"source": "crm", "id": "1"}}]}),
    ):
        assert said(refused) == (403, "forbidden")
    assert host.patch(place, json={"sensitive": True}).status_code == 200
    assert other.get(place).status_code == 404
    assert host.post(f"{place}/cancel").json()["status"] == "cancelled"


def test_a_crm_cancels_a_call_by_its_own_id_and_puts_it_on_again_without_its_seats(api: Api) -> None:
    def person(email: str) -> str:
        body = {"name": email, "email": f"{email}@earshot.example", "time_zone": "Europe/London"}
        made: str = api.admin.post("/v1/people", json=body).json()["id"]
        return made

    place = "/v1/calls/by-external-id/hubspot:42/c1"
    times = {"starts_at": "2026-11-23T10:00:00Z", "ends_at": "2026-11-23T10:30:00Z"}
    made = api.admin.put(place, json={"title": "Northwind: demo", "host_id": person("mara"), **times}).json()
    seat = api.admin.post(f"/v1/calls/{made['id']}/seats", json={"observer_id": person("aisha")}).json()

    cancelled = api.admin.put(place, json={"status": "cancelled", "title": "Cancelled: Northwind"})
    again = api.admin.put(place, json={"status": "cancelled"})
    assert (cancelled.json()["status"], cancelled.json()["seats_taken"]) == ("cancelled", 0)
    assert again.json()["version"] == cancelled.json()["version"]
    assert api.admin.get(f"/v1/seats/{seat['id']}").json()["status"] == "cancelled"

    later = {"starts_at": "2026-11-24T10:00:00Z", "ends_at": "2026-11-24T10:30:00Z"}
    assert api.admin.put(place, json=later).json()["code"] == "call_over"
    on = api.admin.put(place, json={"status": "scheduled", **later})
    assert (on.status_code, on.json()["status"], on.json()["joinable"]) == (200, "scheduled", True)
    assert api.admin.get(f"/v1/seats/{seat['id']}").json()["status"] == "cancelled"
    assert api.admin.put(place, json={"status": "live"}).status_code == 422


def test_a_late_message_does_not_put_a_cancelled_call_on_again(api: Api) -> None:
    host = {"name": "Mara", "email": "mara@earshot.example", "time_zone": "Europe/London"}
    host_id = api.admin.post("/v1/people", json=host).json()["id"]
    place = "/v1/calls/by-external-id/hubspot:42/c1"
    times = {"starts_at": "2026-11-23T10:00:00Z", "ends_at": "2026-11-23T10:30:00Z"}
    known, later, late = (f"2026-11-21T0{hour}:00:00Z" for hour in (6, 8, 7))
    api.admin.put(place, json={"title": "Demo", "host_id": host_id, "external_updated_at": known, **times})
    api.admin.put(place, json={"status": "cancelled"})

    too_late = api.admin.put(place, json={"status": "scheduled", "external_updated_at": "2026-11-21T05:00:00Z"})
    assert too_late.json()["status"] == "cancelled"

    api.admin.put(place, json={"status": "cancelled", "external_updated_at": later})
    overtaken = api.admin.put(place, json={"status": "scheduled", "external_updated_at": late})
    assert overtaken.json()["status"] == "cancelled"


def test_a_call_that_closes_by_the_clock_is_not_the_answer_that_the_client_has(api: Api) -> None:
    host = {"name": "Mara", "email": "mara@earshot.example", "time_zone": "Europe/London"}
    times = {"starts_at": "2026-11-23T10:00:00Z", "ends_at": "2026-11-23T10:30:00Z"}
    host_id = api.admin.post("/v1/people", json=host).json()["id"]
    made = api.admin.post("/v1/calls", json={"title": "Demo", "host_id": host_id, **times})
    place, tag = made.headers["location"], made.headers["etag"]
    assert api.admin.get(place, headers={"If-None-Match": tag}).status_code == 304
    api.clock.at = datetime(2026, 11, 23, 9, 50, tzinfo=UTC)

    closed = api.admin.get(place, headers={"If-None-Match": tag})

    assert (closed.status_code, closed.json()["joinable"]) == (200, False)
    assert api.admin.get(place, headers={"If-None-Match": closed.headers["etag"]}).status_code == 304
    for seen in (closed.headers["etag"], tag):
        place_again = api.admin.patch(place, json={"title": "Demo"}, headers={"If-Match": seen})
        assert place_again.status_code == 200
