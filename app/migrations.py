"""Bring a database to the schema of this code, or say in one sentence why that can't be."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from app.db import reader_of

SCRIPTS = Path(__file__).parent.parent / "alembic"
_NEWER = "The database was made by a newer Earshot than this one: update the code, or restore a backup."


class SchemaMismatch(Exception):
    """The database does not have the schema that this code was written for."""


def config(engine: Engine) -> Config:
    """Return an alembic configuration that works on this engine."""
    made = Config()
    made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    made.attributes["engine"] = engine
    return made


def upgrade(engine: Engine) -> None:
    """Migrate to the newest schema. Does nothing when it is there; safe to run from several processes at once."""
    found = current(engine)
    if found == newest():
        return
    if found not in {None, *known()}:
        raise SchemaMismatch(_NEWER)
    command.upgrade(config(engine), "head")


def require_newest(engine: Engine) -> None:
    """Raise SchemaMismatch, with the way out, unless the schema is the one this code was written for."""
    found = current(engine)
    if found == newest():
        return
    if found in {None, *known()}:
        raise SchemaMismatch("The database has an older schema than the code: run `earshot migrate`.")
    raise SchemaMismatch(_NEWER)


def current(engine: Engine) -> str | None:
    """Return the revision that the database is at; None when it is empty."""
    with reader_of(engine).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the revision that this code was written for."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


def known() -> set[str]:
    """Return every revision that this code can migrate from."""
    return {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
