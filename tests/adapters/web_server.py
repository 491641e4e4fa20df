"""A small real web server that answers with any bytes at any pace and counts who came, and names that lead to it."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Reply = Callable[["Asked"], Iterable[bytes]]


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """Listens while the `with` block lasts; every connection is kept until the client closes it.

    `reply` gives the bytes to send for a request, all of the answer. `tls`: TLS from the first byte. `deaf`: accept
    connections and do nothing with them. `hangs_up`: close the connection after an answer, said or not.
    """

    reply: Reply
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    deaf: bool = False
    hangs_up: bool = False
    connections: int = 0
    sent: int = 0
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._thread.join()
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        with plain, suppress(OSError):  # the client went away, or did not like our certificate: some tests want it to
            if self.deaf:
                self.closing.wait()
                return
            connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline().decode("latin-1").strip():
                    headers = {}
                    while header := stream.readline().decode("latin-1").strip():
                        name, _, value = header.partition(":")
                        headers[name.lower()] = value.strip()
                    asked = Asked(line, headers, stream.read(int(headers.get("content-length", "0"))))
                    self.asked.append(asked)
                    for part in self.reply(asked):
                        connection.sendall(part)
                        self.sent += len(part)
                    if self.hangs_up:
                        return


def answer(status: int = 200, *headers: str, body: bytes = b"hello") -> Reply:
    """Reply the same to everybody."""
    lines = [f"HTTP/1.1 {status} Some Reason", *headers, f"Content-Length: {len(body)}", "", ""]
    return lambda _: ["\r\n".join(lines).encode("latin-1") + body]


@dataclass
class Names:
    """A name server: each lookup of a name takes the next of its answers, the last one for ever. Others are unknown."""

    answers: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str) -> Iterable[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]
