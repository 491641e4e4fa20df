"""How a match feels: ask the two after their first session, and keep what they answer."""

from datetime import datetime
from typing import Any

from app.db import DbSession
from app.errors import Forbidden
from app.operations.match_acts import check_standing, end_standing
from app.operations.match_requests import own_parts
from app.operations.matches import change_matches, lock_due, lock_match
from app.queries import matches
from app.queries.access import check_acts
from app.rules.access import SYSTEM, Actor, runs_program
from app.vocabulary import Approver, EndedBecause, Fit, RunCause, Side


def answer_fit(
    db: DbSession,
    *,
    match_id: str,
    answer: Fit,
    side: Side | None = None,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Keep how a match feels to one of the two and return it; not a fit ends it, and another mentor is looked for. They
    say it themselves, as often as they like; who runs the program says whose answer it is. Repeating it changes
    nothing.
    """
    found = lock_match(db, match_id, expected_version=expected_version, actor=actor)
    column = f"{_side(found, side, actor)}_fit"
    if getattr(found, column) is answer:
        return found
    check_standing(found)
    change_matches(db, [found], "match.fit_answered", **{column: answer}, actor=actor, now=now)
    if answer is Fit.NOT_A_FIT:
        felt = matches.match_for_update(db, match_id)
        end_standing(db, felt, EndedBecause.NOT_A_FIT, RunCause.NOT_A_FIT, actor=actor, now=now)
    return matches.match_by_id(db, match_id, actor=actor)


def ask_fits(db: DbSession, *, now: datetime) -> int:
    """Ask the two of matches who have met for the first time how it feels, once, up to so many matches at once; return
    how many. Locks them.
    """
    met = lock_due(db, matches.to_be_felt())
    change_matches(db, met, "match.fit_asked", fit_asked_at=now, actor=SYSTEM, now=now)
    return len(met)


def _side(found: Any, side: Side | None, actor: Actor) -> Side:
    """Return whose answer the actor gives."""
    own = own_parts(found, actor) - {Approver.ADMIN}
    if side is None and own:
        return Side.MENTEE if Approver.MENTEE in own else Side.MENTOR
    if side is not None and (runs_program(actor, found.program_id) or side in {str(part) for part in own}):
        return side
    check_acts(actor)
    raise Forbidden("You can say only how it feels to you; who runs the program says whose answer it is.")
