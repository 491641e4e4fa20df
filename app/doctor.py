"""Looks at an installation and says what is well and what is not. It mends nothing, and never shows a secret."""

import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Engine, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from app import clock, migrations, vault
from app.adapters import imap
from app.adapters.imap import MailboxAccount, MailboxUnavailable
from app.adapters.mail import relay
from app.adapters.smtp import Line, LineBroken
from app.config import Settings
from app.db import make_engine, reader_of, transaction
from app.models.tables import call, claim, event, installation, job, mail_trouble, notice, seat
from app.operations.announcing import PASSED_OVER
from app.queries.audit_chain import check, newest_seals
from app.queries.sealed import keys_in_use
from app.vocabulary import LIVE_SEATS, JobStatus, NoticeStatus

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRESQL = 14
LEAST_FREE_MEBIBYTES = 100
LONGEST_SILENCE = timedelta(minutes=1)
"""A worker announces events within a second."""
MOST_APART = timedelta(seconds=5)
"""Leases are compared by the clocks of machines: one that is ahead takes the jobs of others."""
LONGEST_WAIT = timedelta(minutes=5)
"""A worker that runs takes a due job within seconds; a match run may keep it for a few minutes."""
WORKERS_SEEN = timedelta(hours=1)
"""Periodic work sees to it that at least one worker has a job in that time."""
LATELY = timedelta(days=7)
"""For how long what went wrong once is worth telling."""
SEALS_CHECKED = 100
"""Of the newest, a few hours of a busy house: `earshot audit verify` looks at all of them."""
SMTP_SECONDS = IMAP_SECONDS = 3.0
_AUDIT_GUARDS = {
    "audit_seal_facts_stay",
    "audit_seal_purge_stays",
    "audit_seal_stays",
    "event_facts_stay",
    "event_seal_stays",
    "event_stays",
}
_KEY_CHARACTERS = 32  # as app/config.py asks


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. When it is not well, `detail` says what to do."""

    what: str
    well: bool
    detail: str


class _Unwell(Exception):
    """A check found what should not be; says it in one sentence."""


def examine(settings: Settings, *, now: datetime) -> list[Finding]:
    """Look at everything that the service needs. Never raises: a check that fails is a finding. Changes nothing.

    What can only be seen in the database is left out while the database, or its schema, is not what it should be.
    """
    look = _Look(settings)
    look.at("Python", _python)
    look.at("time zones", _time_zones)
    look.at("data folder", lambda: _writable(settings.dir))
    look.at("disk space", lambda: _disk_space(settings.dir))
    look.at("secret key", lambda: _secret_key(settings))
    look.at("public URL", lambda: _public_url(settings))
    if settings.smtp_host:
        look.at("SMTP relay", lambda: _smtp(settings))
    else:
        look.at("outbox", lambda: _outbox(settings))
    if account := MailboxAccount.of(settings):
        look.at("mailbox", lambda: _mailbox(account))
    if look.at("database", lambda: _database(settings)):
        engine = make_engine(settings.url, pool_size=1)
        try:
            _examine_database(look, engine, settings, now)
        finally:
            engine.dispose()
    return look.findings


def _examine_database(look: "_Look", engine: Engine, settings: Settings, now: datetime) -> None:
    current = look.at("schema", lambda: _schema(engine))
    if engine.dialect.name == "sqlite":
        look.at("durability", lambda: _sqlite_durability(engine))
        look.at("database file", lambda: _sqlite_file(engine))
    else:
        look.at("PostgreSQL version", lambda: _postgresql_version(engine))
        look.at("database time zone", lambda: _postgresql_time_zone(engine))
        look.at("btree_gist", lambda: _btree_gist(engine))
    if current:
        look.at("installation", lambda: _installation(engine))
        look.at("last line against two places at once", lambda: _claims_apart(engine))
        look.at("sealed secrets", lambda: _sealed(engine, settings))
        look.at("claims", lambda: _claims(engine))
        look.at("seats", lambda: _seats(engine))
        look.at("addresses that take no mail", lambda: _mail_troubles(engine))
        look.at("mail that did not arrive", lambda: _mail_lost(engine, now))
        look.at("dead jobs", lambda: _dead_jobs(engine))
        look.at("waiting jobs", lambda: _waiting_jobs(engine, now))
        look.at("workers", lambda: _workers(engine, now))
        look.at("events", lambda: _events(engine, now))
        look.at("events passed over", lambda: _passed_over(engine, now))
        look.at("audit", lambda: _audit(engine))
    if engine.dialect.name == "postgresql":
        look.at("clock", lambda: _clock(engine))


class _Look:
    """Collects findings."""

    def __init__(self, settings: Settings) -> None:
        self.findings: list[Finding] = []
        self._settings = settings

    def at(self, what: str, check: Callable[[], str]) -> bool:
        """Note what the check says, or why it could not say anything; return whether it is well."""
        try:
            found = Finding(what, True, check())
        except Exception as error:  # whatever it is, the other checks must still be heard
            found = Finding(what, False, _hidden(_sentence(error), self._settings))
        self.findings.append(found)
        return found.well


def _sentence(error: Exception) -> str:
    match error:
        case _Unwell() | migrations.SchemaMismatch() | vault.BadKeys():
            return str(error)
        case DBAPIError(orig=reason) | (sqlite3.Error() as reason):
            return f"The database says: {' '.join(str(reason).splitlines()[:1])}"
        case OSError(strerror=str(reason)):
            return f"{reason}."
    # The words of an error that nobody foresaw may hold anything, even a password.
    return f"This could not be looked at ({type(error).__name__})."


def _hidden(sentence: str, settings: Settings) -> str:
    """Return the sentence without any secret of the settings: in a URL that is mistyped, a password can be anywhere."""
    try:
        password = str(make_url(settings.url).password or "")
    except (ArgumentError, ValueError):
        password = settings.database_url
    for secret in (password, settings.secret_key.get_secret_value(), settings.smtp_password.get_secret_value()):
        if secret:
            sentence = sentence.replace(secret, "***")
    return sentence


def _python() -> str:
    found = sys.version_info[:3]
    written = ".".join(map(str, found))
    if found < OLDEST_PYTHON:
        raise _Unwell(f"Python {written} is too old: {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed.")
    return written


def _time_zones() -> str:
    try:
        zone = ZoneInfo.no_cache("Australia/Lord_Howe")  # the cache may know what is no longer on the disk
    except ZoneInfoNotFoundError as error:
        raise _Unwell("There is no time zone data: install the package tzdata.") from error
    # The one zone whose summer time is half an hour: data that were cut down don't have it.
    january, july = (datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7))
    if (january, july) != (timedelta(hours=11), timedelta(hours=10, minutes=30)):
        raise _Unwell("The time zone data are not complete: install the package tzdata.")
    return "time zone data are there"


def _writable(folder: Path) -> str:
    # By writing: permission bits say nothing about a full disk, a read-only mount, or what root may do.
    with TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
    return f"{folder} can be written"


def _outbox(settings: Settings) -> str:
    # The folder is made with the first mail.
    return _writable(settings.outbox if settings.outbox.exists() else settings.dir)


def _disk_space(folder: Path) -> str:
    free = shutil.disk_usage(folder).free // 2**20
    if free < LEAST_FREE_MEBIBYTES:
        raise _Unwell(f"Only {free} MiB are free: make room, {LEAST_FREE_MEBIBYTES} MiB at least.")
    return f"{free} MiB free"


def _secret_key(settings: Settings) -> str:
    file = settings.dir / "secret.key"
    if not file.exists():
        if settings.secret_key.get_secret_value():
            return "given by the settings"
        raise _Unwell("There is none yet: the first start makes one.")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise _Unwell(f"secret.key has mode {mode:04o}: others may read it, so run `chmod 600` on it.")
    if len(file.read_text().strip()) < _KEY_CHARACTERS:
        raise _Unwell("secret.key holds no key: delete the file, and the next start makes a new one.")
    return f"only its owner can read it (mode {mode:04o})"


def _sealed(engine: Engine, settings: Settings) -> str:
    """Say that whatever is sealed can be opened here, and that nobody else can read by what."""
    file, given = settings.dir / vault.FILE, settings.vault_keys.get_secret_value()
    with _reading(engine) as connection:
        used = keys_in_use(connection)
    if given:
        keys = vault.read_keys(given)
    elif file.exists():
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            raise _Unwell(f"{file.name} has mode {mode:04o}: others may read it, so run `chmod 600` on it.")
        keys = vault.read_keys(file.read_text())
    else:
        keys = ()
    known = {key.id for key in keys}
    if missing := sorted(key for key in used if key is not None and key not in known):
        raise _Unwell(
            f"{sum(used[key] for key in missing)} can't be opened: put the key {', '.join(missing)} back into "
            f"{file.name}, or give those addresses, passwords and webhook secrets again."
        )
    if in_clear := used.get(None):
        raise _Unwell(f"{in_clear} are in clear: a worker seals them within the hour, `earshot rekey` now.")
    return f"{sum(used.values())}, and their keys are here"


def _public_url(settings: Settings) -> str:
    if not settings.public_url.startswith("https://") and not settings.allow_plain_http:
        raise _Unwell("It is not https, so that nobody can sign in: set EARSHOT_PUBLIC_URL.")
    return settings.public_url


def _smtp(settings: Settings) -> str:
    """Say hello as mail would, with encryption and password, and part."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        line = Line(relay(settings), ends_at=time.monotonic() + SMTP_SECONDS)
    except (LineBroken, ValueError) as why:
        raise _Unwell(f"{where} takes no mail from us: {why}.") from why
    line.part()
    return f"{where} is ready to take mail"


