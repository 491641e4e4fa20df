"""How often keys and strangers may ask, and what each answer says about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from app.db import transaction
from app.main import create_app
from app.operations.api_keys import create_api_key
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW, Api, served, with_prepared_routes


@pytest.fixture
def few(sqlite_api: Api) -> httpx.Client:
    """A key that may ask three times a minute."""
    with transaction(sqlite_api.engine, writes=True) as db:
        key = create_api_key(
            db, name="few", role=Role.ADMIN, person_id=None, requests_per_minute=3, actor=SYSTEM, now=NOW
        )
    return sqlite_api.client(key)


def test_a_key_that_comes_too_often_is_told_when_to_come_again(sqlite_api: Api, few: httpx.Client) -> None:
    answers = [few.get("/v1/people") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert (answers[3].json()["code"], answers[3].headers["retry-after"]) == ("too_many_requests", "20")
    sqlite_api.clock.advance(timedelta(seconds=19))
    assert few.get("/v1/people").status_code == 429
    sqlite_api.clock.advance(timedelta(seconds=1))
    assert few.get("/v1/people").status_code == 200


def test_nothing_is_done_for_who_comes_too_often(sqlite_api: Api, few: httpx.Client) -> None:
    for _ in range(3):
        few.get("/v1/people")

    assert few.post("/v1/teams", json={"name": "West"}).status_code == 429

    assert sqlite_api.admin.get("/v1/teams").json()["data"] == []


def test_every_answer_says_how_many_are_left(few: httpx.Client) -> None:
    answers = [few.get("/v1/teams/nowhere"), few.post("/v1/teams", json={}), few.get("/v1/teams"), few.get("/v1/teams")]

    assert [answer.status_code for answer in answers] == [404, 422, 200, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"default";q=3;w=60'}
    assert [answer.headers["ratelimit"] for answer in answers] == [
        '"default";r=2;t=20',
        '"default";r=1;t=40',
        '"default";r=0;t=60',
        '"default";r=0;t=20',
    ]


def test_a_304_and_a_replay_say_it_too(sqlite_api: Api) -> None:
    made = sqlite_api.admin.post("/v1/teams", json={"name": "West"}, headers={"Idempotency-Key": "k"})

    replayed = sqlite_api.admin.post("/v1/teams", json={"name": "West"}, headers={"Idempotency-Key": "k"})
    path, seen = made.headers["location"], {"If-None-Match": made.headers["etag"]}
    same = sqlite_api.admin.get(path, headers=seen)

    assert (replayed.headers["idempotency-replayed"], same.status_code) == ("true", 304)
    assert all("ratelimit" in answer.headers for answer in (made, replayed, same))


def test_keys_for_which_nothing_else_was_said_may_ask_as_often_as_the_house_lets_them(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        key = create_api_key(db, name="usual", role=Role.ADMIN, person_id=None, actor=SYSTEM, now=NOW)

    answer = sqlite_api.client(key).get("/v1/people")

    assert answer.headers["ratelimit-policy"] == '"default";q=600;w=60'
    assert re.fullmatch('"default";r=599;t=1', answer.headers["ratelimit"])


def test_who_has_no_key_hears_nothing_of_rates(sqlite_api: Api) -> None:
    answers = [sqlite_api.client().get(path) for path in ("/v1/people", "/healthz", "/login")]

    assert not any("ratelimit" in answer.headers for answer in answers)


@contextmanager
def patient(api: Api, *, failed_keys: int) -> Iterator[str]:
    settings = api.settings.model_copy(update={"failed_keys_per_minute": failed_keys})
    app = with_prepared_routes(create_app(settings, engine=api.engine, clock=api.clock))
    with served(app) as url:
        yield url


def test_who_tries_many_keys_is_told_to_wait_and_keeps_nobody_else_out(sqlite_api: Api) -> None:
    wrong = sqlite_api.key(Role.ADMIN)[:-1] + "!"
    with patient(sqlite_api, failed_keys=5) as url:
        stranger, owner = (client_of(sqlite_api, key, url) for key in (wrong, sqlite_api.key(Role.ADMIN)))

        tries = [stranger.get("/v1/people").status_code for _ in range(8)]

        assert tries == [401] * 5 + [429] * 3
        assert owner.get("/v1/people").status_code == 200
        assert client_of(sqlite_api, None, url).get("/v1/people").status_code == 401
        sqlite_api.clock.advance(timedelta(seconds=12))
        assert [stranger.get("/v1/people").status_code for _ in range(2)] == [401, 429]


def test_who_guesses_addresses_of_calendars_is_told_to_wait_and_subscribers_are_not(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        ana = a_person(db, "Ana").id
    made = sqlite_api.admin.post("/v1/feeds", json={"person_id": ana, "kind": "personal"}).json()
    anybody = sqlite_api.client()

    tries = [anybody.get(f"/feeds/{number:064}.ics").status_code for number in range(62)]

    assert tries == [404] * 60 + [429] * 2
    assert anybody.get(f"/feeds/{made['secret']}.ics").status_code == 200
    assert anybody.get(f"/feeds/{made['secret']}.ics?").status_code == 200


@pytest.mark.parametrize("query", ["", "?"], ids=["in the lane", "on the usual way"])
def test_who_fetches_a_calendar_too_often_is_told_to_wait_and_other_calendars_are_not(
    sqlite_api: Api, query: str
) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        people = [a_person(db, name).id for name in ("Ana", "Ben")]
    ana, ben = (
        sqlite_api.admin.post("/v1/feeds", json={"person_id": one, "kind": "personal"}).json() for one in people
    )
    anybody, path = sqlite_api.client(), f"/feeds/{ana['secret']}.ics{query}"
    seen = {"If-None-Match": anybody.get(path).headers["etag"]}

    tries = [anybody.get(path, headers=seen) for _ in range(58)]
    tries += [anybody.head(path), anybody.get(path, headers=seen)]

    assert [answer.status_code for answer in tries] == [304] * 58 + [200, 429]
    assert (tries[-1].json()["code"], tries[-1].headers["retry-after"]) == ("too_many_requests", "60")
    assert anybody.get(f"/feeds/{ben['secret']}.ics").status_code == 200
    sqlite_api.clock.advance(timedelta(seconds=60))
    assert [anybody.get(path, headers=seen).status_code for _ in range(2)] == [304, 429]


def client_of(api: Api, key: str | None, url: str) -> httpx.Client:
    """A client for the same installation, served once more elsewhere."""
    client = api.client(key)
    client.base_url = httpx.URL(url)
    return client
