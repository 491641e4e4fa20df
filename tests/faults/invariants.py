"""What must be true of the rows whatever happened, as statements that find the rows of which it is not.

They look at the tables alone, not at what the service says. Only committed states count: run them when nobody writes.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, func, literal, not_, or_, select

from app.db import transaction
from app.models.tables import calendar_entry as entry
from app.models.tables import call, claim, event, idempotency_record, job, participant, seat, session, waitlist_entry
from app.queries.busy import LOADING
from app.vocabulary import (
    CALL_KINDS,
    LIVE_SEATS,
    CallStatus,
    EntryStatus,
    JobStatus,
    Part,
    Response,
    SeatStatus,
    SessionStatus,
    WaitlistStatus,
)

_ALIVE = (SessionStatus.REQUESTED, SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS)
_LIVE = seat.c.status.in_(LIVE_SEATS)
_STANDS = entry.c.status == EntryStatus.CONFIRMED


def broken(engine: Engine) -> dict[str, list[str]]:
    """Return the sentences that do not hold, each with the first ids of which it does not; empty when all is well."""
    with transaction(engine, writes=False) as db:
        found = {sentence: list(db.execute(query.limit(5)).scalars()) for sentence, query in _UNTRUE.items()}
    return {sentence: ids for sentence, ids in found.items() if ids}


def unrecorded(engine: Engine, acknowledged: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Return those (object id, version) of answers of which no event tells. An effect and its event are one commit, so
    an answer without one was lost.
    """
    with transaction(engine, writes=False) as db:
        return acknowledged - {
            (key, version) for key, version in db.execute(select(event.c.object_id, event.c.version))
        }


def _any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(literal(1)).where(*conditions).exists()


def _overlapping() -> Select[Any]:
    one, other = claim.alias(), claim.alias()
    return select(one.c.id).join(
        other,
        and_(
            one.c.person_id == other.c.person_id,
            one.c.id < other.c.id,
            one.c.active,
            other.c.active,
            one.c.starts_at < other.c.ends_at,
            other.c.starts_at < one.c.ends_at,
        ),
    )


def _miscounted() -> Select[Any]:
    live = select(func.count()).where(seat.c.call_id == call.c.id, _LIVE).scalar_subquery()
    return select(call.c.id).where(or_(call.c.seats_taken != live, live > call.c.seat_capacity))


_MERE_NEWS = ("call.seat_opened", "session.debrief_due")
"""Events that make no version of their object."""


def _without_history(table: Any, word: str) -> Select[Any]:
    """Rows whose versions 1, 2, … up to theirs are not told by one event each."""
    told = (
        select(
            event.c.object_id,
            func.count().label("events"),
            func.count(event.c.version.distinct()).label("different"),
            func.max(event.c.version).label("last"),
        )
        .where(event.c.object_type == word, event.c.act.not_in(_MERE_NEWS))
        .group_by(event.c.object_id)
        .subquery()
    )
    counts = told.c.events, told.c.different, told.c.last
    gaps = or_(told.c.object_id.is_(None), *(count != table.c.version for count in counts))
    return select(table.c.id).outerjoin(told, told.c.object_id == table.c.id).where(gaps)


def _seat_without(what: ColumnElement[bool]) -> Select[Any]:
    """Live seats of whose call and session `what` is not true."""
    both = select(seat.c.id).join(call, call.c.id == seat.c.call_id).join(session, session.c.id == seat.c.session_id)
    return both.where(_LIVE, not_(what))


