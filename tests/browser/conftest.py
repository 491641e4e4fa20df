"""Pages in a real browser, on a real server: a fresh house for each test, and a browser for each module."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import PATH, Visitors, Walk, chromium
from tests.patience import PATIENCE_SECONDS
from tests.web.houses import House, Houses, State
from tests.web.pages_of_the_house import furniture


def pytest_configure(config: pytest.Config) -> None:
    expect.set_options(timeout=1000 * (20 if config.getoption("--soak") else PATIENCE_SECONDS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    if PATH is None:
        for item in items:
            if item.path.is_relative_to(here):
                item.add_marker(pytest.mark.skip(reason="there is no chromium: apt-get install chromium"))


@pytest.fixture(scope="session")
def houses(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Houses:
    return Houses(sqlite_template, tmp_path_factory.mktemp("houses"), furniture())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module, not for the whole run: its event loop would be in the way of other tests' own."""
    with chromium() as started:
        yield started


@pytest.fixture
def state() -> State:
    """What the house of a test is filled with; a test that wants another says so by a parameter of this name."""
    return State.TYPICAL


@pytest.fixture
def house(houses: Houses, state: State, tmp_path: Path) -> Iterator[House]:
    with houses.open(state, tmp_path) as opened:
        yield opened


@pytest.fixture
def visitor(browser: Browser, house: House) -> Iterator[Visitors]:
    """`visitor("junior")` is a page in a browser of theirs. The test fails when a page of any of them logged an error,
    broke its policy, failed in its script, or asked another site for something.
    """
    opened = Visitors(browser, house)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def _walk(houses: Houses, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with ExitStack() as stack:
        walk = Walk(houses, browser, tmp_path_factory.mktemp("walk"), stack)
        yield walk
        for visitors in walk.visitors.values():
            visitors.close()


@pytest.fixture
def walk(_walk: Walk) -> Iterator[Walk]:
    """`walk.to(page)` shows a page of the list to the first of its viewers, in houses that all tests of a module share:
    they only look. Fails as `visitor` does.
    """
    yield _walk
    _walk.check()
