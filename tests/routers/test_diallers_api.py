"""Diallers over the API: who is listened to, how they are read, and what becomes of their secret."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from app.db import transaction
from app.models.tables import dialler_connection, dialler_message, event_detail, idempotency_record
from app.queries.sealed import opened
from tests.harness import NOW, Api

PATH = "/v1/dialler-connections"
MAPPING: dict[str, Any] = {
    "event": "/event",
    "started": ["call.answered"],
    "ended": ["call.ended"],
    "call": "/data/id",
    "host_email": "/data/user/email",
    "started_at": "/data/answered_at",
    "ended_at": "/data/ended_at",
}


def a_dialler(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.admin.post(PATH, json={"name": "Our dialler", "mapping": MAPPING, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_dialler_is_added_read_changed_and_deleted(api: Api) -> None:
    made = a_dialler(api)
    path = f"{PATH}/{made['id']}"

    assert made["mapping"] == {**MAPPING, "title": None, "account": None}
    assert (made["status"], made["last_heard_at"], made["last_error"], made["version"]) == ("active", None, None, 1)
    read = api.admin.get(path)
    assert read.json() == {name: value for name, value in made.items() if name != "secret"}
    assert api.admin.get(path, headers={"If-None-Match": read.headers["etag"]}).status_code == 304
    shorter = {**MAPPING, "title": "/data/title"}
    changed = api.admin.patch(path, json={"mapping": shorter, "status": "paused"}, headers={"If-Match": '"v1"'})
    assert (changed.json()["mapping"]["title"], changed.json()["status"]) == ("/data/title", "paused")
    assert api.admin.patch(path, json={"name": "Other"}, headers={"If-Match": '"v1"'}).status_code == 412
    assert api.admin.delete(path, headers={"If-Match": changed.headers["etag"]}).status_code == 204
    assert api.admin.get(path).status_code == 404


def test_a_secret_is_shown_once_and_kept_sealed(api: Api) -> None:
    keyed = {"Idempotency-Key": "once"}
    made = api.admin.post(PATH, json={"name": "Our dialler", "mapping": MAPPING}, headers=keyed).json()
    again = api.admin.post(PATH, json={"name": "Our dialler", "mapping": MAPPING}, headers=keyed)

    rotated = api.admin.post(f"{PATH}/{made['id']}/rotate-secret").json()

    assert made["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert (again.json()["id"], "secret" in again.json()) == (made["id"], False)
    assert rotated["version"] == 2
    with transaction(api.engine, writes=False) as db:
        kept = db.execute(select(dialler_connection)).one()
        assert opened(db, dialler_connection.c.secret, kept.id, kept.secret) == rotated["secret"]
        told = repr([kept, *db.execute(select(event_detail)), *db.execute(select(idempotency_record))])
    assert made["secret"] not in told
    assert rotated["secret"] not in told


def test_its_health_changes_its_tag_and_not_its_version(sqlite_api: Api) -> None:
    path = f"{PATH}/{a_dialler(sqlite_api)['id']}"
    before = sqlite_api.admin.get(path).headers["etag"]
    with transaction(sqlite_api.engine, writes=True) as db:
        db.execute(update(dialler_connection).values(last_heard_at=NOW, last_error="Nobody here has this address."))

    read = sqlite_api.admin.get(path, headers={"If-None-Match": before})

    assert read.json()["last_error"] == "Nobody here has this address."
    assert read.json()["last_heard_at"] == "2026-11-21T09:00:00Z"
    assert sqlite_api.admin.patch(path, json={"name": "B"}, headers={"If-Match": before}).status_code == 200


def test_what_a_dialler_said_goes_with_it(api: Api) -> None:
    made = a_dialler(api)
    with transaction(api.engine, writes=True) as db:
        heard = {"connection_id": made["id"], "message_id": "msg_1", "heard_at": NOW - timedelta(minutes=1)}
        db.execute(insert(dialler_message).values(**heard))

    assert api.admin.delete(f"{PATH}/{made['id']}").status_code == 204

    with transaction(api.engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(dialler_message)).scalar_one() == 0


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"event": "event"}, "/mapping/event"),
        ({"event": ""}, "/mapping/event"),
        ({"call": "/data/~2"}, "/mapping/call"),
        ({"call": "/" + "x" * 200}, "/mapping/call"),
        ({"title": "/da\nta"}, "/mapping/title"),
        ({"started": []}, "/mapping/started"),
        ({"started": ["x"] * 21}, "/mapping/started"),
        ({"ended": [""]}, "/mapping/ended/0"),
        ({"started": "call.answered"}, "/mapping/started"),
        ({"ended": ["call.answered"]}, "/mapping"),
        ({"host_email": None}, "/mapping/host_email"),
        ({"phone": "/data/phone"}, "/mapping"),
    ],
)
def test_a_mapping_that_can_not_be_followed_is_refused(sqlite_api: Api, wrong: dict[str, Any], pointer: str) -> None:
    refused = sqlite_api.admin.post(PATH, json={"name": "Our dialler", "mapping": {**MAPPING, **wrong}})

    assert (refused.status_code, [one["pointer"] for one in refused.json()["errors"]]) == (422, [pointer])


def test_a_mapping_without_all_that_it_takes_is_refused(sqlite_api: Api) -> None:
    for name in MAPPING:
        lacking = {key: value for key, value in MAPPING.items() if key != name}
        refused = sqlite_api.admin.post(PATH, json={"name": "Our dialler", "mapping": lacking})
        assert [one["pointer"] for one in refused.json()["errors"]] == [f"/mapping/{name}"]
