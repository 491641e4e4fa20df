"""Look up when people can meet."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Select, select, union_all

from app.db import DbSession
from app.errors import Fault, Invalid
from app.models.tables import person
from app.queries import busy
from app.queries.house_rules import house_rules
from app.queries.instants import Instants
from app.queries.meetings import colleagues
from app.queries.people import visible
from app.rules.access import Actor
from app.rules.availability import Range
from app.rules.meeting import Colleague, HouseRules
from app.rules.slots import CommonSlots, Ints, Taken, Wanted, common_slots

_NEAR = timedelta(days=14)
_NEAR_STEP_MINUTES = 15
_MICROSECONDS = 60_000_000
"""In a minute."""
_OF_PERSON = (
    person.c.id, person.c.time_zone, person.c.status, person.c.sessions_per_day, person.c.sessions_per_week
)  # fmt: skip


def _in_columns(query: Any) -> Select[str, Ints, Ints]:
    """Ask for a row per person in place of one per range."""
    person_id, starts_at, ends_at = query.selected_columns
    columns: Select[str, Ints, Ints] = query.with_only_columns(person_id, Instants(starts_at), Instants(ends_at))
    return columns.group_by(person_id)


_TAKING = union_all(*map(_in_columns, busy.TAKING.selects))


def free_slots(db: DbSession, person_ids: Sequence[str], wanted: Wanted, *, actor: Actor, now: datetime) -> CommonSlots:
    """Return when all of these people can meet, and why not when they can't. Whoever is signed in may ask about
    colleagues who are here. Refused as `unknown_reference`, saying which is not. Five statements.
    """
    found = db.execute(select(*_OF_PERSON).where(person.c.id.in_(person_ids), visible(actor))).all()
    here = {row.id for row in found}
    for number, person_id in enumerate(person_ids, 1):
        if person_id not in here:
            sentence = f"There is no such person: number {number} of those you named. Leave them out."
            fault = Fault("query:person_id", "unknown", sentence)
            raise Invalid("Somebody you named is not here.", code="unknown_reference", faults=(fault,))
    return common_slots(_diaries(db, found, wanted, now=now), wanted, house=house_rules(db), now=now)


def nearest_free(
    db: DbSession,
    people: Collection[Any],
    after: datetime,
    duration_minutes: int,
    *,
    house: HouseRules,
    now: datetime,
    ignoring: Collection[str] = (),
    at_most: int = 3,
) -> list[Range]:
    """Return the first common free slots from `after` on, within 14 days, given the people's rows.

    They start on quarter hours, which are the same in every zone of today. The sessions in `ignoring` are in nobody's
    way. Three statements.
    """
    wanted = Wanted(after, after + _NEAR, duration_minutes, _NEAR_STEP_MINUTES)
    diaries = _diaries(db, people, wanted, now=now, ignoring=ignoring)
    return common_slots(diaries, wanted, house=house, now=now, at_most=at_most).slots


def _diaries(
    db: DbSession, people: Collection[Any], wanted: Wanted, *, now: datetime, ignoring: Collection[str] = ()
) -> list[tuple[Colleague, Taken]]:
    """Return what must be known of people and what takes their time. Three statements."""
    known = colleagues(db, people, wanted.starts_at, wanted.ends_at, now=now, ignoring=ignoring)
    around = (wanted.starts_at - busy.LONGEST_BUFFER, wanted.ends_at + busy.LONGEST_BUFFER)
    given = busy.during(*around, known, now=now, ignoring=ignoring)
    parts: dict[str, list[tuple[Ints, Ints]]] = {one: [] for one in known}
    for person_id, starts, ends in db.execute(_TAKING, given):
        parts[person_id].append((starts, ends))
    return [(one, _taken(parts[one.id])) for one in known.values()]


def _taken(parts: Sequence[tuple[Ints, Ints]]) -> Taken:
    if not parts:
        return Taken.of(())
    starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Taken(starts // _MICROSECONDS, -(-ends // _MICROSECONDS))
