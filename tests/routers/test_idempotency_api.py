"""Keyed requests under attack: one key, one effect, one answer, however often and however fast it is sent."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from app.db import make_engine, transaction
from app.models.tables import event, idempotency_record, person
from app.operations import idempotency
from app.vocabulary import Role
from tests.harness import NOW, Api, FakeClock
from tests.patience import PATIENCE_SECONDS

AISHA = {"name": "Aisha Bello", "email": "aisha@earshot.example", "time_zone": "America/Phoenix"}


def create(api: Api, key: str, **changes: Any) -> httpx.Response:
    return api.admin.post("/v1/people", json={**AISHA, **changes}, headers={"Idempotency-Key": key})


def until_answered(request: Callable[[], httpx.Response]) -> httpx.Response:
    """Send the request again while it is told to come back, as a client should."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        answer = request()
        busy = answer.status_code == 503 or answer.json().get("code") == "idempotency_in_progress"
        if not busy:
            return answer
        assert answer.headers["retry-after"] == "1"
        time.sleep(0.05)
    raise AssertionError("never answered")


def count(api: Api, table: Any) -> int:
    with transaction(api.engine, writes=False) as db:
        return int(db.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é", "tab\there"])
def test_a_key_of_other_characters_is_refused(sqlite_api: Api, key: str) -> None:
    headers = [
        (b"Idempotency-Key", key.encode()),
        (b"Authorization", sqlite_api.admin.headers["authorization"].encode()),
    ]

    refused = sqlite_api.client().post("/v1/people", json=AISHA, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
    assert count(sqlite_api, person) == 0


@pytest.mark.parametrize("key", ["x", "!" * 255, "~", "8e03978e-40d5-43e8-bc93-6894a57f9324"])
def test_any_visible_characters_make_a_key(sqlite_api: Api, key: str) -> None:
    assert create(sqlite_api, key).status_code == 201


def test_fifty_twins_have_one_effect_and_one_answer(api: Api) -> None:
    before = count(api, event)
    barrier = threading.Barrier(50)

    def send(_: int) -> httpx.Response:
        barrier.wait(PATIENCE_SECONDS)
        return until_answered(lambda: create(api, "one"))

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) == 1
    assert len({(answer.headers["etag"], answer.headers["location"]) for answer in answers}) == 1
    assert (count(api, person), count(api, event) - before) == (1, 1)


def test_each_of_many_keyed_requests_sent_three_times_has_one_effect(api: Api, soak: bool) -> None:
    times = 1000 if soak else 30

    def send(number: int) -> set[bytes]:
        keyed = {"key": f"k{number}", "email": f"p{number}@earshot.example"}
        return {until_answered(lambda: create(api, **keyed)).content for _ in range(3)}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(times)))

    assert {len(same) for same in answers} == {1}
    assert count(api, person) == times


def test_a_twin_in_flight_is_waited_for_and_then_named(
    serve: Callable[..., Api], postgres_url: str, clock: FakeClock, tmp_path: Path, soak: bool
) -> None:
    api = serve(postgres_url, clock, tmp_path)
    credential = "key_" + api.admin.headers["authorization"][15:41]
    with api.engine.connect() as first:  # the first request, as far as it has come
        first.execute(
            idempotency_record.insert().values(
                credential=credential, idempotency_key="slow", fingerprint="?", status=0, headers={}, created_at=NOW
            )
        )

        started = time.monotonic()
        refused = create(api, "slow")
        took = time.monotonic() - started
        first.rollback()

    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_in_progress")
    assert refused.headers["retry-after"] == "1"
    assert 2.5 < took < (6 if soak else PATIENCE_SECONDS)  # once, not again and again
    assert create(api, "slow").status_code == 201


def test_a_twin_of_a_request_that_failed_runs_in_its_place(
    serve: Callable[..., Api], postgres_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    api = serve(postgres_url, clock, tmp_path)
    credential = "key_" + api.admin.headers["authorization"][15:41]
    engine = make_engine(postgres_url)
    with ThreadPoolExecutor(1) as pool, engine.connect() as first:
        first.execute(
            idempotency_record.insert().values(
                credential=credential, idempotency_key="k", fingerprint="?", status=0, headers={}, created_at=NOW
            )
        )
        twin = pool.submit(until_answered, lambda: create(api, "k"))
        time.sleep(0.3)

        first.rollback()

        assert twin.result(PATIENCE_SECONDS).status_code == 201
    engine.dispose()


def test_a_key_belongs_to_the_credential_that_sent_it(api: Api) -> None:
    other = api.client(api.key(Role.ADMIN))
    mine = create(api, "same")

    theirs = other.post("/v1/people", json={**AISHA, "email": "b@earshot.example"}, headers={"Idempotency-Key": "same"})

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]
    assert "idempotency-replayed" not in theirs.headers


