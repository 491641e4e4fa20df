"""Many clients, two server processes: nobody is double-booked, and nobody sees a 5xx but a polite 503."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, time, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app import clock
from app.db import DbSession, transaction
from app.models.tables import busy
from app.operations.access import create_api_key
from app.operations.calls import create_call
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_call, a_person
from tests.faults.invariants import broken, unrecorded
from tests.faults.mixed import World, play
from tests.faults.servers import Client, Reply, Request, serving

TUESDAY = datetime.combine(clock.now().date() + timedelta(days=8 - clock.now().weekday()), time(), UTC)
"""Of next week, by the clock on the wall, which is the one that the server processes read."""
NO_LIMITS: dict[str, Any] = dict.fromkeys(("observe_per_day", "observe_per_week", "host_per_day", "host_per_week"), 100)


@pytest.fixture
def ports(database_url: str, tmp_path: Path) -> Iterator[list[int]]:
    """Two server processes on one database."""
    with serving(database_url, tmp_path, processes=2) as servers:
        yield [server.port for server in servers]


@pytest.fixture
def api_key(engine: Engine) -> str:
    with transaction(engine, writes=True) as db:
        return create_api_key(db, name="test", role=Role.ADMIN, person_id=None, actor=SYSTEM, now=clock.now())


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
    attempts, clients = (100_000, 16) if soak else (400, 8)
    with transaction(engine, writes=True) as db:
        world = a_small_world(db, ports, api_key)

    seen = play(world, attempts=attempts, clients=clients)

    assert broken(engine) == {}
    assert unrecorded(engine, seen.acknowledged) == set()
    assert {key: said for key, said in seen.busy.items() if busy_of(engine, *key) != said} == {}
    assert not [answer for answer in seen.answers if answer[1] >= 500], seen.answers
    for act in ("book", "release", "move", "put on again", "be busy", "cancel", "hand over", "resize"):
        assert seen.of(act, 200) + seen.of(act, 201), (act, seen.answers)
    assert seen.of("book", 409, "slot_taken")
    assert seen.of("book", 409, "seats_full")


def a_small_world(db: DbSession, ports: list[int], api_key: str) -> World:
    """Eight people, of whom three host, and 24 calls on one day: whatever one does is in the way of others."""
    people = [a_person(db, "Rep", **NO_LIMITS) for _ in range(8)]
    calls = {}
    for number in range(24):
        starts_at = TUESDAY + timedelta(hours=9, minutes=15 * number)
        fields = {
            "title": "Northwind: discovery call",
            "host_id": people[number % 3].id,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=15 * (1 + number % 4)),
            "seat_capacity": 1 + number % 3,
        }
        known_as = f"call-{number}"
        calls[create_call(db, fields=fields, external=[("crm", known_as)], actor=SYSTEM, now=clock.now())] = known_as
    ids = [one.id for one in people]
    return World(ports=ports, api_key=api_key, day=TUESDAY, people=ids, hosts=ids[:3], calls=calls)


def busy_of(engine: Engine, person_id: str, source: str) -> list[tuple[str, str]]:
    query = select(busy.c.starts_at, busy.c.ends_at).where(busy.c.person_id == person_id, busy.c.source == source)
    with transaction(engine, writes=False) as db:
        return [(row.starts_at.isoformat(), row.ends_at.isoformat()) for row in db.execute(query)]
