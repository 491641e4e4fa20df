"""Reads the mailbox where replies and bounces arrive, by IMAP (RFC 3501)."""

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from app.config import Settings

Security = Literal["starttls", "tls", "none"]

_SECONDS = 20.0
_LARGEST = 1024 * 1024
T = TypeVar("T")


class MailboxUnavailable(Exception):
    """The mailbox can't be read now: ask again later."""


@dataclass(frozen=True, slots=True)
class MailboxAccount:
    """Where the mailbox is and who reads it."""

    host: str
    port: int
    username: str
    password: str
    security: Security
    folder: str = "INBOX"

    @classmethod
    def of(cls, settings: Settings) -> "MailboxAccount | None":
        """Return the mailbox of this installation; None when a gateway hands in what arrives."""
        if not settings.imap_host:
            return None
        return cls(
            host=settings.imap_host,
            port=settings.imap_port,
            username=settings.imap_username,
            password=settings.imap_password.get_secret_value(),
            security=cast(Security, settings.imap_tls),  # its pattern allows no other word
            folder=settings.imap_folder,
        )


class Mailbox:
    """One folder on an open line. Messages are named by UID, which other readers of the folder can't shift."""

    def __init__(self, line: imaplib.IMAP4) -> None:
        self._line = line

    def unseen(self, most: int) -> list[int]:
        """Return the first messages that are neither seen nor flagged."""
        (found,) = self._asked("SEARCH", "UNSEEN", "UNFLAGGED")
        return sorted(int(uid) for uid in (found or b"").split())[:most]

    def fetch(self, uid: int) -> bytes | None:
        """Return a message, still unseen; None when it is larger than 1 MiB, or gone."""
        answer = self._asked("FETCH", str(uid), f"(BODY.PEEK[]<0.{_LARGEST + 1}>)")
        content = next((one[1] for one in answer if isinstance(one, tuple)), None)
        return None if content is None or len(content) > _LARGEST else cast(bytes, content)

    def mark_seen(self, uid: int) -> None:
        """Never return it as unseen again. Safe to repeat."""
        self._asked("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")

    def set_aside(self, uid: int) -> None:
        """Flag it for somebody to look at, and leave it unseen. Safe to repeat."""
        self._asked("STORE", str(uid), "+FLAGS.SILENT", r"(\Flagged)")

    def _asked(self, *command: str) -> list[Any]:
        return _heard(lambda: self._line.uid(*command))


@contextmanager
def opened(
    account: MailboxAccount, *, seconds: float = _SECONDS, tls: ssl.SSLContext | None = None
) -> Iterator[Mailbox]:
    """Open the folder for the time of the block; no command takes longer than `seconds`.

    Raises MailboxUnavailable, also from within, for whatever keeps us from reading it; never with the password.
    """
    try:
        line = _line(account, seconds, tls or ssl.create_default_context())
    except (OSError, imaplib.IMAP4.error) as trouble:
        raise MailboxUnavailable(f"no line to {account.host}: {trouble}") from trouble
    try:
        if account.security == "starttls":
            _heard(lambda: line.starttls(tls or ssl.create_default_context()))
        _heard(lambda: line.login(account.username, account.password))
        _heard(lambda: line.select(_quoted(account.folder)))
        yield Mailbox(line)
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            line.logout()


def _line(account: MailboxAccount, seconds: float, tls: ssl.SSLContext) -> imaplib.IMAP4:
    if account.security == "tls":
        return imaplib.IMAP4_SSL(account.host, account.port, ssl_context=tls, timeout=seconds)
    return imaplib.IMAP4(account.host, account.port, timeout=seconds)


def _heard(ask: Callable[[], tuple[str, list[Any]]]) -> list[Any]:
    """Return what the server says to a command that it agrees to."""
    try:
        verdict, answer = ask()
    except (OSError, imaplib.IMAP4.error, UnicodeError) as trouble:
        raise MailboxUnavailable(f"the mailbox says: {trouble}") from trouble
    if verdict != "OK":
        raise MailboxUnavailable(f"the mailbox says: {verdict} {answer!r:.200}")
    return answer


def _quoted(folder: str) -> str:
    """Return the name as a quoted string (RFC 3501 section 4.3)."""
    return '"' + re.sub(r'(["\\])', r"\\\1", folder) + '"'
