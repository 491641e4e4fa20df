"""The console script `earshot`: start the service, and do what its operator does by hand."""

import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import structlog
import typer
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from app import clock, config, migrations
from app.backup import BackupFailed, back_up, restore
from app.config import Settings
from app.db import DbSession, make_engine, transaction, written
from app.demo.tour import DemoFailed, run_demo
from app.doctor import examine
from app.errors import Problem
from app.ical.connected import CalendarRefused
from app.ical.connected import read as read_calendar
from app.ical.entries import EntryStatus
from app.ical.expand import busy_times
from app.ical.read import Unreadable
from app.main import create_app, openapi_text
from app.operations.access import create_api_key, create_sign_in_link
from app.operations.calendar_calls import import_events, wanted_of_file
from app.operations.call_imports import import_calls
from app.operations.imports import ImportReport
from app.operations.installation import first_start
from app.operations.people_imports import import_people
from app.queries import people
from app.rules import csv_files
from app.rules.access import SYSTEM
from app.serving import EMBEDDED_THREADS, WORKER_THREADS, PortTaken, listening, server
from app.vocabulary import Role, zone
from app.worker import Worker

app = typer.Typer(
    name="earshot",
    help="Put every junior rep within earshot of a good sales call again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)
app.add_typer(key_app, name="key")
ical_app = typer.Typer(help="Calendars of others.", no_args_is_help=True)
app.add_typer(ical_app, name="ical")

Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the embedded database, outbox, feeds and report.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]

OPENAPI = Path(__file__).parent.parent / "openapi.json"
_UNREAD_URL = "EARSHOT_DATABASE_URL is not understood: write postgresql+psycopg://user:password@host/name."


class ImportKind(StrEnum):
    """What a file holds."""

    PEOPLE = "people"
    CALLS = "calls"


class KeyRole(StrEnum):
    """What a key may do."""

    ADMIN = "admin"
    REP = "rep"


class DemoSize(StrEnum):
    """How many people the demo has."""

    DEMO = "demo"
    TEAM = "team"
    ORG = "org"


