"""Receivers of webhooks that behave, and those that don't: real servers on this machine, here or in a process of their
own, where what they do is no load of the product's.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any

from tests.adapters.web_server import Asked, WebServer, answer
from tests.endpoints import sequence_of
from tests.faults.servers import PROCESSES
from tests.ports import free_port

GIBIBYTE = 1024**3
_PART = bytes(65536)


class Manner(StrEnum):
    """How a receiver answers."""

    WELL = "well"
    DOWN = "down"
    SLOW = "slow"
    HANGING = "hanging"
    REDIRECTING = "redirecting"
    GONE = "gone"
    BUSY = "busy"
    HUGE = "huge"


BAD = (
    Manner.DOWN,
    Manner.SLOW,
    Manner.HANGING,
    Manner.REDIRECTING,
    Manner.GONE,
    Manner.BUSY,
    Manner.HUGE,
)


@dataclass(frozen=True)
class Arrived:
    """A webhook that a receiver took."""

    event_id: str
    sequence: int
    at: float
    """`time.monotonic`."""
    asked: Asked = field(repr=False)


@dataclass
class Receiver:
    """One receiver, whose manner may change. `canary`: where it leads who follows redirects."""

    manner: Manner
    canary: str = ""
    port: int = field(default_factory=free_port)
    arrived: list[Arrived] = field(default_factory=list)
    server: WebServer = field(init=False)
    url: str = field(init=False)
    _open: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.server = WebServer(self._reply, port=self.port)
        self.url = f"http://127.0.0.1:{self.port}/{self.manner}"

    def open(self) -> None:
        """Listen, unless it is down."""
        if self.manner is Manner.DOWN:
            return
        try:
            self._open.enter_context(self.server)
        except OSError:  # somebody else was quicker with this port
            self.port = free_port()
            self.__post_init__()
            self._open.enter_context(self.server)

    def recover(self) -> None:
        """Take everything from now on."""
        was, self.manner = self.manner, Manner.WELL
        if was is Manner.DOWN:
            self.open()

    def close(self) -> None:
        self._open.close()

    def _reply(self, asked: Asked) -> Iterable[bytes]:
        match self.manner:
            case Manner.HANGING:
                self.server.closing.wait()
                return ()
            case Manner.REDIRECTING:
                return answer(307, f"Location: {self.canary}")(asked)
            case Manner.GONE:
                return answer(410)(asked)
            case Manner.BUSY:
                return answer(429, "Retry-After: 30")(asked)
            case Manner.SLOW:
                time.sleep(1.1)
            case _:
                pass
        if "webhook-id" in asked.headers:  # chats get none
            self.arrived.append(Arrived(asked.headers["webhook-id"], sequence_of(asked.body), time.monotonic(), asked))
        return _endless() if self.manner is Manner.HUGE else answer(204, body=b"")(asked)


def _endless() -> Iterator[bytes]:
    yield f"HTTP/1.1 200 OK\r\nContent-Length: {GIBIBYTE}\r\n\r\n".encode()
    for _ in range(GIBIBYTE // len(_PART)):
        yield _PART
        time.sleep(0.002)  # 32 MB/s, as over a network


@dataclass(frozen=True)
class Elsewhere:
    """A receiver in another process."""

    number: int
    url: str
    _line: Connection = field(repr=False)

    def arrived(self) -> list[Arrived]:
        """Return what it took so far."""
        found: list[Arrived] = self._ask("arrived")
        return found

    def heard(self) -> int:
        """Return of how many events."""
        return int(self._ask("heard"))

    def sent_per_connection(self) -> float:
        """Return how many bytes it got rid of before whoever asked had enough."""
        return float(self._ask("sent_per_connection"))

    def recover(self) -> None:
        """Take everything from now on."""
        self._ask("recover")

    def close(self) -> None:
        """Close; who hangs there is let go."""
        self._ask("close")

    def _ask(self, what: str) -> Any:
        self._line.send((what, self.number))
        return self._line.recv()


@contextmanager
def receivers(*manners: Manner) -> Iterator[list[Elsewhere]]:
    """Open receivers of these manners in a process of their own. At the end nobody may have followed a redirect."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_receive, args=(manners, theirs), daemon=True)
    process.start()
    theirs.close()
    with ours:
        try:
            yield [Elsewhere(number, url, ours) for number, url in enumerate(ours.recv())]
            ours.send(("followed", 0))
            assert ours.recv() == 0
        finally:
            with suppress(OSError):
                ours.send(None)
            process.join()


def _receive(manners: Iterable[Manner], line: Connection) -> None:
    with line, WebServer(answer()) as canary, ExitStack() as stack:
        made = [Receiver(manner, canary=f"http://127.0.0.1:{canary.port}/") for manner in manners]
        for one in made:
            one.open()
            stack.callback(one.close)
        line.send([one.url for one in made])
        while asked := line.recv():
            what, number = asked
            line.send(_answered(what, made[number], canary))


def _answered(what: str, one: Receiver, canary: WebServer) -> Any:
    match what:
        case "arrived":
            return one.arrived
        case "heard":
            return len({arrived.event_id for arrived in one.arrived})
        case "sent_per_connection":
            return one.server.sent / one.server.connections
        case "followed":
            return canary.connections
        case _:
            return getattr(one, what)()
