"""One file with everything that must not be lost: made while the service runs, put back only into an empty place.

The file is a gzipped tar of `manifest.json`, `database` (an SQLite file, or what pg_dump writes) and, when the data
folder has one, `secret.key`. It holds people's data and that key: it is made for its owner's eyes only (mode 0600). The
keys of the vault are not in it, so that whoever gets hold of a backup opens no calendar and signs no webhook.
"""

import gzip
import hashlib
import io
import os
import shutil
import sqlite3
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import make_url

from app import migrations
from app.config import Settings
from app.files import sync_folder

FORMAT = 1
MANIFEST, DATABASE, SECRET = "manifest.json", "database", "secret.key"
DEBIAN = Path("/usr/lib/postgresql")
_MOST_BYTES = {MANIFEST: 64 * 1024, SECRET: 4 * 1024}
"""Nothing that we write comes near; the database may be as large as the disk has room."""
_MOST_PADDING = 64 * 1024  # a tar ends with zeros, up to the next 10 KiB
_WHO = "SELECT (SELECT version_num FROM alembic_version), (SELECT id FROM installation)"
_NOBODY = "There is no Earshot in this database."


class BackupFailed(Exception):
    """Nothing was backed up or restored; says why in one sentence."""


class Manifest(BaseModel):
    """What a backup says about itself."""

    model_config = ConfigDict(frozen=True, strict=True)

    format: int
    engine: str
    schema_revision: str
    installation_id: str
    made_at: AwareDatetime
    sha256: dict[str, str]
    """The members that follow, in their order, to the hexadecimal digest of their bytes."""


def back_up(settings: Settings, file: Path, *, now: datetime) -> None:
    """Write the state of one moment into `file`, which must not exist: whole and on the disk, or not at all.

    The service may go on reading and writing meanwhile. Raises BackupFailed.
    """
    with _one_sentence("Nothing was backed up"):
        _refuse_existing(file)
        # Nobody else can look into this folder (mode 0700); being beside the file, nothing is copied at the end.
        with TemporaryDirectory(dir=file.absolute().parent, prefix=f".{file.name}-") as kept:
            folder = Path(kept)
            snapshot = _sqlite_snapshot if settings.embedded else _postgresql_snapshot
            revision, installation = snapshot(settings, folder / DATABASE)
            members = [DATABASE]
            if (settings.dir / SECRET).exists():
                shutil.copyfile(settings.dir / SECRET, folder / SECRET)
                members.append(SECRET)
            manifest = Manifest(
                format=FORMAT,
                engine=_engine(settings),
                schema_revision=revision,
                installation_id=installation,
                made_at=now,
                sha256={name: _digest(folder / name) for name in members},
            )
            _pack(manifest, folder, folder / "draft")
            _settle(folder / "draft", file)


def restore(settings: Settings, file: Path) -> None:
    """Put a backup where there is no database yet: all of it, or nothing. Raises BackupFailed.

    A `secret.key` that is there already is left alone. An older schema is left to the next `serve` or `migrate`.
    The digests find damage, not forgery: whoever can write the file can also write what the database runs, so restore
    only what you trust.
    """
    with _one_sentence("Nothing was restored"):
        _require_empty(settings)
        target = settings.database_file if settings.embedded else settings.dir / DATABASE
        settings.dir.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=".restore-") as kept, ExitStack() as undo:
            folder = Path(kept)
            manifest = _unpack(file, folder)
            _require_ours(settings, manifest)
            if (folder / SECRET).exists() and not (settings.dir / SECRET).exists():
                # Before the database: without one, a key that a crash leaves behind opens nothing.
                _put_key(folder / SECRET, settings.dir / SECRET)
                undo.callback((settings.dir / SECRET).unlink)
            if settings.embedded:
                _check_sqlite(folder / DATABASE, manifest)
                _settle(folder / DATABASE, target)
            else:
                _restore_postgresql(settings, folder / DATABASE)
            undo.pop_all()


def _engine(settings: Settings) -> str:
    return "sqlite" if settings.embedded else "postgresql"


