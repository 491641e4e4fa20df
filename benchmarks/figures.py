"""What a benchmark comes to: figures with the peer of the same run beside them, for people and for machines."""

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured. `at_most` is the target: of the ratio where there is a peer, else of ours."""

    what: str
    ours: float
    unit: str
    peer: float | None = None
    peer_is: str | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the peer; None without one."""
        return self.ours / self.peer if self.peer else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        if self.at_most is None:
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.at_most


@dataclass
class Spent:
    """What a block took: seconds of this process's CPU and of the wall clock."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def spending() -> Iterator[Spent]:
    """Measure a block."""
    spent = Spent()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        yield spent
    finally:
        spent.cpu, spent.wall = time.process_time() - cpu, time.perf_counter() - wall


def spent_on(work: Callable[[], T]) -> tuple[Spent, T]:
    """Do it once; return what it took and what it gave."""
    with spending() as spent:
        done = work()
    return spent, done


def median_cpu(times: int, work: Callable[[], object]) -> float:
    """Return the median CPU seconds of several runs, after one that only warms up."""
    work()
    return median(spent_on(work)[0].cpu for _ in range(times))


def peak_mebibytes(who: int = resource.RUSAGE_SELF) -> float:
    """Return the most memory that this process, or the largest of its ended children, ever held at once."""
    most = resource.getrusage(who).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


def show(name: str, figures: list[Figure], *, as_json: bool) -> None:
    """Print the figures: a table, or one JSON object."""
    if as_json:
        rows = [{**asdict(figure), "ratio": figure.ratio, "reached": figure.reached} for figure in figures]
        print(json.dumps({"benchmark": name, "machine": machine(), "figures": rows}))
        return
    print(f"{name} · {machine()}")
    width = max(len(figure.what) for figure in figures)
    for figure in figures:
        print(f"  {figure.what:<{width}}  {_line(figure)}")


def machine() -> str:
    """Say in a few words where this ran."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _line(figure: Figure) -> str:
    parts = [f"{_short(figure.ours)} {figure.unit}".rstrip()]
    if figure.peer is not None:
        parts.append(f"{figure.peer_is} {_short(figure.peer)}")
    if figure.ratio is not None:
        parts.append(f"{figure.ratio:.3g}×")
    if figure.at_most is not None:
        about = "" if figure.ratio is None else "×"
        parts.append(f"target ≤ {figure.at_most:g}{about}: {'reached' if figure.reached else 'NOT reached'}")
    return " · ".join(parts)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
