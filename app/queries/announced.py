"""What events are about, as the API shows it to admins: a few statements for each type, however many objects."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Table, select

from app.db import DbSession
from app.models.tables import (
    account,
    enrollment,
    match,
    match_run,
    person,
    plan_run,
    power_hour,
    seat,
    session,
    team,
    waitlist_entry,
    webhook_endpoint,
)
from app.models.tables import call as calls_table
from app.queries import calls, external, power_hours, seats, sessions, waitlist
from app.queries.house_rules import house_rules
from app.queries.power_hours import PowerHourPeople
from app.queries.rows import in_parts
from app.rules import floor, seating
from app.rules.access import SYSTEM
from app.schemas.accounts import AccountRead
from app.schemas.calls import CallRead
from app.schemas.figures import without_figures
from app.schemas.matches import MatchRead
from app.schemas.people import PersonRead
from app.schemas.power_hours import PowerHourRead
from app.schemas.programs import EnrollmentRead
from app.schemas.runs import RunRead
from app.schemas.seats import SeatRead
from app.schemas.sessions import SessionRead
from app.schemas.shapes import Read
from app.schemas.teams import TeamRead
from app.schemas.waitlist import WaitlistEntryRead
from app.schemas.webhooks import WebhookEndpointRead

Reader = Callable[[DbSession, list[str], datetime], list[Any]]


def read_models(db: DbSession, wanted: Mapping[str, Collection[str]], *, now: datetime) -> dict[str, dict[str, Any]]:
    """Return by id the objects with these ids, given by type, as JSON. Absent when there is none any more.

    As many statements for a type as its list in the API takes, per thousand objects.
    """
    found: dict[str, dict[str, Any]] = {}
    for object_type, object_ids in wanted.items():
        for part in in_parts(object_ids):
            several = _READERS[object_type](db, part, now)
            found |= {one.id: one.model_dump(mode="json", by_alias=True) for one in several}
    return found


def _calls(db: DbSession, ids: list[str], now: datetime) -> list[CallRead]:
    rows = db.execute(calls.calls_with_hosts().where(calls_table.c.id.in_(ids))).all()
    skills, names = calls.skills_by_type(db), external.identities(db, ids)
    return [
        CallRead.of(
            row,
            joinable=row.seats_taken < row.seat_capacity and seating.closed(row, now=now) is None,
            door=floor.door(row, now=now),
            skills=skills.get(row.type, []),
            external=names.get(row.id, []),
        )
        for row in rows
    ]


def _seats(db: DbSession, ids: list[str], now: datetime) -> list[SeatRead]:
    rows = db.execute(seats.seats_with_hosts(now=now).where(seat.c.id.in_(ids)))
    return [SeatRead.model_validate(row) for row in rows]


def _sessions(db: DbSession, ids: list[str], _now: datetime) -> list[SessionRead]:
    people = sessions.participants(db, ids)
    rows = db.execute(sessions.EVENTS.where(session.c.id.in_(ids)))
    return [SessionRead.of(row, people.get(row.id, [])) for row in rows]


def _matches(db: DbSession, ids: list[str], _now: datetime) -> list[MatchRead]:
    told = [MatchRead.of(row, SYSTEM) for row in db.execute(select(match).where(match.c.id.in_(ids)))]
    if house_rules(db).person_insights:
        return told
    return [without_figures(one, theirs=lambda _person_id: False) for one in told]


def _power_hours(db: DbSession, ids: list[str], _now: datetime) -> list[PowerHourRead]:
    people = power_hours.people_of(db, ids)
    rows = db.execute(select(power_hour).where(power_hour.c.id.in_(ids))).all()
    found = ((row, people.get(row.id, PowerHourPeople())) for row in rows)
    return [PowerHourRead.of(row, who.hosts, who.observers) for row, who in found]


def _waitlist_entries(db: DbSession, ids: list[str], now: datetime) -> list[WaitlistEntryRead]:
    rows = db.execute(waitlist.entries(now=now).where(waitlist_entry.c.id.in_(ids)))
    return [WaitlistEntryRead.model_validate(row) for row in rows]


def _plain(table: Table, schema: type[Read], db: DbSession, ids: list[str], _now: datetime) -> list[Read]:
    return [schema.model_validate(row) for row in db.execute(select(table).where(table.c.id.in_(ids)))]


def _webhook_endpoints(db: DbSession, ids: list[str], _now: datetime) -> list[WebhookEndpointRead]:
    rows = db.execute(select(webhook_endpoint).where(webhook_endpoint.c.id.in_(ids)))
    return [WebhookEndpointRead.of(row) for row in rows]  # without a URL: what is sent is kept, and not sealed


def _named(
    table: Table,
    schema: type[AccountRead] | type[PersonRead] | type[TeamRead],
    db: DbSession,
    ids: list[str],
    _now: datetime,
) -> list[Read]:
    """Return objects that other systems have names for."""
    names = external.identities(db, ids)
    return [schema.of(row, names.get(row.id, [])) for row in db.execute(select(table).where(table.c.id.in_(ids)))]


_READERS: Mapping[str, Reader] = {
    "account": partial(_named, account, AccountRead),
    "call": _calls,
    "enrollment": partial(_plain, enrollment, EnrollmentRead),
    "match": _matches,
    # In short: with their pairs or seats, runs can be as long as the whole house is large.
    "match_run": partial(_plain, match_run, RunRead),
    "person": partial(_named, person, PersonRead),
    "plan_run": partial(_plain, plan_run, RunRead),
    "power_hour": _power_hours,
    "seat": _seats,
    "session": _sessions,
    "team": partial(_named, team, TeamRead),
    "waitlist_entry": _waitlist_entries,
    "webhook_endpoint": _webhook_endpoints,
}
