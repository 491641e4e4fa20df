"""One line to a mail relay (SMTP, RFC 5321): what has to be said on it, and no longer than until a given instant."""

import base64
import re
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

Security = Literal["starttls", "tls", "none"]

_LONGEST_ANSWER = 64 * 1024  # bytes; RFC 5321 section 4.5.3.1.5 knows 512 a line
_PARTING_SECONDS = 2.0
_ANSWER = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?")


class LineBroken(Exception):
    """The relay does not answer, not in time, not as SMTP does, says that it closes (421), or wants nothing from us."""


class Refusal(Exception):
    """The relay said no. The line can be used on once it is reset."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


class RecipientRefused(Refusal):
    """The relay said no to where the mail goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where mail is handed over, and how. Certificates are verified, and nothing falls back to clear text.

    `security`: "starttls" (port 587), "tls" from the first byte (465), or "none" for a relay on the same host.
    """

    host: str
    port: int
    own_name: str
    username: str | None
    password: str | None = field(repr=False)
    security: Security
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    def __post_init__(self) -> None:
        if self.security == "none" and self.username is not None:
            raise ValueError("a password is never sent in clear text: use starttls or tls")


class Line:
    """A connection on which mails can be handed over. For one thread at a time.

    `ends_at` is an instant of `time.monotonic`, and bounds all that is said from then on, every byte of it. Whatever
    takes longer, or is no SMTP, raises `LineBroken`, and the line has hung up by then.
    """

    def __init__(self, relay: Relay, *, ends_at: float) -> None:
        """Connect, see that the line is private, and sign in."""
        self.ends_at = ends_at
        self.idle_since = 0.0
        self.mails = 0
        self._received = bytearray()
        try:
            self._socket = _connected(relay, ends_at)
        except (OSError, UnicodeError) as trouble:  # the latter for a name that can't be one
            raise LineBroken(str(trouble)) from trouble
        try:
            self._answer(220)
            self._introduce(relay)
        except Refusal as refusal:
            raise self._broken(f"the relay turns us away: {refusal.code}") from refusal

    def _introduce(self, relay: Relay) -> None:
        offers = self._greet(relay)
        if relay.security == "starttls":
            if "STARTTLS" not in offers:
                raise self._broken("the relay offers no STARTTLS")
            self._say("STARTTLS", 220)
            if self._received:
                raise self._broken("the relay spoke between its yes to STARTTLS and the encryption")  # CVE-2011-0411
            self._socket = _encrypted(self._socket, relay, self.ends_at)
            offers = self._greet(relay)
        if relay.username is not None:
            self._sign_in(offers, relay.username, relay.password or "")

    def _greet(self, relay: Relay) -> dict[str, str]:
        """Return what the relay offers, by keyword in capitals (RFC 5321 section 4.1.1.1)."""
        lines = self._say(f"EHLO {relay.own_name}", 250)[1:]
        words = (line.strip().upper().partition(" ") for line in lines)
        return {keyword: given for keyword, _, given in words}

    def _sign_in(self, offers: dict[str, str], username: str, password: str) -> None:
        mechanisms = offers.get("AUTH", "").split()
        if "PLAIN" in mechanisms:  # RFC 4616
            self._say("AUTH PLAIN " + _base64(f"\0{username}\0{password}"), 235)
        elif "LOGIN" in mechanisms:
            self._say("AUTH LOGIN", 334)
            self._say(_base64(username), 334)
            self._say(_base64(password), 235)
        else:
            raise self._broken("the relay offers no way to sign in that we know (PLAIN, LOGIN)")

    def mail_from(self, sender: str, *, ends_at: float) -> None:
        """Begin a mail. Nothing is known of it yet: a relay that says no means us, and the line is broken."""
        self.ends_at = ends_at
        self._say_or_break(f"MAIL FROM:<{sender}>", 250)

    def rcpt_to(self, recipient: str) -> None:
        """Say where it goes. Raises RecipientRefused."""
        try:
            self._say(f"RCPT TO:<{recipient}>", 250, 251)
        except Refusal as refusal:
            raise RecipientRefused(refusal.code, refusal.text) from refusal

    def data(self, message: bytes) -> None:
        """Hand the message over, lines ended by CRLF: once this returns, the relay answers for it."""
        self._say("DATA", 354)
        end = b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n"
        self._send(re.sub(rb"(?m)^\.", b"..", message) + end)
        self._answer(250)
        self.mails += 1

    def reset(self) -> None:
        """Forget the mail at hand."""
        self._say_or_break("RSET", 250)

    def part(self) -> None:
        """End politely, but don't wait long: what was handed over stays handed over, whatever the relay says now."""
        self.ends_at = time.monotonic() + _PARTING_SECONDS
        with suppress(LineBroken, Refusal):
            self._say("QUIT", 221)
        self._socket.close()

    def _say(self, command: str, *expected: int) -> list[str]:
        if not (command.isascii() and command.isprintable()):
            raise ValueError("a command is one line")  # the last line of defence: callers check what they are given
        self._send(command.encode() + b"\r\n")
        return self._answer(*expected)

    def _say_or_break(self, command: str, *expected: int) -> None:
        """Say what a relay can only refuse when it wants nothing from us."""
        try:
            self._say(command, *expected)
        except Refusal as refusal:
            raise self._broken(f"the relay turns us away: {refusal.code}") from refusal

    def _answer(self, *expected: int) -> list[str]:
        """Return the lines of the relay's answer. 4yz and 5yz are a `Refusal`, anything unexpected breaks the line."""
        lines: list[str] = []
        read = 0
        while True:
            line = self._read_line()
            read += len(line)
            found = _ANSWER.fullmatch(line)
            if found is None or read > _LONGEST_ANSWER:
                raise self._broken(f"not an answer to SMTP: {line[:100]!r}")
            lines.append((found[3] or b"").decode("ascii", "replace"))
            if found[2] != b"-":
                break
        code = int(found[1])
        if code == 421:
            raise self._broken("the relay closes the line (421)")
        if code >= 400:
            raise Refusal(code, " ".join(lines)[:500])
        if code not in expected:
            raise self._broken(f"not an answer to this: {code}")
        return lines

    def _read_line(self) -> bytes:
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > _LONGEST_ANSWER:
                raise self._broken("an answer without end")
            try:
                self._socket.settimeout(_left(self.ends_at))
                chunk = self._socket.recv(4096)
            except OSError as trouble:
                raise self._broken(str(trouble)) from trouble
            if not chunk:
                raise self._broken("the relay hung up")
            self._received += chunk
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line.rstrip(b"\r")

    def _send(self, content: bytes) -> None:
        unsent = memoryview(content)
        try:
            while unsent:
                self._socket.settimeout(_left(self.ends_at))
                unsent = unsent[self._socket.send(unsent) :]
        except OSError as trouble:
            raise self._broken(str(trouble)) from trouble

    def _broken(self, why: str) -> LineBroken:
        self._socket.close()
        return LineBroken(why)


