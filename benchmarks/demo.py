"""The product's demo, as a user starts it: seconds per step and in all, CPU and peak memory."""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, peak_mebibytes

_MOST_SECONDS = {"demo": 60.0, "team": 120.0, "org": 300.0}
_MOST_MEBIBYTES = 1536.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", choices=("demo", "team", "org"), default="demo")
    parser.add_argument("--today", default="2026-11-23", help="the day that it plays on")


def run(options: argparse.Namespace) -> list[Figure]:
    """Run it once in a fresh folder. Each line that it says ends a step."""
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
        earshot = shutil.which("earshot", path=Path(sys.executable).parent)
        assert earshot, "the console script is not installed"
        command = [earshot, "demo", "--once", "--dir", f"{folder}/demo"]
        started = said_at = time.perf_counter()
        steps = []
        with subprocess.Popen(
            [*command, "--size", options.size, "--today", options.today], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                at = time.perf_counter()
                if not line.startswith("Done"):
                    steps.append(Figure(_without_paths(line, folder), at - said_at, "s"))
                said_at = at
        assert child.returncode == 0
        total = time.perf_counter() - started
        report = json.loads((Path(folder) / "demo" / "report.json").read_text())
    spent, peak = resource.getrusage(resource.RUSAGE_CHILDREN), peak_mebibytes(resource.RUSAGE_CHILDREN)
    refused = report["seats_planned"] - report["sessions_booked"]
    return [
        *steps,
        Figure("all, with the start of Python", total, "s", at_most=_MOST_SECONDS[options.size]),
        Figure("CPU of all its processes", spent.ru_utime + spent.ru_stime, "s"),
        Figure("mentees left unmatched", report["unmatched"], "", at_most=0),
        Figure("seats planned that were not booked", refused, "", at_most=0),
        Figure("gap of the plan", report["plan_gap_percent"], "%", at_most=0.1),
        Figure("peak memory of its largest process", peak, "MiB", at_most=_MOST_MEBIBYTES),
    ]


def _without_paths(line: str, folder: str) -> str:
    return line.partition(folder)[0].strip().removesuffix(" in")
