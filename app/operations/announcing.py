"""Tell those who want to hear of events: a delivery for each endpoint, a notice for each person, written down once.

Domain transactions leave a row per event and nothing else. A sequence is given before its commit, so a reader that
remembers how far it has come would pass over what commits late: each event says itself whether it was announced.
"""

from datetime import datetime

from sqlalchemy import bindparam, select, text, update

from app.db import DbSession, one_at_a_time
from app.models.tables import event
from app.operations import deliveries, notices
from app.operations.events import Told

_AT_ONCE = 200
_WAITING = text("announced = false")
_NEXT = select(*(event.c[name] for name in Told.__slots__)).where(_WAITING).order_by(event.c.sequence).limit(_AT_ONCE)
_ANNOUNCED = update(event).where(event.c.sequence.in_(bindparam("sequences", expanding=True))).values(announced=True)


def anything_to_announce(db: DbSession) -> bool:
    """Whether some event waits. One look at an index that holds no others."""
    return db.execute(select(event.c.sequence).where(_WAITING).limit(1)).first() is not None


def announce(db: DbSession, *, now: datetime) -> int:
    """Write down who hears of the next events, in their order, and return how many these were; 0: none is left.

    Each event is announced once, by one worker at a time: two at once could overtake each other, and what happened to
    an object would be told in the wrong order.
    """
    one_at_a_time(db, "announcing")
    told = [Told(*row) for row in db.execute(_NEXT)]
    if told:
        deliveries.deliver(db, told, now=now)
        notices.notify(db, told, now=now)
        db.execute(_ANNOUNCED, {"sequences": [one.sequence for one in told]})
    return len(told)
