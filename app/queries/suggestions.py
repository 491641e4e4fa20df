"""Read who should sit in on a call: everybody who could, those who need it most first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import call, match, person, seat
from app.queries import calls, pool, seats
from app.rules import seating
from app.rules.suggestions import Listener, Reason, order, reasons
from app.vocabulary import LIVE_SEATS, MatchStatus, PersonStatus, SeatStatus

_AT_MOST = 10
_LATELY = timedelta(weeks=4)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody who could take a seat, how many calls they heard in four weeks, and what speaks for them."""

    person_id: str
    name: str
    heard_lately: int
    reasons: tuple[Reason, ...]


def observers_for(db: DbSession, call_id: str, *, now: datetime) -> list[Suggestion]:
    """Return the ten who should be asked first onto a call: active people who understand its language and could take a
    seat now, or once there is one. A constant number of statements.
    """
    row = db.execute(calls.calls_with_hosts().where(call.c.id == call_id)).one()
    if seating.closed(row, now=now):
        return []
    seated = select(seat.c.observer_id).where(seat.c.call_id == call_id, seat.c.status.in_(LIVE_SEATS))
    query = select(person).where(person.c.status == PersonStatus.ACTIVE, person.c.id.not_in(seated))
    everybody = db.execute(query.where(person.c.id != row.host_id)).all()
    host = db.execute(select(person).where(person.c.id == row.host_id)).one()
    understanding = [one for one in everybody if row.language in one.languages]
    observers, hosting = seats.facts(db, row, understanding, host, now=now)
    fit = {one.id: one for one in understanding if seating.unfit(row, observers[one.id], hosting) is None}
    skills = calls.skills_by_type(db).get(row.type, [])
    known = listeners(db, list(fit.values()), now=now)
    first = sorted(known, key=lambda one: order(one, skills))[:_AT_MOST]
    return [
        Suggestion(
            one.id,
            fit[one.id].name,
            one.heard_lately,
            reasons(one, host_id=row.host_id, call_type=row.type, skills=skills),
        )
        for one in first
    ]


def listeners(db: DbSession, people: Sequence[Any], *, now: datetime) -> list[Listener]:
    """Return what speaks for each of these people. Figures, for whom `may_see_figures` lets. Three statements."""
    who = [one.id for one in people]
    skills = pool.skills_of(db, who)
    mentors: dict[str, set[str]] = {person_id: set() for person_id in who}
    standing = select(match.c.mentee_id, match.c.mentor_id).where(match.c.status == MatchStatus.ACTIVE)
    for row in db.execute(standing.where(match.c.mentee_id.in_(who))):
        mentors[row.mentee_id].add(row.mentor_id)
    heard: dict[str, Counter[str]] = {person_id: Counter() for person_id in who}
    lately = select(seat.c.observer_id, call.c.type).join(call, call.c.id == seat.c.call_id)
    lately = lately.where(
        seat.c.observer_id.in_(who),
        seat.c.status.in_((SeatStatus.CONFIRMED, SeatStatus.ATTENDED)),
        call.c.starts_at >= now - _LATELY,
        call.c.starts_at < now,
    )
    for row in db.execute(lately):
        heard[row.observer_id][row.type] += 1
    return [
        Listener(one.id, skills.wants[one.id], skills.levels[one.id], mentors[one.id], one.manager_id, heard[one.id])
        for one in people
    ]
