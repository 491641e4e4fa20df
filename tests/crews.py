"""Crews of workers that run in the test's own process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.config import Settings
from app.worker import Worker
from tests.harness import Api
from tests.patience import PATIENCE_SECONDS

SETTINGS = Settings(_env_file=None)


@contextmanager
def working(worker: Worker) -> Iterator[None]:
    """Let the crew work meanwhile."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def worked(api: Api) -> None:
    """Do what waits, the herald's part too, until nothing does."""
    worker = Worker(api.engine, api.settings, api.clock, periodic={})
    worker.announce()
    while worker.run_one():
        worker.announce()
