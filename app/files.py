"""What every file that must outlive a power cut needs besides its own fsync."""

import os
import sys
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder are on the disk. Windows opens no folder, and keeps names by itself."""
    if sys.platform == "win32":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
