"""Take somebody who has left out of the sessions without a call that are ahead of them and out of their matches, and
forget what opens their calendars.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select

from app.db import DbSession, Retryable
from app.models.tables import connected_calendar, match, participant, session
from app.operations import invites
from app.operations.claims import free_time
from app.operations.common_time import give_back
from app.operations.events import tell
from app.operations.match_runs import rematch_soon
from app.operations.matches import end_matches, hold_programs
from app.operations.session_rows import change_session
from app.operations.sessions import tell_calendars
from app.queries import matches, people, sessions
from app.rules.access import Actor
from app.rules.session_states import current
from app.vocabulary import CALL_KINDS, EndedBecause, Response, RunCause, SessionStatus

_ALIVE = (SessionStatus.REQUESTED, SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS)


def lock_company(
    db: DbSession, leaving: Collection[str], *, also: Collection[str] = (), now: datetime
) -> dict[str, Any]:
    """Lock those who are leaving, everybody whom they meet in sessions ahead, and `also`, which locks those sessions;
    then the matches of the programs in which somebody who is leaving has one, for nobody is matched who is locked.
    Return the people's rows by id. Before anything but names is locked. Asks for another run when somebody came to be
    among them between looking and locking.
    """
    rows = people.lock_people(db, {*leaving, *also, *_company(db, leaving, now=now)})
    if not _company(db, leaving, now=now) <= rows.keys():
        raise Retryable("somebody was asked into a session of who is leaving meanwhile")
    hold_programs(db, matches.programs_of(db, leaving))
    return rows


def leave_sessions(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """Let the others meet without this person where at least two of them come; cancel the rest. Everybody is told,
    once of a series. What was stays. Those whom they meet are locked with them (`lock_company`).
    """
    mine = select(participant.c.session_id).where(participant.c.person_id == person_id)
    rows = db.execute(select(session).where(session.c.id.in_(mine), *_ahead(now)).order_by(session.c.id)).all()
    everybody = sessions.participants(db, [row.id for row in rows])
    of_series: set[str] = set()
    for row in rows:
        status = current(row.status, row.expires_at, now=now)
        if status is SessionStatus.EXPIRED:
            continue
        coming = [one.person_id for one in everybody[row.id] if one.response is not Response.DECLINED]
        off = status is SessionStatus.REQUESTED or len({*coming} - {person_id}) < 2
        if off:
            free_time(db, [row.id], now=now)
        else:
            give_back(db, row.id, person_id, now=now)
            in_it = participant.c.session_id == row.id, participant.c.person_id == person_id
            db.execute(delete(participant).where(*in_it))
        version = change_session(db, row.id, {"status": SessionStatus.CANCELLED} if off else {}, now=now)
        tell(db, "session.cancelled" if off else "session.changed", row.id, version=version, actor=actor, now=now)
        if row.series_id is not None:
            of_series.add(row.series_id)
        elif status is not SessionStatus.REQUESTED:  # what is only held is in no calendar
            tell_calendars(db, row, cancelled=off, now=now)
    for series_id in sorted(of_series):  # one revision, however many of its occurrences changed
        invites.series_changed(db, series_id=series_id, now=now)


def leave_matches(
    db: DbSession, *, person_id: str, also: Collection[ColumnElement[bool]] = (), actor: Actor, now: datetime
) -> None:
    """End the matches that stand of somebody who has left, or those of which all of `also` is true, and have their
    programs, which are held (`hold_programs`), matched anew.
    """
    either = or_(match.c.mentee_id == person_id, match.c.mentor_id == person_id)
    ended = matches.standing_for_update(db, either, *also)
    end_matches(db, ended, because=EndedBecause.LEFT, actor=actor, now=now)
    for program_id in sorted({row.program_id for row in ended}):
        rematch_soon(db, program_id, RunCause.SOMEBODY_LEFT, now)


def forget_calendars(db: DbSession, *, person_id: str) -> None:
    """Forget which calendars outside this person connected, and what opens them. What was read there stays."""
    db.execute(delete(connected_calendar).where(connected_calendar.c.person_id == person_id))


def _company(db: DbSession, person_ids: Collection[str], *, now: datetime) -> set[str]:
    """Return everybody in the sessions ahead of these people, themselves included. One statement."""
    theirs = select(participant.c.session_id).join(session)
    theirs = theirs.where(participant.c.person_id.in_(sorted(person_ids)), *_ahead(now))
    return set(db.execute(select(participant.c.person_id).where(participant.c.session_id.in_(theirs))).scalars())


def _ahead(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return session.c.kind.not_in(CALL_KINDS), session.c.ends_at > now, session.c.status.in_(_ALIVE)
