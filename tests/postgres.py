"""A PostgreSQL for the tests: the one in TEST_DATABASE_URL, else our own, started from what the machine has."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from app import backup

if sys.platform != "win32":
    import pwd

SECONDS_TO_START = 120  # a first start on a busy small machine takes two


class NoPostgresError(Exception):
    """No PostgreSQL can be had here; the message says in one sentence how to get one."""


class Postgres:
    """Our own server in its folder: a Unix socket and no TCP port, so any number can run side by side."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        """Make a new, stopped server; its files belong to `account()`."""
        self._binaries = binaries
        self._folder = folder
        self._data = folder / "data"
        self._life: subprocess.Popen[bytes] | None = None
        query = {"host": str(folder), "port": "5432"}
        database = URL.create("postgresql+psycopg", username="postgres", database="postgres", query=query)
        self.url = database.render_as_string()
        if owner := account():
            shutil.chown(folder, owner)
        self._run("initdb", "--username=postgres", "--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync")

    def start(self) -> None:
        """Start and wait until it answers."""
        # The shell ends the server when its stdin closes, which happens when we end, however we end. If that was not by
        # stop(), nobody else is left to delete the files.
        guard = '"$0" "$@" & read -r word; kill -INT $!; wait; [ "$word" = stop ] || rm -r "$PWD"'
        server = [str(self._binaries / "postgres"), "-D", str(self._data), "-k", str(self._folder), "-p", "5432"]
        # No fsync: the data need not outlive the machine. Commits still outlive a crash of the server.
        settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"]
        with (self._folder / "log").open("ab") as log:
            # A session of its own: Ctrl-C reaches only the tests, which stop the server when they have finished.
            self._life = subprocess.Popen(
                ["sh", "-c", guard, *server, *settings],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=account(),
                extra_groups=[] if account() else None,
                start_new_session=True,
            )
        self._await_answer()

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End all connections and the server; `immediate` is a crash. Nothing happens when it is stopped."""
        if self._life is None or self._life.stdin is None:
            return
        if mode == "immediate":
            self._run("pg_ctl", "stop", "--mode=immediate")
        self._life.communicate(b"stop\n")
        self._life = None

    def _await_answer(self) -> None:
        give_up_at = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                psycopg.connect(_libpq(self.url)).close()
            except psycopg.OperationalError:
                if time.monotonic() > give_up_at:
                    log = (self._folder / "log").read_text(errors="replace")
                    raise NoPostgresError(f"PostgreSQL does not start; its log ends: {log[-2000:]}") from None
                time.sleep(0.05)
            else:
                return

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._binaries / program), "-D", str(self._data), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            user=account(),
            extra_groups=[] if account() else None,
        )
        if done.returncode != 0:
            raise NoPostgresError(f"{program} of PostgreSQL fails: {done.stderr.strip()}")


@contextmanager
def running_postgres() -> Iterator[str]:
    """Give the SQLAlchemy URL of a server on which databases can be made and dropped."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    else:
        with own_postgres() as server:
            yield server.url


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """Give a running server that nobody else uses, to be stopped and started at will; it is deleted at the end."""
    binaries = find_binaries()
    # Not pytest's tmp_path: root's is closed to other accounts, and a socket's path has at most 103 bytes.
    short = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix="earshot-pg-", dir=short))
    try:
        server = Postgres(binaries, folder)
        try:
            server.start()
            yield server
        finally:
            server.stop("immediate")  # nobody reads its files again
    finally:
        shutil.rmtree(folder)


def find_binaries() -> Path:
    """The newest server of the system, else that of the pgserver wheel. Raises NoPostgresError."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for folder in [*debian, *_configured(), *_wheel()]:
        if (folder / "initdb").exists():
            return folder
    raise NoPostgresError("No PostgreSQL here: install postgresql, or set TEST_DATABASE_URL, or pip install pgserver.")


def _configured() -> Iterator[Path]:
    if program := shutil.which("pg_config"):
        yield Path(subprocess.check_output([program, "--bindir"], text=True).strip())


def _wheel() -> Iterator[Path]:
    if (spec := importlib.util.find_spec("pgserver")) and spec.origin:
        yield Path(spec.origin).parent / "pginstall" / "bin"


def account() -> str | None:
    """The account to run the server as, which refuses to run as root; None for our own."""
    if sys.platform == "win32":
        raise NoPostgresError("On Windows, set TEST_DATABASE_URL.")
    if os.geteuid() != 0:
        return None
    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"


def create_database(url: str, name: str, template: str | None = None) -> str:
    """Create a database on the server of `url` and return its URL. Nobody may be connected to the template."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _execute(url, statement.format(sql.Identifier(name), sql.Identifier(template or "template1")))
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str, name: str) -> None:
    """Drop the database and its connections; nothing happens when there is none."""
    _execute(url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def dumped(url: str) -> bytes:
    """All that pg_dump writes of a database."""
    command = [backup._found("pg_dump"), f"--dbname={_libpq(url)}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _execute(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(_libpq(url), autocommit=True) as connection:
        connection.execute(statement)


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
