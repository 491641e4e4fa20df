"""Read matches, in the scope of who asks, and those whose time has come for the house itself."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, true

from app.db import DbSession
from app.models.tables import enrollment, match, pair_rule, participant, person, program, session
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.pool import STANDING
from app.queries.rows import first_row, one_of
from app.queries.scopes import acted_for
from app.rules.access import Actor, sees_the_house
from app.rules.matching.lives import EXPIRES_AFTER, REMINDED_AFTER
from app.vocabulary import EndedBecause, MatchStatus, PairRuleKind, SessionStatus, Side

_MEETS = (MatchStatus.ACTIVE, MatchStatus.PAUSED)
_mentor, _mentee = person.alias("mentor"), person.alias("mentee")
NAMED = (
    select(
        match,
        _mentor.c.name.label("mentor_name"),
        _mentee.c.name.label("mentee_name"),
        program.c.name.label("program"),
    )
    .join(_mentor, _mentor.c.id == match.c.mentor_id)
    .join(_mentee, _mentee.c.id == match.c.mentee_id)
    .join(program, program.c.id == match.c.program_id)
)
"""Matches with `mentor_name`, `mentee_name` and, as `program`, the name of theirs."""
_PENDING = one_of(match.c.status, [MatchStatus.PENDING])


def visible_matches(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the matches this actor may see: their own, those of who reports to them, and those of
    the programs that they run.
    """
    if sees_the_house(actor):
        return true()
    return acted_for(actor, match.c.mentee_id, match.c.mentor_id) | match.c.program_id.in_(sorted(actor.programs))


def match_by_id(db: DbSession, match_id: str, *, actor: Actor) -> Any:
    """Return one match. Raises NotFound when absent or not for this actor."""
    return first_row(db, select(match).where(match.c.id == match_id, visible_matches(actor)))


def match_with_names(db: DbSession, match_id: str, *, actor: Actor) -> Any:
    """Return what `match_by_id` does, with the names of the two and of the program. One statement."""
    return first_row(db, NAMED.where(match.c.id == match_id, visible_matches(actor)))


def match_for_update(db: DbSession, match_id: str) -> Any:
    """Return one match with its row locked. Raises NotFound."""
    return first_row(db, select(match).where(match.c.id == match_id).with_for_update(key_share=True))


def programs_of(db: DbSession, person_ids: Iterable[str]) -> set[str]:
    """Return the programs in which one of these people has a match that stands."""
    who = sorted(person_ids)
    theirs = match.c.mentee_id.in_(who) | match.c.mentor_id.in_(who)
    return set(db.execute(select(match.c.program_id).where(theirs, match.c.status.in_(STANDING))).scalars())


def standing_for_update(db: DbSession, *which: ColumnElement[bool]) -> list[Any]:
    """Return those of the matches that stand of which all this is true, locked in the order of their ids."""
    query = select(match).where(match.c.status.in_(STANDING), *which).order_by(match.c.id)
    return list(db.execute(query.with_for_update(key_share=True)))


def list_matches(
    db: DbSession,
    page: PageRequest,
    *,
    status: tuple[MatchStatus, ...],
    mentee_id: tuple[str, ...],
    mentor_id: tuple[str, ...],
    actor: Actor,
) -> PageOf[Any]:
    """Return a page of matches that the actor may see, oldest first. One statement."""
    query = select(match).where(visible_matches(actor))
    for column, values in ((match.c.status, status), (match.c.mentee_id, mentee_id), (match.c.mentor_id, mentor_id)):
        if values:
            query = query.where(column.in_(values))
    return fetch(db, query, page, Order(match.c.id, match.c.id))


def named_matches(
    db: DbSession, page: PageRequest, *, status: tuple[MatchStatus, ...], program_id: str, name: str, actor: Actor
) -> PageOf[Any]:
    """Return a page of matches that the actor may see, newest first, with the names of `NAMED`: of one program and with
    one of the two called like this, where these are given. One statement.
    """
    query = NAMED.where(visible_matches(actor), match.c.status.in_(status))
    if program_id:
        query = query.where(match.c.program_id == program_id)
    if name:
        called = _mentor.c.name.icontains(name, autoescape=True) | _mentee.c.name.icontains(name, autoescape=True)
        query = query.where(called)
    return fetch(db, query, page, Order(match.c.id, match.c.id, descending=True))


