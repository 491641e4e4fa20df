"""Read what the week page shows: who sits in where, who meets whom, and the open seats. Columns only, in the scope of
who looks.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, null, or_, select

from app.db import DbSession
from app.models.tables import account, call, call_type, claim, participant, person, seat, session, waitlist_entry
from app.queries import busy, joinable, seats
from app.queries.series import OFF
from app.rules.access import Actor, runs_the_house
from app.vocabulary import CALL_KINDS, LIVE_SEATS, SeatStatus, SessionStatus, WaitlistStatus

_observer, _other = person.alias("observer"), person.alias("other_person")


def first_session_at(db: DbSession, *, actor: Actor, now: datetime) -> datetime | None:
    """Return the start of the first session still to come, or on now, that the week shows this actor. One statement."""
    on_calls = select(func.min(call.c.starts_at)).select_from(seat).join(call, call.c.id == seat.c.call_id)
    on_calls = on_calls.where(seat.c.status.in_(LIVE_SEATS), call.c.ends_at > now, seats.visible(actor))
    without = select(func.min(session.c.starts_at)).where(*_own_meetings(actor, now=now), session.c.ends_at > now)
    first, other = db.execute(select(on_calls.scalar_subquery(), without.scalar_subquery())).one()
    return min((at for at in (first, other) if at is not None), default=None)


def taken_seats(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, actor: Actor, now: datetime, limit: int
) -> list[Any]:
    """Return the seats on calls that start in [starts_at, ends_at) and that the actor may see, by time, call and
    number; of those that nobody confirmed yet `claim_kind` says why: somebody holds it (or, `is_offered`, it is offered
    to who waited), or the host has yet to approve. At most `limit`. One statement.
    """
    query = _calls(
        seat.c.observer_id,
        _observer.c.name.label("observer_name"),
        seat.c.status.label("seat_status"),
        claim.c.kind.label("claim_kind"),
        waitlist_entry.c.id.is_not(None).label("is_offered"),
    )
    query = query.join(seat, seat.c.call_id == call.c.id).join(_observer, _observer.c.id == seat.c.observer_id)
    query = query.join(session, session.c.id == seat.c.session_id)
    query = query.outerjoin(
        claim,
        and_(claim.c.session_id == seat.c.session_id, claim.c.person_id == seat.c.observer_id, claim.c.active),
    )
    offered = waitlist_entry.c.status == WaitlistStatus.OFFERED
    query = query.outerjoin(waitlist_entry, and_(waitlist_entry.c.seat_id == seat.c.id, offered))
    query = query.where(
        seat.c.status.in_(busy.LOADING),
        or_(seat.c.status != SeatStatus.REQUESTED, session.c.expires_at > now),
        call.c.starts_at >= starts_at,
        call.c.starts_at < ends_at,
        seats.visible(actor),
    )
    return list(db.execute(query.order_by(call.c.starts_at, call.c.id, seat.c.seat_no).limit(limit)))


def own_meetings(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, actor: Actor, now: datetime, limit: int
) -> list[Any]:
    """Return the sessions without a call in [starts_at, ends_at) that the actor takes part in, with their own answer:
    one row for each of the others in them, by time, session and name. Not those that are off. At most `limit`
    sessions. One statement.
    """
    those = select(session.c.id).where(
        *_own_meetings(actor, now=now), session.c.starts_at >= starts_at, session.c.starts_at < ends_at
    )
    those = those.order_by(session.c.starts_at, session.c.id).limit(limit)
    other = participant.alias("other")
    columns = session.c.id, session.c.kind, session.c.status, session.c.starts_at, session.c.ends_at
    query = (
        select(*columns, participant.c.response, other.c.person_id.label("other_id"), _other.c.name.label("other_name"))
        .join(participant, and_(participant.c.session_id == session.c.id, participant.c.person_id == actor.person_id))
        .outerjoin(other, and_(other.c.session_id == session.c.id, other.c.person_id != actor.person_id))
        .outerjoin(_other, _other.c.id == other.c.person_id)
        .where(session.c.id.in_(those))
    )
    return list(db.execute(query.order_by(session.c.starts_at, session.c.id, _other.c.name, _other.c.id)))


def open_calls(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, actor: Actor, observer: Any, now: datetime, limit: int
) -> list[Any]:
    """Return the next calls in [starts_at, ends_at) with a seat that the observer, a row of `person`, could take now;
    for an admin, who seats others, all that have one. By time, at most `limit`. A constant number of statements.
    """
    starts_at = max(starts_at, now)
    if starts_at >= ends_at:
        return []
    if runs_the_house(actor):
        which = and_(call.c.starts_at >= starts_at, call.c.starts_at < ends_at, *joinable.open_now(db, now=now))
    else:
        which = call.c.id.in_(joinable.joinable_ids(db, starts_at, ends_at, observer=observer, now=now, limit=limit))
    query = _calls(null().label("observer_id")).where(which)
    return list(db.execute(query.order_by(call.c.starts_at, call.c.id).limit(limit)))


def _own_meetings(actor: Actor, *, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the sessions without a call that somebody is in themselves, and that are not off."""
    mine = select(participant.c.session_id).where(participant.c.person_id == actor.person_id)
    return (
        session.c.id.in_(mine),
        session.c.kind.not_in(CALL_KINDS),
        session.c.status.not_in(OFF),
        or_(session.c.status != SessionStatus.REQUESTED, session.c.expires_at > now),
    )


def _calls(*more: ColumnElement[Any]) -> Select[Any]:
    """Return the query of calls with what may be shown: company and type, never a title or a contact's name."""
    return (
        select(
            call.c.id,
            call.c.starts_at,
            call.c.ends_at,
            call.c.seat_capacity,
            call.c.seats_taken,
            call.c.host_id,
            person.c.name.label("host_name"),
            account.c.name.label("account_name"),
            call_type.c.name.label("type_name"),
            *more,
        )
        .select_from(call)
        .join(person, person.c.id == call.c.host_id)
        .join(call_type, call_type.c.slug == call.c.type)
        .outerjoin(account, account.c.id == call.c.account_id)
    )
