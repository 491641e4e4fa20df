"""What the two of a match, who leads one of them, or who runs the program do with it while it stands: pause it, resume
it, end it.
"""

from datetime import datetime
from typing import Any

from app.db import DbSession
from app.errors import Conflict, Forbidden
from app.operations.match_runs import rematch_soon
from app.operations.matches import change_matches, end_matches, lock_match
from app.queries import matches
from app.queries.access import check_acts
from app.rules.access import Actor, may_act_for, runs_program
from app.vocabulary import EndedBecause, MatchStatus, RunCause


class NotStanding(Conflict):
    """A match that nobody has said yes to, or that is over, can't be changed like that."""

    code = "match_not_standing"
    title = "This match has not begun, or is over"


def pause_match(
    db: DbSession, *, match_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Let an active match rest and return it. It keeps its place at the mentor. Repeating it changes nothing."""
    found = _lock(db, match_id, expected_version=expected_version, actor=actor)
    check_standing(found)
    if found.status is MatchStatus.ACTIVE:
        change_matches(db, [found], "match.paused", status=MatchStatus.PAUSED, actor=actor, now=now)
    return matches.match_by_id(db, match_id, actor=actor)


def resume_match(
    db: DbSession, *, match_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Make a paused match active again and return it. Repeating it changes nothing."""
    found = _lock(db, match_id, expected_version=expected_version, actor=actor)
    check_standing(found)
    if found.status is MatchStatus.PAUSED:
        change_matches(db, [found], "match.resumed", status=MatchStatus.ACTIVE, actor=actor, now=now)
    return matches.match_by_id(db, match_id, actor=actor)


def end_match(db: DbSession, *, match_id: str, expected_version: int | None = None, actor: Actor, now: datetime) -> Any:
    """End a match that stands and return it; whoever waits for a mentor may get the place. Repeating it changes
    nothing.
    """
    found = _lock(db, match_id, expected_version=expected_version, actor=actor)
    if found.status is MatchStatus.ENDED and found.started_at is not None:
        return found
    check_standing(found)
    end_standing(db, found, EndedBecause.BY_HAND, RunCause.PLACE_FREED, actor=actor, now=now)
    return matches.match_by_id(db, match_id, actor=actor)


def end_standing(
    db: DbSession, found: Any, because: EndedBecause, cause: RunCause, *, actor: Actor, now: datetime
) -> None:
    """End a match, given by its locked row, and have its program matched anew."""
    end_matches(db, [found], because=because, actor=actor, now=now)
    rematch_soon(db, found.program_id, cause, now)


def may_steer(found: Any, actor: Actor) -> bool:
    """Whether the actor may pause, resume and end this match."""
    of_theirs = may_act_for(actor, found.mentee_id) or may_act_for(actor, found.mentor_id)
    return of_theirs or runs_program(actor, found.program_id)


def _lock(db: DbSession, match_id: str, *, expected_version: int | None, actor: Actor) -> Any:
    found = lock_match(db, match_id, expected_version=expected_version, actor=actor)
    if not may_steer(found, actor):
        check_acts(actor)
        raise Forbidden("Its two do that, who leads one of them, or who runs the program.")
    return found


def check_standing(found: Any) -> None:
    """Raise NotStanding unless the match has begun and is not over."""
    if found.status not in (MatchStatus.ACTIVE, MatchStatus.PAUSED):
        raise NotStanding(f"It is {found.status}.")
