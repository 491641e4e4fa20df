"""Read what each of several people was given, to say whose turn it is."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.db import DbSession
from app.models.tables import enrollment, participant, session
from app.rules.fair import Candidate
from app.vocabulary import CALL_KINDS, SessionStatus, Side

_WEEKS = timedelta(weeks=4)
_OFF = (SessionStatus.CANCELLED, SessionStatus.EXPIRED)


def candidates(db: DbSession, people: Collection[Any], *, now: datetime) -> list[Candidate]:
    """Return these people, given their rows, with the sessions without a call that they were given in four weeks.

    Who offers to mentor several people is given as many times more. Two statements.
    """
    who = [row.id for row in people]
    given = select(participant.c.person_id, session.c.created_at).join(session)
    given = given.where(
        participant.c.person_id.in_(who),
        session.c.kind.not_in(CALL_KINDS),
        session.c.status.not_in(_OFF),
        session.c.created_at > now - _WEEKS,
    )
    given_at: dict[str, list[datetime]] = {person_id: [] for person_id in who}
    for row in db.execute(given.order_by(session.c.created_at, session.c.id)):
        given_at[row.person_id].append(row.created_at)
    capacity = select(enrollment.c.person_id, func.sum(enrollment.c.capacity).label("total"))
    capacity = capacity.where(enrollment.c.person_id.in_(who), enrollment.c.side == Side.MENTOR)
    weights = {row.person_id: row.total for row in db.execute(capacity.group_by(enrollment.c.person_id))}
    return [
        Candidate(row.id, row.created_at, tuple(given_at[row.id]), max(weights.get(row.id, 1), 1)) for row in people
    ]
