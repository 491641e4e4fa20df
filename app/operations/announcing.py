"""Tell those who want to hear of events: a delivery for each endpoint, a notice for each person, written down once.

Domain transactions leave a row per event and nothing else. A sequence is given before its commit, so a reader that
remembers how far it has come would pass over what commits late: each event says itself whether it was announced.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.exc import DataError

from app.db import DbSession, one_at_a_time
from app.models.tables import event
from app.operations import deliveries, notices
from app.operations.events import Told, tell
from app.rules.access import SYSTEM

log = structlog.get_logger("earshot.herald")

PASSED_OVER = "event.passed_over"
"""The act of passing over an event, told of itself: what it is about can't be read, so somebody was not told of it."""
_ITS_OWN_FAULT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, DataError)
"""What reading an object raises that is not as it should be. A database that is away or busy says so otherwise, and all
events wait for it.
"""
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
    an object would be told in the wrong order. One that can't be told, for what it is about can't be read, is passed
    over and holds up no other.
    """
    one_at_a_time(db, "announcing")
    told = [Told(*row) for row in db.execute(_NEXT)]
    if told:
        for tell_them in (deliveries.deliver, notices.notify):
            for one in _untellable(db, told, partial(tell_them, db, now=now)):
                log.error("event passed over", event_id=one.id, act=one.act, object_id=one.object_id)
                tell(db, PASSED_OVER, one.id, version=1, actor=SYSTEM, now=now)
        db.execute(_ANNOUNCED, {"sequences": [one.sequence for one in told]})
    return len(told)


def _untellable(db: DbSession, told: Sequence[Told], tell_them: Callable[[Sequence[Told]], None]) -> list[Told]:
    """Tell of all of these events that can be told, in their order, and return the others. Of n events with k such, the
    work is done about k log n times.
    """
    try:
        with db.begin_nested():
            tell_them(told)
    except _ITS_OWN_FAULT:
        if len(told) == 1:
            log.warning("event can't be told", event_id=told[0].id, exc_info=True)
            return list(told)
        half = len(told) // 2
        return [one for part in (told[:half], told[half:]) for one in _untellable(db, part, tell_them)]
    return []
