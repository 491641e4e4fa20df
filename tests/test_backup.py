"""A backup is the state of one moment, and comes back whole or not at all, on both engines."""

import gzip
import io
import json
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from app import backup, migrations
from app.backup import BackupFailed, back_up, restore
from app.config import Settings
from app.db import make_engine, reader_of, transaction
from app.models import metadata
from app.models.tables import event, person
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS
from tests.postgres import create_database, drop_database

Members = list[tuple[tarfile.TarInfo, bytes]]


def settings_of(url: str, folder: Path) -> Settings:
    return Settings(dir=folder, database_url=url, secret_key=SecretStr("test"), _env_file=None)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """An installation with a host, a call and a secret key."""
    made = settings_of(database_url, tmp_path)
    fill(made)
    return made


@pytest.fixture
def sqlite_settings(sqlite_url: str, tmp_path: Path) -> Settings:
    made = settings_of(sqlite_url, tmp_path)
    fill(made)
    return made


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """An empty place on the same engine."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if settings.embedded:
        yield settings_of("", folder)
        return
    server = request.getfixturevalue("postgres_server")
    yield settings_of(create_database(server, "earshot_restored", template="template0"), folder)
    drop_database(server, "earshot_restored")


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """An empty folder for SQLite."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return settings_of("", folder)


def fill(settings: Settings) -> None:
    (settings.dir / "secret.key").write_text("k" * 64)
    engine = make_engine(settings.url)
    with transaction(engine, writes=True) as db:
        a_call(db, title="Größe 🎧; 'quoted'")
    engine.dispose()


def contents(url: str) -> dict[str, list[Any]]:
    engine = make_engine(url)
    with reader_of(engine).connect() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def unpacked(file: Path) -> Members:
    with tarfile.open(file) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]


def packed(file: Path, members: Members) -> None:
    with tarfile.open(file, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))


def with_manifest(members: Members, **changes: Any) -> Members:
    (first, text), *rest = members
    return [(first, json.dumps({**json.loads(text), **changes}).encode()), *rest]


def assert_nothing_left(settings: Settings) -> None:
    assert list(settings.dir.iterdir()) == []
    if not settings.embedded:
        with psycopg.connect(settings.url.replace("+psycopg", "")) as connection:
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert connection.execute(tables).fetchone() == (0,)


def test_what_is_restored_is_what_was_backed_up(settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "b.tar.gz", now=NOW)
    restore(elsewhere, tmp_path / "b.tar.gz")

    assert contents(elsewhere.url) == contents(settings.url)
    assert (elsewhere.dir / "secret.key").read_text() == "k" * 64
    assert stat.S_IMODE((elsewhere.dir / "secret.key").stat().st_mode) == 0o600
    engine = make_engine(elsewhere.url)
    migrations.require_newest(engine)
    with transaction(engine, writes=True) as db:
        a_person(db)
    engine.dispose()


