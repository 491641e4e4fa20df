"""Clients that follow a stream, on a socket of their own."""

import socket
import time
from collections.abc import Callable
from types import TracebackType
from urllib.parse import urlencode, urlsplit

from tests.patience import PATIENCE_SECONDS

EVENTS = {"Accept": "text/event-stream"}


class Following:
    """A stream that was asked for, with what has come of it so far."""

    def __init__(
        self,
        url: str,
        *topics: str,
        key: str | None = None,
        cookie: str | None = None,
        path: str = "/v1/floor/stream",
    ) -> None:
        self.topics = topics
        parts = urlsplit(url)
        headers = {**EVENTS, "Host": parts.netloc}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if cookie:
            headers["Cookie"] = cookie
        query = urlencode([("topic", topic) for topic in topics])
        lines = [f"GET {path}{'?' if query else ''}{query} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=PATIENCE_SECONDS)
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._come = b""
        head = self._up_to(b"\r\n\r\n", within=PATIENCE_SECONDS) or b""
        self.status = int(head.split()[1])
        self.head = head.decode().lower()

    def told(self, *, within: float = PATIENCE_SECONDS) -> str | None:
        """Wait for the next topic that is told; None when none is in time, or the stream ends."""
        found = self._up_to(b"\n\n", b"data: ", within=within)
        return None if found is None else found.rpartition(b"data: ")[2].decode().strip()

    def told_up_to(self, mark: Callable[[], str]) -> set[str]:
        """Everything that is told of what has been written by now, however long that takes. `mark` makes something be
        told that nothing else does, and returns its topic: the second time it comes after all that came with the first.
        """
        found: set[str] = set()
        for _ in range(2):
            last = mark()
            while (topic := self.told()) != last:
                assert topic is not None, "the stream has ended, or is silent"
                found.add(topic)
        return found

    def ends(self, *, within: float = PATIENCE_SECONDS) -> bool:
        """Whether the server ends the stream in time, whatever it tells before: in a last chunk, or with the line."""
        return self.ends_in_order(within=within) or self._is_over

    def ends_in_order(self, *, within: float = PATIENCE_SECONDS) -> bool:
        """Whether the server ends the stream in time in a last chunk."""
        return self._up_to(b"\r\n0\r\n\r\n", within=within) is not None

    _is_over = False

    def _up_to(self, end: bytes, begin: bytes = b"", *, within: float) -> bytes | None:
        """Return what has come up to this end beyond this begin, and forget it; None when it does not come in time."""
        until = time.monotonic() + within
        while True:
            at = self._come.find(end, max(self._come.find(begin), 0)) if begin in self._come else -1
            if at >= 0:
                found, self._come = self._come[:at], self._come[at + len(end) :]
                return found
            self.socket.settimeout(max(until - time.monotonic(), 0.001))
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                return None
            except OSError:
                more = b""
            if not more:
                self._is_over = True
                return None
            self._come += more

    def close(self) -> None:
        """Go away."""
        self.socket.close()

    def __enter__(self) -> "Following":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
