"""Who and what the faults befall, next week by the clock on the wall, which is the one that server processes read."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from app import clock
from app.db import DbSession
from app.operations.api_keys import create_api_key
from app.operations.calls import create_call
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_call, a_person
from tests.harness import MANY

TUESDAY = datetime.combine(clock.now().date() + timedelta(days=8 - clock.now().weekday()), time(), UTC)
"""Far enough ahead for any notice, and every working hour of it is one in London, too."""
NO_LIMITS: dict[str, Any] = dict.fromkeys(("observe_per_day", "observe_per_week", "host_per_day", "host_per_week"), 100)


class Crowded(NamedTuple):
    """A day on which whatever one does is in the way of others."""

    people: list[str]
    hosts: list[str]
    """Who of the people host."""
    calls: dict[str, str]
    """Call to the name that the CRM has for it."""


class Roomy(NamedTuple):
    """A day on which everybody fits everywhere."""

    observers: list[str]
    calls: list[str]


def an_admin_key(db: DbSession) -> str:
    asks: dict[str, Any] = {"name": "test", "requests_per_minute": MANY}
    return create_api_key(db, role=Role.ADMIN, person_id=None, **asks, actor=SYSTEM, now=clock.now())


def a_crowded_day(db: DbSession) -> Crowded:
    """Eight people, of whom three host, and 24 calls with one to three seats, most of which overlap."""
    people = [a_person(db, "Rep", **NO_LIMITS).id for _ in range(8)]
    calls = {}
    for number in range(24):
        starts_at = TUESDAY + timedelta(hours=9, minutes=15 * number)
        fields = {
            "title": "Northwind: discovery call",
            "host_id": people[number % 3],
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=15 * (1 + number % 4)),
            "seat_capacity": 1 + number % 3,
        }
        known_as = f"call-{number}"
        calls[create_call(db, fields=fields, external=[("crm", known_as)], actor=SYSTEM, now=clock.now())] = known_as
    return Crowded(people, people[:3], calls)


def a_roomy_day(db: DbSession, *, observers: int) -> Roomy:
    """Eight calls, one after the other, with a seat for each observer."""
    host = a_person(db, "Host", **NO_LIMITS)
    starts = [TUESDAY + timedelta(hours=9, minutes=45 * number) for number in range(8)]
    return Roomy(
        [a_person(db, "Observer", **NO_LIMITS).id for _ in range(observers)],
        [a_call(db, host, starts_at=starts_at, seats=observers) for starts_at in starts],
    )