def _mailbox(account: MailboxAccount) -> str:
    """Open the folder as the worker does each minute, and read nothing."""
    try:
        with imap.opened(account, seconds=IMAP_SECONDS):
            return f"{account.folder} at {account.host} can be read"
    except MailboxUnavailable as why:
        raise _Unwell(f"Replies and bounces are not read: {why}. Look at EARSHOT_IMAP_…") from why


def _database(settings: Settings) -> str:
    """Say that it answers. Looks at the file of SQLite before our engine does, which would make or change it."""
    if settings.embedded:
        file = settings.database_file
        if not file.exists():
            raise _Unwell("There is none yet: the first start makes it.")
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            [mode] = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            raise _Unwell(f"Its journal mode is {mode} in place of wal: the next start of the service sets it.")
    engine = make_engine(settings.url, pool_size=1)
    try:
        with _reading(engine) as connection:
            connection.execute(text("SELECT 1"))
    finally:
        engine.dispose()
    return "it answers"


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    """One look at the database; each check has its own, for in PostgreSQL one that fails spoils those after it."""
    with reader_of(engine).connect() as connection:
        yield connection


def _schema(engine: Engine) -> str:
    migrations.require_newest(engine)
    return f"revision {migrations.newest()}, the newest"


def _sqlite_durability(engine: Engine) -> str:
    with _reading(engine) as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        synchronous = connection.execute(text("PRAGMA synchronous")).scalar_one()
    if (mode, synchronous) != ("wal", 2):
        raise _Unwell(f"journal_mode is {mode} and synchronous {synchronous}, not wal and 2 (FULL).")
    return "WAL, synced at every commit"


