"""Wake idle workers when a transaction that queued due work has committed. That they look now and then is the safety
net: what is said here may be lost, with a process or a connection, and costs a second.
"""

import threading
from contextlib import closing, suppress
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

_CHANNEL = "earshot_jobs"
_LOOK_SECONDS = 0.5


class Bell:
    """What idle workers wait for. An engine has one (`db.make_engine`)."""

    def __init__(self, engine: Engine) -> None:
        self.rung = 0
        """How often so far."""
        self._engine = engine
        self._changed = threading.Condition()

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
        """Wake whoever waits; on PostgreSQL, in every process. Never raises.

        For when the work has been committed: NOTIFY takes a lock on the whole server, which within the transaction of
        the work would be kept until its commit is on the disk (docs/decisions/0014).
        """
        self.ring()
        if self._engine.dialect.name == "postgresql":
            with suppress(SQLAlchemyError), self._engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(f"NOTIFY {_CHANNEL}"))


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
        with suppress(SQLAlchemyError, psycopg.Error), closing(engine.raw_connection()) as line:
            driver: Any = line.driver_connection
            line.detach()  # from the pool
            driver.autocommit = True
            driver.execute(f"LISTEN {_CHANNEL}")
            bell.ring()  # for what was said while nobody listened
            while not stop.is_set():
                for _ in driver.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                    bell.ring()
        stop.wait(_LOOK_SECONDS)
