"""Change when somebody works, and what other calendars say of their time."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Fault, Invalid, NotFound
from app.models import Availability, Pause, Person
from app.models.tables import availability, busy, pause
from app.operations.changes import amend, check_admin, check_version, from_to
from app.operations.events import tell, tell_many
from app.operations.settling import settle_waits_of
from app.queries.access import check_acts
from app.queries.rows import row_for_update
from app.rules.access import Actor, is_theirs, may_act_for
from app.vocabulary import BusyStatus

OFFICE_HOURS = tuple((weekday, 9 * 60, 17 * 60) for weekday in range(1, 6))
"""Monday to Friday, 09:00 to 17:00 in the person's zone."""


class NightShift(Invalid):
    """Hours end before they start: work past midnight belongs to two days."""

    code = "night_shift"
    title = "Hours end later on the same day; a night shift is two rows"


class HoursOverlap(Invalid):
    """Two ranges of one day have time in common."""

    code = "overlap"
    title = "Ranges of one day overlap"


def set_availability(
    db: DbSession,
    *,
    person_id: str,
    time_zone: str,
    weekly: Sequence[tuple[int, int, int]],
    exceptions: Mapping[str, Sequence[tuple[int, int]]],
    buffers: tuple[int, int] = (0, 0),
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Availability:
    """Replace somebody's working hours, their zone, as hours are local to where they live, and the minutes that they
    keep free before and after sessions booked from now on. Refused as `night_shift` or `overlap`, pointing at the
    range by its place in what was given. Locks the person.
    """
    found = acted_for(db, person_id, actor=actor)
    hours = db.get_one(Availability, person_id)
    check_version(hours, expected_version)
    _check_hours(weekly, exceptions)
    wanted = {
        "weekly": sorted([list(range_) for range_ in weekly]),
        "exceptions": {day: sorted([list(range_) for range_ in ranges]) for day, ranges in sorted(exceptions.items())},
        "buffer_before_minutes": buffers[0],
        "buffer_after_minutes": buffers[1],
    }
    by: Any = {"object_id": person_id, "actor": actor, "now": now}
    moved = amend(db, found, {"time_zone": time_zone}, act="person.changed", **by)
    if amend(db, hours, wanted, act="availability.changed", also=moved, **by):
        settle_waits_of(db, [person_id], now=now)
    return hours


def set_first_hours(
    db: DbSession, several: Mapping[str, Sequence[tuple[int, int, int]]], *, actor: Actor, now: datetime
) -> None:
    """Say when people work, by id, who were added in this transaction: they keep office hours so far, and nobody waits
    for them. Refused as `set_availability` is. Four statements for all.
    """
    check_admin(actor)
    for weekly in several.values():
        _check_hours(weekly, {})
    before = [list(range_) for range_ in OFFICE_HOURS]
    wanted = {who: sorted([list(range_) for range_ in weekly]) for who, weekly in several.items()}
    new = {who: weekly for who, weekly in wanted.items() if weekly != before}
    if not new:
        return
    db.connection().execute(  # on the connection: the ORM would take many sets of parameters for rows by primary key
        update(availability)
        .where(availability.c.person_id == bindparam("who"))
        .values(weekly=bindparam("hours"), version=availability.c.version + 1, updated_at=now),
        [{"who": who, "hours": weekly} for who, weekly in new.items()],
    )
    details = {who: from_to({"weekly": before}, {"weekly": weekly}) for who, weekly in new.items()}
    second = [(who, 2) for who in new]
    tell_many(db, "availability.changed", second, actor=actor, now=now, details=details)


def zone_changed(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """Count a version of somebody's hours, which are local to the zone that changed. The caller holds the person."""
    hours = db.get_one(Availability, person_id)
    hours.version += 1
    hours.updated_at = now
    db.flush()
    tell(db, "availability.changed", person_id, version=hours.version, actor=actor, now=now)


def create_pause(
    db: DbSession, *, person_id: str, starts_on: date, ends_on: date, actor: Actor, now: datetime
) -> tuple[Pause, bool]:
    """Let somebody take nothing new on these local dates, the last one included; return the pause, and whether it is
    new. What is booked stays. Repeating it changes nothing. Locks the person.
    """
    acted_for(db, person_id, actor=actor)
    same = select(Pause).filter_by(person_id=person_id, starts_on=starts_on, ends_on=ends_on)
    if (known := db.execute(same.order_by(pause.c.id).limit(1)).scalar()) is not None:
        return known, False
    made = Pause(id=ids.new("pau", now), person_id=person_id, starts_on=starts_on, ends_on=ends_on, created_at=now)
    db.add(made)
    db.flush()
    tell(db, "pause.created", made.id, version=1, actor=actor, now=now, detail=from_to({}, _days(made)))
    return made, True


def delete_pause(db: DbSession, *, person_id: str, pause_id: str, actor: Actor, now: datetime) -> None:
    """End a pause, or take it back. Raises NotFound unless it is this person's. Locks the person."""
    acted_for(db, person_id, actor=actor)
    found = db.get(Pause, pause_id)
    if found is None or found.person_id != person_id:
        raise NotFound
    db.delete(found)
    db.flush()
    settle_waits_of(db, [person_id], now=now)
    tell(db, "pause.deleted", pause_id, version=2, actor=actor, now=now, detail=from_to(_days(found), {}))


def replace_busy(
    db: DbSession,
    *,
    person_id: str,
    source: str,
    intervals: Sequence[tuple[datetime, datetime, BusyStatus]],
    actor: Actor,
    now: datetime,
) -> None:
    """Replace what one source says of somebody's time. Locks the person, as booking does: neither misses the other."""
    found = acted_for(db, person_id, actor=actor)
    db.execute(delete(busy).where(busy.c.person_id == person_id, busy.c.source == source))
    rows = [
        {
            "id": ids.new("bsy", now),
            "person_id": person_id,
            "source": source,
            "starts_at": a,
            "ends_at": b,
            "status": status,
        }
        for a, b, status in intervals
    ]
    if rows:
        db.execute(insert(busy), rows)
    settle_waits_of(db, [person_id], now=now)
    tell(db, "busy.replaced", person_id, version=found.version, actor=actor, now=now)


def acted_for(db: DbSession, person_id: str, *, actor: Actor) -> Person:
    """Return the person, locked. Raises NotFound unless the actor may act for them."""
    check_acts(actor)
    if not may_act_for(actor, person_id):
        raise NotFound
    return row_for_update(db, Person, person_id)


def owned_person(db: DbSession, person_id: str, *, actor: Actor) -> Person:
    """Return the person, locked. Raises NotFound unless what they alone decide about is this actor's to change."""
    check_acts(actor)
    if not is_theirs(actor, person_id):
        raise NotFound
    return row_for_update(db, Person, person_id)


def _days(found: Pause) -> dict[str, Any]:
    return {"person_id": found.person_id, "starts_on": found.starts_on, "ends_on": found.ends_on}


def _check_hours(weekly: Sequence[tuple[int, int, int]], exceptions: Mapping[str, Sequence[tuple[int, int]]]) -> None:
    spans: list[tuple[str, int | str, int, int]] = [
        (f"/weekly/{index}", weekday, start, end) for index, (weekday, start, end) in enumerate(weekly)
    ]
    for index, (day, ranges) in enumerate(exceptions.items()):
        spans += [(f"/exceptions/{index}/ranges/{nth}", day, start, end) for nth, (start, end) in enumerate(ranges)]
    for pointer, on, start, end in spans:
        if end <= start:
            raise NightShift(
                _two_rows(on, start, end), faults=(Fault(pointer, NightShift.code, "must end later than it starts"),)
            )
    # In order of their starts, ranges that overlap at all include two neighbours that do.
    by_day = sorted(spans, key=lambda span: (str(span[1]), span[2], span[3]))
    for (_, on, _, end), (pointer, next_on, next_start, _) in pairwise(by_day):
        if on == next_on and next_start < end:
            fault = Fault(pointer, HoursOverlap.code, "has time in common with another range of that day")
            raise HoursOverlap("Join the ranges into one, or move them apart.", faults=(fault,))


def _two_rows(on: int | str, start: int, end: int) -> str:
    """Say how hours that pass midnight are written: up to 24:00, and from 00:00 on the day after."""
    following: int | str
    if isinstance(on, int):
        name, following = "weekday", on % 7 + 1
    else:
        name, following = "date", (date.fromisoformat(on) + timedelta(days=1)).isoformat()
    rows = [{name: on, "start": _clock(start), "end": "24:00"}]
    if end:
        rows.append({name: following, "start": "00:00", "end": _clock(end)})
    return "Write " + " and ".join(json.dumps(row) for row in rows) + "."


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
