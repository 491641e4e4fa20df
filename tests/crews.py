"""Crews of workers that run in the test's own process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.config import Settings
from app.worker import Worker
from tests.harness import Api

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
        thread.join(15)
        assert not thread.is_alive()


def worked(api: Api) -> None:
    """Do what waits, the herald's part too, until nothing does."""
    worker = Worker(api.engine, api.settings, api.clock, periodic={})
    worker.announce()
    while worker.run_one():
        worker.announce()


def until(happened: Callable[[], object]) -> None:
    """Wait until it has happened; never longer than half a minute."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
