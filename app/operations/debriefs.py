"""Debriefs that follow a seat: host and observer talk over what was heard. They go where their call goes.

A debrief takes the first quarter of an hour after the call, counted from its end, at which both are free. It stands as
its seat does: while that is only requested, the time is kept and no calendar knows of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.errors import Conflict
from app.models.tables import session
from app.operations import invites
from app.operations.claims import Claimed, claim_time, confirm_claims, drop_expired, free_time
from app.operations.events import tell, tell_many
from app.operations.session_rows import NewSession, add_sessions, ask_anew, change_session, give_to_host
from app.queries import meetings, people
from app.queries.house_rules import house_rules
from app.rules import meeting
from app.rules.access import Actor
from app.rules.availability import Range
from app.rules.meeting import Participant
from app.rules.seating import local_day
from app.vocabulary import ClaimKind, Part, SeatStatus, SessionKind, SessionStatus

_GRID = timedelta(minutes=15)
_WORKING_DAYS = 2
_AHEAD = timedelta(days=14)
"""Over a weekend and a few holidays: in which the working days are looked for."""


class NoDebriefTime(Conflict):
    """Host and observer have no time to talk soon after the call."""

    code = "no_debrief_time"
    title = "Host and observer have no common time soon after the call"


def book_debrief(
    db: DbSession, call: Any, seat: Any, minutes: int, *, expires_at: datetime | None, actor: Actor, now: datetime
) -> None:
    """Book the debrief of a new seat; `expires_at` is until when the seat is only requested, None when it stands.
    Refused as `no_debrief_time`. Host, observer and call are locked.
    """
    length = timedelta(minutes=minutes)
    found = _first_free(db, call, seat.observer_id, length, ignoring=(), now=now)
    if found is None:
        raise NoDebriefTime("Book the seat without a debrief, and plan one by hand.", extra={"person_id": call.host_id})
    times, taking = found
    new = NewSession(
        kind=SessionKind.DEBRIEF,
        status=_status(expires_at),
        starts_at=times[0],
        ends_at=times[1],
        time_zone=call.host_time_zone,
        people={call.host_id: Part.HOST, seat.observer_id: Part.OBSERVER},
        follows_id=seat.session_id,
        expires_at=expires_at,
    )
    (made,) = add_sessions(db, [new], now=now)
    _claim(db, made.id, taking, expires_at=expires_at, now=now)
    if expires_at is None:
        invites.session_joins(db, session_id=made.id, now=now)
    act = "session.booked" if expires_at is None else "session.requested"
    tell(db, act, made.id, version=1, actor=actor, now=now)


def following(db: DbSession, session_ids: Iterable[str]) -> list[Any]:
    """Return the debriefs that follow these sessions and are still to come, or have been started. One statement."""
    query = select(session).where(session.c.follows_id.in_(list(session_ids)))
    alive = session.c.status.in_((SessionStatus.REQUESTED, SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS))
    return list(db.execute(query.where(alive).order_by(session.c.id)))


def confirm_debriefs(db: DbSession, session_id: str, *, actor: Actor, now: datetime) -> None:
    """Make the debrief stand that follows the session of a seat which stands from now on."""
    for one in following(db, [session_id]):
        confirm_claims(db, [one.id])
        values = {"status": SessionStatus.CONFIRMED, "expires_at": None}
        version = change_session(db, one.id, values, now=now)
        invites.session_joins(db, session_id=one.id, now=now)
        tell(db, "session.booked", one.id, version=version, actor=actor, now=now)


def cancel_debriefs(db: DbSession, session_ids: Iterable[str], *, actor: Actor, now: datetime) -> None:
    """Cancel the debriefs that follow these sessions. Their people and entries are locked."""
    _cancel(db, following(db, session_ids), actor=actor, now=now)


def give_time_back(db: DbSession, session_ids: Iterable[str], *, now: datetime) -> None:
    """Free the time of the debriefs that follow these sessions, before `follow_call` finds them another."""
    free_time(db, [one.id for one in following(db, session_ids)], now=now)


def follow_call(db: DbSession, call: Any, kept: Sequence[Any], *, actor: Actor, now: datetime) -> None:
    """Place the debriefs of the seats that a locked call kept anew, after its new time and with its host; who finds no
    time is told that theirs is off. Their time has been given back. Everybody on the call is locked.
    """
    found = {one.follows_id: one for one in following(db, [one.session_id for one in kept])}
    unplaced = {one.id for one in found.values()}
    for seat in kept:
        one = found.get(seat.session_id)
        if one is None:
            continue
        place = _first_free(db, call, seat.observer_id, one.ends_at - one.starts_at, ignoring=unplaced, now=now)
        unplaced.discard(one.id)
        if place is None:
            _cancel(db, [one], actor=actor, now=now)
        else:
            _move(db, call, seat, one, *place, actor=actor, now=now)


def _move(
    db: DbSession,
    call: Any,
    seat: Any,
    one: Any,
    times: Range,
    taking: Mapping[str, Range],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    _claim(db, one.id, taking, expires_at=seat.expires_at, now=now)
    give_to_host(db, [one.id], call.host_id)
    ask_anew(db, [one.id])
    values = {"starts_at": times[0], "ends_at": times[1], "time_zone": call.host_time_zone}
    standing = {"status": _status(seat.expires_at), "expires_at": seat.expires_at}
    version = change_session(db, one.id, {**values, **standing}, now=now)
    if seat.status is SeatStatus.CONFIRMED:
        sequence = invites.session_changed(db, session_id=one.id, cancelled=False, now=now)
        db.execute(update(session).where(session.c.id == one.id).values(sequence=sequence))
    tell(db, "session.moved", one.id, version=version, actor=actor, now=now)


def _status(expires_at: datetime | None) -> SessionStatus:
    """Return that of a debrief that is to come: it stands as its seat does."""
    return SessionStatus.CONFIRMED if expires_at is None else SessionStatus.REQUESTED


def _cancel(db: DbSession, several: Sequence[Any], *, actor: Actor, now: datetime) -> None:
    if not several:
        return
    free_time(db, [one.id for one in several], now=now)
    changed = []
    for one in several:
        values: dict[str, Any] = {"status": SessionStatus.CANCELLED}
        if one.status is not SessionStatus.REQUESTED:
            values["sequence"] = invites.session_changed(db, session_id=one.id, cancelled=True, now=now)
        changed.append((one.id, change_session(db, one.id, values, now=now)))
    tell_many(db, "session.cancelled", changed, actor=actor, now=now)


def _claim(
    db: DbSession, session_id: str, taking: Mapping[str, Range], *, expires_at: datetime | None, now: datetime
) -> None:
    kind = ClaimKind.SESSION if expires_at is None else ClaimKind.PENDING
    drop_expired(db, taking, now=now)
    claim_time(db, [Claimed(who, session_id, range_, kind, expires_at) for who, range_ in taking.items()], now=now)


def _first_free(
    db: DbSession, call: Any, observer_id: str, length: timedelta, *, ignoring: Collection[str], now: datetime
) -> tuple[Range, Mapping[str, Range]] | None:
    """Return the first time after a call at which its host and an observer may meet, and what it takes of each of them;
    None when there is none until the end of the host's second working day after it. Five statements.
    """
    rows = people.lock_people(db, [call.host_id, observer_id])
    known = meetings.participants(
        db, list(rows.values()), call.ends_at, call.ends_at + _AHEAD, now=now, ignoring=ignoring
    )
    house = house_rules(db)
    last_day = _last_day(known[call.host_id], call)
    starts_at = call.ends_at
    while local_day(starts_at, call.host_time_zone) <= last_day:
        times = (starts_at, starts_at + length)
        if not any(meeting.unfit(one, *times, house=house, now=now) for one in known.values()):
            return times, {who: one.claim(*times) for who, one in known.items()}
        starts_at += _GRID
    return None


def _last_day(host: Participant, call: Any) -> Any:
    """Return the host's second working day after that of the call."""
    day_of_call = local_day(call.ends_at, call.host_time_zone)
    days = {local_day(begins, call.host_time_zone) for begins, _ in host.working}
    return [day_of_call, *sorted(day for day in days if day > day_of_call)][: _WORKING_DAYS + 1][-1]
