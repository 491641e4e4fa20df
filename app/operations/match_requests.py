"""Matches that somebody asks for or must say yes to: ask, approve, decline, withdraw, and what waits too long."""

from datetime import datetime
from typing import Any

from app import ids
from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, Invalid
from app.operations.match_runs import rematch_soon
from app.operations.match_settings import NotEnrolled
from app.operations.matches import add_matches, change_matches, end_matches, hold_programs, lock_due, lock_match
from app.queries import matches, matching, runs
from app.queries.access import check_acts
from app.queries.people import lock_people
from app.rules.access import SYSTEM, Actor, acts, may_act_for, runs_program
from app.rules.matching.lives import ASKED_AGAIN_AFTER, awaited
from app.rules.matching.pairs import blockers
from app.rules.matching.points import points
from app.rules.matching.problem import DEFAULT_WEIGHTS, Blocker, MatchConstraints
from app.vocabulary import Approver, EndedBecause, MatchStatus, RunCause

_APART = {
    Blocker.SELF: "Nobody mentors themselves.",
    Blocker.FORBIDDEN: "Who runs this program keeps these two apart.",
    Blocker.REPEAT: "They were a match before, and this program wants variety.",
    Blocker.REPORTING_LINE: "One of them reports to the other.",
    Blocker.TEAM: "Their teams are against the team rule of this program.",
    Blocker.GRADE_GAP: "They are too many grades apart for this program.",
    Blocker.LANGUAGE: "They share no language.",
    Blocker.ZONE_GAP: "Their time zones are too far apart for this program.",
    Blocker.SHARED_HOURS: "They share too few working hours.",
    Blocker.CAPACITY: "The mentor has no place left.",
}


class RequestsClosed(Conflict):
    """In this program admins match."""

    code = "requests_closed"
    title = "This program takes no requests"


class AlreadyMatched(Conflict):
    """A mentee has one mentor at a time in a program."""

    code = "already_matched"
    title = "This mentee has a match in the program, or waits for one"


class AskedTooSoon(Conflict):
    """The answer was no, and nobody has to say it over and over; the refusal says from when on one may ask again."""

    code = "asked_too_soon"
    title = "The answer was no, not long ago"


class PairBlocked(Conflict):
    """A constraint of the program keeps the two apart; the refusal names it."""

    code = "pair_blocked"
    title = "These two can't be a match"


class NotAwaited(Conflict):
    """Somebody else's yes is missing."""

    code = "not_awaited"
    title = "Nobody waits for this yes"


class NotPending(Conflict):
    """It was decided about the match."""

    code = "not_pending"
    title = "Nobody waits for an answer about this match"


def ask_for_match(
    db: DbSession, *, mentor_id: str, mentee_id: str | None, program_id: str | None, actor: Actor, now: datetime
) -> Any:
    """Ask for a mentor, for oneself or who reports to one, or propose a pair of a program that one runs, and return the
    match: pending until those have said yes whose yes is needed. It takes a place of the mentor at once. Refused as
    `pair_blocked`, naming the constraint, and for a month after a no as `asked_too_soon`, unless who runs the program
    asks. Locks the two, then the program's matches.
    """
    mentee_id = mentee_id or actor.person_id
    if mentee_id is None:
        raise Invalid("Say who asks.", faults=(Fault("/mentee_id", "required", "is required of a key of nobody"),))
    program = runs.program_for_run(db, program_id)
    runs_it = runs_program(actor, program.id)
    if not (runs_it or may_act_for(actor, mentee_id)):
        check_acts(actor)
        raise Forbidden("You can ask only for yourself, and for who reports to you.")
    lock_people(db, [mentee_id, mentor_id])  # nobody leaves meanwhile
    hold_programs(db, [program.id])  # a run that is being published counts on what it has read
    asks = actor.person_id == mentee_id or not runs_it
    if asks and not program.requests_open:
        raise RequestsClosed("An admin matches people here. Tell them whom you would like, as a preference.")
    terms = _checked(db, program, mentee_id, mentor_id, now=now)
    if not runs_it:
        _check_not_too_soon(db, program.id, mentee_id, mentor_id, now=now)
    waits_for = awaited(program.approval, asked_by_mentee=asks, by_admin=runs_it)
    match_id = ids.new("mat", now)
    pair = {
        "id": match_id,
        "program_id": program.id,
        "run_id": None,
        "mentee_id": mentee_id,
        "mentor_id": mentor_id,
        "score": sum(terms.values()),
        "terms": terms,
        "pinned": False,
        "asked_by_id": mentee_id if asks else None,
    }
    add_matches(db, [pair], waits_for=waits_for, actor=actor, now=now)
    return matches.match_by_id(db, match_id, actor=actor)


