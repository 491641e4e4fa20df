"""Forty bugs that other schedulers shipped: each is a test of ours, and each test notices when its guard is gone."""

import re
from pathlib import Path

import pytest

from tests.mutants.guards import MUTANTS, Mutant
from tests.mutants.unguarded import ROOT, assert_noticed, exists, stands_once

BUGS = range(1, 41)
_ROW = re.compile(r"\| (\d+) \| ([^|]+) \| ([^|]+) \|")
_TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")


def rows() -> dict[int, list[str]]:
    """Return the tests that the table names for each bug."""
    table = (ROOT / "docs" / "forty-bugs.md").read_text()
    return {int(number): _TEST.findall(tests) for number, _, tests in _ROW.findall(table)}


def name(mutant: Mutant) -> str:
    return f"{mutant.bug}-{Path(mutant.file).stem}"


def test_every_bug_has_a_test_that_exists() -> None:
    found = rows()

    assert sorted(found) == list(BUGS)
    for bug, tests in found.items():
        assert tests, bug
        assert [test for test in tests if not exists(test)] == [], bug


def test_every_bug_has_a_guard_that_stands_where_the_mutant_removes_it() -> None:
    assert {mutant.bug for mutant in MUTANTS} == set(BUGS)
    for mutant in MUTANTS:
        assert stands_once(mutant), name(mutant)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mutant" in metafunc.fixturenames:
        every = metafunc.config.getoption("--soak")
        metafunc.parametrize("mutant", MUTANTS if every else MUTANTS[:1], ids=name)


def test_without_its_guard_the_tests_of_a_bug_turn_red(mutant: Mutant, tmp_path: Path) -> None:
    assert_noticed(mutant, rows()[mutant.bug], folder=tmp_path)
