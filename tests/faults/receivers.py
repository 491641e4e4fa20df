"""Receivers of webhooks that behave, and those that don't: real servers on this machine."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from tests.adapters.web_server import Asked, WebServer, answer, free_port
from tests.endpoints import sequence_of

GIBIBYTE = 1024**3


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
        if self.manner is not Manner.DOWN:
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
    for _ in range(GIBIBYTE // 65536):
        yield bytes(65536)
        time.sleep(0.002)  # 32 MB/s, as over a network: what the tests' own servers do is no load of ours


@contextmanager
def receivers(*manners: Manner) -> Iterator[tuple[list[Receiver], WebServer]]:
    """Open receivers of these manners, and a canary to which redirects lead and nobody may ever come."""
    with WebServer(answer()) as canary, ExitStack() as stack:
        made = [Receiver(manner, canary=f"http://127.0.0.1:{canary.port}/") for manner in manners]
        for one in made:
            one.open()
            stack.callback(one.close)
        yield made, canary
