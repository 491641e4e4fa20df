"""Matches: the pairs of mentee and mentor that stand, and those that stood."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import NotFound
from app.queries import matches
from app.routers.dependencies import Answer, CurrentActor, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.matches import MatchRead
from app.schemas.shapes import Listing
from app.vocabulary import MatchStatus

router = APIRouter(prefix="/v1", route_class=Route)


@router.get("/matches", tags=["matching"], operation_id="matches_list", responses=refusals())
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
    data = [MatchRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.get("/matches/{match_id}", tags=["matching"], operation_id="matches_get", responses=refusals(NotFound))
def get_match(match_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> MatchRead:
    """Read one match."""
    found = matches.match_by_id(db, match_id, actor=actor)
    return answer.version(found.version, MatchRead.model_validate(found))
