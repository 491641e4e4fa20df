"""The pages on a real socket, and browsers for them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Api, FakeClock
from tests.web.browsers import Site
from tests.web.houses import Houses
from tests.web.pages_of_the_house import furniture


@pytest.fixture
def site(serve: Callable[..., Api], sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Site:
    return Site(serve(sqlite_url, clock, tmp_path))


@pytest.fixture(scope="session")
def houses(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Houses:
    return Houses(sqlite_template, tmp_path_factory.mktemp("houses"), furniture())
