"""The pages on a real socket, and browsers for them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Api, FakeClock
from tests.web.browsers import Site


@pytest.fixture
def site(serve: Callable[..., Api], sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Site:
    return Site(serve(sqlite_url, clock, tmp_path))