def match_of_mentee(db: DbSession, program_id: str, mentee_id: str) -> str | None:
    """Return the id of the match of this mentee that stands in a program."""
    mine = match.c.program_id == program_id, match.c.mentee_id == mentee_id, match.c.status.in_(STANDING)
    found: str | None = db.execute(select(match.c.id).where(*mine)).scalar()
    return found


def declined_at(db: DbSession, program_id: str, mentee_id: str, mentor_id: str) -> datetime | None:
    """Return when this mentee, who had asked, was last told no about this mentor; None when they never were."""
    pair = match.c.program_id == program_id, match.c.mentee_id == mentee_id, match.c.mentor_id == mentor_id
    no = match.c.ended_because == EndedBecause.DECLINED, match.c.asked_by_id == mentee_id
    found: datetime | None = db.execute(select(func.max(match.c.updated_at)).where(*pair, *no)).scalar()
    return found


def places_left(db: DbSession, program_id: str, mentor_id: str, *, pending_too: bool) -> int:
    """Return how many more mentees a mentor takes in a program; negative when their capacity came down since. A match
    that waits for a yes takes a place of those who ask, and none of those who say it.
    """
    enrolled = enrollment.c.program_id == program_id, enrollment.c.person_id == mentor_id
    capacity = select(enrollment.c.capacity).where(*enrolled, enrollment.c.side == Side.MENTOR)
    theirs = match.c.program_id == program_id, match.c.mentor_id == mentor_id
    taken = (
        select(func.count()).select_from(match).where(*theirs, match.c.status.in_(STANDING if pending_too else _MEETS))
    )
    places: int = db.execute(capacity).scalar() or 0
    return places - int(db.execute(taken).scalar_one())


def is_forbidden(db: DbSession, program_id: str, mentee_id: str, mentor_id: str) -> bool:
    """Whether the program always keeps these two apart."""
    pair = pair_rule.c.mentee_id == mentee_id, pair_rule.c.mentor_id == mentor_id
    rule = exists().where(pair_rule.c.program_id == program_id, *pair, pair_rule.c.kind == PairRuleKind.FORBIDDEN)
    return bool(db.execute(select(rule)).scalar())


def expired(*, now: datetime) -> ColumnElement[bool]:
    """Return the condition for matches about which nobody decided in time."""
    return _PENDING & (match.c.asked_at <= now - EXPIRES_AFTER)


def to_be_reminded(*, now: datetime) -> ColumnElement[bool]:
    """Return the condition for matches that have waited long, and of which nobody was reminded. One that is over
    anyway is not worth a reminder.
    """
    waits = (match.c.asked_at <= now - REMINDED_AFTER) & (match.c.asked_at > now - EXPIRES_AFTER)
    return _PENDING & waits & match.c.reminded_at.is_(None)


def to_be_felt() -> ColumnElement[bool]:
    """Return the condition for active matches whose two have met for the first time, and were not asked how it feels.
    A session of both counts, whoever of them listened.
    """
    mentee, mentor = participant.alias("mentee"), participant.alias("mentor")
    met = (
        exists()
        .where(mentee.c.person_id == match.c.mentee_id)
        .where(mentor.c.session_id == mentee.c.session_id, mentor.c.person_id == match.c.mentor_id)
        .where(session.c.id == mentee.c.session_id, session.c.status == SessionStatus.COMPLETED)
        .where(session.c.starts_at >= match.c.started_at)
    )
    return (match.c.status == MatchStatus.ACTIVE) & match.c.fit_asked_at.is_(None) & met


def some_of(db: DbSession, which: ColumnElement[bool], *, most: int) -> list[Any]:
    """Return (id, program_id) of up to so many of these matches."""
    return list(db.execute(select(match.c.id, match.c.program_id).where(which).order_by(match.c.id).limit(most)))


def any_of(db: DbSession, which: ColumnElement[bool]) -> bool:
    """Whether there is one of these matches."""
    return bool(db.execute(select(exists().where(which))).scalar())
