"""The jobs that a worker has taken: one thread at a time takes for all and records for all, in one transaction."""

import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Engine

from app import db
from app.clock import Clock
from app.db import DbSession
from app.errors import Unavailable
from app.jobs.context import Hopeless, Later
from app.operations import leases
from app.operations.leases import Leased
from app.rules.backoff import delay
from app.wake import bell_of

log = structlog.get_logger("earshot.worker")

SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0
"""Between two looks at the queue, when nothing rings meanwhile."""


@dataclass(slots=True, eq=False)
class AtHand:
    """A job from when it was taken until its end is in the database."""

    leased: Leased
    over: threading.Event = field(default_factory=threading.Event)
    """Set when it is to be let be: lost, cancelled, or the worker stops."""
    ended: bool = False
    failure: Exception | None = None


class Tray:
    """What is at hand in one worker; its threads fetch from it. One of them at a time takes, so that limits hold."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        worker: str,
        threads: int,
        limits: Mapping[frozenset[str], int],
        longest_waits: Mapping[str, timedelta],
    ) -> None:
        """Take jobs in the name of `worker`, no more than `threads` at once and of some kinds no more than `limits`.
        After a failure, a kind waits no longer than in `longest_waits`.
        """
        self._engine = engine
        self._clock = clock
        self._worker = worker
        self._threads = threads
        self._limits = limits
        self._longest_waits = longest_waits
        self._bell = bell_of(engine)
        self._turn = threading.Lock()
        self._at_hand: dict[str, AtHand] = {}
        self._dealt: deque[AtHand] = deque()
        """What was taken for threads that have nothing to do, until they fetch it."""
        self.pause_seconds = 0.0
        """How long to wait when there was nothing to fetch, unless the bell rings."""

    def fetch(self, stop: threading.Event) -> AtHand | None:
        """Fetch a job, after taking one for every thread without when none is left. What ended meanwhile is recorded in
        the same transaction. Looks first: an idle worker takes no write lock.
        """
        with self._turn:
            if not self._dealt and not stop.is_set() and (self._ended() or self._anything_due()):
                self._settle(self._taken)
                if len(self._dealt) > 1:
                    self._bell.ring()  # for those who sleep
            return self._dealt.popleft() if self._dealt and not stop.is_set() else None

    def record(self) -> None:
        """Record what has ended, and take nothing more."""
        with self._turn:
            if self._ended():
                self._settle(lambda _: [])

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

    def let_go(self) -> None:
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

    def _anything_due(self) -> bool:
        with db.transaction(self._engine, writes=False) as reading:
            next_at = leases.next_at(reading, left_out=self._full(self._running()))
        seconds = LONGEST_PAUSE_SECONDS if next_at is None else (next_at - self._clock()).total_seconds()
        self.pause_seconds = min(max(seconds, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        return seconds <= 0

    def _settle(self, take: Callable[[DbSession], list[Leased]]) -> None:
        """Record what has ended and take what is next, in one transaction. Ends are kept for another try while the
        database is away; one that can't be recorded is let go with the others, and their leases run out.
        """
        ended = self._ended()

        def settle(session: DbSession) -> list[Leased]:
            self._record_ends(session, ended)
            return take(session)

        try:
            taken = [AtHand(leased) for leased in db.written(self._engine, settle)]
        except Unavailable:
            raise
        except Exception:
            self._forget(ended)
            raise
        self._forget(ended)
        self._at_hand.update({one.leased.id: one for one in taken})
        self._dealt.extend(taken)

    def _forget(self, ended: list[AtHand]) -> None:
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
                taken += leases.take(session, chosen, worker=self._worker, now=now)
            if len(chosen) == len(found):  # else look past those that were too many of their kind
                break
        return taken

    def _ended(self) -> list[AtHand]:
        return [one for one in self._at_hand.values() if one.ended]

    def _running(self) -> list[str]:
        """Return the kinds of what is being done, or about to be."""
        return [one.leased.kind for one in self._at_hand.values() if not one.ended]

    def _full(self, running: list[str]) -> set[str]:
        """Return the kinds of which no more may run here now."""
        full = [kinds for kinds, most in self._limits.items() if sum(kind in kinds for kind in running) >= most]
        return set().union(*full)

    def _record_ends(self, session: DbSession, ended: list[AtHand]) -> None:
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
            due_at = now + min(wait, self._longest_waits.get(leased.kind, wait))
            leases.put_back(session, leased, due_at=due_at, attempts=tried, why=why, now=now)

    def _keep(self, ask: Callable[[list[Leased]], set[str]]) -> None:
        held = list(self._at_hand.values())
        ours = ask([one.leased for one in held]) if held else set()
        for one in held:
            if one.leased.id not in ours:
                one.over.set()


def _words(error: Exception) -> str:
    # PostgreSQL keeps no NUL in a text.
    return f"{type(error).__name__}: {error}".replace("\0", "")[:2000]
