"""Lower hands: they go down with the call, and with who raised them."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import update

from app.db import DbSession
from app.models.tables import hand

UP = hand.c.lowered_at.is_(None)
"""The condition for hands that are raised."""


def lower_hands(db: DbSession, call_id: str, *, of: Collection[str] | None = None, now: datetime) -> None:
    """Lower the hands on a locked call, those of everybody or of these people. What lowers them tells of itself."""
    which = [hand.c.call_id == call_id, UP]
    if of is not None:
        which.append(hand.c.person_id.in_(of))
    db.execute(update(hand).where(*which).values(lowered_at=now, version=hand.c.version + 1))
