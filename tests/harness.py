"""What tests are made with: a clock that they move, and the service on a real socket."""

import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import Engine

from app.config import Settings
from app.db import transaction
from app.main import create_app
from app.operations.api_keys import create_api_key
from app.rules.access import SYSTEM
from app.serving import listening, server
from app.vault import Key, Vault
from app.vocabulary import Role
from tests.patience import PATIENCE_SECONDS

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
"""A Saturday; the next Monday is 2026-11-23."""

MANY = 1_000_000
"""Requests in a minute: tests ask as often as they like, all at one instant."""


TEST_VAULT = Vault([Key("testtest", bytes(range(32)))])
"""Of every engine that a test makes for itself and keeps secrets with."""


@dataclass
class FakeClock:
    """Time that a test moves."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def advance(self, step: timedelta) -> None:
        self.at += step


WITHOUT_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Of clients that only talk to loopback: one that trusts the world's authorities takes 25 ms to make."""


@dataclass
class Api:
    """The service on a real socket, and clients for it."""

    url: str
    engine: Engine
    clock: FakeClock
    settings: Settings
    closing: ExitStack
    admin: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.admin = self.client(self.key(Role.ADMIN))

    def key(self, role: Role, person_id: str | None = None, scopes: Sequence[str] | None = None) -> str:
        asks: dict[str, Any] = {"name": "test", "scopes": scopes, "requests_per_minute": MANY}
        with transaction(self.engine, writes=True) as db:
            return create_api_key(db, role=role, person_id=person_id, **asks, actor=SYSTEM, now=self.clock())

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        made = httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS, verify=WITHOUT_TLS, **options
        )
        return self.closing.enter_context(made)

    def rep(self, person_id: str) -> httpx.Client:
        return self.client(self.key(Role.REP, person_id))


@cache
def prepared() -> FastAPI:
    """An app of ours that nobody asks: what is the same in all of them takes seconds of the processor to make."""
    unused = Settings(database_url="sqlite:///unused.db", secret_key=SecretStr("unused"), _env_file=None)
    return create_app(unused)


def with_prepared_routes(app: FastAPI) -> FastAPI:
    """Give an app the routes and the description of another one of ours, which are the same. FastAPI prepares those of
    each app anew, at the first request to each router, and that takes seconds of the processor.
    """
    app.router.routes[:] = prepared().router.routes
    app.openapi = prepared().openapi  # type: ignore[method-assign]
    return app


@contextmanager
def served(app: Any, *, port: int = 0) -> Iterator[str]:
    """Serve an app on a loopback port, a free one unless it is given, as `serve` does."""
    with listening("127.0.0.1", port) as listener:
        web = server(app)
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not web.started:
            time.sleep(0.005)
        try:
            yield "http://{}:{}".format(*listener.getsockname())
        finally:
            web.should_exit = True
            thread.join(PATIENCE_SECONDS)
