"""Server processes to be raced, killed and restarted, and connections to them.

They are forked from one process that has imported the product already: a start takes tenths of a second, so that
hundreds of kills fit into minutes. What runs in them is what `earshot serve` runs.
"""

import http.client
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from app.config import Settings
from app.db import make_engine
from app.main import create_app
from app.serving import listening, server, settle
from app.worker import EMBEDDED_THREADS
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

PROCESSES: Any = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
PROCESSES.set_forkserver_preload(["app.main", "tests.faults.servers"])

_BREATH_SECONDS = 0.02
"""How long a test waits where a client would wait for `Retry-After`."""


class Server:
    """One server process, on the same port for life."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._given = database_url, folder
        self.port = free_port()
        self._process: Any = None
        self.start()

    def start(self) -> None:
        """Start and return once it listens; what comes in before it is ready waits."""
        ours, theirs = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=_serve, args=(*self._given, self.port, theirs), daemon=True)
        self._process.start()
        theirs.close()
        with ours:
            self.port = ours.recv()

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._process.kill()
        self._process.join()

    def end(self) -> float:
        """Ask it to end (SIGTERM) and return how many seconds it took, or how long we had the patience to wait."""
        asked_at = time.monotonic()
        self._process.terminate()
        self._process.join(PATIENCE_SECONDS)
        return time.monotonic() - asked_at

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and insist after a while."""
        self._process.terminate()
        self._process.join(PATIENCE_SECONDS)
        self.kill()


def _serve(database_url: str, folder: Path, port: int, ready: Connection) -> None:
    log = (folder / f"server-{os.getpid()}.log").open("a", buffering=1)
    sys.stderr = log
    plain: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(processors=plain, logger_factory=structlog.PrintLoggerFactory(log))
    settings = Settings(
        dir=folder,
        database_url=database_url,
        secret_key=SecretStr("test"),
        allow_plain_http=True,
        feed_requests_per_hour=1_000_000,
        _env_file=None,
    )
    engine = make_engine(settings.url, pool_size=settings.pool_size)
    threads = EMBEDDED_THREADS if settings.embedded else 0
    with listening("127.0.0.1", port) as listener:
        ready.send(listener.getsockname()[1])
        app = create_app(settings, engine=engine, worker_threads=threads)
        settle()
        server(app).run(sockets=[listener])


@contextmanager
def serving(database_url: str, folder: Path, *, processes: int) -> Iterator[list[Server]]:
    """Run several server processes on one database."""
    with ExitStack() as stack:
        found = []
        for _ in range(processes):
            found.append(Server(database_url, folder))
            stack.callback(found[-1].stop)
        yield found


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `act` is the test's own word for it."""

    act: str
    method: str
    path: str
    body: Any = None
    key: str | None = None
    """Its Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: dict[str, Any]
    retry_after: str | None = None


@dataclass
class Client:
    """One connection that is kept; for one thread."""

    port: int
    api_key: str
    refused_at: float = 0.0
    """When the answer was last 503, in seconds of the monotonic clock."""
    _line: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)

    def send(self, request: Request) -> Reply:
        """Send once. Raises OSError or HTTPException when the line breaks; the next one gets a new line."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if request.key is not None:
            headers["Idempotency-Key"] = request.key
        content = None
        if request.body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(request.body)
        try:
            self._line.request(request.method, request.path, content, headers)
            answer = self._line.getresponse()
            body = json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException):
            self._line.close()
            raise
        return Reply(answer.status, body, answer.headers["Retry-After"])

    def until_answered(self, request: Request) -> Reply:
        """Come back, as asked, for as long as the answer is 503."""
        while (reply := self.send(request)).status == 503:
            assert reply.retry_after, reply
            self.refused_at = time.monotonic()
            time.sleep(_BREATH_SECONDS)
        return reply

    def through_thick_and_thin(self, request: Request) -> Reply:
        """Send a keyed request until it is answered, however often the line breaks. Raises when it stays broken."""
        assert request.key
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.until_answered(request)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(_BREATH_SECONDS)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_ended: object) -> None:
        self._line.close()
