"""Nothing that the database, a dump of it or a backup holds opens anybody's calendar or signs a webhook (S11)."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, update
from typer.testing import CliRunner

from app import backup, doctor
from app.cli import app as earshot
from app.config import Settings
from app.db import make_engine, transaction, written
from app.jobs import PERIODIC
from app.jobs.context import Later
from app.jobs.resealing import reseal_all
from app.models.tables import connected_calendar, webhook_endpoint
from app.operations.resealing import AT_ONCE
from app.queries.connected_calendars import place_of
from app.queries.sealed import SEALED, keys_in_use, opened
from app.vault import Key, Vault
from tests import postgres
from tests.calendars_outside import Reader
from tests.endpoints import PostRoom, an_endpoint, post_room
from tests.factories import a_person
from tests.harness import NOW, TEST_VAULT, Api, FakeClock

CANARY = "canary"
FIRST = TEST_VAULT.keys[0].id
"""The key that seals in tests."""


def keeps_secrets(api: Api) -> dict[str, str]:
    """Have secrets of all kinds kept, changed and rotated; return those that were made here."""
    with transaction(api.engine, writes=True) as db:
        mara = a_person(db, "Mara").id
    calendar = {"kind": "ics", "url": f"https://calendar.example/{CANARY}.ics", "name": "Work"}
    login = {"username": f"{CANARY}-user", "password": f"{CANARY}-password"}
    connected = api.admin.post(f"/v1/people/{mara}/calendars", json={**calendar, **login}, headers=keyed(1))
    changed = {"username": f"{CANARY}-other", "password": f"{CANARY}-other"}
    assert api.admin.patch(connected.headers["location"], json=changed).status_code == 200
    hook = {"name": "CRM", "url": f"https://hooks.example/{CANARY}"}
    made = api.admin.post("/v1/webhook-endpoints", json=hook, headers=keyed(2))
    path = made.headers["location"]
    assert api.admin.patch(path, json={"url": f"https://hooks.example/{CANARY}/new"}).status_code == 200
    rotated = api.admin.post(f"{path}/rotate-secret", headers=keyed(3))
    assert api.admin.post(f"{path}/test").status_code == 202
    return {"first": made.json()["secret"], "second": rotated.json()["secret"], "path": path}


def keyed(number: int) -> dict[str, str]:
    return {"Idempotency-Key": f"key-{number}"}


def dumped(api: Api, folder: Path) -> bytes:
    """Return all that somebody has who has stolen the database and a backup."""
    backup.back_up(api.settings, folder / "stolen", now=NOW)
    stolen = gzip.decompress((folder / "stolen").read_bytes())
    if api.settings.embedded:
        return stolen + b"".join(path.read_bytes() for path in folder.glob("earshot.db*"))
    return stolen + postgres.dumped(api.settings.url)


def test_a_stolen_database_and_a_stolen_backup_hold_no_secret_in_clear(api: Api, tmp_path: Path) -> None:
    secrets = keeps_secrets(api)

    stolen = dumped(api, tmp_path)

    assert CANARY.encode() not in stolen
    assert secrets["first"].encode() not in stolen
    assert secrets["second"].encode() not in stolen
    assert TEST_VAULT.keys[0].secret not in stolen
    assert str(TEST_VAULT.keys[0]).encode() not in stolen
    with transaction(api.engine, writes=False) as db:
        assert keys_in_use(db) == {FIRST: 6}


def test_who_reads_them_through_the_api_has_what_was_given_and_no_secret_twice(api: Api) -> None:
    secrets = keeps_secrets(api)

    read = api.admin.get(secrets["path"])

    assert read.json()["url"] == f"https://hooks.example/{CANARY}/new"
    assert "secret" not in read.json()
    assert api.admin.get("/v1/webhook-endpoints").json()["data"] == [read.json()]


def test_the_same_url_again_changes_nothing(sqlite_api: Api) -> None:
    secrets = keeps_secrets(sqlite_api)
    before = sqlite_api.admin.get(secrets["path"]).json()

    again = sqlite_api.admin.patch(secrets["path"], json={"url": before["url"]})

    assert again.json() == before


def test_a_secret_that_was_moved_to_another_row_is_worth_nothing(sqlite_api: Api) -> None:
    made = [
        sqlite_api.admin.post("/v1/webhook-endpoints", json={"name": name, "url": f"https://{name}.example/"}).json()
        for name in ("ours", "theirs")
    ]
    with transaction(sqlite_api.engine, writes=True) as db:
        ours = db.execute(select(webhook_endpoint.c.url).where(webhook_endpoint.c.id == made[0]["id"])).scalar_one()
        db.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == made[1]["id"]).values(url=ours))

    read = sqlite_api.admin.get(f"/v1/webhook-endpoints/{made[1]['id']}")

    assert (read.status_code, read.json()["url"]) == (200, None)


@pytest.fixture
def room(engine: Engine, clock: FakeClock, tmp_path: Path) -> Iterator[PostRoom]:
    with post_room(engine, clock, tmp_path) as made:
        yield made


def locked(engine: Engine) -> None:
    """Let what is sealed be sealed by a key that nobody has any more."""
    lost = Vault([Key.new()])
    with transaction(engine, writes=True) as db:
        for table, names in SEALED.items():
            for row in db.execute(select(table)).all():
                values = {
                    name: lost.seal("gone", bound_to=f"{table.name}.{name}:{row.id}")
                    for name in names
                    if getattr(row, name) is not None
                }
                db.execute(update(table).where(table.c.id == row.id).values(**values))


def test_what_is_locked_is_shown_without_it_and_can_be_given_again(api: Api) -> None:
    path = keeps_secrets(api)["path"]
    locked(api.engine)

    assert api.admin.get(path).json()["url"] is None
    assert api.admin.get("/v1/webhook-endpoints").status_code == 200
    rotated = api.admin.post(f"{path}/rotate-secret")
    given = api.admin.patch(path, json={"url": "https://hooks.example/again"})

    assert (rotated.status_code, rotated.json()["previous_secret_until"]) == (200, None)
    assert given.json()["url"] == "https://hooks.example/again"


def test_webhooks_whose_secret_is_locked_wait_and_none_is_lost(room: PostRoom) -> None:
    room.endpoint("https://hooks.example/earshot")
    locked(room.engine)
    room.tell()

    with pytest.raises(Later, match="Put the key"):
        room.send()

    assert len(room.deliveries()) == 1
    assert room.attempts() == []


def test_a_calendar_whose_password_is_locked_says_so_to_its_owner(
    engine: Engine, clock: FakeClock, tmp_path: Path
) -> None:
    reader = Reader(engine, Settings(dir=tmp_path, _env_file=None), clock)
    calendar_id = reader.connect("https://calendar.example/mara.ics")
    locked(engine)

    row = reader.read(calendar_id)

    assert (row.health, "Put the key" in row.why) == ("degraded", True)
    assert row.failures == 1


def test_what_was_kept_in_clear_is_sealed_within_the_hour_without_another_version(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        for number in range(AT_ONCE + 1):
            an_endpoint(db, f"https://hooks.example/{number}", previous_secret="whsec_before")
        before = {row.id: row for row in db.execute(select(webhook_endpoint))}

    done = reseal_all(engine)

    assert (done.values, done.locked) == (3 * (AT_ONCE + 1), 0)
    assert PERIODIC["reseal"] <= timedelta(hours=1)
    with transaction(engine, writes=False) as db:
        assert keys_in_use(db) == {FIRST: 3 * (AT_ONCE + 1)}
        for row in db.execute(select(webhook_endpoint)):
            for name in SEALED[webhook_endpoint]:
                assert opened(db, webhook_endpoint.c[name], row.id, getattr(row, name)) == getattr(before[row.id], name)
            assert (row.version, row.updated_at) == (before[row.id].version, before[row.id].updated_at)
    assert reseal_all(engine).values == 0


def test_one_that_is_locked_keeps_no_other_from_being_sealed(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        an_endpoint(db)
    locked(engine)
    with transaction(engine, writes=True) as db:
        an_endpoint(db)

    done = reseal_all(engine)

    assert (done.values, done.locked) == (2, 2)


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Path:
    """An installation with a calendar and a webhook endpoint; returns its folder."""
    settings = Settings(dir=tmp_path, secret_key=SecretStr("k" * 64), _env_file=None)
    engine = make_engine(sqlite_url, vault=Vault.of(settings))
    with transaction(engine, writes=True) as db:
        an_endpoint(db, f"https://hooks.example/{CANARY}")
    reader = Reader(engine, settings, FakeClock())
    reader.connect(f"https://calendar.example/{CANARY}.ics", username="mara", password=CANARY)
    reseal_all(engine)
    engine.dispose()
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(earshot, list(arguments))


def findings(folder: Path) -> dict[str, doctor.Finding]:
    settings = Settings(dir=folder, secret_key=SecretStr("k" * 64), _env_file=None)
    return {found.what: found for found in doctor.examine(settings, now=NOW)}


def place(folder: Path) -> Any:
    settings = Settings(dir=folder, _env_file=None)
    engine = make_engine(settings.url, vault=Vault.of(settings))
    with transaction(engine, writes=False) as db:
        found = place_of(db, db.execute(select(connected_calendar)).one())
    engine.dispose()
    return found


def test_rekey_seals_everything_by_a_new_key_and_the_old_ones_are_dropped_when_asked(house: Path) -> None:
    old = Vault(file=house / "vault.keys").keys
    backed_up = (house / "earshot.db").read_bytes()

    first = run("rekey", "--dir", str(house))
    between = Vault(file=house / "vault.keys").keys
    second = run("rekey", "--drop-old", "--dir", str(house))
    after = Vault(file=house / "vault.keys").keys

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert f"5 secrets are sealed anew, by the key {between[0].id}." in first.output
    assert (between[1:], after) == (old, between[:1])
    assert place(house) == (f"https://calendar.example/{CANARY}.ics", "mara", CANARY)
    assert str(after[0]) not in first.output + second.output
    assert backed_up != (house / "earshot.db").read_bytes()
    assert findings(house)["sealed secrets"].detail == "5, and their keys are here"


def test_no_key_is_dropped_as_long_as_something_stays_locked(house: Path) -> None:
    settings = Settings(dir=house, _env_file=None)
    engine = make_engine(settings.url, vault=Vault.of(settings))
    locked(engine)
    engine.dispose()
    Vault(file=house / "vault.keys").put_first(Key.new())
    before = (house / "vault.keys").read_text()

    refused = run("rekey", "--drop-old", "--dir", str(house))

    assert (refused.exit_code, "5 more can't be opened" in refused.output) == (1, True)
    assert (house / "vault.keys").read_text() == before


def test_keys_from_outside_are_not_written_to_a_file(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Vault(file=house / "vault.keys").keys
    (house / "vault.keys").unlink()
    new = Key.new()
    monkeypatch.setenv("EARSHOT_VAULT_KEYS", f"{new} {keys[0]}")

    done = run("rekey", "--dir", str(house))

    assert (done.exit_code, f"by the key {new.id}" in done.output) == (0, True), done.output
    assert not (house / "vault.keys").exists()


def test_the_doctor_names_the_key_that_is_missing_and_what_is_in_clear(house: Path) -> None:
    key = Vault(file=house / "vault.keys").keys[0]

    (house / "vault.keys").write_text(f"{Key.new()}\n")
    missing = findings(house)["sealed secrets"]
    (house / "vault.keys").write_text("nonsense")
    broken = findings(house)["sealed secrets"]
    (house / "vault.keys").write_text(f"{key}\n")
    (house / "vault.keys").chmod(0o640)
    open_to_all = findings(house)["sealed secrets"]
    (house / "vault.keys").chmod(0o600)
    engine = make_engine(f"sqlite:///{house / 'earshot.db'}")
    written(engine, an_endpoint)
    engine.dispose()
    in_clear = findings(house)["sealed secrets"]

    assert not any(found.well for found in (missing, broken, open_to_all, in_clear))
    assert f"put the key {key.id} back" in missing.detail
    assert "can't be read" in broken.detail
    assert "0640" in open_to_all.detail
    assert "2 are in clear" in in_clear.detail


def test_a_restored_backup_opens_nothing_until_the_keys_are_put_beside_it(house: Path, tmp_path: Path) -> None:
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "backup"
    key = Vault(file=house / "vault.keys").keys[0]

    run("backup", str(file), "--dir", str(house))
    restored = run("restore", str(file), "--dir", str(elsewhere))
    without = findings(elsewhere)["sealed secrets"]
    (elsewhere / "vault.keys").unlink(missing_ok=True)
    (elsewhere / "vault.keys").touch(0o600)
    (elsewhere / "vault.keys").write_bytes((house / "vault.keys").read_bytes())

    assert (restored.exit_code, f"Put vault.keys of that installation into {elsewhere}." in restored.output) == (
        0,
        True,
    )
    assert (without.well, key.id in without.detail) == (False, True)
    assert place(elsewhere) == (f"https://calendar.example/{CANARY}.ics", "mara", CANARY)
