"""Give seats back that calls of their observers' own have come to lie over: the customer's call goes first.

A CRM says when calls are, whatever else its host had planned: so a clash is not refused, it is resolved. A job does it:
the call that was moved is locked by then, and the seats are on others.
"""

from collections.abc import Iterable
from datetime import datetime

from app.db import DbSession
from app.operations import seats
from app.operations.jobs import SOON, enqueue
from app.operations.locks import lock_call_with_people
from app.queries.rows import in_parts
from app.queries.seats import seats_under_own_calls
from app.rules.access import SYSTEM


def look_for_clashes(db: DbSession, host_ids: Iterable[str], *, now: datetime) -> None:
    """Leave word for those of these people who have a seat while they host a call. One statement per thousand."""
    for part in in_parts(sorted(set(host_ids))):
        for host_id in sorted({one.observer_id for one in seats_under_own_calls(db, part, now=now)}):
            singleton = f"give_way:{host_id}"
            enqueue(db, "give_way", {"person_id": host_id}, singleton=singleton, priority=SOON, now=now)


def give_way(db: DbSession, *, person_id: str, now: datetime) -> bool:
    """Release one such seat of somebody, if there is any, and return whether there was; who waits is offered it. Locks
    them, and with them the calls they host, and everybody on the call of the seat.
    """
    found = seats_under_own_calls(db, [person_id], now=now)
    if not found:
        return False
    lock_call_with_people(db, found[0].call_id, also=[person_id])
    if found[0].id in {one.id for one in seats_under_own_calls(db, [person_id], now=now)}:
        seats.release_seat(db, seat_id=found[0].id, actor=SYSTEM, now=now)
    return True