def approve_match(
    db: DbSession,
    *,
    match_id: str,
    said_as: Approver | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Say yes to a pending match and return it; with the last yes that was missing it is active. Everybody says their
    own; who runs the program may say somebody else's by naming it. An active match is left as it is. Refused as
    `pair_blocked` where the mentor's places went to others meanwhile. Locks the program's matches, then the match.
    """
    found = lock_match(db, match_id, expected_version=expected_version, actor=actor)
    yes = {said_as} if said_as else own_parts(found, actor)
    if not yes or not yes <= {*own_parts(found, actor), *(Approver if runs_program(actor, found.program_id) else ())}:
        check_acts(actor)
        raise Forbidden("You can say only your own yes.")
    if found.status in (MatchStatus.ACTIVE, MatchStatus.PAUSED):
        return found
    _check_pending(found)
    missing = [who for who in found.awaiting if who not in yes]
    if missing == found.awaiting:
        raise NotAwaited(f"Missing is the yes of: {', '.join(missing)}.", extra={"awaiting": missing})
    if missing:
        change_matches(db, [found], "match.approved", awaiting=missing, actor=actor, now=now)
    else:
        if matches.places_left(db, found.program_id, found.mentor_id, pending_too=False) < 1:
            raise _blocked(found.mentee_id, found.mentor_id, Blocker.CAPACITY)
        life = {"status": MatchStatus.ACTIVE, "awaiting": [], "started_at": now}
        change_matches(db, [found], "match.started", **life, actor=actor, now=now)
    return matches.match_by_id(db, match_id, actor=actor)


def decline_match(
    db: DbSession, *, match_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Say no to a pending match and return it. The mentee or the mentor does it, or who runs the program; who asked
    withdraws. Repeating it changes nothing. Locks the program's matches, then the match.
    """
    found = lock_match(db, match_id, expected_version=expected_version, actor=actor)
    if not own_parts(found, actor):
        check_acts(actor)
        raise Forbidden("The two say no themselves, or who runs the program.")
    if found.asked_by_id is not None and found.asked_by_id == actor.person_id:
        raise Forbidden("You asked for it: withdraw it.")
    return _close(db, found, EndedBecause.DECLINED, actor=actor, now=now)


def withdraw_match(
    db: DbSession, *, match_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Take back what one asked for, or somebody who reports to one, and return the match. Who runs the program may,
    too. Repeating it changes nothing. Locks the program's matches, then the match.
    """
    found = lock_match(db, match_id, expected_version=expected_version, actor=actor)
    if not may_withdraw(found, actor):
        raise Forbidden("Who asked withdraws; you can decline.")
    return _close(db, found, EndedBecause.WITHDRAWN, actor=actor, now=now)


def expire_matches(db: DbSession, *, now: datetime) -> int:
    """End matches about which nobody decided in time, up to so many at once, and return how many. Locks them."""
    late = lock_due(db, matches.expired(now=now))
    end_matches(db, late, because=EndedBecause.EXPIRED, actor=SYSTEM, now=now)
    for program_id in sorted({row.program_id for row in late}):
        rematch_soon(db, program_id, RunCause.PLACE_FREED, now)
    return len(late)


def remind_matches(db: DbSession, *, now: datetime) -> int:
    """Remind those whose yes matches wait for, once, up to so many matches at once, and return how many. Locks them."""
    waiting = lock_due(db, matches.to_be_reminded(now=now))
    change_matches(db, waiting, "match.reminded", reminded_at=now, actor=SYSTEM, now=now)
    return len(waiting)


def may_withdraw(found: Any, actor: Actor) -> bool:
    """Whether the actor may take back a request: for who asked, or as who runs the program."""
    asked_by_theirs = found.asked_by_id is not None and may_act_for(actor, found.asked_by_id)
    return asked_by_theirs or runs_program(actor, found.program_id)


def own_parts(found: Any, actor: Actor) -> set[Approver]:
    """Return as what the actor speaks of a match: a yes or a no is nobody else's, whoever leads them."""
    parts = {Approver.MENTEE: found.mentee_id, Approver.MENTOR: found.mentor_id}
    own = {part for part, who in parts.items() if acts(actor) and who == actor.person_id}
    return own | {Approver.ADMIN} if runs_program(actor, found.program_id) else own


def _close(db: DbSession, found: Any, because: EndedBecause, *, actor: Actor, now: datetime) -> Any:
    if found.status is MatchStatus.ENDED and found.ended_because is because:
        return found
    _check_pending(found)
    end_matches(db, [found], because=because, actor=actor, now=now)
    rematch_soon(db, found.program_id, RunCause.PLACE_FREED, now)
    return matches.match_by_id(db, found.id, actor=actor)


def _check_pending(found: Any) -> None:
    if found.status is not MatchStatus.PENDING:
        raise NotPending(f"It is {found.status}.")


def _check_not_too_soon(db: DbSession, program_id: str, mentee_id: str, mentor_id: str, *, now: datetime) -> None:
    said_no_at = matches.declined_at(db, program_id, mentee_id, mentor_id)
    if said_no_at is not None and now < (until := said_no_at + ASKED_AGAIN_AFTER):
        raise AskedTooSoon("Ask somebody else, or wait until then.", extra={"not_before": until})


def _checked(db: DbSession, program: Any, mentee_id: str, mentor_id: str, *, now: datetime) -> dict[str, int]:
    """Ask of two people what a run of the program would ask of them, as they are now, and return the points that it
    would give them.
    """
    people = matching.close_up(db, program.id, among=[mentee_id, mentor_id], now=now)
    mentee, mentor = people.mentees.get(mentee_id), people.mentors.get(mentor_id)
    if mentee is None or mentor is None:
        which = "mentee_id" if mentee is None else "mentor_id"
        raise NotEnrolled(faults=(Fault(f"/{which}", "not_enrolled", "is not in the program on that side, or away"),))
    if known := matches.match_of_mentee(db, program.id, mentee_id):
        raise AlreadyMatched("End or withdraw that match first.", extra={"match_id": known})
    if matches.is_forbidden(db, program.id, mentee_id, mentor_id):
        raise _blocked(mentee_id, mentor_id, Blocker.FORBIDDEN)
    if why := next(blockers(mentee, mentor, MatchConstraints(**program.constraints)), None):
        raise _blocked(mentee_id, mentor_id, why)
    if matches.places_left(db, program.id, mentor_id, pending_too=True) < 1:
        raise _blocked(mentee_id, mentor_id, Blocker.CAPACITY)
    return points(mentee, mentor, {**DEFAULT_WEIGHTS, **program.weights})


def _blocked(mentee_id: str, mentor_id: str, why: Blocker) -> PairBlocked:
    extra = {"constraint": str(why), "mentee_id": mentee_id, "mentor_id": mentor_id}
    return PairBlocked(_APART[why], extra=extra)
