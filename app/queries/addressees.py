"""Find whom acts concern, as things are when they are announced. One statement for all acts of a kind, however many."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, select

from app.db import DbSession
from app.models.tables import (
    call,
    claim,
    match,
    participant,
    person,
    program_manager,
    seat,
    session,
    waitlist_entry,
    webhook_endpoint,
)
from app.rules.access import manages_programs
from app.vocabulary import (
    Approver,
    CallStatus,
    ClaimKind,
    DisabledBecause,
    PersonStatus,
    Response,
    Role,
    SeatStatus,
    SessionStatus,
    WaitlistStatus,
)

_STANDS = (SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody whom an act on `object_id` concerns, and what there is to be said about."""

    object_id: str
    person_id: str
    about_id: str
    starts_at: datetime | None = None
    """When it begins, where there is nothing to say once that has changed."""
    state: str = ""
    """In which state it is, in short, where another state is another thing to say."""


def hosts_asked(db: DbSession, seat_ids: Collection[str]) -> list[Addressee]:
    """Return the hosts who have yet to approve these seats. What is only held or offered is not asked of them."""
    return _found(db, _ASKED_FOR.where(*_WAITS_FOR_HOST), seat.c.id, seat_ids)


def hosts_asked_now(db: DbSession, session_ids: Collection[str]) -> list[Addressee]:
    """Return those who have yet to approve the seats of these sessions: since a seat was asked for, its call may have
    been handed over.
    """
    return _found(db, _ASKED_FOR.where(*_WAITS_FOR_HOST), seat.c.session_id, session_ids)


def observers_who_asked(db: DbSession, seat_ids: Collection[str]) -> list[Addressee]:
    """Return the observers of these seats whom the host had not let in yet. Who held a seat, or was offered it, had
    asked nobody; who had it reads of it in their calendar.
    """
    return _found(db, _ASKED_BY.where(_HOST_WAS_ASKED), seat.c.id, seat_ids)


def those_offered(db: DbSession, entry_ids: Collection[str]) -> list[Addressee]:
    """Return those who are offered the seat that they wait for."""
    offered = waitlist_entry.c.status == WaitlistStatus.OFFERED
    return _found(db, _OFFERED_TO.where(offered), waitlist_entry.c.id, entry_ids)


def those_passed_by(db: DbSession, entry_ids: Collection[str]) -> list[Addressee]:
    """Return those who did not take in time what was offered on calls that are not off."""
    happens = call.c.status != CallStatus.CANCELLED, waitlist_entry.c.seat_id.is_not(None)
    return _found(db, _OFFERED_TO.where(*happens), waitlist_entry.c.id, entry_ids)


def those_waiting_in_vain(db: DbSession, entry_ids: Collection[str]) -> list[Addressee]:
    """Return those in line for calls that are off."""
    return _found(db, _IN_LINE.where(call.c.status == CallStatus.CANCELLED), waitlist_entry.c.id, entry_ids)


def those_let_down(db: DbSession, session_ids: Collection[str]) -> Iterator[Addressee]:
    """Return those who still come to sessions that stand although somebody declined, suggesting no other time."""
    for one, people in _answered(db, session_ids):
        declined = [who for who in people if who.response is Response.DECLINED and who.proposed_starts_at is None]
        if declined:
            coming = [who for who in people if who.response is not Response.DECLINED]
            state = _short(who.person_id for who in declined)
            yield from (Addressee(one, who.person_id, one, who.starts_at, state) for who in coming)


def those_asked_to_move(db: DbSession, session_ids: Collection[str]) -> Iterator[Addressee]:
    """Return those in sessions that stand for which somebody else suggests another time."""
    for one, people in _answered(db, session_ids):
        suggesting = [who for who in people if who.proposed_starts_at is not None]
        for who in people:
            theirs = [f"{by.person_id} {by.proposed_starts_at}" for by in suggesting if by is not who]
            if theirs:
                yield Addressee(one, who.person_id, one, who.starts_at, _short(theirs))


def mentees(db: DbSession, match_ids: Collection[str]) -> list[Addressee]:
    """Return the mentees of these matches."""
    return _found(db, select(match.c.mentee_id.label("person_id"), match.c.id.label("about_id")), match.c.id, match_ids)


def mentors(db: DbSession, match_ids: Collection[str]) -> list[Addressee]:
    """Return the mentors of these matches."""
    return _found(db, select(match.c.mentor_id.label("person_id"), match.c.id.label("about_id")), match.c.id, match_ids)


def those_parted(db: DbSession, match_ids: Collection[str]) -> list[Addressee]:
    """Return the two of these matches that had begun."""
    return _both(db, match.c.started_at.is_not(None), match_ids)


def those_not_matched(db: DbSession, match_ids: Collection[str]) -> list[Addressee]:
    """Return the two of these matches that ended before they began."""
    return _both(db, match.c.started_at.is_(None), match_ids)


