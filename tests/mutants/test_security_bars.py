"""Each bar of security stands on guards, and a test of ours turns red when one of them is gone."""

import re
from pathlib import Path

import pytest

from tests.mutants.security import GUARDS, Guard
from tests.mutants.unguarded import ROOT, assert_noticed, exists, stands_once


def test_every_guard_stands_where_it_is_removed_and_has_a_test_that_exists() -> None:
    for guard in GUARDS:
        assert stands_once(guard), guard
        assert exists(guard.test), guard


def test_the_table_of_bars_names_for_each_a_test_that_exists_and_notices() -> None:
    rows = re.findall(r"(?m)^\| (S\d+) \|.*\| (`tests/.*`) \|$", (ROOT / "docs/security.md").read_text())

    assert [bar for bar, _ in rows] == [f"S{number}" for number in range(1, 19)]
    for bar, cell in rows:
        tests = [test.strip("`") for test in cell.split("<br>")]
        assert tests[0] in {guard.test for guard in GUARDS if guard.bar == bar}, bar
        assert [test for test in tests if not exists(test)] == [], bar


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "guard" in metafunc.fixturenames:
        tried = GUARDS if metafunc.config.getoption("--soak") else GUARDS[:1]
        metafunc.parametrize("guard", tried, ids=lambda guard: f"{guard.bar}-{guard.test.rpartition('::')[2]}")


def test_without_its_guard_a_test_of_the_bar_turns_red(guard: Guard, tmp_path: Path) -> None:
    assert_noticed(guard, [guard.test], folder=tmp_path)
