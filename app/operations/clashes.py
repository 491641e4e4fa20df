"""Give seats back that calls of their observers' own have come to lie over: the customer's call goes first.

A CRM says when calls are, whatever else its host had planned: so a clash is not refused, it is resolved. A job does it:
the call that was moved is locked by then, and the seats are on others. What is only held gives way as well. One-on-ones
and debriefs stand: whether they wait for the call is for those who meet to decide.
"""

from collections.abc import Iterable
from datetime import datetime

from app.db import DbSession
from app.operations import holds, seats
from app.operations.jobs import SOON, enqueue
from app.operations.locks import lock_call_with_people
from app.queries import calls
from app.queries.rows import in_parts
from app.queries.seats import under_own_calls
from app.rules.access import SYSTEM


def look_for_clashes(db: DbSession, host_ids: Iterable[str], *, now: datetime) -> None:
    """Leave word for those of these people who have a seat, or are held, while they host a call. One statement per
    thousand.
    """
    for part in in_parts(sorted(set(host_ids))):
        for host_id in sorted({one.person_id for one in under_own_calls(db, part, now=now)}):
            singleton = f"give_way:{host_id}"
            enqueue(db, "give_way", {"person_id": host_id}, singleton=singleton, priority=SOON, now=now)


def give_way(db: DbSession, *, person_id: str, now: datetime) -> bool:
    """Release one such seat of somebody, or end what is held for them, if there is any, and return whether there was;
    who waits is offered the seat. It is not late: nobody changed their mind. Locks them, and with them the calls they
    host, and everybody on the call of the seat, or whose time is held.
    """
    found = under_own_calls(db, [person_id], now=now)
    if not found:
        return False
    one = found[0]
    if one.call_id is None:
        holds.call_off(db, session_id=one.session_id, actor=SYSTEM, now=now)
        return True
    call = lock_call_with_people(db, one.call_id, also=[person_id])
    if one in under_own_calls(db, [person_id], now=now):
        own = [held for held in calls.live_seats(db, [call.id]) if held.session_id == one.session_id]
        seats.release_locked(db, call, own, late=False, actor=SYSTEM, now=now)
    return True
