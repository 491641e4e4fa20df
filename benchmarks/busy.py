"""Busy time: four weeks from a calendar of 1 MB, beside icalendar with recurring-ical-events; hostile files.

Both find the same occurrences in the same bytes. Memory is the peak of a process that does nothing else.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import recurring_ical_events

from app.ical.expand import busy_times
from app.ical.read import Unreadable
from benchmarks.figures import Figure, median_cpu, spent_on
from tests.ical.foreign_calendars import a_busy_year
from tests.ical.hostile_calendars import NINE, WORSE

_START = datetime(2027, 3, 1, tzinfo=UTC)
_END = _START + timedelta(weeks=4)
_SIZE = 1_000_000
_MOST_MS, _MOST_MIB, _MOST_HOSTILE_MS, _MOST_EVER_MS = 150, 60, 500, 2_000
_ALONE = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from app.ical.expand import busy_times
start = datetime.fromisoformat(sys.argv[2])
busy_times(Path(sys.argv[1]).read_bytes(), start=start, end=start + timedelta(weeks=4), owner_zone="Europe/London")
print(Path("/proc/self/status").read_text())
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--times", type=int, default=15, help="ours: the median of so many runs; the peer runs once")
    parser.add_argument("--all", action="store_true", help="more hostile files than the nine")


def run(options: argparse.Namespace) -> list[Figure]:
    """Read the same bytes both ways, then what is hostile."""
    content = a_busy_year(_SIZE)
    spent, theirs = spent_on(lambda: _by_peers(content))
    assert theirs == _ours(content)
    mine = 1000 * median_cpu(options.times, lambda: _ours(content))
    what = f"{len(theirs):,} occurrences in 4 weeks of {len(content) / 1e6:.2g} MB"
    return [
        Figure(what, mine, "ms CPU", at_most=_MOST_MS),
        Figure("the same", mine, "ms CPU", 1000 * spent.cpu, "icalendar + recurring-ical-events"),
        *_peak(content),
        *(_hostile(name, make(), _MOST_HOSTILE_MS) for name, (make, _) in NINE.items()),
        *(_hostile(name, make(), _MOST_EVER_MS) for name, (make, _) in WORSE.items() if options.all),
    ]


def _ours(content: bytes) -> list[tuple[datetime, datetime]]:
    found = busy_times(content, start=_START, end=_END, owner_zone="Europe/London").occurrences
    return [(one.start, one.end) for one in found]


def _by_peers(content: bytes) -> list[tuple[datetime, datetime]]:
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(content)).between(_START, _END)
    return sorted((one["DTSTART"].dt.astimezone(UTC), one["DTEND"].dt.astimezone(UTC)) for one in found)


def _peak(content: bytes) -> list[Figure]:
    """Ask the kernel, where it tells: what `getrusage` tells of a new process begins with what its parent held."""
    if not Path("/proc/self/status").exists():
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calendar.ics"
        path.write_bytes(content)
        command = [sys.executable, "-c", _ALONE, str(path), _START.isoformat()]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    held = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM:"))
    return [Figure("its peak memory, Python and imports included", held / 1024, "MiB", at_most=_MOST_MIB)]


def _hostile(name: str, content: bytes, at_most: float) -> Figure:
    def read() -> str:
        try:
            return f"{len(_ours(content))} occurrences"
        except Unreadable as refused:
            return refused.reason

    spent, said = spent_on(read)
    return Figure(f"{name}: {said}", 1000 * spent.cpu, "ms CPU", at_most=at_most)