def _connected(relay: Relay, ends_at: float) -> socket.socket:
    """Return a connection to the first address that accepts. Each gets an equal share of the time that is left."""
    addresses = _addresses(relay, ends_at)
    for untried, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            connection = socket.create_connection(address, _left(ends_at) / untried)
            break
        except OSError:
            if untried == 1:
                raise
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a dialogue: nothing follows what waits
    return _encrypted(connection, relay, ends_at) if relay.security == "tls" else connection


def _encrypted(connection: socket.socket, relay: Relay, ends_at: float) -> socket.socket:
    try:
        connection.settimeout(_left(ends_at))
        return relay.tls.wrap_socket(connection, server_hostname=relay.host)
    except OSError as trouble:  # a certificate that nobody vouches for is one, too
        connection.close()
        raise LineBroken(str(trouble)) from trouble


def _addresses(relay: Relay, ends_at: float) -> Sequence[tuple[Any, ...]]:
    # A lookup can't be interrupted. A thread whose answer nobody waits for ends when the resolver gives up.
    asked: Future[list[tuple[Any, ...]]] = Future()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM)
            asked.set_result([one[4][:2] for one in found])
        except Exception as trouble:  # it is raised where the answer is awaited
            asked.set_exception(trouble)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        return asked.result(_left(ends_at))
    except TimeoutError:
        raise LineBroken("the relay's name is being looked up for too long") from None


def _left(ends_at: float) -> float:
    """Return the seconds that are left. Raises TimeoutError, which is an OSError, when there are none."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the relay is too slow")
    return left


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
