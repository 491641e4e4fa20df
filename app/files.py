"""Files that must outlive a power cut, and that nobody may read half of."""

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path


def keep(path: Path, text: str) -> None:
    """Write a file for its owner's eyes only, unless there is one: of two processes at the same first start one wins,
    and nobody reads half of it.
    """
    if not path.exists():
        draft = _draft(path, text)
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        sync_folder(path.parent)  # what a lost key sealed would be lost with it


def replace(path: Path, text: str) -> None:
    """Give such a file another content: whoever reads it finds the old one or the new one, whole."""
    _draft(path, text).replace(path)
    sync_folder(path.parent)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder are on the disk. Windows opens no folder, and keeps names by itself."""
    if sys.platform == "win32":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
