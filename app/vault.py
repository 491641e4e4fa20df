"""Secrets that must be had again in clear, and that a stolen database or backup must not give away: sealed by
AES-256-GCM (NIST SP 800-38D) with keys that are never in the database.

What is sealed reads `v1.<key>.<base 64 of nonce, ciphertext and tag>`, and opens only for what it was bound to: in
another row, or another column, it is as good as altered. The first key seals, all of them open.
"""

import base64
import binascii
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine

from app.config import Settings
from app.errors import Problem
from app.files import keep, replace

FILE = "vault.keys"
_SEALED = re.compile(r"v1\.([a-z0-9]{8})\.([A-Za-z0-9_-]{38,})")
_LINE = re.compile(r"([a-z0-9]{8}):([A-Za-z0-9+/]{43}=)")
_NONCE_BYTES = 12


class WontOpen(Problem):
    """A secret that was altered, or was sealed for something else."""

    status = 503
    code = "secret_wont_open"
    title = "A secret that is kept here can't be opened"


class KeyMissing(WontOpen):
    """The key of a secret is not on this machine."""

    code = "vault_key_missing"
    title = "The key of a secret that is kept here is missing"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"Put the key {key_id} back into {FILE}, or give that secret again.")


class BadKeys(ValueError):
    """The keys can't be read; says why in one sentence, without any of them."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of 256 bits and the name by which what it sealed finds it."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Make one that nobody ever had."""
        return cls(secrets.token_hex(4), AESGCM.generate_key(256))

    def __str__(self) -> str:
        """Return the line of a key file."""
        return f"{self.id}:{base64.b64encode(self.secret).decode()}"


class Vault:
    """Seals and opens. With a file, its keys are those that are in it now: another process may have changed them."""

    def __init__(self, keys: Iterable[Key] = (), *, file: Path | None = None) -> None:
        self._file = file
        self._read: tuple[object, tuple[Key, ...]] = None, tuple(keys)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the vault of an installation. Raises BadKeys when keys are given that can't be read."""
        given = settings.vault_keys.get_secret_value()
        return cls(read_keys(given)) if given else cls(file=settings.dir / FILE)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key that seals, and after it those that only open. The first time this makes the file (mode 0600) with
        one, unless there is one. Raises BadKeys.
        """
        if self._file is None:
            return self._read[1]
        if not self._read[1]:
            keep(self._file, f"{Key.new()}\n")
        stamp = _stamp(self._file)
        if stamp not in (None, self._read[0]):
            self._read = stamp, read_keys(self._file.read_text())
        return self._read[1]

    def seal(self, text: str, *, bound_to: str) -> str:
        """Return the text sealed by the first key. `bound_to` names what it is for: `table.column:row id`."""
        key, nonce = self.keys[0], os.urandom(_NONCE_BYTES)
        raw = nonce + AESGCM(key.secret).encrypt(nonce, text.encode(), bound_to.encode())
        return f"v1.{key.id}.{_base64(raw)}"

    def open(self, token: str, *, bound_to: str) -> str:
        """Return the text. Raises WontOpen for what we did not seal for this, KeyMissing when its key is not here."""
        found = _SEALED.fullmatch(token)
        if found is None:
            raise WontOpen
        key = next((one for one in self.keys if one.id == found[1]), None)
        if key is None:
            raise KeyMissing(found[1])
        try:
            raw = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
            if _base64(raw) != found[2]:  # several spellings stand for the same bytes, and only ours is accepted
                raise WontOpen
            return AESGCM(key.secret).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode()).decode()
        except (InvalidTag, binascii.Error):
            raise WontOpen from None

    def put_first(self, key: Key) -> None:
        """Let this key seal from now on, in every process that has the file. Only for a vault with one."""
        self._write((key, *self.keys))

    def forget_others(self) -> None:
        """Keep only the key that seals: what others sealed is lost. Only for a vault with a file."""
        self._write(self.keys[:1])

    def _write(self, keys: tuple[Key, ...]) -> None:
        if self._file is None:
            raise ValueError("keys that are given from outside are changed there")
        replace(self._file, "".join(f"{key}\n" for key in keys))


def key_of(token: str) -> str | None:
    """Return which key sealed this; None for what is not sealed."""
    found = _SEALED.fullmatch(token)
    return found[1] if found else None


def read_keys(text: str) -> tuple[Key, ...]:
    """Return the keys of a file: one `id:base64` each line, or with blanks between them. Raises BadKeys."""
    found = []
    for number, line in enumerate(text.split(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadKeys(
                f"Key {number} of the vault can't be read: it must be 8 letters, a colon and 32 bytes in base 64."
            )
        found.append(Key(match[1], base64.b64decode(match[2])))
    if not found:
        raise BadKeys("The vault has no key: delete its file, and a new one is made, which opens nothing of before.")
    if len({key.id for key in found}) < len(found):
        raise BadKeys("Two keys of the vault have the same name.")
    return tuple(found)


def vault_of(engine: Engine | Connection) -> Vault:
    """Return the vault of this engine (`db.make_engine`)."""
    found: Vault = engine.get_execution_options()["vault"]
    return found


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Tell one state of a file from another; None when there is none."""
    try:
        seen = file.stat()
    except FileNotFoundError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size
