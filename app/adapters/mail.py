"""Hands finished mails over: to a relay by SMTP, or to a folder where people without a relay can read them."""

import os
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

from app.adapters.pace import RESTS, Pace, Rest
from app.adapters.smtp import Line, LineBroken, RecipientRefused, Refusal, Relay, Security
from app.adapters.smtp_lines import IdleLines
from app.config import Settings
from app.files import sync_folder
from app.rules.bounces import blames_address, first_status

_LINES = 2
_TURN_SECONDS, _BUSY_SECONDS = 1.0, 5.0
_OPENING_SECONDS = 15.0
"""How long it may take until the relay has agreed to take a mail; a scan of what is in it takes longer."""

# RFC 5322 section 3.4.1 without quoted strings, literals and comments, as the mail itself has it (app/ical/imip.py).
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_LONGEST_ADDRESS = 254
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")  # what one relay takes for the end of a line, and of a mail, and another not
_NO_MAILBOX = (550, 551, 553)


class MailRefused(Exception):
    """The relay said no to this mail. `permanent`: asking again is pointless (5yz, RFC 5321 section 4.2.1), and
    `blames_address` then whether that is so for whatever goes to this address.
    """

    def __init__(self, *, permanent: bool, code: int, status: str | None = None, blames_address: bool = False) -> None:
        super().__init__(f"mail refused with {code} {status or ''}".rstrip())
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

    def send(self, message_id: str, recipient: str, message: bytes, *, can_wait: bool = False) -> None:
        """Hand the mail over for good, or raise `MailRefused`, `MailUnavailable` or `MailHeld`. What `can_wait` lets
        other mail to the same domain pass.

        Sending the same mail twice must be harmless: after a connection lost at the wrong moment it will happen.
        """

    def close(self) -> None:
        """Give back what was opened."""


@dataclass(frozen=True, slots=True)
class FolderMailer:
    """Writes each mail as a file of its own; the same message id is the same file."""

    folder: Path

    def send(self, message_id: str, recipient: str, message: bytes, *, can_wait: bool = False) -> None:  # noqa: ARG002
        """Write the file whole and on the disk, or not at all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_durably(self.folder / f"{_file_name(message_id)}.eml", message)
        except OSError as trouble:
            raise MailUnavailable(str(trouble)) from trouble

    def close(self) -> None:
        """Nothing is kept open."""


class SmtpMailer:
    """Hands mails to a relay, over at most two lines that are kept for the next ones. For any number of threads.

    `sender` is the envelope address, where bounces go. To one domain go at most `per_domain_per_minute` mails in any
    minute, half of them from what can wait. A relay that fails gets one of the `rests`, in seconds, and every mail is
    held meanwhile, at once. `seconds` bounds all that is said about one mail; a line is kept for `idle_seconds` when
    nobody needs it.
    """

    def __init__(
        self,
        relay: Relay,
        *,
        sender: str,
        per_domain_per_minute: int,
        seconds: float = 60.0,
        idle_seconds: float = 30.0,
        rests: Sequence[float] = RESTS,
    ) -> None:
        self._relay = relay
        self._sender = sender
        self._seconds = seconds
        self._pace = Pace(per_domain_per_minute)
        self._rest = Rest(rests)
        self._turns = threading.BoundedSemaphore(_LINES)
        self._idle = IdleLines(idle_seconds)

    def send(self, message_id: str, recipient: str, message: bytes, *, can_wait: bool = False) -> None:  # noqa: ARG002
        """Return once the relay has said 250 to the whole message. A thread waits its turn for a second at most.

        What fails before the recipient is named is no fault of this mail: the relay can't be reached, or wants nothing
        to do with us. So it is held like all others. What breaks later may be its fault, as far as anybody can know.
        """
        _check(recipient, message)
        if not self._turns.acquire(timeout=_TURN_SECONDS):
            raise MailHeld("all lines to the relay are in use", seconds=_BUSY_SECONDS)
        try:
            started = time.monotonic()
            self._await_leave(recipient, started, can_wait=can_wait)
            self._hand_over(self._begun(started), recipient, message, started)
        finally:
            self._turns.release()

    def close(self) -> None:
        """Part from the relay."""
        self._idle.close()

    def _await_leave(self, recipient: str, now: float, *, can_wait: bool) -> None:
        if rest := self._rest.left(now):
            raise MailHeld("the relay failed and rests", seconds=rest)
        domain = recipient.rpartition("@")[2].lower()
        if wait := self._pace.wait(domain, now, can_wait=can_wait):
            raise MailHeld("this domain has had its share of the minute", seconds=wait)
        self._rest.trying(now)

    def _begun(self, started: float) -> Line:
        """Return a line on which a mail has begun. One that died while idle is replaced: nothing was said on it."""
        ends_at = started + min(self._seconds, _OPENING_SECONDS)
        while idle := self._idle.take():
            with suppress(LineBroken):
                idle.mail_from(self._sender, ends_at=ends_at)
                return idle
        try:
            line = Line(self._relay, ends_at=ends_at)
            line.mail_from(self._sender, ends_at=ends_at)
        except LineBroken as trouble:
            self._rest.failed(time.monotonic(), since=started)
            raise MailHeld(str(trouble), seconds=self._rest.left(time.monotonic())) from trouble
        return line

    def _hand_over(self, line: Line, recipient: str, message: bytes, started: float) -> None:
        try:
            line.rcpt_to(recipient, ends_at=started + self._seconds)
            line.data(message)
        except LineBroken as trouble:
            self._rest.failed(time.monotonic(), since=started)
            raise MailUnavailable(str(trouble)) from trouble
        except Refusal as refusal:
            self._rest.worked()
            with suppress(LineBroken):
                line.reset()
                self._idle.keep(line)
            raise _refused(refusal) from refusal
        self._rest.worked()
        self._idle.keep(line)


def mailer(settings: Settings) -> Mailer:
    """Return where mail goes: to the configured relay, else into the outbox folder."""
    if not settings.smtp_host:
        return FolderMailer(settings.outbox)
    return SmtpMailer(
        relay(settings), sender=settings.mail_from, per_domain_per_minute=settings.mail_per_domain_per_minute
    )


def relay(settings: Settings) -> Relay:
    """Return the configured relay."""
    return Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        own_name=settings.mail_from.rpartition("@")[2],  # the machine's own name is nobody's business
        username=settings.smtp_username or None,
        password=settings.smtp_password.get_secret_value() or None,
        security=cast(Security, settings.smtp_tls),  # its pattern allows no other word
    )


def _check(recipient: str, message: bytes) -> None:
    """Refuse what a relay could read as more than one recipient or one mail, before it is asked."""
    if len(recipient) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(recipient):
        raise MailRefused(permanent=True, code=553, blames_address=True)
    if not message.isascii() or _BARE.search(message):
        raise MailRefused(permanent=True, code=554)


def _refused(refusal: Refusal) -> MailRefused:
    """Return what the relay's no means. At RCPT it may blame the address: by the enhanced status (RFC 3463) where there
    is one, for relays say 550 to much that is not the address's fault.
    """
    status = first_status(refusal.text)
    no_mailbox = blames_address(status) if status else refusal.code in _NO_MAILBOX
    return MailRefused(
        permanent=refusal.code >= 500,
        code=refusal.code,
        status=status,
        blames_address=isinstance(refusal, RecipientRefused) and refusal.code >= 500 and no_mailbox,
    )


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
    sync_folder(path.parent)