def test_a_key_sent_with_anything_else_is_refused_and_changes_nothing(api: Api) -> None:
    place = create(api, "k").headers["location"]
    key = {"Idempotency-Key": "k"}

    for other in (
        create(api, "k", name="Somebody else"),
        api.admin.post(
            "/v1/people",
            content=b" " + create(api, "k").request.content,
            headers={**key, "Content-Type": "application/json"},
        ),
        api.admin.patch(place, json={"name": "B"}, headers=key),
        api.admin.post(
            "/v1/people/batch-upsert", json={"items": [{"external": {"source": "a", "id": "1"}}]}, headers=key
        ),
    ):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (count(api, person), api.admin.get(place).json()["version"]) == (1, 1)


def test_what_was_refused_before_it_ran_is_not_remembered(api: Api) -> None:
    refusals = [
        create(api, "k", time_zone="Mars/Olympus"),
        create(api, "k", team_id="team_nobody"),
        api.admin.post("/v1/people?x=1", json=AISHA, headers={"Idempotency-Key": "k"}),
        api.admin.post(
            "/v1/people", content=b"{", headers={"Idempotency-Key": "k", "Content-Type": "application/json"}
        ),
    ]
    assert [refused.status_code for refused in refusals] == [422, 422, 422, 400]
    assert count(api, idempotency_record) == 0

    assert create(api, "k").status_code == 201
    assert count(api, idempotency_record) == 1


def test_an_answer_is_remembered_with_its_effect_or_not_at_all(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        db.execute(text("CREATE TRIGGER no_events BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'broken'); END"))
    failed = create(sqlite_api, "k")
    assert failed.status_code == 500
    assert (count(sqlite_api, person), count(sqlite_api, idempotency_record)) == (0, 0)

    with transaction(sqlite_api.engine, writes=True) as db:
        db.execute(text("DROP TRIGGER no_events"))

    assert create(sqlite_api, "k").status_code == 201


def test_a_replay_says_the_same_after_the_thing_has_changed(api: Api) -> None:
    first = create(api, "k")
    api.admin.patch(first.headers["location"], json={"name": "Aisha B."})

    again = create(api, "k")

    assert again.content == first.content
    assert again.headers["etag"] == '"v1"'
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b'{"id":"fed_1","url":"https://x/feeds/s.ics"}', b'{"id":"fed_1"}'),
        ('{"id":"é","secret":"s"}'.encode(), '{"id":"é"}'.encode()),
        (b'{"meeting": {"url": "https://x"}}', b'{"meeting": {"url": "https://x"}}'),
        (b'["secret"]', b'["secret"]'),
        (b'not json "secret"', b'not json "secret"'),
        (b"", b""),
    ],
)
def test_what_is_shown_once_is_never_stored_and_nothing_else_is_touched(api: Api, answer: bytes, kept: bytes) -> None:
    with transaction(api.engine, writes=True) as db:
        idempotency.begin(db, credential="key_1", key="k", fingerprint="f", now=NOW)
        idempotency.keep(db, credential="key_1", key="k", status=201, headers={"etag": '"v1"'}, body=answer)

    with transaction(api.engine, writes=True) as db:
        found = idempotency.begin(db, credential="key_1", key="k", fingerprint="f", now=NOW)

    assert found == idempotency.Kept(201, {"etag": '"v1"'}, kept)


def test_a_key_is_as_good_as_new_after_seven_days(api: Api) -> None:
    def send(email: str) -> httpx.Response:
        body = {"name": "Aisha", "email": email, "time_zone": "Asia/Kolkata"}
        return api.admin.post("/v1/people", json=body, headers={"Idempotency-Key": "k"})

    assert send("a@earshot.example").status_code == 201
    api.clock.advance(timedelta(days=6, hours=23))
    assert send("b@earshot.example").json()["code"] == "idempotency_key_reused"
    api.clock.advance(timedelta(hours=2))

    fresh = send("b@earshot.example")

    assert (fresh.status_code, fresh.json()["email"]) == (201, "b@earshot.example")
