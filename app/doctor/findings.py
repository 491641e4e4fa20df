"""What the doctor found, in sentences that show no secret."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from app import migrations, vault
from app.config import Settings
from app.db import reader_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. When it is not well, `detail` says what to do."""

    what: str
    well: bool
    detail: str


class Unwell(Exception):
    """A check found what should not be; says it in one sentence."""


class Look:
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
        case Unwell() | migrations.SchemaMismatch() | vault.BadKeys():
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
    secrets = (value.get_secret_value() for _, value in settings if isinstance(value, SecretStr))
    for secret in (password, *secrets):
        if secret:
            sentence = sentence.replace(secret, "***")
    return sentence


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One look at the database; each check has its own, for in PostgreSQL one that fails spoils those after it."""
    with reader_of(engine).connect() as connection:
        yield connection
