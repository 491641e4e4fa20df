"""A small real SMTP server on a socket, which can be told to refuse, to hang up and to speak TLS."""

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Step = Literal["MAIL", "RCPT", "DATA", "END", "QUIT"]


@dataclass
class Delivered:
    """One mail as it came over the wire, dots unstuffed."""

    mail_from: str
    rcpt_to: str
    content: bytes


@dataclass
class SmtpServer:
    """Takes mails on 127.0.0.1 while the `with` block lasts.

    `answers`: what to reply at a step instead of yes ("END" is the dot after the message). `hang_up_at`: the step at
    which the connection is cut without a reply; at "END" the mail has been taken all the same. `tls`: offer STARTTLS,
    or speak TLS from the first byte if `implicit_tls`.
    """

    answers: dict[Step, str] = field(default_factory=dict)
    hang_up_at: Step | None = None
    extensions: tuple[str, ...] = ("8BITMIME",)
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    delivered: list[Delivered] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    greeted_by: str = ""
    port: int = 0

    def __enter__(self) -> Self:
        self._started = threading.Event()
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

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
        writer.write(b"220 relay.example\r\n")
        while line := (await reader.readline()).decode("ascii").strip():
            word, _, argument = line.partition(" ")
            verb = word.upper()
            self.verbs.append(verb)
            match verb:
                case "EHLO":
                    self.greeted_by = argument
                    lines = ["relay.example", *extensions]
                    last = len(lines) - 1
                    writer.write(
                        "".join(f"250{' ' if n == last else '-'}{x}\r\n" for n, x in enumerate(lines)).encode()
                    )
                    continue
                case "STARTTLS" if self.tls is not None:
                    writer.write(b"220 go\r\n")
                    await writer.start_tls(self.tls)
                    extensions = [*self.extensions, "AUTH PLAIN"]
                    continue
                case "AUTH":
                    writer.write(b"235 welcome\r\n" if argument == "PLAIN AGpvAHNlY3JldA==" else b"535 who?\r\n")
                    continue
                case "RSET":
                    writer.write(b"250 OK\r\n")
                    continue
            step: Step
            match verb:
                case "MAIL":
                    step, mail_from = "MAIL", argument
                case "RCPT":
                    step, rcpt_to = "RCPT", argument
                case "DATA":
                    step = "DATA"
                case _:
                    step = "QUIT"
            if self.hang_up_at == step:
                return
            usual = {"DATA": "354 go on", "QUIT": "221 bye"}.get(step, "250 OK")
            answer = self.answers.get(step, usual)
            writer.write(f"{answer}\r\n".encode())
            if step == "QUIT":
                return
            if step == "DATA" and answer.startswith("354"):
                raw = await reader.readuntil(b"\r\n.\r\n")
                content = raw.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                answer = self.answers.get("END", "250 taken")
                if answer.startswith("250"):
                    self.delivered.append(Delivered(mail_from, rcpt_to, content))
                if self.hang_up_at == "END":
                    return
                writer.write(f"{answer}\r\n".encode())
