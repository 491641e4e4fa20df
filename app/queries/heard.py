"""Read when people heard a call last."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from app.db import DbSession
from app.models.tables import call, seat
from app.vocabulary import SeatStatus


def last_heard(db: DbSession, person_ids: Iterable[str]) -> dict[str, datetime]:
    """Return by person when the last call began that they sat in on; absent: none. Figures, for whom `may_see_figures`
    lets. One statement.
    """
    query = select(seat.c.observer_id, func.max(call.c.starts_at).label("heard_at")).join(call)
    query = query.where(seat.c.observer_id.in_(sorted(set(person_ids))), seat.c.status == SeatStatus.ATTENDED)
    return {row.observer_id: row.heard_at for row in db.execute(query.group_by(seat.c.observer_id))}
