"""One match: who the two are, what speaks for them, what is awaited; a yes or no to it, its rest and its end, and how
it feels. Mails link here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from datetime import datetime
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict
from app.operations import fit_checks, match_acts, match_requests
from app.operations.match_acts import may_steer
from app.operations.match_requests import NotAwaited, may_withdraw, own_parts
from app.queries import matches
from app.queries.house_rules import house_rules
from app.rules.access import may_see_figures, sees_program
from app.rules.matching.lives import EXPIRES_AFTER, shown_terms
from app.vocabulary import Approver, EndedBecause, Fit, MatchStatus
from app.web import words
from app.web.clocks import day, moment
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.html import page

router = page_router()

Do = Literal["approve", "decline", "withdraw", "pause", "resume", "end", "fit"]

_STANDS = (MatchStatus.ACTIVE, MatchStatus.PAUSED)
_STATUS = {
    MatchStatus.PENDING: "It has not begun: somebody has yet to say yes.",
    MatchStatus.ACTIVE: "It has begun meanwhile.",
    MatchStatus.PAUSED: "It has begun meanwhile, and rests.",
    MatchStatus.ENDED: "It is over.",
}
"""Why a status allows an act no more."""
_OVER = {
    EndedBecause.BY_HAND: "One of the two has ended it, or somebody who may do so for them.",
    EndedBecause.REPLACED: "The matches of the program were made anew.",
    EndedBecause.LEFT: "One of the two is no longer in the program.",
    EndedBecause.NOT_A_FIT: "It was not a fit, and that is nobody’s fault.",
    EndedBecause.DECLINED: "The answer was no.",
    EndedBecause.EXPIRED: "Nobody decided in time.",
    EndedBecause.WITHDRAWN: "The request was taken back.",
}


@router.get("/m/{match_id}")
def show_match(match_id: str, db: ReadDb, now: Now, viewer: SignedIn) -> Response:
    """Show a match to its two, who leads one of them, and who runs the program."""
    return _match_page(db, match_id, viewer=viewer, now=now)


@router.post("/m/{match_id}")
def change_match(
    match_id: str, do: Do, the: TheHouse, now: Now, viewer: Pressing, answer: Fit = Fit.DECIDING
) -> Response:
    """Say yes or no, take it back, let it rest, go on, end it, or answer how it feels. Pressing twice changes nothing;
    a refusal is said on the page.
    """
    try:
        database.written(the.engine, lambda db: _act(db, match_id, do, answer, viewer=viewer, now=now))
    except Conflict as refused:
        with database.transaction(the.engine, writes=False) as reading:
            seen = matches.match_by_id(reading, match_id, actor=viewer.actor)
            why = refused.detail if refused.code == "pair_blocked" else _STATUS[seen.status]
            return _match_page(reading, match_id, viewer=viewer, now=now, refused=why)
    return RedirectResponse(f"/m/{match_id}", 303)


_ACTS: Mapping[Do, Callable[..., Any]] = {
    "approve": match_requests.approve_match,
    "decline": match_requests.decline_match,
    "withdraw": match_requests.withdraw_match,
    "pause": match_acts.pause_match,
    "resume": match_acts.resume_match,
    "end": match_acts.end_match,
}


def _act(db: DbSession, match_id: str, do: Do, answer: Fit, *, viewer: Viewer, now: datetime) -> None:
    of: dict[str, Any] = {"match_id": match_id, "actor": viewer.actor, "now": now}
    if do == "fit":
        fit_checks.answer_fit(db, answer=answer, **of)
        return
    with suppress(NotAwaited) if do == "approve" else nullcontext():  # they have said it before
        _ACTS[do](db, **of)


def _match_page(db: DbSession, match_id: str, *, viewer: Viewer, now: datetime, refused: str | None = None) -> Response:
    row, me = matches.match_with_names(db, match_id, actor=viewer.actor), viewer.person
    parts = own_parts(row, viewer.actor)
    side = next((part for part in (Approver.MENTEE, Approver.MENTOR) if part in parts), None)
    is_pending, stands = row.status is MatchStatus.PENDING, row.status in _STANDS
    was_asked = row.asked_by_id is not None
    asked_for_it = was_asked and row.asked_by_id == me.id
    mentee, mentor = Face.of(row.mentee_id, row.mentee_name), Face.of(row.mentor_id, row.mentor_name)
    return page(
        "match.html",
        status=409 if refused else 200,
        viewer=viewer.face,
        match=row,
        state=row.status.value,
        side=side.value if side else None,
        mentee=mentee,
        mentor=mentor,
        awaited=row.awaiting,
        was_asked=was_asked,
        asked_for_it=asked_for_it,
        asked_on=day(row.asked_at, me.time_zone) if row.asked_at else None,
        until=moment(row.asked_at + EXPIRES_AFTER, me.time_zone, now=now) if is_pending and row.asked_at else None,
        since=day(row.started_at, me.time_zone) if row.started_at else None,
        why_over=_OVER[row.ended_because or EndedBecause.BY_HAND],
        reasons=list(_reasons(row, viewer)) if _sees_figures(db, row, viewer) else [],
        shows_points=sees_program(viewer.actor, row.program_id),
        may_approve=is_pending and not parts.isdisjoint(row.awaiting),
        may_decline=is_pending and not asked_for_it and bool(parts),
        may_withdraw=is_pending and was_asked and (asked_for_it or not parts) and may_withdraw(row, viewer.actor),
        stands=stands,
        may_steer=stands and may_steer(row, viewer.actor),
        fit=getattr(row, f"{side}_fit") if side else None,
        may_say_fit=stands and side is not None and row.fit_asked_at is not None,
        refused=refused,
    )


def _sees_figures(db: DbSession, row: Any, viewer: Viewer) -> bool:
    """Whether the viewer is one of the two, or the house shows figures about people to others."""
    either = (may_see_figures(viewer.actor, one, allowed=False) for one in (row.mentee_id, row.mentor_id))
    return any(either) or house_rules(db).person_insights


def _reasons(row: Any, viewer: Viewer) -> Iterator[tuple[str, int]]:
    """Yield what speaks for the match and the viewer may see, most first, with its points."""
    terms = shown_terms(row.terms, sees_wishes=sees_program(viewer.actor, row.program_id))
    for name, points in sorted(terms.items(), key=lambda term: (-term[1], term[0])):
        if points and name in words.TERMS:  # a criterion that is no more has none
            yield words.TERMS[name], points
