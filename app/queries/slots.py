"""Look up when people can meet."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import JSON, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.db import DbSession
from app.errors import Fault, Invalid
from app.models.tables import person
from app.queries import busy
from app.queries.house_rules import house_rules
from app.queries.meetings import colleagues
from app.queries.people import visible
from app.rules.access import Actor
from app.rules.availability import Range
from app.rules.meeting import Colleague, HouseRules
from app.rules.slots import CommonSlots, Taken, Wanted, common_slots

_NEAR = timedelta(days=14)
_NEAR_STEP_MINUTES = 15


class UnknownPerson(Invalid):
    """Free time is asked of somebody who is not here."""

    code = "unknown_reference"
    title = "There is no such person"


def free_slots(db: DbSession, person_ids: Sequence[str], wanted: Wanted, *, actor: Actor, now: datetime) -> CommonSlots:
    """Return when all of these people can meet, and why not when they can't. Whoever is signed in may ask about
    colleagues who are here. Refused as `unknown_reference`, saying which is not. Six statements.
    """
    found = db.execute(select(person).where(person.c.id.in_(person_ids), visible(actor))).all()
    here = {row.id for row in found}
    for number, person_id in enumerate(person_ids, 1):
        if person_id not in here:
            sentence = f"There is no such person: number {number} of those you named. Leave them out."
            raise UnknownPerson(faults=(Fault("query:person_id", "unknown", sentence),))
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
    way. Four statements.
    """
    wanted = Wanted(after, after + _NEAR, duration_minutes, _NEAR_STEP_MINUTES)
    diaries = _diaries(db, people, wanted, now=now, ignoring=ignoring)
    return common_slots(diaries, wanted, house=house, now=now, at_most=at_most).slots


def _diaries(
    db: DbSession, people: Collection[Any], wanted: Wanted, *, now: datetime, ignoring: Collection[str] = ()
) -> list[tuple[Colleague, Taken]]:
    """Return what must be known of people and what takes their time. Four statements."""
    known = colleagues(db, people, wanted.starts_at, wanted.ends_at, now=now, ignoring=ignoring)
    around = (wanted.starts_at - busy.LONGEST_BUFFER, wanted.ends_at + busy.LONGEST_BUFFER)
    takes = busy.taking([row.id for row in people], *around, now=now, ignoring=ignoring).subquery()
    # One row per person: to make an object of each of many thousand instants takes longer than all the rest.
    columns = select(takes.c.person_id, _MinutesDown(takes.c.starts_at), _MinutesUp(takes.c.ends_at))
    taken = {
        person_id: Taken(np.array(starts, np.int64), np.array(ends, np.int64))
        for person_id, starts, ends in db.execute(columns.group_by(takes.c.person_id))
    }
    return [(one, taken.get(one.id) or Taken.of(())) for one in known.values()]


class _MinutesDown(FunctionElement[list[int]]):
    """The instants of a group's rows in whole minutes since 1970, rounded down, as one list."""

    type = JSON()
    inherit_cache = True


class _MinutesUp(FunctionElement[list[int]]):
    """The same, rounded up, in the same order."""

    type = JSON()
    inherit_cache = True


@compiles(_MinutesDown, "sqlite")
def _down_on_sqlite(element: _MinutesDown, compiler: Any, **options: Any) -> str:
    return f"json_group_array(strftime('%s', {compiler.process(element.clauses, **options)}) / 60)"


@compiles(_MinutesUp, "sqlite")
def _up_on_sqlite(element: _MinutesUp, compiler: Any, **options: Any) -> str:
    # Instants are stored as text with six digits after the point; strftime drops them.
    stored = compiler.process(element.clauses, **options)
    return f"json_group_array((strftime('%s', {stored}) + 59 + (substr({stored}, 21) > '000000')) / 60)"


@compiles(_MinutesDown, "postgresql")
def _down_on_postgresql(element: _MinutesDown, compiler: Any, **options: Any) -> str:
    return f"json_agg(floor(date_part('epoch', {compiler.process(element.clauses, **options)}) / 60)::bigint)"


@compiles(_MinutesUp, "postgresql")
def _up_on_postgresql(element: _MinutesUp, compiler: Any, **options: Any) -> str:
    return f"json_agg(ceil(date_part('epoch', {compiler.process(element.clauses, **options)}) / 60)::bigint)"
