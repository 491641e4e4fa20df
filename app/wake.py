"""Wake idle workers when a transaction that queued due work has committed. That they look now and then is the safety
net: what is said here may be lost, with a process or a connection, and costs a second.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

_CHANNEL = "earshot_jobs"
_LOOK_SECONDS = 0.5
_SILENCE_SECONDS = 2.0
"""After so long without a ring, the line over which others are told is closed."""
_REST_SECONDS = 0.01
"""Between tellings: rings of that time are told as one."""


class Bell:
    """What idle workers wait for. An engine has one (`db.make_engine`)."""

    def __init__(self, engine: Engine) -> None:
        self.rung = 0
        """How often so far."""
        self._engine = engine
        self._changed = threading.Condition()
        self._untold = self._telling = False

    def wait(self, heard: int, seconds: float) -> None:
        """Return once it has rung more often than `heard`, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.rung != heard, seconds)

    def ring(self) -> None:
        """Wake whoever waits in this process."""
        with self._changed:
            self.rung += 1
            self._changed.notify_all()

    def ring_everywhere(self) -> None:
        """Wake whoever waits; on PostgreSQL, in every process. Waits for nothing and never raises: others are told by
        a thread with a line of its own, which begins with the first ring and ends when it has been silent for a while.

        For when the work has been committed: NOTIFY takes a lock on the whole server, which within the transaction of
        the work would be kept until its commit is on the disk (docs/decisions/0014).
        """
        with self._changed:
            if self._engine.dialect.name == "postgresql":
                self._untold = True
                if not self._telling:
                    with suppress(RuntimeError):  # no more threads, or the process ends
                        threading.Thread(target=self._tell, daemon=True).start()
                        self._telling = True
            self.ring()

    def _tell(self) -> None:
        try:
            with _own_line(self._engine) as line:
                while self._something_to_tell():
                    line.execute(f"NOTIFY {_CHANNEL}")
                    time.sleep(_REST_SECONDS)
        except (SQLAlchemyError, psycopg.Error):
            with self._changed:
                self._telling = False

    def _something_to_tell(self) -> bool:
        with self._changed:
            self._telling = self._changed.wait_for(lambda: self._untold, _SILENCE_SECONDS)
            self._untold = False
            return self._telling


def bell_of(engine: Engine | Connection) -> Bell:
    """Return the bell of this engine."""
    found: Bell = engine.get_execution_options()["bell"]
    return found


def relay(engine: Engine, stop: threading.Event) -> None:
    """Ring this process's bell when any process wakes workers (PostgreSQL), over a line of its own, until told to stop.
    Comes back when the line breaks.
    """
    bell = bell_of(engine)
    while not stop.is_set():
        with suppress(SQLAlchemyError, psycopg.Error), _own_line(engine) as line:
            line.execute(f"LISTEN {_CHANNEL}")
            bell.ring()  # for what was said while nobody listened
            while not stop.is_set():
                for _ in line.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                    bell.ring()
        stop.wait(_LOOK_SECONDS)


@contextmanager
def _own_line(engine: Engine) -> Iterator[Any]:
    """A connection of the driver that the pool knows nothing of, without transactions."""
    with closing(engine.raw_connection()) as line:
        driver: Any = line.driver_connection
        line.detach()  # from the pool
        driver.autocommit = True
        yield driver