def those_whose_yes_is_missing(db: DbSession, match_ids: Collection[str]) -> Iterator[Addressee]:
    """Return those who have yet to say yes to these matches: of those who run the program all, for any of them will
    do.
    """
    rows = db.execute(select(match).where(match.c.id.in_(list(match_ids))).order_by(match.c.id)).all()
    running = _who_runs(db, {row.program_id for row in rows if Approver.ADMIN in row.awaiting})
    for row in rows:
        runs_it = running.get(row.program_id, [])
        asked = {Approver.MENTEE: [row.mentee_id], Approver.MENTOR: [row.mentor_id], Approver.ADMIN: runs_it}
        for who in dict.fromkeys(one for part in row.awaiting for one in asked[Approver(part)]):
            yield Addressee(row.id, who, row.id)


def _who_runs(db: DbSession, program_ids: Collection[str]) -> dict[str, list[str]]:
    """Return by program those who run it, admins first. Two statements, none for no program."""
    if not program_ids:
        return {}
    active = person.c.status == PersonStatus.ACTIVE
    every_admin = select(person.c.id).where(person.c.role == Role.ADMIN, active).order_by(person.c.id)
    admins = list(db.execute(every_admin).scalars())
    found = {program_id: list(admins) for program_id in program_ids}
    theirs = select(program_manager.c.program_id, person.c.id, person.c.role).join(person)
    theirs = theirs.where(program_manager.c.program_id.in_(sorted(program_ids)), active).order_by(person.c.id)
    for row in db.execute(theirs):
        if manages_programs(row.role):
            found[row.program_id].append(row.id)
    return found


def admins(db: DbSession, endpoint_ids: Collection[str]) -> list[Addressee]:
    """Return the admins, for each of these endpoints that nobody switched off by hand."""
    by_itself = webhook_endpoint.c.disabled_because.in_((DisabledBecause.GONE, DisabledBecause.FAILING))
    query = (
        select(webhook_endpoint.c.id, webhook_endpoint.c.version, person.c.id.label("person_id"))
        .join(person, and_(person.c.role == Role.ADMIN, person.c.status == PersonStatus.ACTIVE))
        .where(webhook_endpoint.c.id.in_(list(endpoint_ids)), by_itself)
    )
    return [Addressee(row.id, row.person_id, row.id, state=str(row.version)) for row in db.execute(query)]


def gone(db: DbSession, person_ids: Collection[str]) -> set[str]:
    """Return those of these people who have left. One statement."""
    left = person.c.id.in_(list(person_ids)), person.c.status == PersonStatus.LEFT
    return set(db.execute(select(person.c.id).where(*left)).scalars())


_HOST_WAS_ASKED = exists().where(
    claim.c.session_id == seat.c.session_id,
    claim.c.person_id == seat.c.observer_id,
    claim.c.kind == ClaimKind.PENDING,
)
"""The claim on the observer's time says what a requested seat waits for, or waited for until it ended."""
_WAITS_FOR_HOST = seat.c.status == SeatStatus.REQUESTED, _HOST_WAS_ASKED
_ASKED_FOR = select(call.c.host_id.label("person_id"), seat.c.id.label("about_id")).join_from(seat, call)
_ASKED_BY = select(seat.c.observer_id.label("person_id"), seat.c.id.label("about_id"))
_OFFERED_TO = select(waitlist_entry.c.person_id, waitlist_entry.c.seat_id.label("about_id")).join_from(
    waitlist_entry, call
)
_IN_LINE = select(waitlist_entry.c.person_id, waitlist_entry.c.id.label("about_id")).join_from(waitlist_entry, call)


def _both(db: DbSession, which: ColumnElement[bool], match_ids: Collection[str]) -> list[Addressee]:
    rows = db.execute(select(match).where(match.c.id.in_(list(match_ids)), which).order_by(match.c.id))
    return [Addressee(row.id, who, row.id) for row in rows for who in (row.mentee_id, row.mentor_id)]


def _found(db: DbSession, query: Select[Any], of: ColumnElement[str], object_ids: Collection[str]) -> list[Addressee]:
    rows = db.execute(query.add_columns(of.label("object_id")).where(of.in_(list(object_ids))).order_by(of))
    return [Addressee(row.object_id, row.person_id, row.about_id) for row in rows]


def _answered(db: DbSession, session_ids: Collection[str]) -> Iterator[tuple[str, list[Any]]]:
    """Yield these sessions that stand, without those on calls, each with its participants."""
    query = (
        select(participant, session.c.starts_at)
        .join(session)
        .where(session.c.id.in_(list(session_ids)), session.c.status.in_(_STANDS), session.c.call_id.is_(None))
        .order_by(participant.c.session_id, participant.c.person_id)
    )
    for session_id, rows in groupby(db.execute(query), attrgetter("session_id")):
        yield session_id, list(rows)


def _short(answers: Iterable[str]) -> str:
    """Return a digest, for a key of limited length. `answers` are in order."""
    return sha256("\n".join(answers).encode()).hexdigest()[:16]
