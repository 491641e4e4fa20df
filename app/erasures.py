"""Who was erased, in a file beside the database and in no backup: a backup of before, put back, knows them again.

`erasures.jsonl` in the data folder holds an id and an instant per line, and nothing that tells who it was.
"""

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from app.files import sync_folder

if sys.platform != "win32":
    import fcntl

FILE = "erasures.jsonl"


class ErasureList:
    """The list of one installation. It only grows: an id is worth nothing without what it named."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def erased(self) -> Mapping[str, datetime]:
        """Return who was erased, by id, and when it was asked for. A line that a crash cut off counts as not written:
        what it was written for was not committed either.
        """
        try:
            lines = self._file.read_text(encoding="ascii", errors="replace").split("\n")
        except FileNotFoundError:
            return {}
        return dict(_read(line) for line in lines[:-1] if line)

    def add(self, person_id: str, *, at: datetime) -> None:
        """Write somebody down: on the disk when this returns. Does nothing for who is in it. Any number of processes
        may do this.
        """
        with os.fdopen(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
            if sys.platform != "win32":  # there one process serves, and its writers take turns
                fcntl.flock(file, fcntl.LOCK_EX)
            if person_id in self.erased():
                return
            written = file.read()
            file.truncate(written.rfind(b"\n") + 1)
            file.write(json.dumps({"person_id": person_id, "at": at.isoformat()}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._file.parent)


def _read(line: str) -> tuple[str, datetime]:
    said = json.loads(line)
    return said["person_id"], datetime.fromisoformat(said["at"])
