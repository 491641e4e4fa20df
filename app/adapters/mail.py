"""Hands finished mails over: to a relay by SMTP, or to a folder where people without a relay can read them."""

import os
import smtplib
import ssl
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol, cast
from urllib.parse import quote

from app.config import Settings


class MailRefused(Exception):
    """The relay said no to this mail. `permanent`: asking again is pointless (5yz, RFC 5321 section 4.2.1), and
    `blames_address` then whether that is so for whatever goes to this address.
    """

    def __init__(self, *, permanent: bool, code: int, blames_address: bool = False) -> None:
        super().__init__(f"mail refused with {code}")
        self.permanent = permanent
        self.code = code
        self.blames_address = blames_address


class MailUnavailable(Exception):
    """Nobody took the mail over, or nobody can say whether: send the same message again later."""


class MailHeld(Exception):
    """Nothing was said about this mail, for now is not the time: ask again after `seconds`."""

    def __init__(self, why: str, *, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


class Mailer(Protocol):
    """Where mails go, for any number of threads."""

    def send(self, message_id: str, recipient: str, message: bytes) -> None:
        """Hand the mail over for good, or raise `MailRefused`, `MailUnavailable` or `MailHeld`.

        Sending the same mail twice must be harmless: after a connection lost at the wrong moment it will happen.
        """

    def close(self) -> None:
        """Give back what was opened."""


@dataclass(frozen=True, slots=True)
class FolderMailer:
    """Writes each mail as a file of its own; the same message id is the same file."""

    folder: Path

    def send(self, message_id: str, recipient: str, message: bytes) -> None:  # noqa: ARG002  the mail itself names them
        """Write the file whole and on the disk, or not at all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_durably(self.folder / f"{_file_name(message_id)}.eml", message)
        except OSError as trouble:
            raise MailUnavailable(str(trouble)) from trouble

    def close(self) -> None:
        """Nothing is kept open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """Sends each mail over a connection of its own. Certificates are verified, and nothing falls back to clear text.

    `security`: "starttls" (port 587), "tls" from the first byte (465), or "none" for a relay on the same host.
    `sender` is the envelope address, where bounces go. `timeout_seconds` is per reply, not for the whole.
    """

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    security: Literal["starttls", "tls", "none"]
    sender: str
    timeout_seconds: float = 30.0
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    def __post_init__(self) -> None:
        if self.security == "none" and self.username is not None:
            raise ValueError("a password is never sent in clear text: use starttls or tls")

    def send(self, message_id: str, recipient: str, message: bytes) -> None:  # noqa: ARG002  it is in the message
        """Return once the relay has said 250 to the whole message."""
        try:
            with closing(self._connect()) as relay:
                _deliver(relay, self.sender, recipient, message)
                # The mail has been taken over: a relay that is rude at parting must not make us send it again.
                with suppress(smtplib.SMTPException, OSError):
                    relay.quit()
        except (smtplib.SMTPException, OSError) as trouble:
            # Also a wrong password or certificate: that is for the operator to mend, and the mail can wait for it.
            raise MailUnavailable(str(trouble)) from trouble

    def close(self) -> None:
        """Nothing is kept open."""

    def _connect(self) -> smtplib.SMTP:
        # Without a name smtplib asks the DNS for ours, which can take seconds and tells the machine's name to others.
        own_name = self.sender.rpartition("@")[2]
        if self.security == "tls":
            relay: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, own_name, timeout=self.timeout_seconds, context=self.tls
            )
        else:
            relay = smtplib.SMTP(self.host, self.port, own_name, timeout=self.timeout_seconds)
        try:
            if self.security == "starttls":
                relay.starttls(context=self.tls)
            if self.username is not None:
                relay.login(self.username, self.password or "")
            relay.ehlo_or_helo_if_needed()
        except BaseException:
            relay.close()
            raise
        return relay


def mailer(settings: Settings) -> Mailer:
    """Return where mail goes: to the configured relay, else into the outbox folder."""
    if not settings.smtp_host:
        return FolderMailer(settings.outbox)
    return SmtpMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username or None,
        password=settings.smtp_password.get_secret_value() or None,
        security=cast(Literal["starttls", "tls", "none"], settings.smtp_tls),  # its pattern allows no other word
        sender=settings.mail_from,
    )


def _deliver(relay: smtplib.SMTP, sender: str, recipient: str, message: bytes) -> None:
    """One MAIL, RCPT, DATA (RFC 5321 section 3.3), told apart by reply code. Bytes go out as they are but for dots."""
    if not (recipient.isascii() and recipient.isprintable() and smtplib.quoteaddr(recipient) == f"<{recipient}>"):
        raise MailRefused(permanent=True, code=553)  # smtplib would pick what it likes from such an address
    eight_bit = not message.isascii()
    if eight_bit and not relay.has_extn("8bitmime"):
        raise MailRefused(permanent=True, code=554)
    _accepted(relay.mail(sender, ["BODY=8BITMIME"] if eight_bit else []))  # RFC 6152
    _accepted(relay.rcpt(recipient))
    try:
        _accepted(relay.data(message))
    except smtplib.SMTPDataError as refusal:
        _accepted((refusal.smtp_code, b""))


def _accepted(reply: tuple[int, bytes]) -> None:
    code, text = reply
    if 400 <= code < 600:
        raise MailRefused(permanent=code >= 500, code=code)
    if not 200 <= code < 300:
        raise MailUnavailable(f"not an answer to mail: {code} {text[:200]!r}")


def _file_name(message_id: str) -> str:
    """Two ids never share a name, no id leaves the folder, and a name is never too long for a file system."""
    name = quote(message_id, safe="@", errors="backslashreplace")
    return name if len(name) <= 200 else sha256(message_id.encode(errors="backslashreplace")).hexdigest()


def _write_durably(path: Path, content: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the folder: a power cut leaves the old file or the new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
