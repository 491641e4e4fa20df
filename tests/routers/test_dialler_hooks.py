"""What diallers post: who is believed, and which call they speak of."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.credentials import webhook_signature
from app.db import transaction
from app.models import Person
from app.models.tables import event, event_detail
from app.operations.accounts import create_account
from app.operations.calls import cancel_call
from app.operations.external import identify
from app.rules.access import SYSTEM
from tests.dialling import Dialler, said_of
from tests.factories import a_call, a_person
from tests.harness import NOW, Api
from tests.stored import contents

MINUTE = timedelta(minutes=1)
MARA = "mara@earshot.example"


def a_host(api: Api) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, "Mara", email=MARA).id


def a_planned_call(api: Api, host_id: str, starts_in: timedelta) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_call(db, db.get_one(Person, host_id), starts_at=NOW + starts_in)


def calls(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.admin.get("/v1/calls").json()["data"]
    return found


def test_a_call_that_was_planned_about_now_starts_and_ends(api: Api) -> None:
    host_id = a_host(api)
    near, _ = (a_planned_call(api, host_id, minutes * MINUTE) for minutes in (5, 25))
    dialler = Dialler(api)

    started = dialler.post(said_of(MARA, NOW - MINUTE))
    live = api.admin.get(f"/v1/calls/{near}").json()
    api.clock.advance(10 * MINUTE)
    ended = dialler.post(said_of(MARA, NOW - MINUTE, NOW + 9 * MINUTE), "msg_2")

    assert (started.status_code, started.content, ended.status_code) == (202, b"", 202)
    assert (live["status"], live["began_at"]) == ("live", "2026-11-21T08:59:00Z")
    assert live["external"] == [{"source": f"dialler:{dialler.id}", "id": "812"}]
    over = api.admin.get(f"/v1/calls/{near}").json()
    assert (over["status"], over["ended_at"], over["starts_at"]) == ("ended", "2026-11-21T09:09:00Z", live["starts_at"])
    assert len(calls(api)) == 2
    health = dialler.health
    assert (health["last_heard_at"], health["last_error"], health["version"]) == ("2026-11-21T09:10:00Z", None, 1)


def test_a_call_that_nobody_planned_is_added_by_the_mapping(api: Api) -> None:
    host_id = a_host(api)
    with transaction(api.engine, writes=True) as db:
        account_id = create_account(db, fields={"name": "Northwind"}, actor=SYSTEM, now=NOW).id
    a_planned_call(api, host_id, 31 * MINUTE)

    Dialler(api).post(said_of(MARA, NOW - 7 * timedelta(seconds=1), title="Northwind: demo", company="Northwind"))

    (made,) = (call for call in calls(api) if call["status"] == "live")
    assert (made["title"], made["host_id"], made["account"]["id"]) == ("Northwind: demo", host_id, account_id)
    assert (made["starts_at"], made["ends_at"]) == ("2026-11-21T08:59:00Z", "2026-11-21T09:29:00Z")
    assert made["began_at"] == "2026-11-21T08:59:53Z"


def test_the_same_message_again_changes_nothing_and_is_answered_the_same(api: Api) -> None:
    a_host(api)
    dialler = Dialler(api)
    first = dialler.post(said_of(MARA, NOW))
    before = contents(api.engine)

    again = dialler.post(said_of(MARA, NOW))
    other = dialler.post(said_of(MARA, NOW, NOW))

    assert (again.status_code, again.content) == (other.status_code, other.content) == (first.status_code, b"")
    assert contents(api.engine) == before


def test_the_same_message_many_times_at_once_makes_one_call(api: Api) -> None:
    a_host(api)
    dialler = Dialler(api)

    with ThreadPoolExecutor(6) as several:
        answers = list(several.map(lambda n: dialler.post(said_of(MARA, NOW), f"msg_{n % 3}"), range(6)))

    assert {answer.status_code for answer in answers} == {202}
    assert len(calls(api)) == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"instead": {"webhook-signature": "v1,"}},
        {"instead": {"webhook-signature": ""}},
        {"instead": {"webhook-signature": "v1,é"}},
        {"instead": {"webhook-id": "msg_2"}},
        {"instead": {"webhook-id": ""}},
        {"instead": {"webhook-timestamp": "1e9"}},
        {"instead": {"webhook-timestamp": ""}},
        {"instead": {"webhook-timestamp": "9" * 30}},
        {"late": 301 * timedelta(seconds=1)},
        {"late": -301 * timedelta(seconds=1)},
    ],
    ids=str,
)
def test_what_its_dialler_did_not_sign_just_now_is_refused_with_one_line(api: Api, sent: dict[str, Any]) -> None:
    a_host(api)
    dialler = Dialler(api)
    before = contents(api.engine)

    refused = dialler.post(said_of(MARA, NOW), **sent)

    assert (refused.status_code, refused.json()["code"]) == (401, "wrong_signature")
    assert contents(api.engine) == before
    with transaction(api.engine, writes=False) as db:
        noted = db.execute(select(event.c.id).where(event.c.act == "request.refused")).scalars().all()
        (detail,) = db.execute(select(event_detail.c.detail).where(event_detail.c.event_id.in_(noted))).scalars()
    assert (detail["code"], detail["path"]) == ("wrong_signature", "/hooks/dialler/{connection_id}")


def test_a_message_is_taken_for_five_minutes_with_any_of_its_signatures(sqlite_api: Api) -> None:
    dialler = Dialler(sqlite_api)

    early, late = (dialler.post(b"{}", f"msg_{s}", late=s * timedelta(seconds=1)) for s in (-300, 300))
    body, seconds = b"{}", str(int(NOW.timestamp()))
    right = webhook_signature(dialler.secret, message_id="msg_3", sent_at=int(seconds), body=body)
    several = dialler.post(body, "msg_3", instead={"webhook-signature": f"v1,AAAA v1a,x {right}"})

    assert (early.status_code, late.status_code, several.status_code) == (202, 202, 202)


def test_a_secret_that_was_replaced_opens_nothing(api: Api) -> None:
    dialler = Dialler(api)

    secret = api.admin.post(f"/v1/dialler-connections/{dialler.id}/rotate-secret").json()["secret"]

    assert dialler.post(b"{}").status_code == 401
    dialler.secret = secret
    assert dialler.post(b"{}").status_code == 202


def test_one_that_is_paused_or_gone_is_not_there(api: Api) -> None:
    dialler, path = Dialler(api), "/v1/dialler-connections"

    api.admin.patch(f"{path}/{dialler.id}", json={"status": "paused"}).raise_for_status()
    paused = dialler.post(b"{}")
    api.admin.delete(f"{path}/{dialler.id}").raise_for_status()
    gone = dialler.post(b"{}")

    assert (paused.status_code, paused.json()["code"]) == (gone.status_code, gone.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (said_of("nobody@earshot.example", NOW), "address"),
        (said_of(MARA, NOW, NOW, answered_at=None), "never started"),
        (said_of(MARA, NOW, id=None), "name its call"),
        (b"\xff\x00", "not JSON"),
        (b"[" * 250_000, "not JSON"),
        (b'{"event": NaN}', "what happened"),
    ],
)
def test_what_is_not_understood_is_taken_with_a_word_about_why(api: Api, body: bytes, why: str) -> None:
    a_host(api)
    dialler = Dialler(api)

    answer = dialler.post(body)

    assert answer.status_code == 202
    assert calls(api) == []
    assert why in dialler.health["last_error"]
    assert dialler.post(b'{"event": "call.ringing"}', "msg_2").status_code == 202
    assert dialler.health["last_error"] is None


def test_a_call_that_is_off_stays_off(api: Api) -> None:
    call_id = a_planned_call(api, a_host(api), timedelta())
    dialler = Dialler(api)
    with transaction(api.engine, writes=True) as db:
        identify(db, "call", call_id, [(f"dialler:{dialler.id}", "812")])
        cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)

    dialler.post(said_of(MARA, NOW))

    assert api.admin.get(f"/v1/calls/{call_id}").json()["status"] == "cancelled"
    assert "does not take place" in dialler.health["last_error"]


def test_more_than_256_kib_are_not_read(sqlite_api: Api) -> None:
    dialler = Dialler(sqlite_api)

    assert dialler.post(b" " * (256 * 1024)).status_code == 202
    assert dialler.post(b" " * (256 * 1024 + 1), "msg_2").status_code == 413


def test_who_left_starts_no_call(api: Api) -> None:
    host_id = a_host(api)
    api.admin.patch(f"/v1/people/{host_id}", json={"status": "left"}).raise_for_status()
    dialler = Dialler(api)

    dialler.post(said_of(MARA, NOW))

    assert calls(api) == []
    assert "address" in dialler.health["last_error"]


def test_two_diallers_may_call_two_calls_the_same(api: Api) -> None:
    a_host(api)
    ours, theirs = Dialler(api), Dialler(api)

    for dialler in (ours, theirs):
        dialler.post(said_of(MARA, NOW))

    assert sorted(one["external"][0]["source"] for one in calls(api)) == sorted(
        f"dialler:{d.id}" for d in (ours, theirs)
    )
