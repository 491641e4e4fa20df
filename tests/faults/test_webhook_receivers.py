"""Receivers that are down for an hour, slow, hanging, redirecting, gone, too busy, or answer with a GiB: nothing that
happened is lost to anybody, and who answers well hears of it as soon as if the others were not there.

The clock of the house runs, and is put forward to let hours pass.
"""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, func, select, update

from app import clock
from app.config import Settings
from app.credentials import webhook_signature
from app.db import transaction
from app.models.tables import delivery, delivery_attempt, event, job, webhook_endpoint
from app.operations.deliveries_by_hand import begin_anew, replay
from app.operations.events import tell
from app.rules.access import SYSTEM
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus
from app.worker import Worker
from tests.endpoints import ACT, an_endpoint
from tests.faults.receivers import BAD, Elsewhere, Manner, receivers

MINUTE = timedelta(minutes=1)
THREADS = 6
WAITED_FOR_WHO_HANGS_SECONDS = 15.0


@dataclass
class ShiftedClock:
    """A running clock that a test puts forward."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return clock.now() + self.ahead


@dataclass
class House:
    """A database with endpoints, and a worker that runs while its block lasts."""

    engine: Engine
    clock: ShiftedClock
    endpoints: dict[str, Elsewhere] = field(default_factory=dict)
    told_at: dict[str, float] = field(default_factory=dict)

    def add(self, several: list[Elsewhere]) -> None:
        for one in several:
            with transaction(self.engine, writes=True) as db:
                self.endpoints[an_endpoint(db, one.url, created_at=self.clock())] = one

    def of(self, manner: Manner) -> str:
        return next(one for one, receiver in self.endpoints.items() if receiver.url.endswith(manner))

    def happen(self, number: int, *, per_second: float) -> None:
        """Let that many things happen, evenly."""
        begun = time.monotonic()
        for count in range(number):
            time.sleep(max(0.0, begun + count / per_second - time.monotonic()))
            with transaction(self.engine, writes=True) as db:
                tell(db, ACT, "team_gone", version=count + 1, actor=SYSTEM, now=self.clock())
            at = time.monotonic()
            with transaction(self.engine, writes=False) as db:
                last = select(event.c.id).where(event.c.act == ACT).order_by(event.c.sequence.desc()).limit(1)
                self.told_at[db.execute(last).scalar_one()] = at

    def lags(self, one: Elsewhere) -> list[float]:
        """Return how long each event took to arrive first, in seconds from its commit."""
        first: dict[str, float] = {}
        for arrived in one.arrived():
            first.setdefault(arrived.event_id, arrived.at)
        return [first[event_id] - at for event_id, at in self.told_at.items() if event_id in first]

    def counted(self, endpoint_id: str) -> dict[DeliveryStatus, int]:
        query = select(delivery.c.status, func.count().label("number")).where(delivery.c.endpoint_id == endpoint_id)
        with transaction(self.engine, writes=False) as db:
            return {row.status: row.number for row in db.execute(query.group_by(delivery.c.status))}

    def row(self, endpoint_id: str) -> Any:
        with transaction(self.engine, writes=False) as db:
            return db.execute(select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id)).one()


@contextmanager
def at_work(house: House, folder: Path) -> Iterator[None]:
    settings = Settings(dir=folder, outbound_allow="127.0.0.0/8", _env_file=None)
    worker, stop = Worker(house.engine, settings, house.clock, threads=THREADS, periodic={}), threading.Event()
    running = threading.Thread(target=worker.run, args=(stop,))
    running.start()
    try:
        yield
    finally:
        for one in house.endpoints.values():
            one.close()  # who hangs there is let go
        stop.set()
        running.join()


def wait_for(met: Callable[[], bool], *, seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < give_up_at, "not in time"
        time.sleep(0.05)


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def has_all(house: House, one: Elsewhere) -> bool:
    if one.heard() < len(house.told_at):
        return False
    return {arrived.event_id for arrived in one.arrived()} >= house.told_at.keys()


def test_bad_receivers_lose_nothing_and_keep_nobody_waiting(engine: Engine, tmp_path: Path, soak: bool) -> None:
    number, alone, per_second = (10_000, 1_000, 25.0) if soak else (30, 20, 30.0)
    patience = 1800 if soak else 90

    before = _lags_alone(engine, tmp_path, alone, per_second=per_second, patience=patience)
    with receivers(Manner.WELL, Manner.WELL, *BAD) as several:
        house = House(engine, ShiftedClock())
        house.add(several)
        well = several[:2]
        with at_work(house, tmp_path):
            house.happen(number, per_second=per_second)
            wait_for(lambda: all(has_all(house, one) for one in well), seconds=patience)
            disturbed = p95([lag for one in well for lag in house.lags(one)])
            for _ in range(12):  # an hour
                house.clock.ahead += 5 * MINUTE
                time.sleep(2.0 if soak else 0.1)
            waited = {manner: house.counted(house.of(manner)) for manner in BAD}
            _recover(house, Manner.DOWN, Manner.BUSY)
            house.clock.ahead += 5 * MINUTE
            healed = [house.endpoints[house.of(manner)] for manner in (Manner.DOWN, Manner.BUSY, Manner.HUGE)]
            wait_for(lambda: all(has_all(house, one) for one in healed), seconds=patience)
            gone = house.row(house.of(Manner.GONE))
            _enable_again(house, gone.id)
            wait_for(lambda: has_all(house, house.endpoints[gone.id]), seconds=patience)

        _check_bodies(house)
        _check_order_of_first_tries(house)
        slow = house.counted(house.of(Manner.SLOW))
        after = _lags_alone(engine, tmp_path, alone, per_second=per_second, patience=patience)
        undisturbed = p95(before + after)
        print(f"p95 {disturbed * 1000:.0f} ms, {undisturbed * 1000:.0f} ms without the bad ones; waited: {waited}")
        # A few events say little of a ratio, on a machine that does other things besides; that nobody waits until a try
        # at who hangs is given up, they say anywhere.
        assert disturbed <= (2 * undisturbed if soak else WAITED_FOR_WHO_HANGS_SECONDS)
        assert gone.disabled_because is DisabledBecause.GONE
        for manner in (Manner.REDIRECTING, Manner.HANGING, Manner.DOWN, Manner.BUSY):
            assert waited[manner] == {DeliveryStatus.WAITING: number}, manner
        assert sum(slow.values()) == number
        assert slow.keys() <= {DeliveryStatus.WAITING, DeliveryStatus.DELIVERED}
        assert house.endpoints[house.of(Manner.HUGE)].sent_per_connection() < 16 * 1024 * 1024


def _lags_alone(engine: Engine, folder: Path, number: int, *, per_second: float, patience: float) -> list[float]:
    """Return how long two receivers wait who answer well when nobody else is there; leave nothing, then and now."""
    _forget_all(engine)
    with receivers(Manner.WELL, Manner.WELL) as well:
        house = House(engine, ShiftedClock())
        house.add(well)
        with at_work(house, folder):
            house.happen(number, per_second=per_second)
            wait_for(lambda: all(has_all(house, one) for one in well), seconds=patience)
        lags = [lag for one in well for lag in house.lags(one)]
    _forget_all(engine)
    return lags


def _forget_all(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        for table in (delivery_attempt, delivery, webhook_endpoint, job):
            db.execute(delete(table))


def _recover(house: House, *manners: Manner) -> None:
    for manner in manners:
        house.endpoints[house.of(manner)].recover()


def _enable_again(house: House, endpoint_id: str) -> None:
    """Do what an admin does once a receiver that was gone is back: enable it, and replay what it was not kept."""
    house.endpoints[endpoint_id].recover()
    this = webhook_endpoint.c.id == endpoint_id
    with transaction(house.engine, writes=True) as db:
        since = db.execute(select(webhook_endpoint.c.created_at).where(this)).scalar_one()
        enabled = {"status": EndpointStatus.ENABLED, "disabled_because": None}
        db.execute(update(webhook_endpoint).where(this).values(**enabled))
        begin_anew(db, endpoint_id, now=house.clock())
        replay(db, endpoint_id=endpoint_id, since=since, acts=[ACT], actor=SYSTEM, now=house.clock())


def _check_bodies(house: House) -> None:
    """Each receiver got the bytes that were written down, signed with its secret."""
    for endpoint_id, receiver in house.endpoints.items():
        with transaction(house.engine, writes=False) as db:
            rows = db.execute(select(delivery.c.event_id, delivery.c.body).where(delivery.c.endpoint_id == endpoint_id))
            bodies = {row.event_id: row.body for row in rows}
        secret = house.row(endpoint_id).secret
        for one in receiver.arrived():
            assert one.asked.body == bodies[one.event_id]
            sent_at = int(one.asked.headers["webhook-timestamp"])
            signature = webhook_signature(secret, message_id=one.event_id, sent_at=sent_at, body=one.asked.body)
            assert one.asked.headers["webhook-signature"] == signature


def _check_order_of_first_tries(house: House) -> None:
    first_try = func.min(delivery_attempt.c.at)
    query = select(delivery.c.endpoint_id, first_try).join(
        delivery_attempt, delivery_attempt.c.delivery_id == delivery.c.id
    )
    query = query.group_by(delivery.c.id, delivery.c.endpoint_id, delivery.c.sequence).order_by(delivery.c.sequence)
    tried: dict[str, list[datetime]] = {}
    with transaction(house.engine, writes=False) as db:
        for endpoint_id, at in db.execute(query):
            tried.setdefault(endpoint_id, []).append(at)
    assert tried.keys() == house.endpoints.keys()
    for times in tried.values():
        assert all(sooner <= later for sooner, later in itertools.pairwise(times))
