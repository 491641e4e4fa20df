"""Read what the week page shows: who sits in where, who meets whom, power hours, the open seats, and of whom there is
such a week to see. Columns only, in the scope of who looks.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, null, or_, select, true

from app.db import DbSession
from app.models.tables import (
    account,
    call,
    call_type,
    claim,
    participant,
    person,
    power_hour,
    power_hour_part,
    seat,
    session,
    team,
    waitlist_entry,
)
from app.queries import busy, joinable, seats, sessions
from app.queries import power_hours as hours
from app.queries.power_hours import PowerHourPeople
from app.queries.scopes import seen
from app.queries.series import OFF
from app.rules.access import Actor
from app.vocabulary import CALL_KINDS, LIVE_SEATS, PersonStatus, SeatStatus, SessionStatus, WaitlistStatus

_observer, _other = person.alias("observer"), person.alias("other_person")


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose week it is: one person's, or that of those in a team whom the actor may see. Of neither: the seats that the
    actor may see, and their own sessions.
    """

    person_id: str = ""
    team_id: str = ""

    def among(self, actor: Actor, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition for rows in which one of these columns names one of them."""
        if self.person_id:
            return or_(*(column == self.person_id for column in columns))
        if self.team_id:
            members = select(person.c.id).where(person.c.team_id == self.team_id, seen(actor, person.c.id))
            return or_(*(column.in_(members) for column in columns))
        return true()

    def subject_id(self, actor: Actor) -> str:
        """Return the one person whose week it is; empty of a team."""
        return self.person_id or ("" if self.team_id else actor.person_id or "")


def first_session_at(db: DbSession, *, whose: Whose, actor: Actor, now: datetime) -> datetime | None:
    """Return the start of the first session or power hour still to come, or on now, that the week shows this actor.
    One statement.
    """
    on_calls = select(func.min(call.c.starts_at)).select_from(seat).join(call, call.c.id == seat.c.call_id)
    on_calls = on_calls.where(seat.c.status.in_(LIVE_SEATS), call.c.ends_at > now, *_seats_of(whose, actor))
    without = select(func.min(session.c.starts_at)).where(*_meetings(whose, actor, now=now), session.c.ends_at > now)
    in_hours = select(func.min(power_hour.c.starts_at)).where(*_hours(whose, actor), power_hour.c.ends_at > now)
    firsts = db.execute(select(*(one.scalar_subquery() for one in (on_calls, without, in_hours)))).one()
    return min((at for at in firsts if at is not None), default=None)


def taken_seats(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, whose: Whose, actor: Actor, now: datetime, limit: int
) -> list[Any]:
    """Return the seats on calls that start in [starts_at, ends_at) in which one of these observes or hosts, as far as
    the actor may see them, by time, call and number; of those that nobody confirmed yet `claim_kind` says why: somebody
    holds it (or, `is_offered`, it is offered to who waited), or the host has yet to approve. At most `limit`. One
    statement.
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
        *_seats_of(whose, actor),
    )
    return list(db.execute(query.order_by(call.c.starts_at, call.c.id, seat.c.seat_no).limit(limit)))


def meetings(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, whose: Whose, actor: Actor, now: datetime, limit: int
) -> list[Any]:
    """Return the sessions without a call in [starts_at, ends_at) that one of these takes part in: of one person with
    their answer, and one row for each of the others in them; of a team one row for everybody in them. By time, session
    and name. Not those that are off. At most `limit` sessions. One statement.
    """
    within = session.c.starts_at >= starts_at, session.c.starts_at < ends_at
    those = select(session.c.id).where(*_meetings(whose, actor, now=now), *within)
    those = those.order_by(session.c.starts_at, session.c.id).limit(limit)
    other, subject = participant.alias("other"), whose.subject_id(actor)
    columns = session.c.id, session.c.kind, session.c.status, session.c.starts_at, session.c.ends_at
    query = (
        select(*columns, participant.c.response, other.c.person_id.label("other_id"), _other.c.name.label("other_name"))
        .outerjoin(participant, and_(participant.c.session_id == session.c.id, participant.c.person_id == subject))
        .outerjoin(other, and_(other.c.session_id == session.c.id, other.c.person_id != subject))
        .outerjoin(_other, _other.c.id == other.c.person_id)
        .where(session.c.id.in_(those))
    )
    return list(db.execute(query.order_by(session.c.starts_at, session.c.id, _other.c.name, _other.c.id)))