def _has(part: Part, person_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the session has exactly this person in that part."""
    inside = participant.c.session_id == session.c.id, participant.c.part == part
    return and_(
        _any(*inside, participant.c.person_id == person_id), not_(_any(*inside, participant.c.person_id != person_id))
    )


def _when(table: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.starts_at == call.c.starts_at, table.c.ends_at == call.c.ends_at


def _claimed(person_id: ColumnElement[str]) -> ColumnElement[bool]:
    return _any(
        claim.c.session_id == session.c.id,
        claim.c.person_id == person_id,
        claim.c.active,
        claim.c.starts_at <= session.c.starts_at,
        claim.c.ends_at >= session.c.ends_at,
    )


def _meeting_without(what: ColumnElement[bool]) -> Select[Any]:
    """Sessions that belong to no seat, with somebody coming of whom `what` is not true."""
    people = select(session.c.id).join(participant, participant.c.session_id == session.c.id)
    coming = participant.c.response != Response.DECLINED
    return people.where(session.c.kind.not_in(CALL_KINDS), session.c.status.in_(_ALIVE), coming, not_(what))


_MAY_HAVE_EXPIRED = session.c.expires_at.is_not(None)
"""Then the next who claims the time drops the claim, and the session ends a little later."""
_CLAIMED = _claimed(seat.c.observer_id)
_CLAIMED_TO_MEET = _claimed(participant.c.person_id)
_MEETING_IN_CALENDAR = _any(
    entry.c.session_id == session.c.id,
    entry.c.person_id == participant.c.person_id,
    entry.c.uid == session.c.uid,
    entry.c.starts_at == session.c.starts_at,
    entry.c.ends_at == session.c.ends_at,
    _STANDS,
)
_IN_CALENDAR = _any(
    entry.c.session_id == session.c.id,
    entry.c.person_id == seat.c.observer_id,
    entry.c.uid == session.c.uid,
    entry.c.sequence == session.c.sequence,
    _STANDS,
    *_when(entry),
)
_HOSTED = _any(
    entry.c.call_id == call.c.id, entry.c.part == Part.HOST, entry.c.person_id == call.c.host_id, _STANDS, *_when(entry)
)
_HEARD_OF = entry.c.mailed_sequence.is_not_distinct_from(entry.c.sequence)
_TO_BE_MAILED = _any(
    job.c.singleton == literal("invite_mail:").concat(entry.c.id),
    job.c.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)),
)
_OF_A_LIVE_SESSION = _any(session.c.id == claim.c.session_id, session.c.status.in_(_ALIVE))

_UNTRUE: Mapping[str, Select[Any]] = {
    "nobody is claimed twice at once": _overlapping(),
    "seats_taken counts the live seats, which are no more than the capacity": _miscounted(),
    "a live seat knows its call's capacity and is within it": _seat_without(
        and_(seat.c.capacity == call.c.seat_capacity, seat.c.seat_no.between(1, call.c.seat_capacity))
    ),
    "a live seat is on a call that will happen": _seat_without(call.c.status != CallStatus.CANCELLED),
    "a live seat has a session of its call, alive at its time": _seat_without(
        and_(session.c.call_id == call.c.id, session.c.status.in_(_ALIVE), *_when(session))
    ),
    "a live seat has the host and the observer in it": _seat_without(
        and_(_has(Part.HOST, call.c.host_id), _has(Part.OBSERVER, seat.c.observer_id))
    ),
    "the observer of a live seat is claimed for it": _seat_without(or_(_MAY_HAVE_EXPIRED, _CLAIMED)),
    "who meets is claimed for it": _meeting_without(or_(_MAY_HAVE_EXPIRED, _CLAIMED_TO_MEET)),
    "who meets has it in their calendar": _meeting_without(
        or_(session.c.status != SessionStatus.CONFIRMED, session.c.series_id.is_not(None), _MEETING_IN_CALENDAR)
    ),
    "what is offered to who waits is a live seat of theirs": select(waitlist_entry.c.id).where(
        waitlist_entry.c.status == WaitlistStatus.OFFERED,
        not_(
            _any(
                seat.c.id == waitlist_entry.c.seat_id,
                seat.c.call_id == waitlist_entry.c.call_id,
                seat.c.observer_id == waitlist_entry.c.person_id,
                seat.c.status == SeatStatus.REQUESTED,
            )
        ),
    ),
    "a confirmed seat is in its observer's calendar": _seat_without(
        or_(seat.c.status != SeatStatus.CONFIRMED, _IN_CALENDAR)
    ),
    "a call that is observed is in its host's calendar": _seat_without(
        or_(seat.c.status != SeatStatus.CONFIRMED, _HOSTED)
    ),
    "nobody hosts in their calendar what nobody observes": select(entry.c.id).where(
        entry.c.part == Part.HOST,
        entry.c.session_id.is_(None),
        _STANDS,
        not_(_any(seat.c.call_id == entry.c.call_id, seat.c.status.in_(LOADING))),  # held, or used: the past stays
    ),
    "a session on a call lives as long as its seat": select(session.c.id).where(
        session.c.call_id.is_not(None),
        session.c.kind.in_(CALL_KINDS),
        session.c.status.in_(_ALIVE),
        not_(_any(seat.c.session_id == session.c.id, _LIVE)),
    ),
    "an active claim is of a session that is alive": select(claim.c.id).where(claim.c.active, not_(_OF_A_LIVE_SESSION)),
    "the entry of a session that is over does not stand": select(entry.c.id)
    .join(session, session.c.id == entry.c.session_id)
    .where(_STANDS, session.c.status == SessionStatus.CANCELLED),
    "what a calendar does not know yet is on its way": select(entry.c.id).where(
        _STANDS, not_(_HEARD_OF), not_(_TO_BE_MAILED)
    ),
    "every version of a call has its event": _without_history(call, "call"),
    "every version of a seat has its event": _without_history(seat, "seat"),
    "every version of a session has its event": _without_history(session, "session"),
    "every version of a place in line has its event": _without_history(waitlist_entry, "waitlist_entry"),
    "a kept answer is whole": select(idempotency_record.c.idempotency_key).where(idempotency_record.c.status == 0),
}
