"""Claim a due job, run it, record how it went. The loop only: what jobs do is in app/jobs."""

import os
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Engine

from app import db
from app.adapters.outside import Outside
from app.child import ChildStopped
from app.clock import Clock
from app.config import Settings
from app.db import DbSession
from app.errors import Unavailable
from app.jobs import HANDLERS, LIMITS, PERIODIC, Handler
from app.jobs.context import Hopeless, JobContext, Later
from app.operations import announcing, jobs, leases
from app.operations.leases import Leased, Overtaken
from app.rules.backoff import delay
from app.wake import bell_of, relay

log = structlog.get_logger("earshot.worker")

GRACE_SECONDS = 7.0
"""How long jobs at hand may go on when the worker is told to stop, so that it ends within ten seconds."""
_LAST_WORDS_SECONDS = 1.0
_BEAT_SECONDS = 15.0
_WATCH_SECONDS = 1.0
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 1.0


class Lost(Exception):
    """A job that its workers did not survive."""


@dataclass(slots=True, eq=False)
class _AtHand:
    """A job from when it was taken until its end is in the database."""

    leased: Leased
    over: threading.Event = field(default_factory=threading.Event)
    ended: bool = False
    failure: Exception | None = None


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
        self._limits = limits
        self._bell = bell_of(engine)
        self._name = f"{socket.gethostname()}:{os.getpid()}"[:100]
        self._desk = threading.Lock()  # one thread at a time takes for all and records for all: so limits hold
        self._at_hand: dict[str, _AtHand] = {}
        self._dealt: deque[_AtHand] = deque()
        """What was taken for threads that have nothing to do, until they fetch it."""
        self._planned: dict[str, datetime] = {}
        self._pause_seconds = 0.0

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
        self._let_go()
        _join(crew, _LAST_WORDS_SECONDS)
        self._outside.close()

    def run_one(self) -> bool:
        """Run the most urgent due job; False when there is none."""
        one = self._next(threading.Event())
        if one is None:
            return False
        self._do(one)
        self._record()
        return True

    def _work(self, stop: threading.Event) -> None:
        """Be one of the crew."""
        while not stop.is_set():
            heard = self._bell.rung
            try:
                if one := self._next(stop):
                    self._do(one)
                else:
                    self._bell.wait(heard, self._pause_seconds)
            except Unavailable:
                stop.wait(_LONGEST_PAUSE_SECONDS)  # the database is busy or away: come back
            except Exception:
                log.exception("worker")
                stop.wait(_LONGEST_PAUSE_SECONDS)
        try:
            self._record()
        except Exception:
            log.exception("worker")  # it is done again when its lease runs out

    def _next(self, stop: threading.Event) -> _AtHand | None:
        """Fetch a job, after taking one for every thread without when none is left. What ended meanwhile is recorded in
        the same transaction. Looks first: an idle worker takes no write lock.
        """
        with self._desk:
            if not self._dealt and not stop.is_set() and (self._ended() or self._anything_due()):
                self._settle(self._taken)
                if len(self._dealt) > 1:
                    self._bell.ring()  # for those who sleep
            return self._dealt.popleft() if self._dealt and not stop.is_set() else None

    def _anything_due(self) -> bool:
        with db.transaction(self._engine, writes=False) as reading:
            next_at = leases.next_at(reading, left_out=self._full(self._running()))
        seconds = _LONGEST_PAUSE_SECONDS if next_at is None else (next_at - self._clock()).total_seconds()
        self._pause_seconds = min(max(seconds, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        return seconds <= 0

    def _do(self, one: _AtHand) -> None:
        one.failure = self._failure_of(one)
        one.ended = True

    def _record(self) -> None:
        """Record what has ended, and take nothing more."""
        with self._desk:
            if self._ended():
                self._settle(lambda _: [])

    def _settle(self, take: Callable[[DbSession], list[Leased]]) -> None:
        """Record what has ended and take what is next, in one transaction. Ends are kept for another try while the
        database is away; one that can't be recorded is let go with the others, and their leases run out.
        """
        ended = self._ended()

        def settle(session: DbSession) -> list[Leased]:
            self._record_ends(session, ended)
            return take(session)

        try:
            taken = [_AtHand(leased) for leased in db.written(self._engine, settle)]
        except Unavailable:
            raise
        except Exception:
            self._forget(ended)
            raise
        self._forget(ended)
        self._at_hand.update({one.leased.id: one for one in taken})
        self._dealt.extend(taken)

    def _forget(self, ended: list[_AtHand]) -> None:
        for one in ended:
            del self._at_hand[one.leased.id]

    def _taken(self, session: DbSession) -> list[Leased]:
        """Take a job for each thread without, the most urgent first, as many as the limits allow."""
        now, ours, running = self._clock(), list(self._at_hand), self._running()
        taken: list[Leased] = []
        while room := self._threads - len(running):
            found = leases.next_due(session, most=room, left_out=self._full(running), running=ours, now=now)
            chosen = []
            for one in found:
                if one.kind not in self._full(running):
                    chosen.append(one)
                    running.append(one.kind)
            if chosen:
                taken += leases.take(session, chosen, worker=self._name, now=now)
            if len(chosen) == len(found):  # else look past those that were too many of their kind
                break
        return taken

    def _ended(self) -> list[_AtHand]:
        return [one for one in self._at_hand.values() if one.ended]

    def _running(self) -> list[str]:
        """Return the kinds of what is being done, or about to be."""
        return [one.leased.kind for one in self._at_hand.values() if not one.ended]

    def _full(self, running: list[str]) -> set[str]:
        """Return the kinds of which no more may run here now."""
        full = [kinds for kinds, most in self._limits.items() if sum(kind in kinds for kind in running) >= most]
        return set().union(*full)

    def _failure_of(self, one: _AtHand) -> Exception | None:
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

    def _context(self, one: _AtHand) -> JobContext:
        leased = one.leased

        def progress(percent: int) -> None:
            db.written(self._engine, partial(leases.report, leased=leased, percent=percent, now=self._clock()))

        return JobContext(self._engine, self._settings, self._clock, self._outside, leased.payload, progress, one.over)

    def _record_ends(self, session: DbSession, ended: list[_AtHand]) -> None:
        now = self._clock()
        if done := [one.leased for one in ended if one.failure is None]:
            leases.end(session, done, now=now)
        for one in ended:
            if one.failure is not None:
                self._record_failure(session, one.leased, one.failure, now=now)

    def _record_failure(self, session: DbSession, leased: Leased, failure: Exception, *, now: datetime) -> None:
        tried, why = leased.attempts, _words(failure)
        if isinstance(failure, Later):
            leases.put_back(session, leased, due_at=failure.until, attempts=tried - 1, why=why, now=now)
        elif isinstance(failure, Hopeless) or tried >= leased.max_attempts:
            leases.give_up(session, leased, why=why, now=now)
        else:
            wait = delay(tried, random.random())  # noqa: S311 - spreads rivals, no secret
            due_at = now + min(wait, self._periodic.get(leased.kind, wait))
            leases.put_back(session, leased, due_at=due_at, attempts=tried, why=why, now=now)

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
                    self.look_after()
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
            stop.wait(_SHORTEST_PAUSE_SECONDS)  # a busy house rings often: one look for many rings
            self._bell.wait(heard, _LONGEST_PAUSE_SECONDS)

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
        now = self._clock()
        self._keep(lambda several: db.written(self._engine, partial(leases.renew, several=several, now=now)))

    def look_after(self) -> None:
        """Tell who runs a job that was lost, or cancelled, to let it be. Only reads, and only when something runs."""

        def kept(several: list[Leased]) -> set[str]:
            with db.transaction(self._engine, writes=False) as reading:
                return leases.kept(reading, several)

        self._keep(kept)

    def _keep(self, ask: Callable[[list[Leased]], set[str]]) -> None:
        held = list(self._at_hand.values())
        ours = ask([one.leased for one in held]) if held else set()
        for one in held:
            if one.leased.id not in ours:
                one.over.set()

    def _let_go(self) -> None:
        """Put the jobs at hand back, first of all, so that nothing that their ends do counts; then end them."""
        held = [one for one in list(self._at_hand.values()) if not one.ended]

        def put_back(session: DbSession) -> None:
            now = self._clock()
            for one in held:
                tried = one.leased.attempts - 1
                why = "The worker was told to stop."
                leases.put_back(session, one.leased, due_at=now, attempts=tried, why=why, now=now)

        try:
            if held:
                db.written(self._engine, put_back)
        except Exception:
            log.exception("worker")  # their leases run out
        for one in held:
            one.over.set()


def _join(crew: list[threading.Thread], seconds: float) -> None:
    until = time.monotonic() + seconds
    for one in crew:
        one.join(max(0.0, until - time.monotonic()))


def _words(error: Exception) -> str:
    # PostgreSQL keeps no NUL in a text.
    return f"{type(error).__name__}: {error}".replace("\0", "")[:2000]
