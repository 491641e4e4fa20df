"""Fixtures of jobs: a house on each engine."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.config import Settings
from tests.harness import FakeClock
from tests.jobs.house import House


@pytest.fixture
def house(engine: Engine, clock: FakeClock, tmp_path: Path) -> House:
    return House(engine, Settings(dir=tmp_path, _env_file=None), clock)
