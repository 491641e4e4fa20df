"""How much memory a process has, where the system says so."""

from pathlib import Path

import pytest


def kib(what: str, pid: int | str = "self") -> int:
    """What /proc says of a process: `VmRSS` is what it holds now, `VmHWM` the most that it ever held."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("this system has no /proc to read the memory of a process from")
    return int(next(line for line in status.read_text().splitlines() if line.startswith(what)).split()[1])
