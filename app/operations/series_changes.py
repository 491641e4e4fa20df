"""Change sessions that recur: one occurrence, this and those that follow, or all that are still to come.

A series that is moved from some occurrence on is cut: what comes before keeps its event, the rest gets one of its own.
Everybody who takes part is locked, which locks the series: all occurrences that are to come have the same people.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select, update

from app.db import DbSession
from app.models.tables import series, session
from app.operations import invites, sessions
from app.operations.claims import free_time
from app.operations.events import tell, tell_many
from app.operations.refused import Past
from app.operations.series import (
    NO_WALL_TIME,
    RecurrenceInvalid,
    add_series,
    blocked_by,
    claim_all,
    facts,
    plan_columns,
    refused_times,
)
from app.operations.session_locks import Locked, lock_session, status_after
from app.operations.session_rows import ask_anew
from app.queries.series import OFF, occurrence_rows, plan_of
from app.rules.access import Actor
from app.rules.recurrence import Occurrence, Recurrence, RuleRefused, Scope, cut, moved, occurrences, scope
from app.rules.session_states import Act
from app.vocabulary import SessionStatus


def reschedule(
    db: DbSession,
    *,
    session_id: str,
    starts_at: datetime,
    duration_minutes: int | None = None,
    which: Scope,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Move a session, or of a series this occurrence, it and those that follow, or all that are still to come, as far.

    All or nothing, as `book_series`. Occurrences that had moved by themselves go with the others; what was cancelled
    stays cancelled. What comes before the first that moves is left as it is. Locks everybody in it.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if which == "this" or locked.row.series_id is None:
        sessions.reschedule_session(
            db, session_id=session_id, starts_at=starts_at, duration_minutes=duration_minutes, actor=actor, now=now
        )
        return
    status_after(db, Act.RESCHEDULE, locked, now=now)
    if locked.row.ends_at <= now:
        raise Past("It is over: move one that is still to come, and those that follow.")
    rows = occurrence_rows(db, [locked.row.series_id])[locked.row.series_id]
    moving = _in_scope(rows, locked, which, now=now)
    first = min(row.occurrence_at for row in moving)
    old = db.execute(select(series).where(series.c.id == locked.row.series_id)).one()
    before, rest = cut(plan_of(old), first)
    after = _moved(rest, locked, starts_at, duration_minutes)
    slots = dict(zip((one.starts_at for one in occurrences(rest)), occurrences(after), strict=True))
    times = {row.id: slots[row.occurrence_at] for row in moving}
    if all((row.starts_at, row.ends_at) == times[row.id][1:] for row in moving):
        return
    known = facts(db, locked.people, list(times.values()), ignoring=list(times), now=now)
    why = refused_times(db, known, list(times.values()), now=now)
    if blocked := [(one, reason) for one, reason in zip(times.values(), why, strict=True) if reason is not None]:
        raise blocked_by(blocked)
    stays = before is not None and any(row.occurrence_at < first and row.status not in OFF for row in rows)
    _write_plan(db, old.id, before if stays and before else after)
    series_id = add_series(db, old.kind, after, now=now) if stays else old.id
    free_time(db, times, now=now)
    going = [row for row in rows if row.occurrence_at >= first]
    _place(db, going, series_id, slots, times, now=now)
    claim_all(db, known, {session_id: one[1:] for session_id, one in times.items()}, now=now)
    ask_anew(db, times)
    invites.series_changed(db, series_id=old.id, now=now)
    if stays:
        invites.series_joins(db, series_id=series_id, now=now)
    tell_many(db, "session.moved", [(row.id, row.version + 1) for row in moving], actor=actor, now=now)
    others = [(row.id, row.version + 1) for row in going if row.id not in times]
    tell_many(db, "session.changed", others, actor=actor, now=now)


def cancel(
    db: DbSession,
    *,
    session_id: str,
    which: Scope,
    note: str | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Cancel a session, or of a series this occurrence, it and those that follow, or all that are still to come: one
    message to each person, with the note. What comes before is left as it is. Repeating it changes nothing. Locks
    everybody in it.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if which == "this" or locked.row.series_id is None:
        sessions.cancel_session(db, session_id=session_id, note=note, actor=actor, now=now)
        return
    rows = occurrence_rows(db, [locked.row.series_id])[locked.row.series_id]
    ending = _in_scope(rows, locked, which, now=now)
    if not ending:
        if locked.status is not SessionStatus.CANCELLED:
            status_after(db, Act.CANCEL, locked, now=now)
        return
    gone = [row.id for row in ending]
    free_time(db, gone, now=now)
    db.execute(
        update(session)
        .where(session.c.id.in_(gone))
        .values(status=SessionStatus.CANCELLED, version=session.c.version + 1, updated_at=now)
    )
    invites.series_changed(db, series_id=locked.row.series_id, now=now)
    first, *others = ending
    detail = {"note": note} if note else None
    tell(db, "session.cancelled", first.id, version=first.version + 1, actor=actor, now=now, detail=detail)
    tell_many(db, "session.cancelled", [(row.id, row.version + 1) for row in others], actor=actor, now=now)


def _in_scope(rows: Sequence[Any], locked: Locked, which: Scope, *, now: datetime) -> list[Any]:
    """Return the occurrences that an act is about and that are still to come."""
    about = set(scope([row.occurrence_at for row in rows], locked.row.occurrence_at, which))
    return [
        row
        for row in rows
        if row.occurrence_at in about and row.status is SessionStatus.CONFIRMED and row.ends_at > now
    ]


def _moved(rest: Recurrence, locked: Locked, starts_at: datetime, duration_minutes: int | None) -> Recurrence:
    """Return a series in which the locked occurrence starts at `starts_at`, and every other as far from its slot."""
    slots = occurrences(rest)
    place = [one.starts_at for one in slots].index(locked.row.occurrence_at)
    by = starts_at.astimezone(ZoneInfo(rest.time_zone)).replace(tzinfo=None, microsecond=0) - slots[place].wall
    try:
        after = moved(rest, rest.local_start + by, duration_minutes or rest.duration_minutes)
    except RuleRefused as refused:
        raise RecurrenceInvalid(str(refused)) from refused
    if occurrences(after)[place].starts_at != starts_at:
        raise RecurrenceInvalid(NO_WALL_TIME)
    return after


def _write_plan(db: DbSession, series_id: str, plan: Recurrence) -> None:
    db.execute(update(series).where(series.c.id == series_id).values(**plan_columns(plan)))


def _place(
    db: DbSession,
    rows: Sequence[Any],
    series_id: str,
    slots: Mapping[datetime, Occurrence],
    times: Mapping[str, Occurrence],
    *,
    now: datetime,
) -> None:
    """Give occurrences their slots in the series that they belong to from now on, and those that move their times. What
    was cancelled gets a slot as well, where it goes on not to happen.
    """
    changed = [
        {
            "row_id": row.id,
            "slot": slots[row.occurrence_at].starts_at,
            "begins": times[row.id].starts_at if row.id in times else row.starts_at,
            "stops": times[row.id].ends_at if row.id in times else row.ends_at,
        }
        for row in rows
    ]
    db.connection().execute(
        update(session)
        .where(session.c.id == bindparam("row_id"))
        .values(
            series_id=series_id,
            occurrence_at=bindparam("slot"),
            starts_at=bindparam("begins"),
            ends_at=bindparam("stops"),
            undo_until=None,
            version=session.c.version + 1,
            updated_at=now,
        ),
        changed,
    )
