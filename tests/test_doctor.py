"""The doctor finds what is wrong, one thing at a time, and never falls ill itself."""

import socket
import sqlite3
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, event, insert, select, text, update

from app.config import Settings
from app.db import transaction
from app.doctor import Finding, database, examine, machine
from app.doctor.findings import Look, Unwell
from app.models import tables
from app.models.tables import call, claim, job, notice
from app.operations.announcing import PASSED_OVER
from app.operations.events import tell
from app.operations.jobs import enqueue
from app.operations.mail_troubles import note_trouble
from app.operations.sealing import seal_some
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import MessageKind, NoticeStatus
from tests.adapters.imap_server import dovecot, needs_dovecot
from tests.adapters.smtp_server import SmtpServer
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS

KEY = "k" * 64
GOOD = {
    "Python", "time zones", "data folder", "disk space", "secret key", "public URL", "outbox", "database", "schema",
    "installation", "last line against two places at once", "claims", "seats", "dead jobs", "waiting jobs",
    "addresses that take no mail", "mail that did not arrive",
    "workers", "events", "events passed over", "sealed secrets", "audit",
}  # fmt: skip
SQLITE = {"durability", "database file"}
POSTGRESQL = {"PostgreSQL version", "database time zone", "btree_gist", "clock"}
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    (tmp_path / "secret.key").touch(0o600)
    (tmp_path / "secret.key").write_text(KEY)
    return settings_of(dir=tmp_path, database_url=database_url)


@pytest.fixture
def alone(tmp_path: Path) -> Settings:
    """A data folder with a key and no database: for what does not need one."""
    (tmp_path / "secret.key").touch(0o600)
    (tmp_path / "secret.key").write_text(KEY)
    return settings_of(dir=tmp_path)


def settings_of(**given: Any) -> Settings:
    given = {"public_url": "https://earshot.example", "secret_key": SecretStr(KEY), **given}
    return Settings(**given, _env_file=None)


def bad(settings: Settings) -> dict[str, str]:
    return {finding.what: finding.detail for finding in examine(settings, now=NOW) if not finding.well}


def bad_alone(settings: Settings, **changes: Any) -> dict[str, str]:
    found = bad(settings.model_copy(update=changes))
    assert found.pop("database") == "There is none yet: the first start makes it."
    return found


def execute(engine: Engine, statement: Any) -> None:
    with transaction(engine, writes=True) as db:
        db.execute(text(statement) if isinstance(statement, str) else statement)


@contextmanager
def on_every_connection(work: Callable[[Any], object]) -> Iterator[None]:
    """Somebody between us and the database who changes what we have set."""

    def change(connection: Connection) -> None:
        work(connection.connection.dbapi_connection)

    event.listen(Engine, "engine_connect", change)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", change)


