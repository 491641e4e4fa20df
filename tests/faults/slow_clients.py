"""Clients that open lines and dawdle on them, and one that wants to be served meanwhile."""

import http.client
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import quantiles

from tests.patience import PATIENCE_SECONDS

SILENCE = b""
HALF_A_HEAD = b"GET /v1/people HTTP/1.1\r\nHost: %b\r\nX: "
HALF_A_BODY = b"POST /v1/people HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
_DROP_EVERY = 0.5
"""Seconds between two drops of one line; those of all lines are spread over them, or come at once."""


@dataclass
class HalfOpen:
    """Lines on which nothing gets done. What they wait for is to be thrown out."""

    lines: list[socket.socket] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each of those lasted that were thrown out, in the order of that."""
    _opened_at: dict[socket.socket, float] = field(default_factory=dict)
    _dropping: deque[socket.socket] = field(default_factory=deque)
    """Those that go on, in turns."""
    _dropped_at: float = field(default_factory=time.monotonic)
    _watch: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def add(self, line: socket.socket, opened_at: float, begin: bytes) -> None:
        """Begin on one line; what has begun goes on in drops."""
        if begin:
            line.sendall(begin)
            self._dropping.append(line)
        line.setblocking(False)
        self.lines.append(line)
        self._opened_at[line] = opened_at
        self._watch.register(line, selectors.EVENT_READ)

    def breathe(self, seconds: float = 0.0, *, at_once: bool = False) -> None:
        """Send the drops that are due, and notice who was answered or thrown out. `at_once`: all lines drop at the same
        instant, and then none until the next.
        """
        for _ in range(self._all_due() if at_once else self._drops_due()):
            line = self._dropping.popleft()
            with suppress(OSError):
                line.send(b"x")
                self._dropping.append(line)
        for key, _ in self._watch.select(seconds):
            answered = key.fileobj
            assert isinstance(answered, socket.socket)
            try:
                answered.recv(1)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue  # TLS has a word of its own to say
            except OSError:
                pass
            self._watch.unregister(answered)
            with suppress(ValueError):
                self._dropping.remove(answered)
            self.seconds.append(time.monotonic() - self._opened_at[answered])

    def _drops_due(self) -> int:
        now = time.monotonic()
        due = min(int(len(self._dropping) * (now - self._dropped_at) / _DROP_EVERY), len(self._dropping))
        self._dropped_at = now if due else self._dropped_at
        return due

    def _all_due(self) -> int:
        now = time.monotonic()
        if now < self._dropped_at + _DROP_EVERY:
            return 0
        self._dropped_at = now
        return len(self._dropping)

    def all_out(self, *, within: float) -> bool:
        """Wait until all are thrown out."""
        give_up_at = time.monotonic() + within
        while len(self.seconds) < len(self.lines) and time.monotonic() < give_up_at:
            self.breathe(0.1)
        return len(self.seconds) == len(self.lines)

    def close(self) -> None:
        """End."""
        for line in self.lines:
            line.close()
        self._watch.close()


@contextmanager
def half_open(
    address: tuple[str, int], lines: int, *, host: bytes = b"127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[HalfOpen]:
    """Open so many lines: a third each says nothing, half a head, half a body."""
    made = HalfOpen()
    try:
        for number in range(lines):
            begin, opened_at = (SILENCE, HALF_A_HEAD, HALF_A_BODY)[number % 3], time.monotonic()
            line = socket.create_connection(address, timeout=PATIENCE_SECONDS)
            if tls and begin:
                line = tls.wrap_socket(line, server_hostname="localhost")
            made.add(line, opened_at, begin.replace(b"%b", host))
        yield made
    finally:
        made.close()


class Asking:
    """A client that is served, on a line that it keeps."""

    def __init__(self, line: http.client.HTTPConnection, key: str, *, host: str = "127.0.0.1") -> None:
        self._line = line
        self._headers = {"Host": host, "Authorization": f"Bearer {key}"}

    def __call__(self) -> None:
        """Ask, and be answered."""
        self._line.request("GET", "/v1/people?limit=1", headers=self._headers)
        answer = self._line.getresponse()
        answer.read()
        assert answer.status == 200

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_ended: object) -> None:
        self._line.close()


def p95_of_each(asks: Sequence[Callable[[], object]], *, times: int, meanwhile: Callable[[], None]) -> list[float]:
    """Ask in turns, so that whatever else the machine does hits all alike; return the p95 of each in seconds."""
    took: list[list[float]] = [[] for _ in asks]
    for _ in range(times):
        for place, ask in enumerate(asks):
            started = time.perf_counter()
            ask()
            took[place].append(time.perf_counter() - started)
        meanwhile()
    return [quantiles(one, n=20)[-1] for one in took]
