"""How many seats calls have: what their own number, their account, their host and their type say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update

from app.db import DbSession
from app.models.tables import account, call, call_type, person
from app.operations import seats
from app.operations.events import tell_many
from app.queries import calls
from app.queries.rows import in_parts
from app.rules.access import Actor
from app.rules.classification import TypeRule
from app.rules.seating import seats as seats_of
from app.vocabulary import CallStatus


@dataclass(frozen=True, slots=True)
class References:
    """What calls refer to and take their seats and type from."""

    hosts: Mapping[str, int | None]
    """Seats on each call, by person."""
    accounts: Mapping[str, tuple[int | None, bool]]
    """Seats on each call, and whether observers are allowed."""
    types: Mapping[str, int]
    rules: Sequence[TypeRule]


def references(db: DbSession, several: Sequence[Mapping[str, Any]]) -> References:
    """Read what these calls refer to. Three statements per thousand."""
    hosts: dict[str, int | None] = {}
    for part in in_parts(one["host_id"] for one in several):
        found = db.execute(select(person.c.id, person.c.seat_capacity).where(person.c.id.in_(part)))
        hosts |= {row.id: row.seat_capacity for row in found}
    accounts: dict[str, tuple[int | None, bool]] = {}
    for part in in_parts(one["account_id"] for one in several if one.get("account_id") is not None):
        columns = (account.c.id, account.c.seat_capacity, account.c.observers_allowed)
        found = db.execute(select(*columns).where(account.c.id.in_(part)))
        accounts |= {row.id: (row.seat_capacity, row.observers_allowed) for row in found}
    types = {row.slug: row.seat_capacity for row in db.execute(select(call_type.c.slug, call_type.c.seat_capacity))}
    return References(hosts, accounts, types, calls.type_rules(db))


def capacity(values: Mapping[str, Any], known: References) -> int:
    """Return how many seats a call with these columns has."""
    by_account, open_ = known.accounts.get(values["account_id"] or "", (None, True))
    override, host, kind = values["seat_capacity_override"], known.hosts[values["host_id"]], known.types[values["type"]]
    return seats_of(override, by_account, host, kind, open_=open_)


def rules_changed(db: DbSession, which: ColumnElement[bool], *, actor: Actor, now: datetime) -> None:
    """Bring calls in step with an account, host or type that has changed. Locks the calls by id.

    What they show of it is theirs, so each counts a version; upcoming ones get the seats that now hold. Nobody who
    sits is thrown out by a rule: such a call takes nobody new until it fits.
    """
    found = db.execute(select(call).where(which).order_by(call.c.id).with_for_update(key_share=True)).all()
    if not found:
        return
    db.execute(update(call).where(which).values(version=call.c.version + 1, updated_at=now))
    columns = {row.id: row._asdict() for row in found}
    known = references(db, list(columns.values()))
    for row in found:
        if row.status is not CallStatus.SCHEDULED or row.starts_at <= now:
            continue
        number = max(capacity(columns[row.id], known), row.seats_taken)
        if number != row.seat_capacity:
            db.execute(update(call).where(call.c.id == row.id).values(seat_capacity=number))
            seats.renumber(db, row.id, capacity=number)
    tell_many(db, "call.changed", [(row.id, row.version + 1) for row in found], actor=actor, now=now)