def power_hours(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, whose: Whose, actor: Actor, limit: int
) -> list[tuple[Any, PowerHourPeople]]:
    """Return the power hours that start in [starts_at, ends_at) and in which one of these takes part, by time, each
    with everybody in it. At most `limit`. One statement.
    """
    return hours.between(db, starts_at, ends_at, *_hours(whose, actor), limit=limit)


def open_calls(
    db: DbSession, starts_at: datetime, ends_at: datetime, *, observer: Any | None, now: datetime, limit: int
) -> list[Any]:
    """Return the next calls in [starts_at, ends_at) with a seat that the observer, a row of `person`, could take now;
    for nobody in particular, all that have one. By time, at most `limit`. A constant number of statements.
    """
    starts_at = max(starts_at, now)
    if starts_at >= ends_at:
        return []
    if observer is None:
        which = and_(call.c.starts_at >= starts_at, call.c.starts_at < ends_at, *joinable.open_now(db, now=now))
    else:
        which = call.c.id.in_(joinable.joinable_ids(db, starts_at, ends_at, observer=observer, now=now, limit=limit))
    query = _calls(null().label("observer_id")).where(which)
    return list(db.execute(query.order_by(call.c.starts_at, call.c.id).limit(limit)))


def people_to_choose(db: DbSession, team_id: str, *, actor: Actor, limit: int) -> list[Any]:
    """Return id and name of those who work here and whose week the actor may see, of a team unless that is empty; by
    name, at most `limit`. One statement.
    """
    query = select(person.c.id, person.c.name).where(person.c.status != PersonStatus.LEFT, seen(actor, person.c.id))
    if team_id:
        query = query.where(person.c.team_id == team_id)
    return list(db.execute(query.order_by(person.c.name, person.c.id).limit(limit)))


def teams_to_choose(db: DbSession, *, actor: Actor) -> dict[str, str]:
    """Return the teams in which there is somebody whose week the actor may see, by name. One statement."""
    theirs = select(person.c.team_id).where(person.c.status != PersonStatus.LEFT, seen(actor, person.c.id))
    query = select(team.c.id, team.c.name).where(team.c.id.in_(theirs))
    return {row.id: row.name for row in db.execute(query.order_by(team.c.name, team.c.id))}


def zones_lived_in(db: DbSession) -> list[str]:
    """Return the zones of those who work here, each once, in no order. One statement."""
    return list(db.execute(select(person.c.time_zone).where(person.c.status != PersonStatus.LEFT).distinct()).scalars())


def _seats_of(whose: Whose, actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for seats in which one of these observes or hosts, and that the actor may see."""
    return seats.visible(actor), whose.among(actor, seat.c.observer_id, call.c.host_id)


def _meetings(whose: Whose, actor: Actor, *, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the sessions without a call that one of these is in, and that are not off."""
    who = participant.c.person_id
    among = who == actor.person_id if whose == Whose() else whose.among(actor, who)
    return (
        session.c.id.in_(select(participant.c.session_id).where(among)),
        sessions.visible(actor),
        session.c.kind.not_in(CALL_KINDS),
        session.c.status.not_in(OFF),
        or_(session.c.status != SessionStatus.REQUESTED, session.c.expires_at > now),
    )


def _hours(whose: Whose, actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the power hours that one of these is in, and that the actor may see."""
    who = power_hour_part.c.person_id
    among = who == actor.person_id if whose == Whose() else whose.among(actor, who)
    return power_hour.c.id.in_(select(power_hour_part.c.power_hour_id).where(among)), hours.visible(actor)


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