def _sqlite_snapshot(settings: Settings, draft: Path) -> tuple[str, str]:
    """Copy the database as of one moment. Writers go on: in WAL mode VACUUM INTO is just a reader.

    Unlike the backup API it never starts over when somebody writes, and takes nothing along that was deleted.
    """
    file = settings.database_file
    if not file.exists():
        raise BackupFailed("There is no database here to back up.")
    with closing(_sqlite(file, "rw")) as connection:
        connection.execute("VACUUM INTO ?", [str(draft)])
    with closing(_sqlite(draft, "ro")) as connection:
        return _who(connection.execute(_WHO).fetchone())


def _postgresql_snapshot(settings: Settings, draft: Path) -> tuple[str, str]:
    """Dump the database as of one moment, the moment at which we also look who it is."""
    with psycopg.connect(**_libpq(settings)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        who = _who(connection.execute(_WHO).fetchone())
        [moment] = connection.execute("SELECT pg_export_snapshot()").fetchone() or [""]
        # Roles differ from server to server. A comment on an extension may be set only by who made the extension.
        # Our gzip packs the whole better than pg_dump packs its parts.
        options = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", "--compress=0"]
        _run("pg_dump", settings, [*options, f"--snapshot={moment}", f"--file={draft}"])
    return who


def _who(row: tuple[Any, ...] | None) -> tuple[str, str]:
    match row:
        case (str(revision), str(installation)):
            return revision, installation
    raise BackupFailed(_NOBODY)


def _pack(manifest: Manifest, folder: Path, draft: Path) -> None:
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        # The GNU format has no limit of 8 GiB, and no extra headers.
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6, format=tarfile.GNU_FORMAT) as tar:
            text = manifest.model_dump_json(indent=2).encode()
            tar.addfile(_member(MANIFEST, len(text), manifest), io.BytesIO(text))
            for name in manifest.sha256:
                with (folder / name).open("rb") as part:
                    tar.addfile(_member(name, (folder / name).stat().st_size, manifest), part)
        raw.flush()
        os.fsync(raw.fileno())


def _member(name: str, size: int, manifest: Manifest) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.mode, made.mtime = size, 0o600, int(manifest.made_at.timestamp())
    return made


def _unpack(file: Path, folder: Path) -> Manifest:
    """Write the members into the folder, under names and up to sizes that we choose, not the file."""
    damaged = BackupFailed(f"{file} is no backup of Earshot, or it is damaged.")
    try:
        with file.open("rb") as raw:
            return _members(raw, folder, damaged)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValidationError, ValueError) as error:
        raise damaged from error


def _members(raw: io.BufferedReader, folder: Path, damaged: BackupFailed) -> Manifest:
    # gzip by itself: tarfile's own reader of streams checks no checksum.
    with gzip.GzipFile(fileobj=raw) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
        _extract(tar, MANIFEST, folder, damaged)
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        if manifest.format != FORMAT:
            raise BackupFailed("The backup was made by another Earshot, in a format that this one can't read.")
        if list(manifest.sha256) not in ([DATABASE], [DATABASE, SECRET]):
            raise damaged
        for name, digest in manifest.sha256.items():
            if _extract(tar, name, folder, damaged) != digest:
                raise damaged
        if tar.next() is not None or len(packed.read(_MOST_PADDING)) == _MOST_PADDING or packed.read(1):
            raise damaged
        return manifest


def _extract(tar: tarfile.TarFile, name: str, folder: Path, damaged: BackupFailed) -> str:
    """Write the next member, which must be a plain file of this name, and return its digest."""
    member = tar.next()
    if member is None or member.name != name or member.type != tarfile.REGTYPE or member.issparse():
        raise damaged
    if member.size > _MOST_BYTES.get(name, shutil.disk_usage(folder).free):
        raise BackupFailed(f"The backup's {name} has {member.size} bytes: there is no room for that.")
    content = tar.extractfile(member)
    if content is None:
        raise damaged
    digest = hashlib.sha256()
    with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while block := content.read(1 << 20):
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _require_ours(settings: Settings, manifest: Manifest) -> None:
    if manifest.engine != _engine(settings):
        raise BackupFailed(f"The backup is of a {manifest.engine} database, and this one is {_engine(settings)}.")
    if manifest.schema_revision not in migrations.known():
        raise BackupFailed("The backup was made by a newer Earshot than this one: update the code first.")