def test_a_backup_is_private_says_what_it_is_and_leaves_nothing_else(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    back_up(settings, folder / "b.tar.gz", now=NOW)

    assert [path.name for path in folder.iterdir()] == ["b.tar.gz"]
    assert stat.S_IMODE((folder / "b.tar.gz").stat().st_mode) == 0o600
    members = unpacked(folder / "b.tar.gz")
    assert [member.name for member, _ in members] == ["manifest.json", "database", "secret.key"]
    manifest = json.loads(members[0][1])
    assert manifest["format"] == 1
    assert manifest["engine"] == ("sqlite" if settings.embedded else "postgresql")
    assert manifest["schema_revision"] == migrations.newest()
    assert manifest["installation_id"] in contents(settings.url)["installation"][0]
    assert manifest["made_at"] == "2026-11-21T09:00:00Z"


def test_without_a_secret_key_in_the_folder_none_is_in_the_backup(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    (settings.dir / "secret.key").unlink()

    back_up(settings, tmp_path / "b.tar.gz", now=NOW)
    restore(elsewhere, tmp_path / "b.tar.gz")

    assert not (elsewhere.dir / "secret.key").exists()


def test_a_secret_key_that_is_there_already_is_kept(settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    (elsewhere.dir / "secret.key").write_text("other")
    back_up(settings, tmp_path / "b.tar.gz", now=NOW)

    restore(elsewhere, tmp_path / "b.tar.gz")

    assert (elsewhere.dir / "secret.key").read_text() == "other"


def test_a_backup_under_writes_is_the_state_of_one_moment(
    settings: Settings, elsewhere: Settings, engine: Engine, tmp_path: Path
) -> None:
    stop, written = threading.Event(), threading.Semaphore(0)
    writers = [threading.Thread(target=keep_writing, args=(engine, stop, written)) for _ in range(3)]
    before = len(contents(settings.url)["person"])
    for writer in writers:
        writer.start()
    for _ in range(10):
        assert written.acquire(timeout=PATIENCE_SECONDS)

    back_up(settings, tmp_path / "b.tar.gz", now=NOW)
    for _ in range(10):  # they went on
        assert written.acquire(timeout=PATIENCE_SECONDS)
    stop.set()
    for writer in writers:
        writer.join()

    restore(elsewhere, tmp_path / "b.tar.gz")
    restored, now = contents(elsewhere.url), contents(settings.url)
    assert before + 10 <= len(restored["person"]) <= len(now["person"])
    for table, rows in restored.items():
        assert set(rows) <= set(now[table]), table
    assert people_and_their_events(elsewhere.url)


def keep_writing(engine: Engine, stop: threading.Event, written: threading.Semaphore) -> None:
    while not stop.wait(0.005):
        with transaction(engine, writes=True) as db:
            a_person(db)  # and its event, in the same transaction
        written.release()


def people_and_their_events(url: str) -> bool:
    engine = make_engine(url)
    with reader_of(engine).connect() as connection:
        people = set(connection.execute(select(person.c.id)).scalars())
        told = set(connection.execute(select(event.c.object_id).where(event.c.object_type == "person")).scalars())
    engine.dispose()
    return people == told


def test_an_existing_file_is_never_overwritten(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "b.tar.gz"
    target.write_text("precious")

    with pytest.raises(BackupFailed, match=r"b\.tar\.gz exists already"):
        back_up(settings, target, now=NOW)

    assert target.read_text() == "precious"


def test_a_folder_that_is_not_there_is_said_in_one_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="No such file or directory"):
        back_up(settings, tmp_path / "nowhere" / "b.tar.gz", now=NOW)


def test_where_there_is_no_earshot_nothing_is_backed_up(elsewhere: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="There is no"):
        back_up(elsewhere, tmp_path / "b.tar.gz", now=NOW)

    assert not (tmp_path / "b.tar.gz").exists()
    assert list(elsewhere.dir.iterdir()) == []


def test_a_file_of_sqlite_that_is_not_ours_is_not_backed_up(empty: Settings, tmp_path: Path) -> None:
    with sqlite3.connect(empty.dir / "earshot.db") as other:
        other.execute("CREATE TABLE cake (flour)")
    other.close()

    with pytest.raises(BackupFailed, match="There is no Earshot in this database"):
        back_up(empty, tmp_path / "b.tar.gz", now=NOW)


def test_a_backup_is_restored_only_into_an_empty_place(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "b.tar.gz", now=NOW)
    before = contents(settings.url)

    with pytest.raises(BackupFailed, match="already: restore into an empty"):
        restore(settings, tmp_path / "b.tar.gz")

    assert contents(settings.url) == before


def test_a_journal_without_its_database_is_not_an_empty_place(
    sqlite_settings: Settings, empty: Settings, tmp_path: Path
) -> None:
    back_up(sqlite_settings, tmp_path / "b.tar.gz", now=NOW)
    (empty.dir / "earshot.db-wal").write_bytes(b"old pages")

    with pytest.raises(BackupFailed, match=r"earshot\.db-wal"):
        restore(empty, tmp_path / "b.tar.gz")

    assert [path.name for path in empty.dir.iterdir()] == ["earshot.db-wal"]


@pytest.mark.parametrize("kept", [0, 1, 20, 0.1, 0.5, 0.9, 0.999, -1])
def test_a_truncated_backup_is_refused(sqlite_settings: Settings, empty: Settings, tmp_path: Path, kept: float) -> None:
    back_up(sqlite_settings, tmp_path / "b.tar.gz", now=NOW)
    whole = (tmp_path / "b.tar.gz").read_bytes()
    part = int(len(whole) * kept) if isinstance(kept, float) else kept
    (tmp_path / "b.tar.gz").write_bytes(whole[:part])

    with pytest.raises(BackupFailed, match="no backup of Earshot, or it is damaged"):
        restore(empty, tmp_path / "b.tar.gz")

    assert_nothing_left(empty)


@pytest.mark.parametrize("where", [0.01, 0.3, 0.6, 0.99])
def test_a_flipped_bit_is_found(sqlite_settings: Settings, empty: Settings, tmp_path: Path, where: float) -> None:
    back_up(sqlite_settings, tmp_path / "b.tar.gz", now=NOW)
    content = bytearray((tmp_path / "b.tar.gz").read_bytes())
    content[int(len(content) * where)] ^= 0x10
    (tmp_path / "b.tar.gz").write_bytes(content)

    with pytest.raises(BackupFailed):
        restore(empty, tmp_path / "b.tar.gz")

    assert_nothing_left(empty)


def test_what_is_not_a_backup_is_refused(empty: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for content in (b"hello", gzip.compress(b"hello"), gzip.compress(b"\0" * 20_000)):
        other.write_bytes(content)
        with pytest.raises(BackupFailed, match="no backup of Earshot"):
            restore(empty, other)
    with pytest.raises(BackupFailed, match="No such file"):
        restore(empty, tmp_path / "nowhere")

    assert_nothing_left(empty)


def test_a_backup_of_the_other_engine_or_of_a_newer_schema_is_refused(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "b.tar.gz", now=NOW)
    members = unpacked(tmp_path / "b.tar.gz")

    for change, sentence in (
        ({"engine": "postgresql" if settings.embedded else "sqlite"}, "and this one is"),
        ({"schema_revision": "9999"}, "newer Earshot"),
        ({"format": 2}, "a format that this one can't read"),
    ):
        packed(tmp_path / "changed", with_manifest(members, **change))
        with pytest.raises(BackupFailed, match=sentence):
            restore(elsewhere, tmp_path / "changed")

    assert_nothing_left(elsewhere)


def _another_name(name: str) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        members[1][0].name = name
        return members

    return change


def _a_link(members: Members) -> Members:
    members[2][0].type, members[2][0].linkname = tarfile.SYMTYPE, "/etc/passwd"
    return members


def _one_more(members: Members) -> Members:
    return [*members, (tarfile.TarInfo("../escaped"), b"x")]


def _listed(members: Members) -> Members:
    sums = json.loads(members[0][1])["sha256"]
    return [*with_manifest(members, sha256={**sums, "../escaped": "0"}), (tarfile.TarInfo("../escaped"), b"x")]


def _other_bytes(members: Members) -> Members:
    return [members[0], (members[1][0], members[1][1][:-1] + b"?"), members[2]]


def _large_key(members: Members) -> Members:
    return [*members[:2], (members[2][0], b"k" * 5000)]


@pytest.mark.parametrize(
    "change",
    [
        _another_name("../escaped"),
        _another_name("/tmp/escaped"),  # noqa: S108
        _a_link,
        _one_more,
        _listed,
        _other_bytes,
        _large_key,
        lambda members: members[:2],
        lambda members: members[1:],
        lambda members: [members[0], members[2], members[1]],
        lambda members: with_manifest(members, sha256={}),
        lambda members: with_manifest(members, made_at="yesterday"),
        lambda members: [(members[0][0], b"[" * 60_000), *members[1:]],
        lambda members: with_manifest(members, installation_id="somebody.else"),
    ],
)
def test_a_tampered_backup_writes_nothing_anywhere(
    sqlite_settings: Settings, empty: Settings, tmp_path: Path, change: Callable[[Members], Members]
) -> None:
    back_up(sqlite_settings, tmp_path / "b.tar.gz", now=NOW)
    packed(tmp_path / "changed", change(unpacked(tmp_path / "b.tar.gz")))
    before = {path.name for path in tmp_path.rglob("*")}

    with pytest.raises(BackupFailed):
        restore(empty, tmp_path / "changed")

    assert_nothing_left(empty)
    assert {path.name for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_dump_that_postgresql_refuses_half_way_leaves_nothing(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "b.tar.gz", now=NOW)
    with psycopg.connect(elsewhere.url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TYPE seat AS ENUM ('taken')")  # no table, yet in the way of one

    with pytest.raises(BackupFailed, match=r'pg_restore failed: .*"seat" already exists'):
        restore(elsewhere, tmp_path / "b.tar.gz")

    assert_nothing_left(elsewhere)


def test_without_the_programs_of_postgresql_it_says_so(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(backup, "DEBIAN", tmp_path)

    with pytest.raises(BackupFailed, match="pg_dump is not on this machine"):
        back_up(settings_of(postgres_url, tmp_path), tmp_path / "b.tar.gz", now=NOW)


def test_the_password_of_the_database_is_in_no_sentence(tmp_path: Path) -> None:
    away = settings_of("postgresql+psycopg://me:hunter2@127.0.0.1:1/earshot", tmp_path)

    with pytest.raises(BackupFailed, match="PostgreSQL says") as refused:
        back_up(away, tmp_path / "b.tar.gz", now=NOW)

    assert "hunter2" not in str(refused.value)
