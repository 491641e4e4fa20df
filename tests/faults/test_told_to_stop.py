"""A service that is told to stop (SIGTERM) in the midst of booking, again and again: it ends in time, whose request was
taken has their answer, and no job is left in a dead hand.
"""

import os
import random
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from app.cli.working import worker
from app.db import transaction
from app.models.tables import job
from app.vocabulary import JobStatus
from app.worker import WORKER_THREADS
from tests.faults.bookers import Booker, all_act, booking, held_by
from tests.faults.invariants import broken
from tests.faults.servers import PROCESSES, serving
from tests.faults.worlds import a_roomy_day, an_admin_key
from tests.patience import PATIENCE_SECONDS

CLIENTS = 4
MOST_SECONDS = 10


def _work(database_url: str, folder: Path) -> None:
    sys.stdout = sys.stderr = (folder / f"worker-{os.getpid()}.log").open("a", buffering=1)
    os.environ["EARSHOT_DATABASE_URL"] = database_url
    worker(dir=folder, threads=WORKER_THREADS)


class WorkerProcess:
    """What `earshot worker` runs, in a process that is forked from one that has imported it."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._given = database_url, folder
        self.start()

    def start(self) -> None:
        self._process: Any = PROCESSES.Process(target=_work, args=self._given, daemon=True)
        self._process.start()

    def end(self) -> float:
        """Ask it to end (SIGTERM) and return how many seconds it took."""
        asked_at = time.monotonic()
        self._process.terminate()
        self._process.join(PATIENCE_SECONDS)
        return time.monotonic() - asked_at

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def running(engine: Engine) -> int:
    with transaction(engine, writes=False) as db:
        return int(db.execute(select(func.count()).where(job.c.status == JobStatus.RUNNING)).scalar_one())


def lost_answers(engine: Engine, bookers: Sequence[Booker], *, within_seconds: float = PATIENCE_SECONDS) -> list[str]:
    """Return the observers who do not know what is theirs, once they had time to read their last answers."""
    give_up_at = time.monotonic() + within_seconds
    while lost := [one.observer_id for one in bookers if held_by(engine, one) != one.held]:
        if time.monotonic() > give_up_at:
            break
        time.sleep(0.05)
    return lost


def test_who_is_told_to_stop_under_load_ends_in_time_with_nothing_half_done(
    database_url: str, engine: Engine, tmp_path: Path, soak: bool
) -> None:
    stops, rng = 100 if soak else 2, random.Random(13)
    seconds: list[float] = []
    unanswered, in_dead_hands = [], []
    with transaction(engine, writes=True) as db:
        api_key, day = an_admin_key(db), a_roomy_day(db, observers=CLIENTS)

    with serving(database_url, tmp_path, processes=1) as (server,), ExitStack() as workers:
        parts: list[Any] = [server]
        if engine.dialect.name == "postgresql":  # on SQLite the worker is in the server
            parts.insert(0, WorkerProcess(database_url, tmp_path))
            workers.callback(parts[0].kill)
        with booking([server.port], *day, api_key=api_key) as bookers:
            for _ in range(stops):
                all_act(bookers)
                time.sleep(rng.uniform(0.2, 0.7))  # so that it comes at any moment of a booking, and of a job
                seconds += [one.end() for one in parts]
                unanswered += lost_answers(engine, bookers)
                in_dead_hands.append(running(engine))
                for one in parts:
                    one.start()
            all_act(bookers)

    assert max(seconds) <= (MOST_SECONDS if soak else PATIENCE_SECONDS)
    assert (unanswered, set(in_dead_hands)) == ([], {0})
    assert broken(engine) == {}
    assert [held_by(engine, booker) for booker in bookers] == [booker.held for booker in bookers]