def _sqlite_file(engine: Engine) -> str:
    with _reading(engine) as connection:
        said = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if said != "ok":
        raise _Unwell("It is damaged: stop the service, keep the file, and restore a backup.")
    return "undamaged (quick_check)"


def _postgresql_version(engine: Engine) -> str:
    with _reading(engine) as connection:
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if number < OLDEST_POSTGRESQL * 10_000:
        raise _Unwell(f"The server is PostgreSQL {number // 10_000}: {OLDEST_POSTGRESQL} or newer is needed.")
    return f"PostgreSQL {number // 10_000}.{number % 10_000}"


def _postgresql_time_zone(engine: Engine) -> str:
    with _reading(engine) as connection:
        zone = connection.execute(text("SHOW timezone")).scalar_one()
    if zone != "UTC":
        raise _Unwell(f"Our connections are in {zone}, not in UTC: something between us and the server changes it.")
    return "UTC"


def _btree_gist(engine: Engine) -> str:
    with _reading(engine) as connection:
        found = connection.execute(text("SELECT extversion FROM pg_extension WHERE extname = 'btree_gist'")).scalar()
    if found is None:
        raise _Unwell("The extension is not installed: run `CREATE EXTENSION btree_gist` in the database.")
    return f"version {found}"


def _installation(engine: Engine) -> str:
    with _reading(engine) as connection:
        found = connection.execute(select(installation.c.id)).scalar()
    if found is None:
        raise _Unwell("The first start was never finished: run `earshot migrate`.")
    return str(found)


