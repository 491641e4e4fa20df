"""Looks at the keys: that they are here, that nobody else reads them, and that they open what is sealed."""

import stat
from pathlib import Path

from sqlalchemy import Engine

from app import vault
from app.config import Settings
from app.doctor.findings import Unwell, reading
from app.queries.sealed import keys_in_use

_KEY_CHARACTERS = 32  # as app/config.py asks


def secret_key(settings: Settings) -> str:
    """Say that the key that signs links and cursors is here, whole, and read by its owner only."""
    file = settings.dir / "secret.key"
    if not file.exists():
        if settings.secret_key.get_secret_value():
            return "given by the settings"
        raise Unwell("There is none yet: the first start makes one.")
    mode = _mode_of_own(file)
    if len(file.read_text().strip()) < _KEY_CHARACTERS:
        raise Unwell("secret.key holds no key: delete the file, and the next start makes a new one.")
    return f"only its owner can read it (mode {mode:04o})"


def sealed(engine: Engine, settings: Settings) -> str:
    """Say that whatever is sealed can be opened here, and that nobody else can read by what."""
    file, given = settings.dir / vault.FILE, settings.vault_keys.get_secret_value()
    with reading(engine) as connection:
        used = keys_in_use(connection)
    if given:
        keys = vault.read_keys(given)
    elif file.exists():
        _mode_of_own(file)
        keys = vault.read_keys(file.read_text())
    else:
        keys = ()
    known = {key.id for key in keys}
    if missing := sorted(key for key in used if key is not None and key not in known):
        raise Unwell(
            f"{sum(used[key] for key in missing)} can't be opened: put the key {', '.join(missing)} back into "
            f"{file.name}, or give those addresses, passwords and webhook secrets again."
        )
    if in_clear := used.get(None):
        raise Unwell(f"{in_clear} are in clear: a worker seals them within the hour, `earshot rekey` now.")
    return f"{sum(used.values())}, and their keys are here"


def _mode_of_own(file: Path) -> int:
    """Return the mode of a file that only its owner reads. Raises Unwell when others may."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise Unwell(f"{file.name} has mode {mode:04o}: others may read it, so run `chmod 600` on it.")
    return mode
