"""Apps served by uvicorn in a process of their own, so that their CPU is theirs alone and not the client's."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from pydantic import SecretStr
from starlette.types import ASGIApp

from app.config import Settings
from app.db import make_engine
from app.main import create_app
from app.serving import settle
from tests.harness import FakeClock, served

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves one app."""

    client: httpx.Client
    _pipe: Connection

    def cpu_seconds(self) -> float:
        """Return the CPU that it has used so far."""
        self._pipe.send("cpu")
        return float(self._pipe.recv())

    def get(self, path: str, headers: dict[str, str], *, expect: int) -> httpx.Response:
        """Read one address."""
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer


@contextmanager
def apart(make: Callable[[], ASGIApp]) -> Iterator[Server]:
    """Serve what `make` returns in a child process; `make` crosses to it by pickle."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, make), daemon=True)
    child.start()
    theirs.close()
    try:
        with httpx.Client(base_url=ours.recv(), trust_env=False, timeout=20) as client:
            yield Server(client, ours)
    finally:
        ours.close()
        child.join(10)


def _serve(pipe: Connection, make: Callable[[], ASGIApp]) -> None:
    with served(make()) as url:
        settle()
        pipe.send(url)
        try:
            while pipe.recv():
                pipe.send(time.process_time())
        except EOFError:
            pass


def earshot(url: str, folder: Path) -> ASGIApp:
    """Return the whole product on a database, at the moment for which benchmarks fill it."""
    settings = Settings(
        dir=folder,
        database_url=url,
        secret_key=SecretStr("benchmark"),
        allow_plain_http=True,
        feed_requests_per_hour=1_000_000,
        _env_file=None,
    )
    return create_app(settings, engine=make_engine(url), clock=FakeClock())


@dataclass(frozen=True, slots=True)
class Get:
    """One kind of request to one server."""

    server: Server
    path: str
    headers: dict[str, str]
    expect: int = 200


def milliseconds(gets: Sequence[Get], *, requests: int) -> list[float]:
    """Return the server's CPU per request for each kind: the median of five rounds that take turns."""
    spent: list[list[float]] = [[] for _ in gets]
    for turn in range(_ROUNDS + 1):
        for place, one in enumerate(gets):
            before = one.server.cpu_seconds()
            for _ in range(requests):
                one.server.get(one.path, one.headers, expect=one.expect)
            if turn:  # the first only warms up
                spent[place].append(1000 * (one.server.cpu_seconds() - before) / requests)
    return [median(rounds) for rounds in spent]


def made(function: Callable[..., ASGIApp], *given: Any) -> Callable[[], ASGIApp]:
    """Return a maker of an app that can cross to another process."""
    return partial(function, *given)
