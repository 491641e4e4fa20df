"""Webhook endpoints, and a house that sends to them one job at a time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, select

from app import ids
from app.adapters.outside import Outside
from app.config import Settings
from app.credentials import new_webhook_secret
from app.db import DbSession, transaction, written
from app.jobs import HANDLERS
from app.jobs.context import JobContext
from app.models.tables import delivery, delivery_attempt, job, webhook_endpoint
from app.operations.announcing import announce
from app.operations.events import tell
from app.rules.access import SYSTEM
from app.vocabulary import DeliveryStatus, EndpointStatus, JobStatus, WebhookFormat
from tests.harness import NOW, FakeClock

ACT = "team.changed"


def an_endpoint(db: DbSession, url: str = "https://hooks.example/earshot", **fields: Any) -> str:
    """Add an endpoint that hears of everything; returns its id."""
    made = {
        "id": ids.new("whe", NOW),
        "name": "CRM",
        "url": url,
        "format": WebhookFormat.STANDARD,
        "acts": [],
        "secret": new_webhook_secret(),
        "status": EndpointStatus.ENABLED,
        "failures": 0,
        "slow": False,
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        **fields,
    }
    db.execute(insert(webhook_endpoint), [made])
    return str(made["id"])


@dataclass
class PostRoom:
    """A database whose events are announced and sent when a test says so, without a worker."""

    engine: Engine
    settings: Settings
    clock: FakeClock
    outside: Outside = field(init=False)

    def __post_init__(self) -> None:
        self.outside = Outside(self.settings)

    def endpoint(self, url: str, **fields: Any) -> str:
        return written(self.engine, lambda db: an_endpoint(db, url, **fields))

    def tell(self, number: int = 1, *, act: str = ACT, object_id: str = "team_gone") -> None:
        """Let something happen, to a team that is no more unless an object is named, and announce it."""
        with transaction(self.engine, writes=True) as db:
            for version in range(1, number + 1):
                tell(db, act, object_id, version=version, actor=SYSTEM, now=self.clock())
        while written(self.engine, lambda db: announce(db, now=self.clock())):
            pass

    def send(self) -> int:
        """Run the jobs that are due, and those that they leave, one after the other; return how many."""
        done = 0
        while found := self._take():
            HANDLERS[found.kind](self.context(found.payload))
            done += 1
        return done

    def later(self, step: timedelta) -> None:
        """Let time pass and send what has fallen due."""
        self.clock.advance(step)
        self.send()

    def context(self, payload: dict[str, Any]) -> JobContext:
        return JobContext(self.engine, self.settings, self.clock, self.outside, payload, lambda _: None)

    def next_job_in(self) -> timedelta | None:
        with transaction(self.engine, writes=False) as db:
            at = db.execute(select(func.min(job.c.due_at)).where(job.c.status == JobStatus.QUEUED)).scalar()
        return at - self.clock() if at else None

    def deliveries(self, status: DeliveryStatus | None = None) -> list[Any]:
        query = select(delivery).order_by(delivery.c.sequence, delivery.c.endpoint_id)
        with transaction(self.engine, writes=False) as db:
            return list(db.execute(query.where(delivery.c.status == status) if status else query))

    def attempts(self) -> list[Any]:
        with transaction(self.engine, writes=False) as db:
            return list(db.execute(select(delivery_attempt).order_by(delivery_attempt.c.id)))

    def row(self, endpoint_id: str) -> Any:
        with transaction(self.engine, writes=False) as db:
            return db.execute(select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id)).one()

    def _take(self) -> Any:
        due = select(job).where(job.c.status == JobStatus.QUEUED, job.c.due_at <= self.clock(), job.c.kind.like("web%"))
        with transaction(self.engine, writes=True) as db:
            found = db.execute(due.order_by(job.c.due_at, job.c.id).limit(1)).first()
            if found:
                db.execute(job.update().where(job.c.id == found.id).values(status=JobStatus.DONE))
        return found


@contextmanager
def post_room(engine: Engine, clock: FakeClock, folder: Path, *, allowed: str = "127.0.0.0/8") -> Iterator[PostRoom]:
    """Open a post room that may send to receivers on this machine, or elsewhere."""
    settings = Settings(dir=folder, outbound_allow=allowed, _env_file=None)
    made = PostRoom(engine, settings, clock)
    try:
        yield made
    finally:
        made.outside.close()


def sequence_of(body: bytes) -> int:
    return int(json.loads(body)["sequence"])