def _claims_apart(engine: Engine) -> str:
    """Say that the schema itself refuses a claim that overlaps another one of the same person (migration 0001)."""
    if engine.dialect.name == "sqlite":
        query = "SELECT lower(name) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'claim'"
        needed = {"claims_apart_insert", "claims_apart_update"}
    else:
        query = (
            "SELECT conname FROM pg_constraint WHERE conrelid = 'claim'::regclass AND contype = 'x' AND convalidated"
        )
        needed = {"claims_apart"}
    with _reading(engine) as connection:
        missing = needed - set(connection.execute(text(query)).scalars())
    if missing:
        raise _Unwell(f"The schema has lost {', '.join(sorted(missing))}: restore a backup, or put it back by hand.")
    return "in the schema"


def _claims(engine: Engine) -> str:
    """Look for active claims that start before an earlier one of the same person ends: O(n log n)."""
    earlier_end = func.max(claim.c.ends_at).over(
        partition_by=claim.c.person_id, order_by=[claim.c.starts_at, claim.c.id], rows=(None, -1)
    )
    each = select(claim.c.starts_at, earlier_end.label("earlier_end")).where(claim.c.active).subquery()
    with _reading(engine) as connection:
        overlapping = connection.execute(
            select(func.count()).select_from(each).where(each.c.starts_at < each.c.earlier_end)
        ).scalar_one()
    if overlapping:
        raise _Unwell(f"{overlapping} active claims overlap another one of the same person.")
    return "nobody is in two places at once"


def _seats(engine: Engine) -> str:
    live = (
        select(func.count())
        .where(seat.c.call_id == call.c.id, seat.c.status.in_(LIVE_SEATS))
        .correlate(call)
        .scalar_subquery()
    )
    with _reading(engine) as connection:
        wrong = connection.execute(select(call.c.id).where(call.c.seats_taken != live).order_by(call.c.id)).scalars()
        calls = list(wrong)
    if calls:
        raise _Unwell(f"{len(calls)} calls count other seats than they have, {calls[0]} first.")
    return "every call counts the seats that it has"


def _dead_jobs(engine: Engine) -> str:
    dead = select(job.c.kind, func.count()).where(job.c.status == JobStatus.DEAD)
    with _reading(engine) as connection:
        found = connection.execute(dead.group_by(job.c.kind).order_by(job.c.kind)).all()
    if found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found)
        raise _Unwell(
            f"Jobs that were given up: {kinds}. GET /v1/jobs?status=dead says why; "
            "once that is mended, POST /v1/jobs/{id}/retry runs one again."
        )
    return "none"


def _mail_troubles(engine: Engine) -> str:
    with _reading(engine) as connection:
        troubles = connection.execute(select(func.count()).select_from(mail_trouble)).scalar_one()
    return f"{troubles}: GET /v1/mail-troubles says why" if troubles else "none"


