"""Read series: when they happen by their rule, and what became of each occurrence."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.ical import entries as ical
from app.ical.zones import keeps_its_clock
from app.models.tables import series, session
from app.rules.recurrence import Occurrence, Recurrence, occurrences, rule_of
from app.vocabulary import SessionStatus

OFF = (SessionStatus.CANCELLED, SessionStatus.EXPIRED)
"""Sessions that will not happen."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """A series as calendars tell it. `[starts_at, ends_at)` is its first occurrence by its rule."""

    starts_at: datetime
    ends_at: datetime
    recurrence: ical.Recurrence
    session_id: str
    """The first occurrence that stands; the first one when none does."""


def plan_of(row: Any) -> Recurrence:
    """Return when a series happens by its row."""
    return Recurrence(
        rule=rule_of(row.rrule, row.time_zone),
        time_zone=row.time_zone,
        local_start=datetime.fromisoformat(row.local_start),
        duration_minutes=row.duration_minutes,
    )


def occurrence_rows(db: DbSession, series_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return the sessions of each series, in the order of its rule. One statement."""
    found: dict[str, list[Any]] = {series_id: [] for series_id in series_ids}
    query = select(session).where(session.c.series_id.in_(sorted(series_ids)))
    for row in db.execute(query.order_by(session.c.occurrence_at, session.c.id)):
        found[row.series_id].append(row)
    return found


def timetables(db: DbSession, series_ids: Collection[str]) -> dict[str, Timetable]:
    """Return how calendars tell these series. Two statements."""
    if not series_ids:
        return {}
    sessions = occurrence_rows(db, series_ids)
    rows = db.execute(select(series).where(series.c.id.in_(sorted(series_ids))))
    return {row.id: _timetable(row, sessions[row.id]) for row in rows}


def _timetable(row: Any, sessions: Sequence[Any]) -> Timetable:
    plan = plan_of(row)
    slots = {one.starts_at: one for one in occurrences(plan)}
    standing = {one.occurrence_at: one for one in sessions if one.status not in OFF}
    told = [
        (slot, ical.Override(at, standing[at].starts_at, standing[at].ends_at))
        for at, slot in slots.items()
        if at in standing
    ]
    first = next(iter(slots.values()))
    return Timetable(
        starts_at=first.starts_at,
        ends_at=first.ends_at,
        recurrence=ical.Recurrence(
            rrule=str(plan.rule),
            time_zone=plan.time_zone,
            local_start=plan.local_start,
            dropped=tuple(at for at in slots if at not in standing),
            overrides=tuple(one for slot, one in told if not _in_place(slot, one)),
            exact=tuple(
                one
                for slot, one in told
                if _in_place(slot, one) and not keeps_its_clock(slot.wall, one.ends_at - one.starts_at, plan.time_zone)
            ),
        ),
        session_id=next(iter(standing.values()), sessions[0]).id,
    )


def _in_place(slot: Occurrence, one: ical.Override) -> bool:
    return (slot.starts_at, slot.ends_at) == (one.starts_at, one.ends_at)
