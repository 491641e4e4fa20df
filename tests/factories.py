"""Plain functions that put things into a database, through the operations of the product."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from app.db import DbSession
from app.models import Person
from app.operations.calls import create_call
from app.operations.people import create_person
from app.rules.access import SYSTEM
from app.vocabulary import Door
from tests.harness import NOW

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
_numbers = count(1)


def a_person(db: DbSession, name: str = "Rep", *, time_zone: str = "Europe/London", **fields: Any) -> Person:
    """Somebody in London who works Monday to Friday, 09:00 to 17:00: in November that is UTC."""
    number = next(_numbers)
    fields = {"email": f"{name.lower().replace(' ', '.')}{number}@earshot.example", **fields}
    return create_person(db, fields={"name": name, "time_zone": time_zone, **fields}, actor=SYSTEM, now=NOW)


def an_open_host(db: DbSession, name: str = "Host", **fields: Any) -> Person:
    """Somebody on whose calls people may drop in."""
    return a_person(db, name, door_default=Door.OPEN, **fields)


def a_call(
    db: DbSession,
    host: Person | None = None,
    *,
    starts_at: datetime = MONDAY + timedelta(hours=10),
    minutes: int = 30,
    **fields: Any,
) -> str:
    """A discovery call on Monday at 10:00 UTC; returns its id. `seats` overrides what its type gives."""
    if "seats" in fields:
        fields["seat_capacity"] = fields.pop("seats")
    host = host or a_person(db, "Host")
    given = {"title": "Northwind: discovery call", "host_id": host.id, "starts_at": starts_at, **fields}
    given.setdefault("ends_at", starts_at + timedelta(minutes=minutes))
    return create_call(db, fields=given, actor=SYSTEM, now=NOW)
