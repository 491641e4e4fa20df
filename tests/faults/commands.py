"""`earshot serve` as an operator runs it, in a process of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.db import make_engine, transaction
from tests.faults.worlds import an_admin_key
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `earshot serve` on a folder, where its log is then too; give its address and its process."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0", "--dir", str(folder)]
    with (folder / "log").open("w") as log:
        env = os.environ | environment
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=env)
    assert run.stdout
    try:
        said = re.search(r"http://127\.0\.0\.1:\d+", run.stdout.readline())
        assert said, (folder / "log").read_text()
        yield said[0], run
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(PATIENCE_SECONDS)
        run.stdout.close()


@contextmanager
def earshot_serve(template: Path, folder: Path, **environment: str) -> Iterator[tuple[int, int, str]]:
    """Run `earshot serve` on a new folder; give its port, its process id and a key."""
    folder.mkdir()
    shutil.copy(template, folder / "earshot.db")
    engine = make_engine(f"sqlite:///{folder / 'earshot.db'}")
    with transaction(engine, writes=True) as db:
        key = an_admin_key(db)
    engine.dispose()
    with serving(folder, **environment) as (url, run):
        yield int(url.rpartition(":")[2]), run.pid, key
