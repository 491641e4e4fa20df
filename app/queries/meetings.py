"""Read what the rule of sessions without a call must know of people: one answer for booking and for the slots."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from app.db import DbSession
from app.models.tables import participant, session
from app.queries import busy
from app.rules.availability import working_ranges
from app.rules.loads import load
from app.rules.meeting import Colleague, Participant
from app.vocabulary import CALL_KINDS, PersonStatus, Response, SessionStatus


def participants(
    db: DbSession,
    people: Collection[Any],
    starts_at: datetime,
    ends_at: datetime,
    *,
    now: datetime,
    ignoring: Collection[str] = (),
) -> dict[str, Participant]:
    """Return what must be known of people, given their rows, to let them meet anywhere within [starts_at, ends_at).

    The sessions in `ignoring` neither take time nor count: a session may move over itself. Three statements.
    """
    around = (starts_at - busy.LONGEST_BUFFER, ends_at + busy.LONGEST_BUFFER)
    taken = busy.taken(db, [row.id for row in people], *around, now=now, ignoring=ignoring)
    return {
        one.id: Participant(
            id=one.id,
            works_here=one.works_here,
            hours=one.hours,
            working=one.working,
            load=one.load,
            before=one.before,
            after=one.after,
            taken=taken[one.id],
        )
        for one in colleagues(db, people, starts_at, ends_at, now=now, ignoring=ignoring).values()
    }


def colleagues(
    db: DbSession,
    people: Collection[Any],
    starts_at: datetime,
    ends_at: datetime,
    *,
    now: datetime,
    ignoring: Collection[str] = (),
) -> dict[str, Colleague]:
    """Return what `participants` does, but for what takes their time. Two statements."""
    hours = busy.working_hours(db, people)
    starts = _session_starts(db, people, starts_at, ends_at, now=now, ignoring=ignoring)
    # Many people keep the same hours in the same zone.
    working = {one: working_ranges(one, starts_at, ends_at) for one in set(hours.values())}
    return {
        row.id: Colleague(
            id=row.id,
            works_here=row.status is PersonStatus.ACTIVE,
            hours=hours[row.id],
            working=working[hours[row.id]],
            load=load(row.time_zone, row.sessions_per_day, row.sessions_per_week, starts.get(row.id, ())),
            before=timedelta(minutes=hours[row.id].buffer_before_minutes),
            after=timedelta(minutes=hours[row.id].buffer_after_minutes),
        )
        for row in people
    }


def _session_starts(
    db: DbSession,
    people: Collection[Any],
    starts_at: datetime,
    ends_at: datetime,
    *,
    now: datetime,
    ignoring: Collection[str],
) -> dict[str, list[int]]:
    """Return when sessions without a call start that count towards the limits of those who have one, in seconds since
    1970. One statement.
    """
    limited = [row.id for row in people if (row.sessions_per_day, row.sessions_per_week) != (None, None)]
    query = select(participant.c.person_id, session.c.starts_at).join(session, session.c.id == participant.c.session_id)
    query = query.where(
        participant.c.person_id.in_(limited),
        participant.c.response != Response.DECLINED,
        session.c.kind.not_in(CALL_KINDS),
        session.c.status.not_in((SessionStatus.CANCELLED, SessionStatus.EXPIRED)),
        or_(session.c.status != SessionStatus.REQUESTED, session.c.expires_at.is_(None), session.c.expires_at > now),
        session.c.id.not_in(list(ignoring)),
        session.c.starts_at >= starts_at - busy.LOCAL_WEEK,
        session.c.starts_at < ends_at + busy.LOCAL_WEEK,
    )
    found: dict[str, list[int]] = {}
    for row in db.execute(query):
        found.setdefault(row.person_id, []).append(int(row.starts_at.timestamp()))
    return found
