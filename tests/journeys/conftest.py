"""A shell next to a running service, in which the blocks of our documents are run as somebody would paste them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from app import clock
from app.config import Settings
from app.db import make_engine, transaction
from app.demo.company import company
from app.demo.files import calls_csv, people_csv
from app.main import create_app
from app.operations.api_keys import create_api_key
from app.operations.call_imports import import_calls
from app.operations.people_imports import import_people
from app.rules import csv_files
from app.rules.access import SYSTEM
from app.vault import Vault
from app.vocabulary import Role
from tests.harness import served
from tests.patience import PATIENCE_SECONDS

HOME = Path(__file__).parents[2]


@dataclass
class Shell:
    """A shell in which the service is up and a key is at hand."""

    environment: dict[str, str]

    def run(self, heading: str, *, of: str = "README.md", first: str = "") -> list[str]:
        """Run the block that follows a marker in a document, after `first`; return the JSON objects that it printed."""
        block = re.search(rf"<!-- {heading} -->\n```sh\n(.*?)```", (HOME / of).read_text(), re.DOTALL)
        assert block, heading
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", first + block[1]],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return [line for line in re.split(r"(?<=[}])(?=\{)", done.stdout) if line]


@pytest.fixture
def shell(sqlite_url: str, tmp_path: Path) -> Iterator[Shell]:
    settings = Settings(
        dir=tmp_path, database_url=sqlite_url, secret_key=SecretStr("test"), allow_plain_http=True, _env_file=None
    )
    engine = make_engine(sqlite_url, vault=Vault.of(settings))
    with transaction(engine, writes=True) as db:
        key = create_api_key(db, name="test", role=Role.ADMIN, person_id=None, actor=SYSTEM, now=clock.now())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with served(create_app(settings, engine=engine, worker_threads=2)) as url:
        yield Shell({"URL": url, "KEY": key, "PATH": path, "no_proxy": "127.0.0.1"})


def a_team(url: str) -> None:
    """Import the demo's people and calls."""
    made = company("demo", seed=3, today=clock.now().date() + timedelta(days=1))
    engine = make_engine(url)
    with transaction(engine, writes=True) as db:
        people = csv_files.read_people(people_csv(made).encode())
        assert import_people(db, people, actor=SYSTEM, now=clock.now()).written
        calls = csv_files.read_calls(calls_csv(made).encode())
        assert import_calls(db, calls, actor=SYSTEM, now=clock.now()).written
    engine.dispose()
