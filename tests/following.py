"""Clients that follow a stream, on a socket of their own."""

import socket
import time
from types import TracebackType
from urllib.parse import urlencode, urlsplit

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
        parts = urlsplit(url)
        headers = {**EVENTS, "Host": parts.netloc}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if cookie:
            headers["Cookie"] = cookie
        query = urlencode([("topic", topic) for topic in topics])
        lines = [f"GET {path}{'?' if query else ''}{query} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20)
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._come = b""
        head = self._up_to(b"\r\n\r\n", within=20) or b""
        self.status = int(head.split()[1])
        self.head = head.decode().lower()

    def told(self, *, within: float = 5.0) -> str | None:
        """Wait for the next topic that is told; None when none is in time, or the stream ends."""
        found = self._up_to(b"\n\n", b"data: ", within=within)
        return None if found is None else found.rpartition(b"data: ")[2].decode().strip()

    def all_told(self, *, within: float = 0.5) -> set[str]:
        """Everything that is told until there is silence for a while."""
        found: set[str] = set()
        while (topic := self.told(within=within)) is not None:
            found.add(topic)
        return found

    def ends(self, *, within: float = 5.0) -> bool:
        """Whether the server ends the stream in time, whatever it tells before: in a last chunk, or with the line."""
        return self._up_to(b"\r\n0\r\n\r\n", within=within) is not None or self._is_over

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
