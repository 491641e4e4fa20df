"""Webhook endpoints, events and deliveries over the API."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.db import transaction
from app.models.tables import delivery, delivery_attempt, event, idempotency_record, job, webhook_endpoint
from app.operations.teams import create_team
from app.queries.sealed import opened
from app.rules.access import SYSTEM
from app.rules.chat import ACTS
from app.rules.published import PUBLISHED, TESTED
from app.vocabulary import DeliveryStatus
from app.worker import Worker
from tests.described import document, misfits, resolved
from tests.factories import a_call, a_person
from tests.harness import NOW, Api
from tests.statements import assert_same_cost

URL = "https://crm.example/hooks"
PATH = "/v1/webhook-endpoints"
MINUTE = timedelta(minutes=1)


def an_endpoint(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.admin.post(PATH, json={"name": "CRM", "url": URL, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def path_of(endpoint: dict[str, Any]) -> str:
    return f"{PATH}/{endpoint['id']}"


def refused(answer: httpx.Response) -> tuple[int, str, list[str]]:
    body = answer.json()
    return answer.status_code, body["code"], [one["pointer"] for one in body["errors"]]


def some_teams(api: Api, *names: str) -> None:
    with transaction(api.engine, writes=True) as db:
        for name in names:
            create_team(db, name=name, actor=SYSTEM, now=api.clock())


def announce(api: Api) -> None:
    Worker(api.engine, api.settings, api.clock).announce()


def listed(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = api.admin.get(path, params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def pumps(api: Api) -> list[str]:
    with transaction(api.engine, writes=False) as db:
        waiting = select(job.c.singleton).where(job.c.kind == "webhooks", job.c.status == "queued")
        return list(db.execute(waiting).scalars())


def now_is(api: Api, endpoint: dict[str, Any], **values: Any) -> None:
    with transaction(api.engine, writes=True) as db:
        db.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == endpoint["id"]).values(**values))


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "ftp://crm.example/hooks",
        "crm.example/hooks",
        "https://user:pw@crm.example/hooks",
        "https://crm.exämple/hooks",
        "https:///hooks",
        "https://crm.example:0/",
        "https://127.0.0.1/hooks",
        "https://[::1]/hooks",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.8/hooks",
        "https://2130706433/hooks",
        "http://crm.example/hooks",
        "http://8.8.8.8/hooks",
    ],
)
def test_a_url_that_nothing_will_ever_go_to_is_refused_at_once(sqlite_api: Api, url: str) -> None:
    made = an_endpoint(sqlite_api)

    for answer in (
        sqlite_api.admin.post(PATH, json={"name": "CRM", "url": url}),
        sqlite_api.admin.patch(path_of(made), json={"url": url}),
    ):
        assert refused(answer) == (422, "url_refused", ["/url"])
        assert url not in answer.text
    assert [one["url"] for one in listed(sqlite_api, PATH)] == [URL]


@pytest.mark.parametrize("url", ["http://crm.example/hooks", "https://10.0.0.8/hooks"])
def test_who_runs_an_intranet_is_told_which_setting_lets_it_in(sqlite_api: Api, url: str) -> None:
    answer = sqlite_api.admin.post(PATH, json={"name": "CRM", "url": url})

    assert "EARSHOT_OUTBOUND_ALLOW" in answer.json()["detail"]


def test_an_act_that_is_not_published_is_refused_with_those_that_are_near_it(sqlite_api: Api) -> None:
    answer = sqlite_api.admin.post(PATH, json={"name": "CRM", "url": URL, "acts": ["seat.*", "seat.boked"]})

    assert refused(answer) == (422, "unknown_act", ["/acts/1"])
    assert "seat.booked" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("act", ["api_key.created", "feed.*", "*", "seat", "", "Seat.booked ", "\u202eseat"])
def test_what_stays_inside_can_not_be_listened_to(sqlite_api: Api, act: str) -> None:
    made = an_endpoint(sqlite_api)

    for answer in (
        sqlite_api.admin.post(PATH, json={"name": "CRM", "url": URL, "acts": [act]}),
        sqlite_api.admin.patch(path_of(made), json={"acts": [act]}),
        sqlite_api.admin.post(f"{path_of(made)}/replay", json={"since": NOW.isoformat(), "acts": [act]}),
    ):
        assert refused(answer) == (422, "unknown_act", ["/acts/0"])
    for path in ("/v1/events", "/v1/deliveries"):
        assert listed(sqlite_api, path, act=act) == []


@pytest.mark.parametrize("form", ["slack", "teams"])
@pytest.mark.parametrize("act", ["seat.booked", "call.*", "call.created"])
def test_a_chat_hears_of_its_three_acts_and_of_nothing_else(sqlite_api: Api, form: str, act: str) -> None:
    made = an_endpoint(sqlite_api, acts=[act])

    for answer in (
        sqlite_api.admin.post(PATH, json={"name": "Chat", "url": URL, "format": form, "acts": [act]}),
        sqlite_api.admin.patch(path_of(made), json={"format": form}),
    ):
        assert refused(answer) == (422, "unknown_act", ["/acts/0"])
        assert all(known in answer.json()["errors"][0]["detail"] for known in ACTS) or "near" in answer.text
    assert an_endpoint(sqlite_api, format=form)["acts"] == list(ACTS)


def test_what_waits_in_one_format_is_never_sent_in_another(api: Api) -> None:
    made = an_endpoint(api)
    some_teams(api, "West")
    announce(api)

    answer = api.admin.patch(path_of(made), json={"format": "slack"})

    assert refused(answer) == (409, "deliveries_waiting", [])


def test_nothing_is_sent_to_an_endpoint_that_is_disabled(api: Api) -> None:
    made = an_endpoint(api)
    some_teams(api, "West")
    announce(api)
    (one,) = listed(api, "/v1/deliveries")
    api.admin.patch(path_of(made), json={"status": "disabled"})

    for path, body in (
        (f"{path_of(made)}/test", None),
        (f"{path_of(made)}/replay", {"since": NOW.isoformat()}),
        (f"/v1/deliveries/{one['id']}/resend", None),
    ):
        assert refused(api.admin.post(path, json=body)) == (409, "endpoint_disabled", [])


def test_who_read_an_older_version_changes_nothing(api: Api) -> None:
    made = an_endpoint(api)
    old = {"If-Match": '"v1"'}
    assert api.admin.patch(path_of(made), json={"name": "New"}, headers=old).headers["etag"] == '"v2"'

    assert api.admin.patch(path_of(made), json={"name": "Other"}, headers=old).status_code == 412
    assert api.admin.post(f"{path_of(made)}/rotate-secret", headers=old).status_code == 412
    assert api.admin.delete(path_of(made), headers=old).status_code == 412
    assert api.admin.get(path_of(made)).json()["name"] == "New"


@pytest.mark.parametrize("path", [f"{PATH}/whe_none", "/v1/events/evt_none", "/v1/deliveries/dlv_none"])
def test_what_is_not_there_is_not_found(sqlite_api: Api, path: str) -> None:
    assert sqlite_api.admin.get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", f"{PATH}/whe_none"),
        ("DELETE", f"{PATH}/whe_none"),
        ("POST", f"{PATH}/whe_none/rotate-secret"),
        ("POST", f"{PATH}/whe_none/test"),
        ("POST", f"{PATH}/whe_none/replay"),
        ("POST", "/v1/deliveries/dlv_none/resend"),
    ],
)
def test_what_is_not_there_is_not_changed(sqlite_api: Api, method: str, path: str) -> None:
    body = {"since": NOW.isoformat()} if path.endswith("replay") else {} if method == "PATCH" else None

    assert sqlite_api.admin.request(method, path, json=body).status_code == 404


# --- Endpoints --------------------------------------------------------------------------------------------------------


def test_an_endpoint_shows_its_secret_once_and_no_record_keeps_it(api: Api) -> None:
    asked = {"json": {"name": "CRM", "url": URL}, "headers": {"Idempotency-Key": "one"}}

    made = api.admin.post(PATH, **asked)  # type: ignore[arg-type]
    again = api.admin.post(PATH, **asked)  # type: ignore[arg-type]

    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json()["id"] == made.json()["id"]
    assert secret not in again.text + api.admin.get(path_of(made.json())).text + api.admin.get(PATH).text
    with transaction(api.engine, writes=False) as db:
        assert secret.encode() not in db.execute(select(idempotency_record.c.body)).scalar_one()


def test_an_endpoint_is_made_read_changed_listed_and_deleted(api: Api) -> None:
    made = an_endpoint(api, acts=["seat.*", "session.booked", "seat.*"])
    api.clock.advance(MINUTE)
    other = an_endpoint(api, name="Other")

    read = api.admin.get(path_of(made))
    assert read.json() == {name: value for name, value in made.items() if name != "secret"}
    assert (read.json()["acts"], read.json()["status"]) == (["seat.*", "session.booked"], "enabled")
    assert api.admin.get(path_of(made), headers={"If-None-Match": read.headers["etag"]}).status_code == 304
    changed = api.admin.patch(path_of(made), json={"acts": [], "url": "https://crm.example/other"}).json()
    assert (changed["acts"], changed["url"], changed["version"]) == ([], "https://crm.example/other", 2)
    assert [one["id"] for one in listed(api, PATH)] == [made["id"], other["id"]]
    api.admin.patch(path_of(other), json={"status": "disabled"})
    assert [one["id"] for one in listed(api, PATH, status="disabled")] == [other["id"]]
    assert api.admin.delete(path_of(made), headers={"If-Match": '"v2"'}).status_code == 204
    assert api.admin.get(path_of(made)).status_code == 404


def test_a_host_of_ones_own_may_be_told_without_tls_where_the_house_names_it(api: Api) -> None:
    object.__setattr__(api.settings, "outbound_allow", ("crm.intranet",))

    assert an_endpoint(api, url="http://crm.intranet:8080/hooks")["url"] == "http://crm.intranet:8080/hooks"
    other = api.admin.post(PATH, json={"name": "CRM", "url": "http://other.intranet/hooks"})
    assert refused(other) == (422, "url_refused", ["/url"])


def test_a_new_secret_signs_beside_the_old_one_for_a_day(api: Api) -> None:
    made = an_endpoint(api)

    rotated = api.admin.post(f"{path_of(made)}/rotate-secret").json()

    assert rotated["secret"] not in (made["secret"], None)
    assert rotated["previous_secret_until"] == "2026-11-22T09:00:00Z"
    with transaction(api.engine, writes=False) as db:
        kept, columns = db.execute(select(webhook_endpoint)).one(), webhook_endpoint.c
        assert opened(db, columns.secret, kept.id, kept.secret) == rotated["secret"]
        assert opened(db, columns.previous_secret, kept.id, kept.previous_secret) == made["secret"]


def test_how_an_endpoint_does_is_another_answer_but_no_other_version(api: Api) -> None:
    made = an_endpoint(api)
    before = api.admin.get(path_of(made)).headers["etag"]

    now_is(api, made, failures=3, failing_since=NOW, paused_until=NOW + MINUTE)

    after = api.admin.get(path_of(made), headers={"If-None-Match": before})
    assert (after.status_code, after.json()["failures"], after.json()["version"]) == (200, 3, 1)
    assert api.admin.patch(path_of(made), json={"name": "New"}, headers={"If-Match": before}).status_code == 200


@pytest.mark.parametrize("change", [{"status": "enabled"}, {"status": "enabled", "url": "https://crm.example/new"}])
def test_an_endpoint_that_is_enabled_again_begins_anew_and_is_sent_what_waits(api: Api, change: dict[str, Any]) -> None:
    made = an_endpoint(api)
    some_teams(api, "West")
    announce(api)
    off = api.admin.patch(path_of(made), json={"status": "disabled"}).json()
    assert (off["status"], off["disabled_because"]) == ("disabled", "by_hand")
    now_is(api, made, failures=9, failing_since=NOW, paused_until=NOW + MINUTE, slow=True)
    with transaction(api.engine, writes=True) as db:
        db.execute(update(job).values(status="done"))
        db.execute(update(delivery).values(due_at=NOW + 99 * MINUTE))

    on = api.admin.patch(path_of(made), json=change).json()

    assert (on["status"], on["disabled_because"], on["failures"]) == ("enabled", None, 0)
    assert (on["failing_since"], on["paused_until"]) == (None, None)
    assert pumps(api) == [f"webhooks:{made['id']}"]
    assert [one["due_at"] for one in listed(api, "/v1/deliveries")] == ["2026-11-21T09:00:00Z"]


def test_deleting_an_endpoint_deletes_what_was_sent_to_it_and_nothing_else(api: Api) -> None:
    made, other = an_endpoint(api), an_endpoint(api, name="Other")
    some_teams(api, "West")
    announce(api)

    api.admin.delete(path_of(made))

    assert [one["endpoint_id"] for one in listed(api, "/v1/deliveries")] == [other["id"]]


# --- Events and deliveries --------------------------------------------------------------------------------------------


def test_events_are_listed_in_their_order_and_by_what_is_asked_for(api: Api) -> None:
    some_teams(api, "West", "East")
    an_endpoint(api)
    west, east = [one["id"] for one in listed(api, "/v1/teams", sort="-name")]
    api.clock.advance(MINUTE)
    api.admin.patch(f"/v1/teams/{west}", json={"name": "Far West"})

    def found(**query: Any) -> list[tuple[str, str]]:
        return [(one["act"], one["object_id"]) for one in listed(api, "/v1/events", **query)]

    everything = [("team.created", west), ("team.created", east), ("team.changed", west)]
    assert found() == everything, "keys and endpoints are nobody's business outside"
    assert found(sort="-sequence") == everything[::-1]
    first = listed(api, "/v1/events")[0]
    assert found(sequence_gt=first["sequence"]) == everything[1:]
    assert found(act="team.changed") == everything[2:]
    assert found(act=["team.*", "seat.*"]) == everything
    assert found(object_id=west, object_type="team") == [everything[0], everything[2]]
    assert found(at_gte="2026-11-21T09:01:00Z") == everything[2:]
    assert found(at_lt="2026-11-21T09:01:00Z") == everything[:2]
    page = api.admin.get("/v1/events", params={"limit": 2}).json()
    assert found(limit=2, cursor=page["next_cursor"]) == everything[2:]
    assert api.admin.get(f"/v1/events/{first['id']}").json() == first
    assert_same_cost(api, api.admin, "/v1/events")


def test_an_event_that_is_not_published_is_not_there(api: Api) -> None:
    with transaction(api.engine, writes=False) as db:
        made = db.execute(select(event.c.id).where(event.c.act == "api_key.created")).scalars().first()

    assert api.admin.get(f"/v1/events/{made}").status_code == 404


def test_deliveries_are_listed_from_the_newest_and_show_what_is_sent_and_how_it_went(api: Api) -> None:
    made = an_endpoint(api)
    some_teams(api, "West", "East")
    api.clock.advance(MINUTE)
    some_teams(api, "North")
    announce(api)
    found = listed(api, "/v1/deliveries")
    with transaction(api.engine, writes=True) as db:
        tried = {"delivery_id": found[2]["id"], "at": NOW, "elapsed_ms": 15, "status_code": 503, "answer": "busy"}
        db.execute(delivery_attempt.insert().values(id="att_1", **tried))
        db.execute(update(delivery).where(delivery.c.id == found[2]["id"]).values(status=DeliveryStatus.FAILED))

    one = api.admin.get(f"/v1/deliveries/{found[2]['id']}").json()

    assert [one["act"] for one in found] == ["team.created"] * 3
    assert {one["endpoint_id"] for one in found} == {made["id"]}
    assert (one["status"], one["log"][0]["status_code"], one["log"][0]["answer"]) == ("failed", 503, "busy")
    assert '"type":"team.created"' in one["body"]
    assert [d["id"] for d in listed(api, "/v1/deliveries", status="failed")] == [one["id"]]
    assert len(listed(api, "/v1/deliveries", status="waiting", act="team.*", endpoint_id=made["id"])) == 2
    assert [d["id"] for d in listed(api, "/v1/deliveries", event_id=one["event_id"])] == [one["id"]]
    assert listed(api, "/v1/deliveries", act="seat.booked") == []
    assert_same_cost(api, api.admin, "/v1/deliveries")


def test_a_test_is_an_event_that_only_the_tested_endpoint_hears_of(api: Api) -> None:
    made = an_endpoint(api, acts=["seat.*"])
    an_endpoint(api, name="Other")

    answer = api.admin.post(f"{path_of(made)}/test")
    announce(api)

    assert (answer.status_code, answer.json()["act"]) == (202, TESTED)
    (one,) = listed(api, "/v1/deliveries", event_id=answer.json()["id"])
    assert one["endpoint_id"] == made["id"]
    body = api.admin.get(f"/v1/deliveries/{one['id']}").json()["body"]
    assert made["id"] in body
    assert "whsec_" not in body
    assert pumps(api) == [f"webhooks:{made['id']}"]


def test_what_was_delivered_is_sent_again_under_the_same_id(api: Api) -> None:
    an_endpoint(api)
    some_teams(api, "West")
    announce(api)
    (before,) = listed(api, "/v1/deliveries")
    with transaction(api.engine, writes=True) as db:
        db.execute(update(delivery).values(status=DeliveryStatus.DELIVERED, attempts=3))
        db.execute(update(job).values(status="done"))
    api.clock.advance(MINUTE)

    answer = api.admin.post(f"/v1/deliveries/{before['id']}/resend")

    after = answer.json()
    assert (answer.status_code, after["status"], after["attempts"]) == (202, "waiting", 0)
    assert (after["id"], after["event_id"]) == (before["id"], before["event_id"])
    assert len(pumps(api)) == 1


def test_a_replay_tells_again_what_was_told_and_what_never_was(api: Api) -> None:
    some_teams(api, "Before")
    api.clock.advance(MINUTE)
    made = an_endpoint(api)
    some_teams(api, "West")
    announce(api)
    with transaction(api.engine, writes=True) as db:
        db.execute(update(delivery).values(status=DeliveryStatus.DELIVERED))
    api.clock.advance(MINUTE)

    answer = api.admin.post(f"{path_of(made)}/replay", json={"since": NOW.isoformat(), "acts": ["team.*"]})
    worker = Worker(api.engine, api.settings, api.clock)
    while [one for one in listed(api, "/v1/jobs", kind="webhook_replay") if one["status"] == "queued"]:
        assert worker.run_one()

    assert (answer.status_code, answer.json()) == (202, {"events": 2})
    assert len(listed(api, "/v1/deliveries")) == 2


# --- The description --------------------------------------------------------------------------------------------------


def test_every_published_act_is_described_with_an_example_that_fits() -> None:
    described = document()["webhooks"]

    assert list(described) == list(PUBLISHED)
    for act, item in described.items():
        post = item["post"]
        content = post["requestBody"]["content"]["application/json"]
        assert post["summary"] == PUBLISHED[act].says
        assert list(misfits(content["schema"], content["example"])) == [], act
        assert content["example"]["type"] == act
        named = {resolved(one["$ref"])["name"] for one in post["parameters"]}
        assert named == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        wrong = {**content["example"], "type": "team.renamed"}
        assert list(misfits(content["schema"], wrong)) == ["/type: not the constant"], act


def test_what_is_sent_is_what_is_described(api: Api) -> None:
    an_endpoint(api)
    with transaction(api.engine, writes=True) as db:
        team = create_team(db, name="West", actor=SYSTEM, now=NOW)
        a_call(db, a_person(db, "Host", team_id=team.id))
    announce(api)

    found = [api.admin.get(f"/v1/deliveries/{one['id']}").json() for one in listed(api, "/v1/deliveries")]

    assert {one["act"] for one in found} == {"team.created", "person.created", "call.created"}
    for one in found:
        schema = document()["webhooks"][one["act"]]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert list(misfits(schema, json.loads(one["body"]))) == []
