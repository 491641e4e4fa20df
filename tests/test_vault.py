"""What is sealed opens for what it was sealed for, with the key that sealed it, and for nothing else."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.config import Settings
from app.vault import BadKeys, Key, KeyMissing, Vault, WontOpen, key_of, read_keys
from tests.harness import TEST_VAULT

HERE, ELSEWHERE = "webhook_endpoint.secret:whe_1", "webhook_endpoint.secret:whe_2"


def a_vault(folder: Path) -> Vault:
    return Vault(file=folder / "vault.keys")


def test_what_was_altered_anywhere_does_not_open() -> None:
    vault = Vault([Key.new()])
    token = vault.seal("hunter2", bound_to=HERE)

    for at in range(len(token)):
        other = "A" if token[at] != "A" else "B"
        with pytest.raises(WontOpen):
            vault.open(token[:at] + other + token[at + 1 :], bound_to=HERE)


def test_in_another_row_or_column_it_does_not_open() -> None:
    vault = Vault([Key.new()])
    token = vault.seal("hunter2", bound_to=HERE)

    for place in (ELSEWHERE, HERE.replace("secret", "url"), ""):
        with pytest.raises(WontOpen):
            vault.open(token, bound_to=place)


NEVER_SEALED = ("", "hunter2", "v1.", "v1.testtest.", "v1.testtest." + "!" * 60, "v2.testtest." + "A" * 60)


@pytest.mark.parametrize("text", [*NEVER_SEALED, *("v1.testtest." + "A" * length for length in range(36, 60))])
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    with pytest.raises(WontOpen):
        TEST_VAULT.open(text, bound_to=HERE)


def test_without_its_key_it_says_which_one_is_missing() -> None:
    lost, kept = Key.new(), Key.new()
    token = Vault([lost]).seal("hunter2", bound_to=HERE)

    with pytest.raises(KeyMissing) as refused:
        Vault([kept]).open(token, bound_to=HERE)

    assert lost.id in refused.value.detail
    assert (refused.value.status, refused.value.code) == (503, "vault_key_missing")


def test_another_key_of_the_same_name_opens_nothing() -> None:
    ours = Key.new()
    token = Vault([ours]).seal("hunter2", bound_to=HERE)

    with pytest.raises(WontOpen):
        Vault([Key(ours.id, Key.new().secret)]).open(token, bound_to=HERE)


@given(st.text())
def test_whatever_is_sealed_opens_and_is_sealed_otherwise_each_time(text: str) -> None:
    text = text.encode(errors="replace").decode()
    vault = Vault([Key.new()])

    token, again = vault.seal(text, bound_to=HERE), vault.seal(text, bound_to=HERE)

    assert vault.open(token, bound_to=HERE) == text == vault.open(again, bound_to=HERE)
    assert token != again
    assert key_of(token) == vault.keys[0].id
    assert len(token) == 12 + -(-(12 + len(text.encode()) + 16) * 4 // 3)


def test_the_first_key_seals_and_all_of_them_open(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    before = vault.seal("hunter2", bound_to=HERE)

    vault.put_first(Key("00000000", Key.new().secret))

    assert key_of(vault.seal("hunter2", bound_to=HERE)) == "00000000"
    assert vault.open(before, bound_to=HERE) == "hunter2"

    vault.forget_others()

    with pytest.raises(KeyMissing):
        vault.open(before, bound_to=HERE)


def test_a_process_that_runs_sees_the_keys_that_another_one_made(tmp_path: Path) -> None:
    running, command = a_vault(tmp_path), a_vault(tmp_path)
    assert running.keys == command.keys

    command.put_first(Key.new())

    token = command.seal("hunter2", bound_to=HERE)
    assert running.open(token, bound_to=HERE) == "hunter2"
    assert key_of(running.seal("hunter2", bound_to=HERE)) == key_of(token)


def test_a_file_that_is_gone_leaves_the_process_that_runs_its_keys(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    token = vault.seal("hunter2", bound_to=HERE)

    (tmp_path / "vault.keys").unlink()

    assert vault.open(token, bound_to=HERE) == "hunter2"
    assert not (tmp_path / "vault.keys").exists()


def test_the_file_is_for_its_owner_alone_also_after_a_change(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)

    for _ in range(2):
        vault.put_first(Key.new())
        assert stat.S_IMODE((tmp_path / "vault.keys").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["vault.keys"]


def test_keys_that_are_given_are_used_and_no_file_is_made(tmp_path: Path) -> None:
    first, second = Key.new(), Key.new()
    settings = Settings(dir=tmp_path, vault_keys=SecretStr(f"{first} {second}"), _env_file=None)

    assert Vault.of(settings).keys == (first, second)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="given from outside"):
        Vault.of(settings).put_first(Key.new())


@pytest.mark.parametrize(
    "text", ["", "\n", "short", "abcdefgh:AAAA", "abcdefgh:" + "A" * 43 + "=x", "abcdefgh-" + "A" * 43 + "="]
)
def test_keys_that_can_not_be_read_stop_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "vault.keys").write_text(text)

    with pytest.raises(BadKeys) as refused:
        _ = a_vault(tmp_path).keys

    assert text.strip() == "" or text not in str(refused.value)


def test_two_keys_of_one_name_are_refused() -> None:
    one = Key.new()

    with pytest.raises(BadKeys, match="same name"):
        read_keys(f"{one} {one}")


def test_keys_are_never_printed() -> None:
    one = Key("abcdefgh", b"canary-canary-canary-canary-1234")

    assert "canary" not in f"{one!r} {Vault([one])!r}"
