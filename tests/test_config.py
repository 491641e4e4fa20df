"""Settings: read once, kept secret, and the same for processes that start together for the first time."""

import multiprocessing
import stat
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.config import Settings, load
from tests.patience import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, so that no .env of the developer is read."""
    monkeypatch.chdir(tmp_path)


def secret(settings: Settings) -> str:
    return settings.secret_key.get_secret_value()


def test_a_wrong_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("SMTP_PORT", "0"),
        ("SMTP_TLS", "maybe"),
        ("POOL_SIZE", "many"),
        ("MAIL_FROM", "nobody"),
        ("REPLY_TO", "nobody"),
        ("MAIL_AUTHSERV_ID", "mx.example; dmarc=pass"),
        ("IMAP_PORT", "65536"),
        ("IMAP_TLS", "maybe"),
        ("SOLVER_SECONDS", "19"),
        ("SOLVER_SECONDS", "541"),
        ("OUTBOUND_ALLOW", "10.1.0.0/33"),
        ("OUTBOUND_ALLOW", "10.1.2.3/8"),
        ("OUTBOUND_ALLOW", "10.1.2.300"),
        ("OUTBOUND_ALLOW", "10.0.0.1-9"),
        ("OUTBOUND_ALLOW", "*.intranet"),
        ("OUTBOUND_ALLOW", "radicale.intranet:5232"),
        ("OUTBOUND_ALLOW", "http://radicale.intranet"),
    ):
        with monkeypatch.context() as environment:
            environment.setenv(f"EARSHOT_{name}", value)
            with pytest.raises(ValidationError):
                load()


def test_the_intranet_is_listed_as_networks_addresses_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().outbound_allow == ()

    monkeypatch.setenv("EARSHOT_OUTBOUND_ALLOW", "10.1.0.0/16, fd00:1::/32,10.2.3.4 , Radicale.Intranet,")

    assert Settings().outbound_allow == (
        IPv4Network("10.1.0.0/16"),
        IPv6Network("fd00:1::/32"),
        IPv4Network("10.2.3.4/32"),
        "radicale.intranet",
    )


def test_a_key_is_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    first, second = load(dir=tmp_path / "data"), load(dir=tmp_path / "data")

    assert secret(first) == secret(second)
    assert len(secret(first)) == 64
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


def test_a_given_key_is_used_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_SECRET_KEY", "given")

    assert secret(load(dir=tmp_path / "data")) == "given"
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_file_without_a_key_stops_the_start_and_signs_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret.key").write_text(content)

    with pytest.raises(ValueError, match="delete the file"):
        load(dir=tmp_path)


def say_the_key(folder: Path, go: Any, keys: Any) -> None:
    go.wait(PATIENCE_SECONDS)
    for number in range(200):
        keys.put((number, secret(load(dir=folder / str(number)))))


def test_processes_at_the_same_first_start_agree_on_the_key(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    go, keys = spawn.Event(), spawn.Queue()
    processes = [spawn.Process(target=say_the_key, args=(tmp_path, go, keys)) for _ in range(2)]
    for process in processes:
        process.start()

    go.set()

    said = [keys.get(timeout=PATIENCE_SECONDS) for _ in range(400)]
    for process in processes:
        process.join(PATIENCE_SECONDS)
    assert len(set(said)) == 200


def test_secrets_are_never_printed() -> None:
    settings = Settings(secret_key=SecretStr("canary-1"), smtp_password=SecretStr("canary-2"))

    assert "canary" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_settings_never_change(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        load(dir=tmp_path).public_url = "https://elsewhere.example"  # type: ignore[misc]


def test_the_database_is_a_file_in_the_folder_unless_another_is_given(tmp_path: Path) -> None:
    file, server = load(dir=tmp_path), load(dir=tmp_path, database_url="postgresql+psycopg://db.example/earshot")

    assert (file.embedded, file.url) == (True, f"sqlite:///{tmp_path.resolve() / 'earshot.db'}")
    assert (server.embedded, server.url) == (False, "postgresql+psycopg://db.example/earshot")
