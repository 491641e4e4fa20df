"""The herald of a worker: events are announced soon, in any number, whatever else the crew has to do."""

import threading
import time

from sqlalchemy import Engine, func, select, text

from app.db import transaction
from app.jobs.context import JobContext
from app.models.tables import event
from app.operations.events import tell_many
from app.operations.jobs import enqueue
from app.rules.access import SYSTEM
from app.worker import Worker
from tests.crews import SETTINGS, working
from tests.harness import NOW, FakeClock
from tests.patience import PATIENCE_SECONDS, until


def happen(engine: Engine, count: int = 1) -> None:
    """Let something happen to so many teams."""
    with transaction(engine, writes=True) as db:
        tell_many(db, "team.changed", [(f"team_{n}", 1) for n in range(count)], actor=SYSTEM, now=NOW)


def unannounced(engine: Engine) -> int:
    with transaction(engine, writes=False) as db:
        waiting = select(func.count()).select_from(event).where(event.c.announced.is_(False))
        return int(db.execute(waiting).scalar_one())


def test_a_herald_that_fails_goes_on_once_it_can(engine: Engine, clock: FakeClock) -> None:
    happen(engine)
    with transaction(engine, writes=True) as db:
        db.execute(text("ALTER TABLE event RENAME TO mislaid"))

    with working(Worker(engine, SETTINGS, clock, {}, periodic={})):
        time.sleep(0.3)
        with transaction(engine, writes=True) as db:
            db.execute(text("ALTER TABLE mislaid RENAME TO event"))

        until(lambda: unannounced(engine) == 0)


def test_no_job_makes_events_wait_however_long_it_takes(engine: Engine, clock: FakeClock) -> None:
    started, let_go = threading.Event(), threading.Event()

    def long(_: JobContext) -> None:
        started.set()
        let_go.wait(PATIENCE_SECONDS)

    with transaction(engine, writes=True) as db:
        enqueue(db, "long", {}, now=NOW)

    with working(Worker(engine, SETTINGS, clock, {"long": long}, threads=1, periodic={})):
        started.wait(PATIENCE_SECONDS)
        happen(engine)
        until(lambda: unannounced(engine) == 0)
        let_go.set()


def test_a_thousand_events_are_announced_one_batch_after_the_other(engine: Engine, clock: FakeClock) -> None:
    happen(engine, 1000)

    Worker(engine, SETTINGS, clock, {}).announce()

    assert unannounced(engine) == 0
