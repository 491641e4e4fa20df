"""Find an installation for a command: its settings, and its database with the schema of this version."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from app import clock, config, migrations
from app.cli.saying import fail
from app.config import Settings
from app.db import DbSession, make_engine, written
from app.errors import Problem
from app.operations.erasing import erase_again
from app.operations.installation import first_start
from app.queries import people
from app.vault import BadKeys, Vault

Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the embedded database, outbox, feeds and report.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]

_UNREAD_URL = "EARSHOT_DATABASE_URL is not understood: write postgresql+psycopg://user:password@host/name."


def load(folder: Path | None, *, served_at: str | None = None, plain_http: bool = True) -> Settings:
    """Read the settings; the first time this makes the folder and the key."""
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
        fail(f"{error.filename} can't be used: {error.strerror}.")
    except ValueError as error:
        fail(_plainly(error))


def look_at(folder: Path | None) -> Settings:
    """Read the settings without making a folder or a key: for looking at an installation, or before there is one."""
    try:
        found = Settings() if folder is None else Settings(dir=folder)
    except ValueError as error:
        fail(_plainly(error))
    return found if "public_url" in found.model_fields_set else found.model_copy(update={"allow_plain_http": True})


def existing(folder: Path | None) -> Settings:
    """Read the settings of an installation that was started before: a mistyped folder gets no database and no key."""
    looked = look_at(folder)
    with one_sentence():
        if looked.embedded and not looked.database_file.exists():
            fail(f"There is no database in {looked.dir}: the first `earshot serve`, or `earshot migrate`, makes it.")
    return load(folder)


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """Open the database; the embedded one is brought to the schema of this version, another one must have it."""
    with one_sentence():
        engine = _engine(settings)
    try:
        with one_sentence():
            if settings.embedded:
                _to_newest(engine)
            else:
                migrations.require_newest(engine)
            erase_again(engine, settings, now=clock.now())
        yield engine
    finally:
        engine.dispose()


def migrate(settings: Settings) -> None:
    """Bring the database to the schema of this version."""
    with one_sentence():
        engine = _engine(settings)
        _to_newest(engine)
        engine.dispose()


@contextmanager
def one_sentence(*expected: type[Exception]) -> Iterator[None]:
    """Turn what an operator can mend into one line: what databases and refusals say, and what else is `expected`."""
    said: tuple[type[Exception], ...] = (migrations.SchemaMismatch, *expected)
    try:
        yield
    except Problem as refusal:
        fail(refusal.detail)
    except said as why:
        fail(str(why))
    except ArgumentError:
        fail(_UNREAD_URL)
    except OperationalError as error:
        fail(f"The database can't be reached: {str(error.orig).splitlines()[0]}")
    except DBAPIError as error:
        fail(f"The database can't be used: {str(error.orig).splitlines()[0]}")


def person_id(db: DbSession, email: str) -> str:
    """Return who has this address; fail when nobody has."""
    address = email.strip().lower()
    found = people.ids_by_email(db, [address]).get(address)
    if found is None:
        fail(f"Nobody here has the address {email}.")
    return found


def _engine(settings: Settings) -> Engine:
    try:
        vault = Vault.of(settings)
        _ = vault.keys  # made, and read, before anything needs them
    except BadKeys as why:
        fail(str(why))
    try:
        return make_engine(settings.url, pool_size=settings.pool_size, vault=vault)
    except ValueError:  # its port is none
        fail(_UNREAD_URL)


def _to_newest(engine: Engine) -> None:
    migrations.upgrade(engine)
    written(engine, partial(first_start, now=clock.now()))


def _plainly(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"EARSHOT_{'_'.join(str(p) for p in e['loc']).upper()}: {e['msg']}" for e in error.errors())
    return str(error)