@app.command()
def serve(
    dir: Dir = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Serve the API and the pages. On SQLite the worker runs inside."""
    _log()
    with _one_sentence(), listening(host, port) as listener:
        here = _is_loopback(host)
        name = "127.0.0.1" if not here else f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}"
        settings = _settings(dir, served_at=url, plain_http=here)
        with _opened(settings) as engine:
            made = create_app(settings, engine=engine, worker_threads=EMBEDDED_THREADS if settings.embedded else 0)
            _say(f"Earshot is at {url} · API docs at {url}/docs · Ctrl-C stops it")
            server(made).run(sockets=[listener])


@app.command()
def worker(
    dir: Dir = None,
    threads: Annotated[int, typer.Option(help="How many jobs at once.", min=1, max=64)] = WORKER_THREADS,
) -> None:
    """Run due jobs: several workers, on several machines, on PostgreSQL."""
    _log()
    settings = _settings(dir)
    with _opened(settings) as engine:
        stop = threading.Event()
        # On a thread of its own: a handler that set the event in the midst of the main thread's wait would lock it up.
        crew = Worker(engine, settings, clock.now, threads=threads)
        working = threading.Thread(target=crew.run, args=(stop,))
        for told in (signal.SIGINT, signal.SIGTERM):
            signal.signal(told, lambda *_: stop.set())
        _say("Working. Ctrl-C stops within ten seconds; what is not done by then goes back to the queue.")
        working.start()
        working.join()


@app.command()
def demo(
    dir: Dir = None,
    once: Annotated[bool, typer.Option("--once", help="End when everything is written.")] = False,
    size: Annotated[DemoSize, typer.Option(help="How many people.")] = DemoSize.DEMO,
    port: Port = 8000,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 1,
    today: Annotated[str | None, typer.Option(help="Play on this day (2026-11-23) in place of today.")] = None,
) -> None:
    """Play the whole loop on a made-up company: match, plan, book, invite, feed. Through the REST API."""
    _log(quiet=True)
    try:
        day = date.fromisoformat(today) if today else None
    except ValueError:
        _fail("--today takes a date such as 2026-11-23.")
    folder = dir or Path("earshot-demo")
    try:
        run_demo(folder, size=size.value, seed=seed, today=day, port=port, once=once, say=_say)
    except (DemoFailed, PortTaken) as why:
        _fail(str(why))
    except OSError as error:
        _fail(f"{error.filename} can't be used: {error.strerror}.")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@app.command()
def migrate(dir: Dir = None) -> None:
    """Bring the database to the schema of this version."""
    settings = _settings(dir)
    with _one_sentence():
        engine = _engine(settings)
        migrations.upgrade(engine)
        written(engine, partial(first_start, now=clock.now()))
        engine.dispose()
    _say(f"The database is at revision {migrations.newest()}.")


@app.command("import")
def import_file(
    kind: ImportKind,
    file: Annotated[Path, typer.Argument(help="A CSV file; for calls also a calendar, such as calendar.ics.")],
    host: Annotated[str | None, typer.Option(help="Whose calendar it is, by e-mail.")] = None,
    dir: Dir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out.")] = False,
) -> None:
    """Import people or calls from a CSV file. Nothing is written when a row is bad, unless --skip-bad. Of a calendar,
    events to come with somebody from outside the company become calls of the --host.
    """
    raw = _content(file)
    if kind is ImportKind.CALLS and (host is not None or file.suffix.lower() == ".ics"):
        _import_calendar(_existing(dir), raw, host=host, dry_run=dry_run)
        return
    settings = _settings(dir)
    with _one_sentence():
        work = _reader(kind, raw, skip_bad=skip_bad, dry_run=dry_run)
        with _opened(settings) as engine:
            report = written(engine, work)
    for bad in report.errors:
        typer.echo(f"line {bad.line}{bad.column and ', '}{bad.column}: {bad.detail}", err=True)
    counts = (
        f"{report.created} created, {report.updated} updated, {report.unchanged} unchanged, {report.skipped} skipped"
    )
    if report.errors and not report.written and not skip_bad:
        _fail(f"{len(report.errors)} errors: nothing was written. Mend the rows, or leave them out by --skip-bad.")
    _say(f"{kind}: {counts}{' (dry run, nothing was written)' if dry_run else ''}")


def _import_calendar(settings: Settings, raw: bytes, *, host: str | None, dry_run: bool) -> None:
    if host is None:
        _fail("Whose calls are they? Name the host by --host EMAIL.")
    now = clock.now()
    with _one_sentence(), _opened(settings) as engine:
        with transaction(engine, writes=False) as db:
            host_id = _person(db, host)
            wanted = wanted_of_file(db, raw, host_id=host_id, now=now)
        events = read_calendar(wanted).calls
        work = partial(import_events, events=events, host_id=host_id, dry_run=dry_run, actor=SYSTEM, now=now)
        told = written(engine, work)
    for problem in told.refused:
        typer.echo(f"{problem.title}. {problem.detail}", err=True)
    counts = f"{told.created} created, {told.updated} updated, {told.unchanged} unchanged, {len(told.refused)} skipped"
    _say(f"calls: {counts}{' (dry run, nothing was written)' if dry_run else ''}")


@ical_app.command("busy")
def ical_busy(
    file: Annotated[Path, typer.Argument(help="A calendar, such as calendar.ics.")],
    from_: Annotated[str, typer.Option("--from", help="From when, such as 2026-11-23T00:00:00Z.")],
    to: Annotated[str, typer.Option(help="Until when; that moment is not in it.")],
    time_zone: Annotated[str, typer.Option(help="Where floating times and whole days are meant.")] = "UTC",
    raw: Annotated[bool, typer.Option("--raw", help="Also what takes no time: free, cancelled, declined.")] = False,
) -> None:
    """Say as JSON when the owner of a calendar is busy: UTC, sorted, half-open."""
    try:
        where = ZoneInfo(zone(time_zone))
    except ValueError:
        _fail("--time-zone takes an IANA time zone such as Europe/Berlin.")
    start, end = (_instant(told, where) for told in (from_, to))
    try:
        reading = busy_times(_content(file), start=start, end=end, owner_zone=time_zone, raw=raw)
    except Unreadable as why:
        _fail(f"{file} can't be read: {why}")
    told = [
        {
            "start": f"{one.start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{one.end:%Y-%m-%dT%H:%M:%SZ}",
            "summary": one.summary,
            "transparent": one.transparent,
            "status": one.status if raw or not one.tentative else EntryStatus.TENTATIVE,
        }
        for one in reading.occurrences
    ]
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False))


def _instant(told: str, where: ZoneInfo) -> datetime:
    """Read an instant; a day, or a time without an offset, is meant where the owner is."""
    try:
        at = datetime.fromisoformat(told)
        return (at if at.tzinfo else at.replace(tzinfo=where)).astimezone(UTC)
    except (ValueError, OverflowError):
        _fail(f"{told} is no time such as 2026-11-23T00:00:00Z.")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        _fail(f"{file} can't be read: {error.strerror}.")


@key_app.command("create")
def key_create(
    role: Annotated[KeyRole, typer.Option(help="What the key may do.")],
    person_email: Annotated[str | None, typer.Option("--person", help="The person that it acts as, by e-mail.")] = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    dir: Dir = None,
) -> None:
    """Make an API key and print it: this is the only time that it can be seen."""
    if role is KeyRole.REP and person_email is None:
        _fail("A rep's key acts as somebody: name them by --person EMAIL.")
    settings = _existing(dir)

    def make(db: DbSession) -> str:
        who = _person(db, person_email) if person_email else None
        return create_api_key(db, name=name, role=Role(role), person_id=who, actor=SYSTEM, now=clock.now())

    with _one_sentence(), _opened(settings) as engine:
        typer.echo(written(engine, make))


@app.command("login-link")
def login_link(email: str, dir: Dir = None) -> None:
    """Print a link that signs a person in, once, within 15 minutes."""
    settings = _existing(dir)

    def make(db: DbSession) -> str:
        return create_sign_in_link(db, person_id=_person(db, email), actor=SYSTEM, now=clock.now())

    with _one_sentence(), _opened(settings) as engine:
        secret = written(engine, make)
    typer.echo(f"{settings.public_url.rstrip('/')}/login/t/{secret}")


@app.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="Only say whether it is current.")] = False,
) -> None:
    """Write openapi.json, the description of the API."""
    text = openapi_text()
    if not check:
        OPENAPI.write_text(text)
    elif not OPENAPI.exists() or OPENAPI.read_text() != text:
        _fail("openapi.json is not what the code says: run `./dev openapi`.")


@app.command("backup")
def backup_command(file: Path, dir: Dir = None) -> None:
    """Write everything that must not be lost into one file, while the service runs."""
    with _one_sentence():
        back_up(_existing(dir), file, now=clock.now())
    _say(f"Backed up to {file}.")


@app.command("restore")
def restore_command(file: Path, dir: Dir = None) -> None:
    """Put a backup into an empty folder or database."""
    with _one_sentence():
        restore(_unmade(dir), file)
    _say("Restored.")


@app.command()
def doctor(dir: Dir = None) -> None:
    """Look at the installation and say what is well and what is not."""
    findings = examine(_unmade(dir), now=clock.now())
    for finding in findings:
        typer.echo(f"{'ok ' if finding.well else 'BAD'}  {finding.what}: {finding.detail}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the console script."""
    app()


def _settings(folder: Path | None, *, served_at: str | None = None, plain_http: bool = True) -> Settings:
    try:
        found = config.load(dir=folder)
        if "public_url" in found.model_fields_set:
            return found
        # Without a public address it is served on one's own machine: no TLS there, and nobody else who listens.
        address = found.dir / "address"
        if served_at:
            address.write_text(served_at)
        url = served_at or (address.read_text() if address.exists() else found.public_url)
        return found.model_copy(update={"public_url": url, "allow_plain_http": plain_http})
    except OSError as error:
        _fail(f"{error.filename} can't be used: {error.strerror}.")
    except ValueError as error:
        _fail(_plainly(error))


def _plainly(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"EARSHOT_{'_'.join(str(p) for p in e['loc']).upper()}: {e['msg']}" for e in error.errors())
    return str(error)


def _unmade(folder: Path | None) -> Settings:
    """Read the settings without making a folder or a key: for looking at an installation, or before there is one."""
    try:
        found = Settings() if folder is None else Settings(dir=folder)
    except ValueError as error:
        _fail(_plainly(error))
    return found if "public_url" in found.model_fields_set else found.model_copy(update={"allow_plain_http": True})


def _existing(folder: Path | None) -> Settings:
    """Read the settings of an installation that was started before: a mistyped folder gets no database and no key."""
    looked = _unmade(folder)
    with _one_sentence():
        if looked.embedded and not looked.database_file.exists():
            _fail(f"There is no database in {looked.dir}.")
    return _settings(folder)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _engine(settings: Settings) -> Engine:
    try:
        return make_engine(settings.url, pool_size=settings.pool_size)
    except ValueError:  # its port is none
        _fail(_UNREAD_URL)


@contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    with _one_sentence():
        engine = _engine(settings)
    try:
        with _one_sentence():
            if settings.embedded:
                migrations.upgrade(engine)
                written(engine, partial(first_start, now=clock.now()))
            else:
                migrations.require_newest(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn what an operator can mend into one line."""
    try:
        yield
    except (Problem, migrations.SchemaMismatch, csv_files.WrongFile, CalendarRefused, BackupFailed, PortTaken) as why:
        _fail(why.detail if isinstance(why, Problem) else str(why))
    except ArgumentError:
        _fail(_UNREAD_URL)
    except OperationalError as error:
        _fail(f"The database can't be reached: {str(error.orig).splitlines()[0]}")
    except DBAPIError as error:
        _fail(f"The database can't be used: {str(error.orig).splitlines()[0]}")


def _reader(kind: ImportKind, raw: bytes, *, skip_bad: bool, dry_run: bool) -> Callable[[DbSession], ImportReport]:
    """Read the file, before any transaction begins, and return what imports it."""
    now = clock.now()
    if kind is ImportKind.PEOPLE:
        rows = csv_files.read_people(raw)
        return lambda db: import_people(db, rows, skip_bad=skip_bad, dry_run=dry_run, actor=SYSTEM, now=now)
    calls = csv_files.read_calls(raw)
    return lambda db: import_calls(db, calls, skip_bad=skip_bad, dry_run=dry_run, actor=SYSTEM, now=now)


def _person(db: DbSession, email: str) -> str:
    address = email.strip().lower()
    found = people.ids_by_email(db, [address]).get(address)
    if found is None:
        _fail(f"Nobody here has the address {email}.")
    return found


def _log(*, quiet: bool = False) -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    to_people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if to_people else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if to_people
            else structlog.processors.JSONRenderer(serializer=json.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _say(line: str) -> None:
    typer.echo(line)


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
