"""The product without one of its guards, and what its own tests say of that."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).parents[2]
_NOT_NEEDED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "node_modules")


class Piece(Protocol):
    """A piece of code that stands once in a file, and what stands there instead when the guard is gone."""

    @property
    def file(self) -> str: ...
    @property
    def old(self) -> str: ...
    @property
    def new(self) -> str: ...


def stands_once(piece: Piece) -> bool:
    return (ROOT / piece.file).read_text().count(piece.old) == 1


def exists(test: str) -> bool:
    """Whether there is a test of this name: file::function."""
    file, _, function = test.partition("::")
    return f"def {function}(" in (ROOT / file).read_text()


def assert_noticed(piece: Piece, tests: Iterable[str], *, folder: Path) -> None:
    """Replace the piece in a copy of everything, and run these tests there: one of them fails."""
    copy = folder / "unguarded"
    shutil.copytree(ROOT, copy, ignore=_NOT_NEEDED)
    unguarded = copy / piece.file
    unguarded.write_text(unguarded.read_text().replace(piece.old, piece.new))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout[-2000:]
