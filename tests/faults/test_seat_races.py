"""Many clients, two server processes: nobody is double-booked, and nobody sees a 5xx but a polite 503."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.db import transaction
from app.models.tables import busy
from tests.factories import a_call, a_person
from tests.faults.invariants import broken, unrecorded
from tests.faults.mixed import World, play
from tests.faults.servers import Client, Reply, Request, serving
from tests.faults.worlds import NO_LIMITS, TUESDAY, a_crowded_day, an_admin_key

OFTEN = {"book", "release", "wait", "hold", "meet", "move", "put on again", "be busy", "hand over", "resize"}
"""What a crowd gets done in which each client tries everything at least once."""


@pytest.fixture
def ports(database_url: str, tmp_path: Path) -> Iterator[list[int]]:
    """Two server processes on one database."""
    with serving(database_url, tmp_path, processes=2) as servers:
        yield [server.port for server in servers]


@pytest.fixture
def api_key(engine: Engine) -> str:
    with transaction(engine, writes=True) as db:
        return an_admin_key(db)


def test_one_seat_goes_to_one_of_all_who_ask_at_once(
    ports: list[int], api_key: str, engine: Engine, soak: bool
) -> None:
    rounds, size = (200, 50) if soak else (5, 12)
    with transaction(engine, writes=True) as db:
        host = a_person(db, "Host", **NO_LIMITS)
        observers = [a_person(db, "Observer", **NO_LIMITS).id for _ in range(size)]

    def ask(client: Client, call_id: str, observer_id: str) -> Reply:
        return client.until_answered(
            Request("book", "POST", f"/v1/calls/{call_id}/seats", {"observer_id": observer_id})
        )

    with ExitStack() as lines, ThreadPoolExecutor(size) as crowd:
        clients = [lines.enter_context(Client(port, api_key)) for _, port in zip(observers, cycle(ports))]
        for number in range(rounds):
            with transaction(engine, writes=True) as db:
                call_id = a_call(db, host, starts_at=TUESDAY + timedelta(hours=10), seats=1)
            replies = list(crowd.map(ask, clients, [call_id] * size, observers))

            said = Counter((reply.status, reply.body.get("code")) for reply in replies)
            assert said == {(201, None): 1, (409, "seats_full"): size - 1}, number
            winner = next(reply.body["id"] for reply in replies if reply.status == 201)
            released = clients[0].until_answered(Request("release", "POST", f"/v1/seats/{winner}/release"))
            assert released.status == 200
    assert broken(engine) == {}


def test_a_mixed_crowd_never_books_anybody_twice(ports: list[int], api_key: str, engine: Engine, soak: bool) -> None:
    attempts, clients = (100_000, 16) if soak else (600, 12)
    with transaction(engine, writes=True) as db:
        day = a_crowded_day(db)

    seen = play(World(ports, api_key, day), attempts=attempts, clients=clients)

    assert broken(engine) == {}
    assert unrecorded(engine, seen.acknowledged) == set()
    assert {key: said for key, said in seen.busy.items() if busy_of(engine, *key) != said} == {}
    assert not [answer for answer in seen.answers if answer[1] >= 500], seen.answers
    assert {act for act, status, _ in seen.answers if status < 300} >= OFTEN, seen.answers
    assert seen.of("book", 409, "slot_taken")
    assert seen.of("book", 409, "seats_full")


def busy_of(engine: Engine, person_id: str, source: str) -> list[tuple[str, str]]:
    query = select(busy.c.starts_at, busy.c.ends_at).where(busy.c.person_id == person_id, busy.c.source == source)
    with transaction(engine, writes=False) as db:
        return [(row.starts_at.isoformat(), row.ends_at.isoformat()) for row in db.execute(query)]
