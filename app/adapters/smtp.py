"""One line to a mail relay: what smtplib says on it (RFC 5321), and no longer than until a given instant."""

import io
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, cast

Security = Literal["starttls", "tls", "none"]

_MOST_HEARD = 1024 * 1024  # bytes; a hundred mails are answered with a tenth of it
_PARTING_SECONDS = 2.0


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
        if not f"{self.username}{self.password}".isascii():
            raise ValueError("username and password must be ASCII")  # smtplib sends no other


class Line:
    """A connection on which mails can be handed over. For one thread at a time.

    `ends_at` is an instant of `time.monotonic`, and bounds all that is said from then on, every byte of it. Whatever
    takes longer, or is no SMTP, raises `LineBroken`, and the line has hung up by then. Only to connect can take longer:
    a name lookup ends when the resolver gives up, and each address gets half of the time.
    """

    def __init__(self, relay: Relay, *, ends_at: float) -> None:
        """Connect, see that the line is private, and sign in."""
        self.mails = 0
        try:
            self._smtp = _Tls(relay, ends_at, context=relay.tls) if relay.security == "tls" else _Smtp(relay, ends_at)
        except (OSError, UnicodeError) as trouble:  # the latter for a name that can't be one
            raise LineBroken(_why(trouble)) from trouble
        self._say(self._smtp.ehlo)
        if relay.security == "starttls":
            if not self._smtp.has_extn("starttls"):
                raise self._broken("the relay offers no STARTTLS")
            self._say(partial(self._smtp.starttls, context=relay.tls))  # forgets what came before it: CVE-2011-0411
            self._say(self._smtp.ehlo)
        if relay.username is not None:
            self._say(partial(self._smtp.login, relay.username, relay.password or ""))

    def mail_from(self, sender: str, *, ends_at: float) -> None:
        """Begin a mail. Nothing is known of it yet: a relay that says no means us, and the line is broken."""
        self._smtp.ends_at = ends_at
        self._say(partial(self._smtp.mail, sender))

    def rcpt_to(self, recipient: str, *, ends_at: float) -> None:
        """Say where it goes. Raises RecipientRefused."""
        self._smtp.ends_at = ends_at
        self._say(partial(self._smtp.rcpt, recipient), a_no_is=RecipientRefused)

    def data(self, message: bytes) -> None:
        """Hand the message over, lines ended by CRLF: once this returns, the relay answers for it. Raises Refusal."""
        self._say(partial(self._smtp.data, message), a_no_is=Refusal)
        self.mails += 1

    def reset(self) -> None:
        """Forget the mail at hand."""
        self._say(self._smtp.rset)

    def part(self) -> None:
        """End politely, but don't wait long: what was handed over stays handed over, whatever the relay says now."""
        self._smtp.ends_at = time.monotonic() + _PARTING_SECONDS
        with suppress(OSError):
            self._smtp.quit()
        self._smtp.close()

    def _say(self, say: Callable[[], tuple[int, bytes]], *, a_no_is: type[Refusal] | None = None) -> None:
        """Hang up unless the answer is a yes (2yz), or a no (4yz, 5yz) to what may be refused."""
        try:
            code, text = say()
        except smtplib.SMTPDataError as no:  # before the message was sent
            code, text = no.smtp_code, cast(bytes, no.smtp_error)
        except OSError as trouble:  # whatever else smtplib raises
            raise self._broken(_why(trouble)) from trouble
        if a_no_is and 400 <= code < 600 and code != 421:
            raise a_no_is(code, text.decode("ascii", "replace")[:500])
        if not 200 <= code < 300:
            raise self._broken(f"the relay answers {code}")

    def _broken(self, why: str) -> LineBroken:
        self._smtp.close()
        return LineBroken(why)


class _Smtp(smtplib.SMTP):
    """smtplib's client, but late at `ends_at`: by its own timeout, who sends one byte after another is never late."""

    def __init__(self, relay: Relay, ends_at: float, **more: Any) -> None:
        self.ends_at = ends_at
        super().__init__(relay.host, relay.port, relay.own_name, timeout=_left(ends_at) / 2, **more)

    def send(self, s: Any) -> None:
        self.hurry()
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = io.BufferedReader(_Incoming(self))
        code, text = super().getreply()
        if code < 0:
            self.close()
            raise smtplib.SMTPServerDisconnected("not an answer to SMTP")
        self.hurry()  # a TLS handshake may follow
        return code, text

    def hurry(self) -> socket.socket:
        """Return the connection, with no more time than is left for a read, all of a write, or all of a handshake."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the line has hung up")
        self.sock.settimeout(_left(self.ends_at))
        return self.sock


class _Tls(_Smtp, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class _Incoming(io.RawIOBase):
    """What the relay says. smtplib would keep an answer in memory that has any number of lines."""

    def __init__(self, smtp: _Smtp) -> None:
        self._smtp = smtp
        self._heard = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._smtp.hurry().recv_into(buffer)
        self._heard += size
        if self._heard > _MOST_HEARD:
            raise smtplib.SMTPException("the relay never stops talking")
        return size


def _left(ends_at: float) -> float:
    """Return the seconds that are left. Raises TimeoutError when there are none."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the relay is too slow")
    return left


def _why(trouble: Exception) -> str:
    return f"the relay answers {trouble.smtp_code}" if hasattr(trouble, "smtp_code") else str(trouble)