def _mail_lost(engine: Engine, now: datetime) -> str:
    """Count the mails that the relay refused, or that came back. That one address is wrong is no fault of the house."""
    lost = notice.c.status.in_((NoticeStatus.REFUSED, NoticeStatus.BOUNCED)), notice.c.updated_at > now - LATELY
    last = select(notice.c.why).where(*lost).order_by(notice.c.updated_at.desc(), notice.c.id.desc()).limit(1)
    with _reading(engine) as connection:
        number = connection.execute(select(func.count()).select_from(notice).where(*lost)).scalar_one()
        why = connection.execute(last).scalar()
    if number:
        return f"{number} in {LATELY.days} days, last: {why}. Mend the address; if it is all mail, look at the relay"
    return "none"


def _waiting_jobs(engine: Engine, now: datetime) -> str:
    with _reading(engine) as connection:
        oldest = connection.execute(
            select(func.min(job.c.due_at)).where(job.c.status == JobStatus.QUEUED, job.c.due_at <= now)
        ).scalar()
    if oldest is None:
        return "none is due"
    if now - oldest > LONGEST_WAIT:
        minutes = (now - oldest) // timedelta(minutes=1)
        raise _Unwell(f"The oldest has been due for {minutes} minutes: is a worker running?")
    return f"the oldest has been due for {(now - oldest) // timedelta(seconds=1)} seconds"


def _workers(engine: Engine, now: datetime) -> str:
    seen = select(job.c.worker).where(job.c.worker.is_not(None), job.c.updated_at > now - WORKERS_SEEN).distinct()
    with _reading(engine) as connection:
        workers = list(connection.execute(seen.order_by(job.c.worker)).scalars())
    return f"seen within the hour: {', '.join(workers) or 'none'}"


def _events(engine: Engine, now: datetime) -> str:
    with _reading(engine) as connection:
        oldest = connection.execute(select(func.min(event.c.at)).where(text("announced = false"))).scalar()
    if oldest is not None and now - oldest > LONGEST_SILENCE:
        minutes = (now - oldest) // timedelta(minutes=1)
        raise _Unwell(f"The oldest that nobody was told of is {minutes} minutes old: is a worker running?")
    return "all announced" if oldest is None else "about to be announced"


def _passed_over(engine: Engine, now: datetime) -> str:
    """Look for events that somebody was not told of, because what they are about could not be read."""
    mine = event.c.act == PASSED_OVER, event.c.at > now - LATELY
    with _reading(engine) as connection:
        first, number = connection.execute(select(func.min(event.c.object_id), func.count()).where(*mine)).one()
    if number:
        raise _Unwell(
            f"{number} in the last {LATELY.days} days, {first} first: what they are about can't be read, and the log "
            "of the worker says why. Once that is mended, POST /v1/webhook-endpoints/{id}/replay tells an endpoint."
        )
    return "none"


def _audit(engine: Engine) -> str:
    """Say that the schema itself keeps the audit append-only (migration 0008), and that the newest seals hold."""
    if engine.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'O'"
    with _reading(engine) as connection:
        missing = _AUDIT_GUARDS - set(connection.execute(text(query)).scalars())
    if missing:
        raise _Unwell(f"The schema has lost {', '.join(sorted(missing))}: what happened can be changed. Put it back.")
    with transaction(engine, writes=False) as db:
        checked = check(db, since=newest_seals(db, SEALS_CHECKED))
    if checked.broken:
        raise _Unwell(f"{checked.broken} Somebody changed what the audit says: compare with a backup.")
    return f"the newest {SEALS_CHECKED} seals hold, the last is {checked.number}"


def _clock(engine: Engine) -> str:
    """Compare this machine's clock with the database's."""
    with _reading(engine) as connection:
        theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    apart = abs(clock.now() - theirs)
    if apart > MOST_APART:
        raise _Unwell(f"It differs from the database's by {apart // timedelta(seconds=1)} seconds: keep both by NTP.")
    return "as the database's"
