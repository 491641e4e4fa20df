"""What people do on the floor: a host opens the door of a call that is on, and who is on it raises a hand."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Forbidden
from app.models.tables import hand
from app.operations.call_outcomes import begin_by_clock
from app.operations.calls import CallOver
from app.operations.changes import check_version
from app.operations.events import tell
from app.operations.hands import UP, lower_hands
from app.operations.locks import lock_call_with_people
from app.operations.refused import NotStarted, problem
from app.operations.seat_outcomes import change_call
from app.queries import calls, people
from app.queries.access import check_acts
from app.rules import floor, seating
from app.rules.access import Actor, may_act_for
from app.vocabulary import CallStatus, Door, SeatStatus


def set_door(
    db: DbSession, *, call_id: str, door: Door, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Open or close the door of a call that is on. Nobody is put out by a door that closes, and whoever took a seat
    before the call needs none. The host does it, or who may act for them. Refused as `not_joinable` where nobody sits
    in at all. Repeating it changes nothing. Locks everybody on the call, then the call.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_act_for(actor, seen.host_id):
        check_acts(actor)
        raise Forbidden("The host opens and closes the door, or who leads them.")
    call = lock_call_with_people(db, call_id)
    check_version(call, expected_version)
    _check_on(call, now=now)
    if door is Door.OPEN and (why := seating.barred(call)):
        raise problem(why)
    if call.status is CallStatus.SCHEDULED:  # its time has come and nobody wrote that down: else that would undo this
        begin_by_clock(db, call, now=now)
        call = calls.call_for_update(db, call_id)
    if call.door is door:
        return
    act = "call.door_opened" if door is Door.OPEN else "call.door_closed"
    change_call(db, call_id, {"door": door}, act, actor=actor, now=now)


def raise_hand(db: DbSession, *, call_id: str, why: str | None, actor: Actor, now: datetime) -> Any:
    """Raise the actor's own hand on a call that is on, and return its row. Its host does it, and whoever has a seat
    that stands. With other words it says those from now on; repeating it changes nothing. Locks the person, then the
    call.
    """
    calls.call_by_id(db, call_id, actor=actor)
    me, call = _lock(db, call_id, actor)
    _check_on(call, now=now)
    standing = (one.observer_id for one in calls.live_seats(db, [call_id]) if one.status is SeatStatus.CONFIRMED)
    if me not in {call.host_id, *standing}:
        raise Forbidden("The host raises a hand, and who listens: drop in first.")
    found = _hand_of(db, call_id, me)
    if found is not None and found.why == why:
        return found
    if found is None:
        new = {"id": ids.new("hand", now), "call_id": call_id, "person_id": me, "why": why, "raised_at": now}
        db.execute(insert(hand).values(**new, version=1))
    else:
        db.execute(update(hand).where(hand.c.id == found.id).values(why=why, version=found.version + 1))
    tell(db, "hand.raised", call_id, version=call.version, actor=actor, now=now)
    return _hand_of(db, call_id, me)


def lower_hand(db: DbSession, *, call_id: str, actor: Actor, now: datetime) -> None:
    """Lower the actor's own hand on a call. Repeating it changes nothing. Locks the person, then the call."""
    calls.call_by_id(db, call_id, actor=actor)
    me, call = _lock(db, call_id, actor)
    if _hand_of(db, call_id, me) is None:
        return
    lower_hands(db, call_id, of=[me], now=now)
    tell(db, "hand.lowered", call_id, version=call.version, actor=actor, now=now)


def _check_on(call: Any, *, now: datetime) -> None:
    """Refuse what is done while a call is on, before and after that."""
    if floor.is_on(call, now=now):
        return
    if call.status not in (CallStatus.SCHEDULED, CallStatus.LIVE):
        raise CallOver(f"It is {call.status}.")
    if now < floor.since(call):
        raise NotStarted("Say that it starts, or wait for it.")
    raise CallOver("Its time is over.")


def _lock(db: DbSession, call_id: str, actor: Actor) -> tuple[str, Any]:
    check_acts(actor)
    if actor.person_id is None:
        raise Forbidden("A key of nobody has no hand to raise.")
    people.lock_people(db, [actor.person_id])
    return actor.person_id, calls.call_for_update(db, call_id)


def _hand_of(db: DbSession, call_id: str, person_id: str) -> Any:
    return db.execute(select(hand).where(hand.c.call_id == call_id, hand.c.person_id == person_id, UP)).one_or_none()
