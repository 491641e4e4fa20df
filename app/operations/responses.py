"""What people answer to a session they are in: they come, perhaps, or not, and when they could instead."""

from datetime import datetime
from typing import Any

from sqlalchemy import update

from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid
from app.models.tables import participant
from app.operations import seats
from app.operations.common_time import check_still_free, give_back, take_time
from app.operations.entries import shown_anew
from app.operations.events import tell
from app.operations.refused import Past
from app.operations.session_locks import Locked, lock_session, status_after
from app.operations.session_rows import change_session
from app.operations.sessions import cancel_locked, seat_of
from app.rules.access import Actor, is_theirs
from app.rules.session_states import Act
from app.vocabulary import Response


def respond(
    db: DbSession,
    *,
    session_id: str,
    person_id: str,
    response: Response,
    proposed_starts_at: datetime | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Note what somebody answers, and another time that they suggest. Repeating it changes nothing.

    Who declines has their time back at once; who accepts after that is asked for it again, and refused when it is
    taken. On a call, declining releases the seat. Without a call, a session in which nobody else is left is cancelled,
    which tells the others at once; with another time suggested it stands until one of them reschedules or cancels it,
    for it is a question. Locks everybody in it, and the call.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    mine = next((one for one in locked.participants if one.person_id == person_id), None)
    if mine is None or not is_theirs(actor, person_id):
        raise Forbidden("Only those who take part answer, each for themselves.")
    _check_proposal(locked, response, proposed_starts_at, now=now)
    if (mine.response, mine.proposed_starts_at) == (response, proposed_starts_at):
        return
    status_after(db, Act.RESPOND, locked, now=now)
    if locked.row.ends_at <= now:
        raise Past("It is over.")
    _note(db, session_id, person_id, response, proposed_starts_at)
    if response is Response.DECLINED and locked.of_seat:
        seats.release_seat(db, seat_id=seat_of(db, session_id).id, actor=actor, now=now)
        return
    shown_anew(db, "session", session_id, ["response"], now=now)
    version = change_session(db, session_id, {}, now=now)
    tell(db, "session.answered", session_id, version=version, actor=actor, now=now)
    if locked.of_seat:
        return
    if response is Response.DECLINED:
        give_back(db, session_id, person_id, now=now)
        if proposed_starts_at is None and _others_coming(locked, person_id) < 2:
            cancel_locked(db, locked, actor=actor, now=now)
    elif mine.response is Response.DECLINED:
        myself = [row for row in locked.people if row.id == person_id]
        ranges = check_still_free(db, myself, locked.times, ignoring=[session_id], now=now)
        take_time(db, session_id, ranges, now=now)


def _check_proposal(locked: Locked, response: Response, proposed: datetime | None, *, now: datetime) -> None:
    if proposed is None:
        return
    where = "/proposed_starts_at"
    if response is Response.ACCEPTED:
        fault = Fault(where, "accepted", "goes with declined or tentative: who accepts the time suggests no other")
    elif locked.of_seat:
        fault = Fault(where, "moves_with_call", "is for sessions without a call: this one has the time of its call")
    elif proposed <= now:
        fault = Fault(where, "past", "must be later than now")
    else:
        return
    raise Invalid("Another time can't be suggested like that.", faults=(fault,))


def _others_coming(locked: Locked, person_id: str) -> int:
    others: list[Any] = [one for one in locked.participants if one.person_id != person_id]
    return sum(one.response is not Response.DECLINED for one in others)


def _note(db: DbSession, session_id: str, person_id: str, response: Response, proposed: datetime | None) -> None:
    db.execute(
        update(participant)
        .where(participant.c.session_id == session_id, participant.c.person_id == person_id)
        .values(response=response, proposed_starts_at=proposed)
    )