def test_a_sound_installation_is_well(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        call_id = a_call(db)
        book_seat(db, call_id=call_id, observer_id=a_person(db).id, actor=SYSTEM, now=NOW)

    findings = examine(settings, now=NOW)

    assert [finding for finding in findings if not finding.well] == []
    assert {finding.what for finding in findings} == GOOD | (SQLITE if settings.embedded else POSTGRESQL)
    assert KEY not in str(findings)


def test_looking_makes_no_database(alone: Settings) -> None:
    assert bad_alone(alone) == {}

    assert [path.name for path in alone.dir.iterdir()] == ["secret.key"]


def test_an_old_python(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "OLDEST_PYTHON", (99, 0))

    assert "99.0 or newer is needed" in bad_alone(alone)["Python"]


def test_time_zone_data_that_are_missing(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tzdata.zoneinfo.Australia", None)
    zoneinfo.reset_tzpath(to=[])
    try:
        assert bad_alone(alone) == {"time zones": "There is no time zone data: install the package tzdata."}
    finally:
        zoneinfo.reset_tzpath()


def test_time_zone_data_that_are_wrong(alone: Settings, tmp_path: Path) -> None:
    wrong = tmp_path / "zones" / "Australia"
    wrong.mkdir(parents=True)
    utc = b"TZif" + b"\0" * 16 + b"".join(n.to_bytes(4, "big") for n in (0, 0, 0, 0, 1, 4)) + b"\0" * 6 + b"UTC\0"
    (wrong / "Lord_Howe").write_bytes(utc)
    zoneinfo.reset_tzpath(to=[str(wrong.parent)])
    try:
        assert "not complete" in bad_alone(alone)["time zones"]
    finally:
        zoneinfo.reset_tzpath()


def test_a_data_folder_that_is_missing_or_a_file(alone: Settings) -> None:
    assert bad_alone(alone, dir=alone.dir / "nowhere")["data folder"] == "No such file or directory."
    assert bad_alone(alone, dir=alone.dir / "secret.key")["data folder"] == "Not a directory."


def test_an_outbox_that_is_a_file(alone: Settings) -> None:
    alone.outbox.touch()

    assert bad_alone(alone) == {"outbox": "Not a directory."}


def test_a_disk_that_is_full(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE_MEBIBYTES", 10**12)

    assert "make room" in bad_alone(alone)["disk space"]


def test_a_secret_key_that_others_read_or_that_is_empty_or_missing(alone: Settings) -> None:
    file = alone.dir / "secret.key"

    file.chmod(0o640)
    assert "mode 0640" in bad_alone(alone)["secret key"]
    file.chmod(0o600)
    file.write_text("\n")
    assert "holds no key" in bad_alone(alone)["secret key"]
    file.unlink()
    assert "none yet" in bad_alone(alone, secret_key=SecretStr(""))["secret key"]
    assert bad_alone(alone) == {}


def test_whatever_secret_of_the_settings_a_sentence_has_in_it_is_hidden(alone: Settings) -> None:
    names = [name for name, value in alone if isinstance(value, SecretStr)]
    changes = {name: SecretStr(f"hunter{number}!") for number, name in enumerate(names)}
    look = Look(alone.model_copy(update=changes))

    def check() -> str:
        raise Unwell(" ".join(secret.get_secret_value() for secret in changes.values()))

    assert not look.at("secrets", check)
    assert {"imap_password", "oidc_client_secret", "vault_keys"} <= set(names)
    assert look.findings[0].detail == " ".join("***" for _ in names)


def test_a_public_url_without_tls(alone: Settings) -> None:
    plain = {"public_url": "http://earshot.example"}

    assert "not https" in bad_alone(alone, **plain)["public URL"]
    assert bad_alone(alone, **plain, allow_plain_http=True) == {}


def test_an_smtp_relay_that_does_not_answer_or_takes_no_mail(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SMTP_SECONDS", PATIENCE_SECONDS)
    with SmtpServer() as relay:
        here = {"smtp_host": "127.0.0.1", "smtp_port": relay.port}
        assert bad_alone(alone, **here, smtp_tls="none") == {}
        assert "no STARTTLS" in bad_alone(alone, **here)["SMTP relay"]
        clear = bad_alone(alone, **here, smtp_tls="none", smtp_username="jo", smtp_password=SecretStr("hunter2"))
        assert "clear text" in clear["SMTP relay"]

    assert "takes no mail from us" in bad_alone(alone, **here, smtp_tls="none")["SMTP relay"]


def test_addresses_that_take_no_mail_are_counted(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        note_trouble(db, email="jo@acme.example", why="bounced", now=NOW)

    found = {finding.what: finding.detail for finding in examine(settings, now=NOW)}

    assert found["addresses that take no mail"] == "1: GET /v1/mail-troubles says why"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:hunter2@127.0.0.1:1/earshot",
        "postgresql+psycopg://me:1/hunter2@127.0.0.1/earshot",
        "postgresql+psycopg://me:hunter2@127.0.0.1:hunter2/earshot",
        "postgresql:me:hunter2",
        "nosuchengine://me:hunter2@127.0.0.1/earshot",
        "sqlite:////nowhere/hunter2.db",
    ],
)
def test_a_database_that_is_not_there_or_mistyped_shows_no_password(alone: Settings, url: str) -> None:
    findings = examine(alone.model_copy(update={"database_url": url}), now=NOW)

    assert findings[-1].what == "database"
    assert not findings[-1].well
    assert "hunter2" not in str(findings)


def test_a_file_that_is_no_database(alone: Settings) -> None:
    (alone.dir / "earshot.db").write_bytes(b"hello" * 1000)

    assert bad(alone) == {"database": "The database says: file is not a database"}


def test_a_database_file_that_is_damaged(sqlite_url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "earshot.db")) as file:
        [skills] = file.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'skill'").fetchone()
    content = bytearray((tmp_path / "earshot.db").read_bytes())
    page = int.from_bytes(content[16:18], "big")
    content[(skills - 1) * page : skills * page] = b"\xff" * page
    (tmp_path / "earshot.db").write_bytes(content)

    assert "damaged" in bad(settings_of(dir=tmp_path, database_url=sqlite_url))["database file"]


@only_sqlite
def test_a_journal_that_is_not_a_wal_is_said_and_not_changed(settings: Settings) -> None:
    file = settings.dir / "earshot.db"
    content = bytearray(file.read_bytes())
    content[18:20] = b"\1\1"  # what PRAGMA journal_mode=DELETE writes
    file.write_bytes(content)

    assert "journal mode is delete" in bad(settings)["database"]
    assert file.read_bytes() == content


@only_sqlite
def test_commits_that_are_not_synced(settings: Settings) -> None:
    with on_every_connection(lambda connection: connection.execute("PRAGMA synchronous=OFF")):
        assert set(bad(settings)) == {"durability"}


@only_postgresql
def test_an_old_postgresql(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "OLDEST_POSTGRESQL", 99)

    assert set(bad(settings)) == {"PostgreSQL version"}


@only_postgresql
def test_connections_that_are_not_in_utc(settings: Settings) -> None:
    with on_every_connection(lambda connection: connection.execute("SET TIME ZONE 'Europe/Berlin'")):
        assert "Europe/Berlin" in bad(settings)["database time zone"]


@only_postgresql
def test_an_extension_that_is_gone_and_what_it_carried(settings: Settings, engine: Engine) -> None:
    execute(engine, "DROP EXTENSION btree_gist CASCADE")

    assert set(bad(settings)) == {"btree_gist", "last line against two places at once"}


@only_sqlite
def test_a_trigger_that_is_gone(settings: Settings, engine: Engine) -> None:
    execute(engine, "DROP TRIGGER claims_apart_update")

    assert "has lost claims_apart_update:" in bad(settings)["last line against two places at once"]


def test_an_older_and_a_newer_schema(settings: Settings, engine: Engine) -> None:
    execute(engine, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer Earshot" in bad(settings)["schema"]

    execute(engine, "DELETE FROM alembic_version")
    assert "run `earshot migrate`" in bad(settings)["schema"]


def test_an_installation_that_was_never_started(settings: Settings, engine: Engine) -> None:
    execute(engine, "DELETE FROM installation")

    assert set(bad(settings)) == {"installation"}


def test_claims_that_overlap_and_claims_that_only_touch(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        observer = a_person(db).id
        for minutes in (0, 120, 240):
            call_id = a_call(db, starts_at=MONDAY + timedelta(hours=10, minutes=minutes))
            book_seat(db, call_id=call_id, observer_id=observer, actor=SYSTEM, now=NOW)
    if settings.embedded:
        execute(engine, "DROP TRIGGER claims_apart_update")
    else:
        execute(engine, "ALTER TABLE claim DROP CONSTRAINT claims_apart")
    known = {"last line against two places at once"}
    with transaction(engine, writes=False) as db:
        starts = sorted(db.execute(select(claim.c.starts_at).where(claim.c.person_id == observer)).scalars())
    first = update(claim).where(claim.c.person_id == observer, claim.c.starts_at == starts[0])

    execute(engine, first.values(ends_at=starts[1]))
    assert set(bad(settings)) == known
    execute(engine, first.values(ends_at=starts[2] + timedelta(minutes=1)))

    # The last of the three overlaps not the one before it, but the one before that.
    assert bad(settings)["claims"] == "2 active claims overlap another one of the same person."
    execute(engine, first.values(active=False))
    assert set(bad(settings)) == known


def test_a_call_that_counts_a_seat_that_it_does_not_have(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        wrong = a_call(db)
        a_call(db)
    execute(engine, update(call).where(call.c.id == wrong).values(seats_taken=1))

    assert bad(settings) == {"seats": f"1 calls count other seats than they have, {wrong} first."}


def test_jobs_that_were_given_up(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        enqueue(db, "mail", {"secret": "hunter2"}, now=NOW)
    execute(engine, update(job).values(status="dead"))

    words = (
        "Jobs that were given up: 1 mail. GET /v1/jobs?status=dead says why; "
        "once that is mended, POST /v1/jobs/{id}/retry runs one again."
    )
    assert bad(settings) == {"dead jobs": words}


def test_jobs_that_nobody_takes(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        enqueue(db, "mail", {}, now=NOW, due_at=NOW - timedelta(minutes=5))
        enqueue(db, "mail", {}, now=NOW, due_at=NOW + timedelta(days=1))
    assert Finding("waiting jobs", True, "the oldest has been due for 300 seconds") in examine(settings, now=NOW)

    later = examine(settings, now=NOW + timedelta(minutes=2))

    assert Finding("waiting jobs", False, "The oldest has been due for 7 minutes: is a worker running?") in later


def test_workers_that_had_a_job_within_the_hour(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        for kind, hours in (("a", 0), ("b", 0), ("c", 2)):
            enqueue(db, kind, {}, now=NOW - timedelta(hours=hours))
    assert Finding("workers", True, "seen within the hour: none") in examine(settings, now=NOW)

    execute(engine, update(job).where(job.c.kind != "b").values(worker="w:" + job.c.kind, status="done"))

    assert Finding("workers", True, "seen within the hour: w:a") in examine(settings, now=NOW)


def test_events_that_nobody_was_told_of(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_person(db)

    soon, later = (examine(settings, now=NOW + timedelta(minutes=minutes)) for minutes in (1, 3))
    execute(engine, "UPDATE event SET announced = true")
    told = examine(settings, now=NOW + timedelta(minutes=3))

    words = "The oldest that nobody was told of is 3 minutes old: is a worker running?"
    assert Finding("events", True, "about to be announced") in soon
    assert Finding("events", False, words) in later
    assert Finding("events", True, "all announced") in told


def test_events_that_somebody_could_not_be_told_of(settings: Settings, engine: Engine) -> None:
    for days in (1, 8):
        with transaction(engine, writes=True) as db:
            tell(db, PASSED_OVER, f"evt_{days}", version=1, actor=SYSTEM, now=NOW - timedelta(days=days))
    execute(engine, "UPDATE event SET announced = true")

    found = bad(settings)

    assert list(found) == ["events passed over"]
    assert found["events passed over"].startswith("1 in the last 7 days, evt_1 first: ")


def test_an_audit_that_somebody_changed(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        seal_some(db, now=NOW)
    assert Finding("audit", True, "the newest 100 seals hold, the last is 1") in examine(settings, now=NOW)

    with transaction(engine, writes=True) as db:
        facts = {"id": "evt_slipped_in", "at": NOW, "actor": "system", "act": "skill.changed", "version": 1}
        db.execute(insert(tables.event).values(**facts, object_type="skill", object_id="skl_1", announced=True, seal=1))

    assert "1 more are under it. Somebody changed what the audit says" in bad(settings)["audit"]


def test_an_audit_without_its_guards(settings: Settings, engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        execute(engine, "DROP TRIGGER event_stays")
    else:
        execute(engine, "ALTER TABLE event DISABLE TRIGGER event_stays")

    assert bad(settings)["audit"].startswith("The schema has lost event_stays: ")


def test_mail_that_was_refused_or_came_back_in_the_last_days(settings: Settings, engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        jo = a_person(db, "Jo")
        lost = {"person_id": jo.id, "kind": MessageKind.MATCH_STARTED, "due_at": NOW, "created_at": NOW}
        for days, status in ((1, NoticeStatus.BOUNCED), (2, NoticeStatus.REFUSED), (8, NoticeStatus.BOUNCED)):
            at = NOW - timedelta(days=days)
            row = {"id": f"ntc_{days}", "once": f"{days}", "status": status, "why": f"550 {days}", "updated_at": at}
            db.execute(insert(notice), [{**lost, **row}])

    found = {one.what: one for one in examine(settings, now=NOW)}["mail that did not arrive"]

    assert found.well
    assert found.detail.startswith("2 in 7 days, last: 550 1. ")


def test_a_mailbox_that_can_not_be_opened(alone: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = {"imap_host": "127.0.0.1", "imap_port": port, "imap_tls": "none", "imap_password": SecretStr("hunter2")}

    assert "are not read: no line to 127.0.0.1" in bad_alone(alone, **here)["mailbox"]


@needs_dovecot
def test_a_mailbox_that_is_there_and_a_folder_that_is_not(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "IMAP_SECONDS", PATIENCE_SECONDS)
    with dovecot() as server:
        there = server.account()
        here = {
            "imap_host": there.host,
            "imap_port": there.port,
            "imap_tls": "none",
            "imap_username": there.username,
            "imap_password": SecretStr(there.password),
        }
        server.deliver(b"Subject: hello\r\n\r\n")

        assert bad_alone(alone, **here) == {}
        assert server.flags() == [""]
        assert "are not read" in bad_alone(alone, **here, imap_folder="Elsewhere")["mailbox"]
        assert "are not read" in bad_alone(alone, **{**here, "imap_password": SecretStr("hunter2")})["mailbox"]


@only_postgresql
def test_a_clock_that_is_not_the_database_s(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MOST_APART", timedelta(seconds=-1))

    assert bad(settings) == {"clock": "It differs from the database's by 0 seconds: keep both by NTP."}
