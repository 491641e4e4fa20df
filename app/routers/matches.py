"""Matches: the pairs of mentee and mentor that stand, those that stood, and those that somebody asks for."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import Forbidden, NotFound, Stale
from app.operations import fit_checks, match_acts, match_requests
from app.operations.match_acts import NotStanding
from app.operations.match_requests import (
    AlreadyMatched,
    AskedTooSoon,
    NotAwaited,
    NotPending,
    PairBlocked,
    RequestsClosed,
)
from app.operations.match_settings import NotEnrolled
from app.queries import matches
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.matches import AnswerFit, ApproveMatch, AskForMatch, MatchRead
from app.schemas.shapes import Listing
from app.vocabulary import MatchStatus

router = APIRouter(prefix="/v1/matches", tags=["matching"], route_class=Route)

_MINE = ApproveMatch()
"""One's own yes."""


@router.get("", operation_id="matches_list", responses=refusals())
def list_matches(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    status: Annotated[list[MatchStatus], Query()] = [],
    mentee_id: Annotated[list[str], Query()] = [],
    mentor_id: Annotated[list[str], Query()] = [],
) -> Listing[MatchRead]:
    """List the matches you may see."""
    found = matches.list_matches(
        db, page, status=tuple(status), mentee_id=tuple(mentee_id), mentor_id=tuple(mentor_id), actor=actor
    )
    data = [MatchRead.of(row, actor) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "",
    status_code=201,
    operation_id="matches_ask",
    responses=refusals(Forbidden, NotFound, NotEnrolled, RequestsClosed, AlreadyMatched, AskedTooSoon, PairBlocked),
)
def ask_for_match(body: AskForMatch, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> MatchRead:
    """Ask a mentor to be yours, or somebody's who reports to you; or propose a pair of a program that you run.

    It is `pending`, and takes a place of the mentor, until everybody has said yes who must: the mentor who is asked,
    and whoever the program wants to. They are reminded after seven days; after fourteen it ends as `expired`. A mentor
    who said no can be asked again after thirty days; who runs the program may propose them at once.
    """
    made = match_requests.ask_for_match(
        db, mentor_id=body.mentor_id, mentee_id=body.mentee_id, program_id=body.program_id, actor=actor, now=now
    )
    return answer.created(f"/v1/matches/{made.id}", made.version, MatchRead.of(made, actor))


@router.get("/{match_id}", operation_id="matches_get", responses=refusals(NotFound))
def get_match(match_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> MatchRead:
    """Read one match."""
    found = matches.match_by_id(db, match_id, actor=actor)
    return answer.version(found.version, MatchRead.of(found, actor))


@router.post(
    "/{match_id}/approve",
    operation_id="matches_approve",
    responses=refusals(Forbidden, NotFound, Stale, NotAwaited, NotPending, PairBlocked),
)
def approve_match(
    match_id: str,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
    body: ApproveMatch = _MINE,
) -> MatchRead:
    """Say yes to a match. With the last yes that was missing it is active, and both are told."""
    found = match_requests.approve_match(
        db, match_id=match_id, said_as=body.said_as, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, MatchRead.of(found, actor))


@router.post(
    "/{match_id}/decline", operation_id="matches_decline", responses=refusals(Forbidden, NotFound, Stale, NotPending)
)
def decline_match(match_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> MatchRead:
    """Say no to a match that waits for an answer. No match run proposes the two again by itself."""
    found = match_requests.decline_match(db, match_id=match_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, MatchRead.of(found, actor))


@router.post(
    "/{match_id}/withdraw", operation_id="matches_withdraw", responses=refusals(Forbidden, NotFound, Stale, NotPending)
)
def withdraw_match(
    match_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> MatchRead:
    """Take back what you asked for, while nobody has decided."""
    found = match_requests.withdraw_match(db, match_id=match_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, MatchRead.of(found, actor))


@router.post(
    "/{match_id}/pause", operation_id="matches_pause", responses=refusals(Forbidden, NotFound, Stale, NotStanding)
)
def pause_match(match_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> MatchRead:
    """Let a match rest. It keeps its place at the mentor, and match runs leave it alone."""
    found = match_acts.pause_match(db, match_id=match_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, MatchRead.of(found, actor))


@router.post(
    "/{match_id}/resume", operation_id="matches_resume", responses=refusals(Forbidden, NotFound, Stale, NotStanding)
)
def resume_match(match_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> MatchRead:
    """Go on with a match that rested."""
    found = match_acts.resume_match(db, match_id=match_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, MatchRead.of(found, actor))


@router.post("/{match_id}/end", operation_id="matches_end", responses=refusals(Forbidden, NotFound, Stale, NotStanding))
def end_match(match_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> MatchRead:
    """End a match. The other one is told, and a draft is made that gives the mentee a mentor who has room."""
    found = match_acts.end_match(db, match_id=match_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, MatchRead.of(found, actor))


@router.post("/{match_id}/fit", operation_id="matches_fit", responses=refusals(Forbidden, NotFound, Stale, NotStanding))
def answer_fit(
    match_id: str, body: AnswerFit, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> MatchRead:
    """Say how a match feels. `not_a_fit` ends it, nobody has to say why, and another mentor is looked for."""
    found = fit_checks.answer_fit(
        db, match_id=match_id, answer=body.answer, side=body.side, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, MatchRead.of(found, actor))
