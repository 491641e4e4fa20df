"""Take somebody who has left out of the sessions without a call that are ahead of them."""

from datetime import datetime

from sqlalchemy import delete, select

from app.db import DbSession
from app.models.tables import participant, session
from app.operations.common_time import give_back
from app.operations.events import tell
from app.operations.session_locks import Locked
from app.operations.session_rows import change_session
from app.operations.sessions import cancel_locked, tell_calendars
from app.queries import sessions
from app.rules.access import Actor
from app.rules.session_states import current
from app.vocabulary import CALL_KINDS, Response, SessionStatus


def leave_sessions(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """Let the others meet without this locked person where at least two of them come; cancel the rest. Everybody
    is told. What was stays.

    The lock on this person is enough: whoever changes one of these sessions locks everybody in it.
    """
    mine = participant.c.person_id == person_id, participant.c.response != Response.DECLINED
    query = select(session).join(participant, participant.c.session_id == session.c.id).where(*mine)
    query = query.where(session.c.kind.not_in(CALL_KINDS), session.c.ends_at > now)
    query = query.where(session.c.status.in_((SessionStatus.REQUESTED, SessionStatus.CONFIRMED)))
    rows = db.execute(query.order_by(session.c.id)).all()
    people = sessions.participants(db, [row.id for row in rows])
    for row in rows:
        status = current(row.status, row.expires_at, now=now)
        others = [one for one in people[row.id] if one.person_id != person_id and one.response != Response.DECLINED]
        if status is SessionStatus.CONFIRMED and len(others) >= 2:
            _leave(db, Locked(row, people[row.id], (), status), person_id, actor=actor, now=now)
        elif status is not SessionStatus.EXPIRED:
            cancel_locked(db, Locked(row, people[row.id], (), status), actor=actor, now=now)


def _leave(db: DbSession, locked: Locked, person_id: str, *, actor: Actor, now: datetime) -> None:
    give_back(db, locked.row.id, person_id)
    in_it = participant.c.session_id == locked.row.id, participant.c.person_id == person_id
    db.execute(delete(participant).where(*in_it))
    version = change_session(db, locked.row.id, {}, now=now)
    tell_calendars(db, locked.row, cancelled=False, now=now)
    tell(db, "session.changed", locked.row.id, version=version, actor=actor, now=now)
