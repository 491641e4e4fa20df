"""How many seats calls have: what their own number, their account, their host and their type say."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, update

from app.db import DbSession
from app.models.tables import account, call, call_type, installation, person, seat
from app.operations.events import tell_many
from app.operations.settling import settle_calls_soon
from app.queries import calls
from app.queries.rows import in_parts
from app.rules.access import Actor
from app.rules.classification import TypeRule
from app.rules.seating import Allotment
from app.rules.seating import allotment as allotted
from app.vocabulary import CallStatus


@dataclass(frozen=True, slots=True)
class References:
    """What calls refer to and take their seats and type from."""

    hosts: Mapping[str, int | None]
    """Seats on each call, by person."""
    accounts: Mapping[str, tuple[int | None, bool, int | None]]
    """Seats on each call, whether observers are allowed, and the ceiling on our faces."""
    types: Mapping[str, int]
    rules: Sequence[TypeRule]
    ceiling: int | None
    """What the house allows of our faces on any call."""


def references(db: DbSession, several: Sequence[Mapping[str, Any]]) -> References:
    """Read what these calls refer to. Two statements per thousand, and three."""
    hosts: dict[str, int | None] = {}
    for part in in_parts(one["host_id"] for one in several):
        found = db.execute(select(person.c.id, person.c.seat_capacity).where(person.c.id.in_(part)))
        hosts |= {row.id: row.seat_capacity for row in found}
    accounts: dict[str, tuple[int | None, bool, int | None]] = {}
    for part in in_parts(one["account_id"] for one in several if one.get("account_id") is not None):
        columns = (account.c.id, account.c.seat_capacity, account.c.observers_allowed, account.c.own_side_ceiling)
        found = db.execute(select(*columns).where(account.c.id.in_(part)))
        accounts |= {row.id: (row.seat_capacity, row.observers_allowed, row.own_side_ceiling) for row in found}
    types = {row.slug: row.seat_capacity for row in db.execute(select(call_type.c.slug, call_type.c.seat_capacity))}
    ceiling = db.execute(select(installation.c.own_side_ceiling)).scalar_one()
    return References(hosts, accounts, types, calls.type_rules(db), ceiling)


def hold_references(db: DbSession, account_ids: Iterable[str]) -> None:
    """Keep what calls are about to take their seats from as it is until the end of this transaction, so that whoever
    changes it next finds these calls. Locks the accounts by id, and all call types and the rules of the house against
    change. Lock the people first, the calls after.
    """
    for part in in_parts(sorted(set(account_ids))):
        db.execute(
            select(account.c.id).where(account.c.id.in_(part)).order_by(account.c.id).with_for_update(key_share=True)
        )
    # Shared, so that calls change side by side; all of them, as any may be what a title and a stage lead to.
    db.execute(select(call_type.c.slug).order_by(call_type.c.slug).with_for_update(read=True))
    db.execute(select(installation.c.one).with_for_update(read=True))


def lock_calls_where(db: DbSession, which: ColumnElement[bool]) -> Sequence[Any]:
    """Lock calls by id and return their rows."""
    return db.execute(select(call).where(which).order_by(call.c.id).with_for_update(key_share=True)).all()


def capacity(values: Mapping[str, Any], known: References) -> int:
    """Return how many seats a call with these columns has."""
    return allotment(values, known).seats


def allotment(values: Mapping[str, Any], known: References) -> Allotment:
    """Return how many seats a call with these columns gets, and by what."""
    by_account, open_, ceiling = known.accounts.get(values["account_id"] or "", (None, True, None))
    override, host, kind = values["seat_capacity_override"], known.hosts[values["host_id"]], known.types[values["type"]]
    return allotted(
        override,
        by_account,
        host,
        kind,
        open_=open_,
        account_ceiling=ceiling,
        house_ceiling=known.ceiling,
        colleagues=values["colleagues_invited"],
    )


def rules_changed(
    db: DbSession, which: ColumnElement[bool], *, seats_only: bool = False, actor: Actor, now: datetime
) -> None:
    """Bring calls in step with an account, host, type or house rule that has changed, and that the caller holds. Locks
    the calls by id. A constant number of statements per thousand calls.

    What they show of it is theirs, so each counts a version, unless `seats_only` says that they show nothing else;
    upcoming ones get the seats that now hold. Nobody who sits is thrown out by a rule: such a call takes nobody new
    until it fits.
    """
    found = lock_calls_where(db, which)
    columns = {row.id: row._asdict() for row in found}
    known = references(db, list(columns.values()))
    ahead = [row for row in found if row.status is CallStatus.SCHEDULED and row.starts_at > now]
    ruled = {row.id: max(capacity(columns[row.id], known), row.seats_taken) for row in ahead}
    resized = {row.id: ruled[row.id] for row in ahead if ruled[row.id] != row.seat_capacity}
    changed = [row for row in found if row.id in resized] if seats_only else found
    if not changed:
        return
    db.connection().execute(  # on the connection: the ORM would take many sets of parameters for rows by primary key
        update(call)
        .where(call.c.id == bindparam("call_id"))
        .values(seat_capacity=bindparam("ruled"), version=call.c.version + 1, updated_at=now),
        [{"call_id": row.id, "ruled": ruled.get(row.id, row.seat_capacity)} for row in changed],
    )
    renumber(db, resized, actor=actor, now=now)
    settle_calls_soon(db, [row.id for row in ahead if ruled[row.id] > row.seat_capacity], now=now)
    tell_many(db, "call.changed", [(row.id, row.version + 1) for row in changed], actor=actor, now=now)


def renumber(db: DbSession, capacities: Mapping[str, int], *, actor: Actor, now: datetime) -> None:
    """Give the live seats of locked calls the lowest numbers and copy the new capacity of their call onto them. A seat
    whose number changes counts a version and tells so. Two statements per thousand calls, and one.
    """
    taken: Counter[str] = Counter()
    moved: list[tuple[str, int]] = []
    for part in in_parts(capacities):
        rows = []
        for one in calls.live_seats(db, part):  # by number upward: each moves to a number that is free already
            taken[one.call_id] += 1
            number = taken[one.call_id]
            row = {"seat_id": one.id, "number": number, "of": capacities[one.call_id]}
            if number == one.seat_no:
                rows.append({**row, "counted": one.version, "at": one.updated_at})
            else:
                rows.append({**row, "counted": one.version + 1, "at": now})
                moved.append((one.id, one.version + 1))
        if rows:
            db.connection().execute(
                update(seat)
                .where(seat.c.id == bindparam("seat_id"))
                .values(
                    seat_no=bindparam("number"),
                    capacity=bindparam("of"),
                    version=bindparam("counted"),
                    updated_at=bindparam("at"),
                ),
                rows,
            )
    tell_many(db, "seat.renumbered", moved, actor=actor, now=now)
