"""Each bar of security stands on guards, and a test of ours turns red when one of them is gone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.security import GUARDS, Guard

ROOT = Path(__file__).parents[2]
_NOT_NEEDED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "node_modules")


def test_every_guard_stands_where_it_is_removed_and_has_a_test_that_exists() -> None:
    for guard in GUARDS:
        file, _, function = guard.test.partition("::")

        assert (ROOT / guard.file).read_text().count(guard.old) == 1, guard
        assert f"def {function}(" in (ROOT / file).read_text(), guard


def test_the_table_of_bars_names_for_each_a_test_that_exists_and_notices() -> None:
    rows = re.findall(r"(?m)^\| (S\d+) \|.*\| (`tests/.*`) \|$", (ROOT / "docs/security.md").read_text())

    assert [bar for bar, _ in rows] == [f"S{number}" for number in range(1, 19)]
    for bar, cell in rows:
        tests = [test.strip("`") for test in cell.split("<br>")]
        assert tests[0] in {guard.test for guard in GUARDS if guard.bar == bar}, bar
        for file, _, function in (test.partition("::") for test in tests):
            assert f"def {function}(" in (ROOT / file).read_text(), (bar, function)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "guard" in metafunc.fixturenames:
        tried = GUARDS if metafunc.config.getoption("--soak") else GUARDS[:1]
        metafunc.parametrize("guard", tried, ids=lambda guard: f"{guard.bar}-{guard.test.rpartition('::')[2]}")


def test_without_its_guard_a_test_of_the_bar_turns_red(guard: Guard, tmp_path: Path) -> None:
    copy = tmp_path / "unguarded"
    shutil.copytree(ROOT, copy, ignore=_NOT_NEEDED)
    unguarded = copy / guard.file
    unguarded.write_text(unguarded.read_text().replace(guard.old, guard.new))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", guard.test],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout[-2000:]