def _require_empty(settings: Settings) -> None:
    if settings.embedded:
        file = settings.database_file
        # A journal without its database counts too: SQLite would play it into the database that we put there.
        for found in (file, Path(f"{file}-wal"), Path(f"{file}-journal")):
            if found.exists():
                raise BackupFailed(f"There is a {found.name} already: restore into an empty folder.")
        return
    tables = (
        "SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'"
    )
    with psycopg.connect(**_libpq(settings)) as connection:
        if connection.execute(tables).fetchone() != (0,):
            raise BackupFailed("The database has tables already: restore into an empty one.")


def _check_sqlite(file: Path, manifest: Manifest) -> None:
    with closing(_sqlite(file, "ro")) as connection:
        connection.execute("PRAGMA trusted_schema=OFF")
        sound = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        if not sound or _who(connection.execute(_WHO).fetchone()) != (
            manifest.schema_revision,
            manifest.installation_id,
        ):
            raise BackupFailed("The database in the backup is damaged, or not the one that the backup says it is.")
    with closing(_sqlite(file, "rw")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # a copy is made without it; it is kept in the file


def _restore_postgresql(settings: Settings, dump: Path) -> None:
    whole = ["--single-transaction", "--exit-on-error"]
    _run("pg_restore", settings, [*whole, "--no-owner", "--no-privileges", "--no-comments", str(dump)])


def _put_key(found: Path, target: Path) -> None:
    with TemporaryDirectory(dir=target.parent, prefix=".restore-") as kept:
        draft = Path(kept) / SECRET
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(found.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        _settle(draft, target)


def _settle(draft: Path, target: Path) -> None:
    """Give the finished file its name; another file of that name is never replaced."""
    try:
        os.link(draft, target)
    except FileExistsError:
        _refuse_existing(target)
    except OSError:  # no second names on this file system, as on many USB sticks: there a look must do
        _refuse_existing(target)
        draft.rename(target)
    sync_folder(target.absolute().parent)


def _refuse_existing(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise BackupFailed(f"{file} exists already: nothing is ever overwritten, so choose another name.")


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sqlite(file: Path, mode: str) -> sqlite3.Connection:
    """Open a file that exists, and leave transactions to us."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)


def _libpq(settings: Settings) -> dict[str, Any]:
    """Return where the database is, in the words of libpq."""
    url = make_url(settings.url).set(drivername="postgresql").render_as_string(hide_password=False)
    return {"connect_timeout": "5", **conninfo_to_dict(url)}


def _run(program: str, settings: Settings, arguments: list[str]) -> None:
    parts = _libpq(settings)
    password = parts.pop("password", None)
    # Everybody on the machine can read the arguments of a process; its environment, only its owner.
    environment = {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": password} if password else {})}
    command = [_found(program), f"--dbname={make_conninfo(**parts)}", "--no-password", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith(f"{program}: error: ")]
        why = said[0].removeprefix(f"{program}: error: ") if said else f"it ended with {done.returncode}"
        raise BackupFailed(f"{program} failed: {why}")


def _found(program: str) -> str:
    debian = sorted(DEBIAN.glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]), reverse=True)
    path = shutil.which(program) or next(map(str, debian), None)
    if path is None:
        raise BackupFailed(f"{program} is not on this machine: install the client programs of PostgreSQL.")
    return path


@contextmanager
def _one_sentence(subject: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if str(error).startswith("no such table"):
            raise BackupFailed(_NOBODY) from error
        raise BackupFailed(f"{subject}: SQLite says {error}.") from error
    except psycopg.errors.UndefinedTable as error:
        raise BackupFailed(_NOBODY) from error
    except psycopg.Error as error:
        raise BackupFailed(f"{subject}: PostgreSQL says {str(error).splitlines()[0].rstrip('.')}.") from error
    except OSError as error:
        raise BackupFailed(f"{subject}: {error.strerror or error}.") from error
