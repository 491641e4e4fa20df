"""A crew of threads that run due jobs, announce events and plan periodic work. What jobs do is in app/jobs."""

import os
import socket
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Engine

from app import db
from app.adapters.outside import Outside
from app.child import ChildStopped
from app.clock import Clock
from app.config import Settings
from app.errors import Unavailable
from app.jobs import HANDLERS, LIMITS, PERIODIC, Handler, tray
from app.jobs.context import Hopeless, JobContext, Later
from app.jobs.tray import AtHand, Tray
from app.operations import announcing, jobs, leases
from app.operations.leases import Overtaken
from app.wake import bell_of, relay

log = structlog.get_logger("earshot.worker")

EMBEDDED_THREADS, WORKER_THREADS = 4, 8
"""Of a worker inside the web server, and of one on its own: a solver or a slow relay keeps the rest from nothing."""
GRACE_SECONDS = 7.0
"""How long jobs at hand may go on when the worker is told to stop, so that it ends within ten seconds."""
_LAST_WORDS_SECONDS = 1.0
_BEAT_SECONDS = 15.0
_WATCH_SECONDS = 1.0


class Lost(Exception):
    """A job that its workers did not survive."""


class Worker:
    """A crew of threads in one process. Any number of workers may run, on any number of machines (one on SQLite)."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        clock: Clock,
        handlers: Mapping[str, Handler] = HANDLERS,
        *,
        threads: int = 1,
        periodic: Mapping[str, timedelta] = PERIODIC,
        limits: Mapping[frozenset[str], int] = LIMITS,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._handlers = handlers
        self._outside = Outside(settings)
        self._threads = threads
        self._periodic = periodic
        self._bell = bell_of(engine)
        name = f"{socket.gethostname()}:{os.getpid()}"[:100]
        self._tray = Tray(engine, clock, worker=name, threads=threads, limits=limits, longest_waits=periodic)
        self._planned: dict[str, datetime] = {}

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. Jobs at hand then get seven seconds; what is not done goes back to the queue."""
        crew = [threading.Thread(target=self._work, args=(stop,), daemon=True) for _ in range(self._threads)]
        crew.append(threading.Thread(target=self._be_herald, args=(stop,), daemon=True))
        if self._engine.dialect.name == "postgresql":
            crew.append(threading.Thread(target=relay, args=(self._engine, stop), daemon=True))
        for one in crew:
            one.start()
        self._watch(stop)
        self._bell.ring()
        _join(crew, GRACE_SECONDS)
        self._tray.let_go()
        _join(crew, _LAST_WORDS_SECONDS)
        self._outside.close()

    def run_one(self) -> bool:
        """Run the most urgent due job; False when there is none."""
        one = self._tray.fetch(threading.Event())
        if one is None:
            return False
        self._do(one)
        self._tray.record()
        return True

    def _work(self, stop: threading.Event) -> None:
        """Be one of the crew."""
        while not stop.is_set():
            heard = self._bell.rung
            try:
                if one := self._tray.fetch(stop):
                    self._do(one)
                else:
                    self._bell.wait(heard, self._tray.pause_seconds)
            except Unavailable:
                stop.wait(tray.LONGEST_PAUSE_SECONDS)  # the database is busy or away: come back
            except Exception:
                log.exception("worker")
                stop.wait(tray.LONGEST_PAUSE_SECONDS)
        try:
            self._tray.record()
        except Exception:
            log.exception("worker")  # it is done again when its lease runs out

    def _do(self, one: AtHand) -> None:
        one.failure = self._failure_of(one)
        one.ended = True

    def _failure_of(self, one: AtHand) -> Exception | None:
        """Run it; return what went wrong."""
        leased = one.leased
        with structlog.contextvars.bound_contextvars(job_id=leased.id, kind=leased.kind):
            try:
                if leased.attempts > leased.max_attempts:
                    raise Lost("Every worker that took this job died over it.")
                self._handler(leased.kind)(self._context(one))
            except Later as later:
                log.info("job waits", until=later.until.isoformat(), why=str(later))
                return later
            except (Overtaken, ChildStopped) as taken_away:
                log.info("job taken away", why=str(taken_away))
                return taken_away
            except Exception as error:
                log.warning("job failed", attempt=leased.attempts, exc_info=True)
                return error
        return None

    def _handler(self, kind: str) -> Handler:
        found = self._handlers.get(kind)
        if found is None:
            raise Hopeless("No worker of this version knows this kind of job.")
        return found

    def _context(self, one: AtHand) -> JobContext:
        leased = one.leased

        def progress(percent: int) -> None:
            db.written(self._engine, partial(leases.report, leased=leased, percent=percent, now=self._clock()))

        return JobContext(self._engine, self._settings, self._clock, self._outside, leased.payload, progress, one.over)

    def _watch(self, stop: threading.Event) -> None:
        """Plan periodic work, and look after the jobs at hand, until told to stop."""
        beat_at = time.monotonic() + _BEAT_SECONDS
        while not stop.is_set():
            try:
                self.plan()
                if time.monotonic() >= beat_at:
                    self.beat()
                    beat_at = time.monotonic() + _BEAT_SECONDS
                else:
                    self._tray.look_after()
            except Unavailable:
                pass  # in a second again: a lease lasts four beats
            except Exception:
                log.exception("worker")
            stop.wait(_WATCH_SECONDS)

    def _be_herald(self, stop: threading.Event) -> None:
        """Announce events as they come, until told to stop. On a thread of its own: no long job makes them wait."""
        while not stop.is_set():
            heard = self._bell.rung
            try:
                if self._announce_some():
                    continue
            except Unavailable:
                pass  # the database is busy or away: the next look comes
            except Exception:
                log.exception("herald")
            stop.wait(tray.SHORTEST_PAUSE_SECONDS)  # a busy house rings often: one look for many rings
            self._bell.wait(heard, tray.LONGEST_PAUSE_SECONDS)

    def announce(self) -> None:
        """Announce every event that waits."""
        while self._announce_some():
            pass

    def _announce_some(self) -> bool:
        """Announce the next events in one transaction; False when there are none. Looks first, and then only reads."""
        with db.transaction(self._engine, writes=False) as reading:
            if not announcing.anything_to_announce(reading):
                return False
        return db.written(self._engine, partial(announcing.announce, now=self._clock())) > 0

    def plan(self) -> None:
        """Queue what is periodic and due, unless some worker has."""
        now = self._clock()
        for kind, every in self._periodic.items():
            due_at = jobs.latest(every, now)
            if self._planned.get(kind) != due_at:
                db.written(self._engine, partial(jobs.enqueue_occurrence, kind=kind, due_at=due_at, now=now))
                self._planned[kind] = due_at

    def beat(self) -> None:
        """Keep the leases of the jobs at hand. Who runs one that was lost, or cancelled, is told to let it be."""
        self._tray.beat()


def _join(crew: list[threading.Thread], seconds: float) -> None:
    until = time.monotonic() + seconds
    for one in crew:
        one.join(max(0.0, until - time.monotonic()))
