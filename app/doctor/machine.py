"""Looks at the machine: Python, time zones, folders, the address that we go by, and who carries our mail."""

import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.adapters import imap
from app.adapters.imap import MailboxAccount, MailboxUnavailable
from app.adapters.mail import relay
from app.adapters.smtp import Line, LineBroken
from app.config import Settings
from app.doctor.findings import Unwell

OLDEST_PYTHON = (3, 11)
LEAST_FREE_MEBIBYTES = 100
SMTP_SECONDS = IMAP_SECONDS = 3.0


def python() -> str:
    """Say that Python is new enough."""
    found = sys.version_info[:3]
    written = ".".join(map(str, found))
    if found < OLDEST_PYTHON:
        raise Unwell(f"Python {written} is too old: {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed.")
    return written


def time_zones() -> str:
    """Say that the time zone data are there, and whole."""
    try:
        zone = ZoneInfo.no_cache("Australia/Lord_Howe")  # the cache may know what is no longer on the disk
    except ZoneInfoNotFoundError as error:
        raise Unwell("There is no time zone data: install the package tzdata.") from error
    # The one zone whose summer time is half an hour: data that were cut down don't have it.
    january, july = (datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7))
    if (january, july) != (timedelta(hours=11), timedelta(hours=10, minutes=30)):
        raise Unwell("The time zone data are not complete: install the package tzdata.")
    return "time zone data are there"


def writable(folder: Path) -> str:
    """Say that a folder can be written."""
    # By writing: permission bits say nothing about a full disk, a read-only mount, or what root may do.
    with TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
    return f"{folder} can be written"


def outbox(settings: Settings) -> str:
    """Say that mail can be written down here."""
    # The folder is made with the first mail.
    return writable(settings.outbox if settings.outbox.exists() else settings.dir)


def disk_space(folder: Path) -> str:
    """Say how much room is left."""
    free = shutil.disk_usage(folder).free // 2**20
    if free < LEAST_FREE_MEBIBYTES:
        raise Unwell(f"Only {free} MiB are free: make room, {LEAST_FREE_MEBIBYTES} MiB at least.")
    return f"{free} MiB free"


def public_url(settings: Settings) -> str:
    """Say that people can sign in at the address that we go by."""
    if not settings.public_url.startswith("https://") and not settings.allow_plain_http:
        raise Unwell("It is not https, so that nobody can sign in: set EARSHOT_PUBLIC_URL.")
    return settings.public_url


def smtp(settings: Settings) -> str:
    """Say hello as mail would, with encryption and password, and part."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        line = Line(relay(settings), ends_at=time.monotonic() + SMTP_SECONDS)
    except (LineBroken, ValueError) as why:
        raise Unwell(f"{where} takes no mail from us: {why}.") from why
    line.part()
    return f"{where} is ready to take mail"


def mailbox(account: MailboxAccount) -> str:
    """Open the folder as the worker does each minute, and read nothing."""
    try:
        with imap.opened(account, seconds=IMAP_SECONDS):
            return f"{account.folder} at {account.host} can be read"
    except MailboxUnavailable as why:
        raise Unwell(f"Replies and bounces are not read: {why}. Look at EARSHOT_IMAP_…") from why
