"""Forty bugs that other schedulers shipped: each is a test of ours, and each test notices when its guard is gone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.guards import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
BUGS = range(1, 41)
_ROW = re.compile(r"\| (\d+) \| ([^|]+) \| ([^|]+) \|")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> dict[int, list[tuple[str, str]]]:
    """Return the tests that the table names for each bug, as (file, function)."""
    table = (ROOT / "docs" / "forty-bugs.md").read_text()
    return {int(number): _TEST.findall(tests) for number, _, tests in _ROW.findall(table)}


def name(mutant: Mutant) -> str:
    return f"{mutant.bug}-{Path(mutant.file).stem}"


def test_every_bug_has_a_test_that_exists() -> None:
    found = rows()

    assert sorted(found) == list(BUGS)
    for bug, tests in found.items():
        assert tests, bug
        for file, function in tests:
            assert f"def {function}(" in (ROOT / file).read_text(), (bug, function)


def test_every_bug_has_a_guard_that_stands_where_the_mutant_removes_it() -> None:
    assert {mutant.bug for mutant in MUTANTS} == set(BUGS)
    for mutant in MUTANTS:
        assert (ROOT / mutant.file).read_text().count(mutant.old) == 1, name(mutant)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mutant" in metafunc.fixturenames:
        every = metafunc.config.getoption("--soak")
        metafunc.parametrize("mutant", MUTANTS if every else MUTANTS[:1], ids=name)


def test_without_its_guard_the_tests_of_a_bug_turn_red(mutant: Mutant, tmp_path: Path) -> None:
    copy = tmp_path / "mutant"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "node_modules")
    )
    mutated = copy / mutant.file
    mutated.write_text(mutated.read_text().replace(mutant.old, mutant.new))
    tests = [f"{file}::{function}" for file, function in rows()[mutant.bug]]

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
