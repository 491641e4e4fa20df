"""A small real SMTP server on a socket, which can be told to refuse, to hang up and to speak TLS."""

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Step = Literal["GREETING", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "END", "RSET", "QUIT"]


@dataclass
class Delivered:
    """One mail as it came over the wire, dots unstuffed."""

    mail_from: str
    rcpt_to: str
    content: bytes


@dataclass
class SmtpServer:
    """Takes mails on 127.0.0.1 while the `with` block lasts.

    `answers`: what to reply at a step instead of yes ("END" is the dot after the message); `answers_once`: only the
    next time. `hang_up_at`: the step at
    which the connection is cut without a reply; at "END" the mail has been taken all the same. `tls`: offer STARTTLS,
    or speak TLS from the first byte if `implicit_tls`.
    """

    answers: dict[Step, str] = field(default_factory=dict)
    answers_once: dict[Step, str] = field(default_factory=dict)
    hang_up_at: Step | None = None
    extensions: tuple[str, ...] = ("8BITMIME",)
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    delivered: list[Delivered] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    connections: int = 0
    greeted_by: str = ""
    port: int = 0

    def __enter__(self) -> Self:
        self._started = threading.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        context = self.tls if self.implicit_tls else None
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        async with server:
            await self._stop.wait()

    def drop_connections(self) -> None:
        """Cut all connections that are open, as an idle timeout does."""
        for writer in self._writers:
            self._loop.call_soon_threadsafe(writer.close)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away: some tests want it to
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail_from = rcpt_to = ""
        extensions = list(self.extensions)
        if self.tls is not None and not self.implicit_tls:
            extensions.append("STARTTLS")
        if self.hang_up_at == "GREETING":
            return
        self._say(writer, "GREETING", "220 relay.example")
        while line := (await reader.readline()).decode("ascii").strip():
            verb, _, argument = line.partition(" ")
            self.verbs.append(verb := verb.upper())
            if self.hang_up_at == verb:
                return
            match verb:
                case "EHLO":
                    self.greeted_by = argument
                    *first, last = ["relay.example", *extensions]
                    self._say(writer, "EHLO", "\r\n".join([*(f"250-{x}" for x in first), f"250 {last}"]))
                case "STARTTLS" if self.tls is not None:
                    self._say(writer, "STARTTLS", "220 go")
                    await writer.start_tls(self.tls)
                    extensions = [*self.extensions, "AUTH PLAIN"]
                case "AUTH" if argument == "LOGIN am8=":
                    writer.write(b"334 UGFzc3dvcmQ6\r\n")
                    right = await reader.readline() == b"c2VjcmV0\r\n"
                    writer.write(b"235 welcome\r\n" if right else b"535 who?\r\n")
                case "AUTH":
                    writer.write(b"235 welcome\r\n" if argument == "PLAIN AGpvAHNlY3JldA==" else b"535 who?\r\n")
                case "MAIL":
                    mail_from = argument
                    self._say(writer, "MAIL", "250 OK")
                case "RCPT":
                    rcpt_to = argument
                    self._say(writer, "RCPT", "250 OK")
                case "RSET":
                    self._say(writer, "RSET", "250 OK")
                case "DATA":
                    if not self._say(writer, "DATA", "354 go on").startswith("354"):
                        continue
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    content = raw.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                    if self.answers.get("END", "250").startswith("250"):
                        self.delivered.append(Delivered(mail_from, rcpt_to, content))
                    if self.hang_up_at == "END":
                        return
                    self._say(writer, "END", "250 taken")
                case _:
                    self._say(writer, "QUIT", "221 bye")
                    return

    def _say(self, writer: asyncio.StreamWriter, step: Step, usual: str) -> str:
        answer = self.answers_once.pop(step, None) or self.answers.get(step, usual)
        writer.write(f"{answer}\r\n".encode())
        return answer
