"""Many clients, two server processes, one seat: nobody is double-booked, and nobody sees a 5xx but a polite 503."""

import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, time, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, select, text

from app import clock
from app.db import transaction
from app.models.tables import call, claim, job, seat
from app.operations.access import create_api_key
from app.rules.access import SYSTEM
from app.vocabulary import LIVE_SEATS, Role
from tests.factories import a_call, a_person

_LIMITS = ("observe_per_day", "observe_per_week", "host_per_day", "host_per_week")
TUESDAY = datetime.combine(clock.now().date() + timedelta(days=8 - clock.now().weekday()), time(), UTC)


@pytest.fixture
def urls(database_url: str, tmp_path: Path) -> Iterator[list[str]]:
    """Two server processes on one database."""
    environment = {**os.environ, "EARSHOT_DATABASE_URL": database_url, "EARSHOT_DIR": str(tmp_path)}
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"]
    with ExitStack() as stack:
        found = []
        for _ in range(2):
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            stack.callback(process.wait, 15)
            stack.callback(process.terminate)
            assert process.stdout
            stack.enter_context(process.stdout)
            line = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert line
            found.append(line[0])
        for url in found:
            with httpx.Client(base_url=url, trust_env=False, transport=httpx.HTTPTransport(retries=20)) as client:
                assert client.get("/readyz").status_code == 200
        yield found


class Crowd:
    """Clients of both processes that come back, as asked, when the answer is 503."""

    def __init__(self, urls: list[str], key: str, size: int) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.clients = [
            httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)
            for url, _ in zip(cycle(urls), range(size), strict=False)
        ]
        self.pool = ThreadPoolExecutor(size)

    def all_at_once(self, requests: list[tuple[str, dict[str, str] | None]]) -> list[httpx.Response]:
        """Send every request, spread over the clients, and return the final answers."""
        shares = [requests[number :: len(self.clients)] for number in range(len(self.clients))]
        done = self.pool.map(self._send, self.clients, shares)
        return [answer for share in done for answer in share]

    def _send(self, client: httpx.Client, share: list[tuple[str, dict[str, str] | None]]) -> list[httpx.Response]:
        return [self._one(client, *request) for request in share]

    def _one(self, client: httpx.Client, path: str, body: dict[str, str] | None) -> httpx.Response:
        while True:
            answer = client.post(path, json=body)
            if answer.status_code != 503:
                return answer
            assert answer.headers["retry-after"]

    def close(self) -> None:
        """Go home."""
        self.pool.shutdown()
        for client in self.clients:
            client.close()


@pytest.fixture
def crowd(urls: list[str], engine: Engine, soak: bool) -> Iterator[Crowd]:
    with transaction(engine, writes=True) as db:
        key = create_api_key(db, name="test", role=Role.ADMIN, person_id=None, actor=SYSTEM, now=clock.now())
    made = Crowd(urls, key, 50 if soak else 12)
    yield made
    made.close()


def check_nothing_overlaps(engine: Engine) -> None:
    """Hold the invariants against the rows themselves, not against what the service says."""
    with transaction(engine, writes=False) as db:
        overlaps = db.execute(
            text(
                "SELECT count(*) FROM claim a JOIN claim b ON a.person_id = b.person_id AND a.id < b.id"
                " AND a.active AND b.active AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
            )
        ).scalar()
        assert overlaps == 0
        live = select(func.count()).where(seat.c.call_id == call.c.id, seat.c.status.in_(LIVE_SEATS)).scalar_subquery()
        wrong = db.execute(
            select(call.c.id).where((call.c.seats_taken != live) | (call.c.seats_taken > call.c.seat_capacity))
        )
        assert wrong.all() == []
        live_seats = db.execute(select(func.count()).where(seat.c.status.in_(LIVE_SEATS))).scalar()
        assert db.execute(select(func.count()).where(claim.c.active)).scalar() == live_seats


def test_one_seat_goes_to_one_of_all_who_ask_at_once(crowd: Crowd, engine: Engine, soak: bool) -> None:
    rounds = 200 if soak else 5
    with transaction(engine, writes=True) as db:
        host = a_person(db, "Host", host_per_day=100, host_per_week=100)
        observers = [a_person(db, "Observer", observe_per_day=100, observe_per_week=100).id for _ in crowd.clients]

    for number in range(rounds):
        with transaction(engine, writes=True) as db:
            call_id = a_call(db, host, starts_at=TUESDAY + timedelta(hours=10), seats=1)
        answers = crowd.all_at_once([(f"/v1/calls/{call_id}/seats", {"observer_id": who}) for who in observers])

        said = Counter((answer.status_code, answer.json().get("code")) for answer in answers)
        assert said[201, None] == 1, (number, said)
        assert said[409, "seats_full"] == len(observers) - 1, (number, said)
        winner = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
        assert crowd.all_at_once([(f"/v1/seats/{winner}/release", None)])[0].status_code == 200
    check_nothing_overlaps(engine)


def test_a_mixed_crowd_never_books_anybody_twice(crowd: Crowd, engine: Engine, soak: bool) -> None:
    attempts = 100_000 if soak else 600
    rng = random.Random(7)
    with transaction(engine, writes=True) as db:
        limits: dict[str, Any] = {
            "observe_per_day": 100,
            "observe_per_week": 100,
            "host_per_day": 100,
            "host_per_week": 100,
        }
        people = [a_person(db, "Rep", **limits) for _ in range(8)]
        # Quarter hours apart and up to an hour long: most of them overlap, none is equal.
        calls = [
            a_call(
                db,
                rng.choice(people[:3]),
                starts_at=TUESDAY + timedelta(hours=9, minutes=15 * number),
                minutes=rng.choice((15, 30, 45, 60)),
                seats=rng.choice((1, 2, 3)),
            )
            for number in range(24)
        ]

    codes: Counter[tuple[int, str | None]] = Counter()
    seats: list[str] = []
    for _ in range(attempts // 200):
        books = [(f"/v1/calls/{rng.choice(calls)}/seats", {"observer_id": rng.choice(people).id}) for _ in range(120)]
        releases: list[tuple[str, None]] = (
            [(f"/v1/seats/{seat_id}/release", None) for seat_id in rng.choices(seats, k=80)] if seats else []
        )
        requests: list[tuple[str, dict[str, str] | None]] = [*books, *releases]
        rng.shuffle(requests)
        answers = crowd.all_at_once(requests)
        codes.update((answer.status_code, answer.json().get("code")) for answer in answers)
        seats += [answer.json()["id"] for answer in answers if answer.status_code == 201]
        seats = seats[-60:]
    check_nothing_overlaps(engine)

    assert codes[201, None] > 0
    assert codes[409, "slot_taken"] > 0
    assert not [code for code in codes if code[0] >= 500], codes
    with transaction(engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(job)).scalar_one() > 0
