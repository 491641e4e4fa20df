"""Clients who book and give back seats through every fault, and know exactly which seats they must hold after it."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from sqlalchemy import Engine, select

from app.db import transaction
from app.models.tables import seat
from app.vocabulary import LIVE_SEATS
from tests.faults.servers import Client, Request
from tests.patience import PATIENCE_SECONDS


@dataclass
class Booker:
    """One client, for one observer who is nobody else's."""

    client: Client
    observer_id: str
    calls: Sequence[str]
    """No two of them at one time."""
    rng: random.Random
    held: dict[str, str] = field(default_factory=dict)
    """Call to seat, as acknowledged."""
    acts: int = 0
    acted_at: float = 0.0
    """When an act was last acknowledged, in seconds of the monotonic clock."""

    def act(self) -> None:
        """Take a seat on some call, or give back the one there, however often the request must be sent."""
        call_id = self.rng.choice(self.calls)
        key = f"{self.observer_id}-{self.acts}"
        if seat_id := self.held.get(call_id):
            reply = self.client.through_thick_and_thin(
                Request("release", "POST", f"/v1/seats/{seat_id}/release", key=key)
            )
            assert reply.status == 200, reply
            del self.held[call_id]
        else:
            wanted = {"observer_id": self.observer_id}
            reply = self.client.through_thick_and_thin(
                Request("book", "POST", f"/v1/calls/{call_id}/seats", wanted, key=key)
            )
            assert reply.status == 201, reply
            self.held[call_id] = reply.body["id"]
        self.acts += 1
        self.acted_at = time.monotonic()


@contextmanager
def booking(
    ports: Sequence[int], observers: Sequence[str], calls: Sequence[str], *, api_key: str
) -> Iterator[list[Booker]]:
    """Let one client per observer book, spread over the servers, for as long as the block lasts."""
    over = threading.Event()
    bookers = [
        Booker(Client(port, api_key), observer_id, calls, random.Random(observer_id))
        for observer_id, port in zip(observers, cycle(ports))
    ]

    def work(booker: Booker) -> None:
        with booker.client:
            while not over.is_set():
                booker.act()

    with ThreadPoolExecutor(len(bookers)) as crowd:
        try:
            at_work = [crowd.submit(work, booker) for booker in bookers]
            yield bookers
        finally:
            over.set()
            for one in at_work:
                one.result()


def all_act(bookers: Sequence[Booker], *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Return when every booker was acknowledged something that they sent after now or had under way."""
    asked_at = time.monotonic()
    while not all(booker.acted_at > asked_at for booker in bookers):
        assert time.monotonic() < asked_at + within_seconds, [(booker.observer_id, booker.acts) for booker in bookers]
        time.sleep(0.005)


def held_by(engine: Engine, booker: Booker) -> dict[str, str]:
    """Return the seats that this booker's observer really has, by call."""
    query = select(seat.c.call_id, seat.c.id).where(
        seat.c.observer_id == booker.observer_id, seat.c.status.in_(LIVE_SEATS)
    )
    with transaction(engine, writes=False) as db:
        return {row.call_id: row.id for row in db.execute(query)}
