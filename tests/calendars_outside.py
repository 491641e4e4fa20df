"""A house that reads calendars of small web servers, one job at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, update

from app.adapters.outside import Outside
from app.config import Settings
from app.db import transaction, written
from app.jobs import HANDLERS
from app.jobs.context import JobContext
from app.models import Person
from app.models.tables import busy, call, connected_calendar, job
from app.operations.connected_calendars import connect_calendar
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, CalendarKind, CalendarUse, JobStatus
from tests.factories import a_person
from tests.harness import FakeClock
from tests.ical.foreign_calendars import an_event

MONDAY_NINE = "DTSTART:20261123T090000Z"
FROM_OUTSIDE = "ATTENDEE;CN=Kim:mailto:kim@customer.example"
COLLEAGUE = "ATTENDEE:mailto:priya@earshot.example"
WITH_CUSTOMER = (FROM_OUTSIDE, COLLEAGUE, "SUMMARY:Northwind: demo")


def an_hour(uid: str, *lines: str, start: str = MONDAY_NINE) -> str:
    return an_event(*lines, start=start, uid=uid)


@dataclass
class Reader:
    """Mara's calendars, and the jobs that read them."""

    engine: Engine
    settings: Settings
    clock: FakeClock
    outside: Outside = field(init=False)
    mara: Person = field(init=False)

    def __post_init__(self) -> None:
        self.outside = Outside(self.settings)
        with transaction(self.engine, writes=True) as db:
            self.mara = a_person(db, "Mara", email="mara@earshot.example", time_zone="Europe/Berlin")

    def connect(self, url: str, *, person: Person | None = None, **fields: Any) -> str:
        given = {"kind": CalendarKind.ICS, "use": CalendarUse.BUSY, "username": None, "password": None, **fields}
        given = {"name": "Work", "title_contains": None, **given}
        who = (person or self.mara).id
        return written(
            self.engine,
            lambda db: (
                connect_calendar(
                    db,
                    person_id=who,
                    url=url,
                    allowed=self.settings.outbound_allow,
                    actor=SYSTEM,
                    now=self.clock(),
                    **given,
                ).id
            ),
        )

    def read(self, calendar_id: str) -> Any:
        """Run the job once and return the calendar's row."""
        self.run("calendar_refresh", {"calendar_id": calendar_id})
        return self.row(calendar_id)

    def run(self, kind: str, payload: dict[str, Any]) -> None:
        HANDLERS[kind](JobContext(self.engine, self.settings, self.clock, self.outside, payload, lambda _: None))

    def sweep(self) -> int:
        """Run the sweep and all it queues; return how many calendars were read."""
        self.take()
        self.run("calendars", {})
        queued = self.take()
        for payload in queued:
            self.run("calendar_refresh", payload)
        return len(queued)

    def take(self) -> list[dict[str, Any]]:
        """Take the refreshes that wait off the queue."""
        mine = job.c.kind == "calendar_refresh", job.c.status == JobStatus.QUEUED
        with transaction(self.engine, writes=True) as db:
            found = list(db.execute(select(job.c.payload).where(*mine)).scalars())
            db.execute(update(job).where(*mine).values(status=JobStatus.DONE))
        return found

    def row(self, calendar_id: str) -> Any:
        with transaction(self.engine, writes=False) as db:
            query = select(connected_calendar).where(connected_calendar.c.id == calendar_id)
            return db.execute(query).first()

    def busy(self) -> list[tuple[datetime, datetime]]:
        return [(start, end) for start, end, status in self.taken() if status is BusyStatus.BUSY]

    def taken(self) -> list[tuple[datetime, datetime, BusyStatus]]:
        columns = busy.c.starts_at, busy.c.ends_at, busy.c.status
        with transaction(self.engine, writes=False) as db:
            query = select(*columns).where(busy.c.person_id == self.mara.id).order_by(*columns)
            return [(row.starts_at, row.ends_at, row.status) for row in db.execute(query)]

    def calls(self) -> list[Any]:
        with transaction(self.engine, writes=False) as db:
            return list(db.execute(select(call).order_by(call.c.starts_at, call.c.id)))

    def later(self, step: timedelta) -> None:
        self.clock.advance(step)


@contextmanager
def a_reader(engine: Engine, clock: FakeClock, folder: Path, *, allowed: str = "127.0.0.0/8") -> Iterator[Reader]:
    made = Reader(engine, Settings(dir=folder, outbound_allow=allowed, _env_file=None), clock)
    try:
        yield made
    finally:
        made.outside.close()
