"""Teams."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.operations import teams as operations
from app.operations.changes import InUse, NameTaken
from app.operations.external import ExternalIdTaken
from app.queries import external, teams
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.shapes import Listing
from app.schemas.teams import CreateTeam, PatchTeam, TeamRead, UpsertTeam
from app.vocabulary import ExternalId, Instant, Source

router = APIRouter(prefix="/v1/teams", tags=["teams"], route_class=Route)


@router.get("", operation_id="teams_list", responses=refusals())
def list_teams(
    db: ReadDb,
    _actor: CurrentActor,
    page: Page,
    answer: Answer,
    q: Annotated[str | None, Query(max_length=100, description="Part of a name.")] = None,
    updated_at_gte: Annotated[Instant | None, Query()] = None,
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] = "created_at",
) -> Listing[TeamRead]:
    """List the teams."""
    wanted = teams.TeamFilter(q, updated_at_gte)
    found = teams.list_teams(db, wanted, page, sort=sort.lstrip("-"), descending=sort.startswith("-"))
    names = external.identities(db, [row.id for row in found.rows])
    data = [TeamRead.of(row, names.get(row.id, [])) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "", status_code=201, operation_id="teams_create", responses=refusals(Forbidden, NameTaken, ExternalIdTaken)
)
def create_team(body: CreateTeam, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> TeamRead:
    """Add a team."""
    refs = [(ref.source, ref.id) for ref in body.external]
    made = operations.create_team(db, name=body.name, refs=refs, actor=actor, now=now)
    return answer.created(f"/v1/teams/{made.id}", made.version, _read(db, made))


@router.get("/{team_id}", operation_id="teams_get", responses=refusals(NotFound))
def get_team(team_id: str, db: ReadDb, _actor: CurrentActor, answer: Answer) -> TeamRead:
    """Read one team."""
    found = teams.team_by_id(db, team_id)
    return answer.version(found.version, _read(db, found))


@router.patch("/{team_id}", operation_id="teams_patch", responses=refusals(Forbidden, NotFound, NameTaken, Stale))
def patch_team(
    team_id: str, body: PatchTeam, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> TeamRead:
    """Change a team (JSON Merge Patch): absent keeps."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_team(db, team_id=team_id, changes=changes, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, _read(db, found))


@router.delete(
    "/{team_id}",
    status_code=204,
    operation_id="teams_delete",
    responses=refusals(Forbidden, NotFound, InUse, Stale),
)
def delete_team(team_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Delete a team that nobody is in."""
    operations.delete_team(db, team_id=team_id, expected_version=if_match, actor=actor, now=now)


@router.put(
    "/by-external-id/{source}/{external_id:path}",
    operation_id="teams_upsert",
    responses={201: {"model": TeamRead, "description": "A new team"}, **refusals(Forbidden, NameTaken)},
)
def upsert_team(
    source: Source,
    external_id: ExternalId,
    body: UpsertTeam,
    db: Db,
    now: Now,
    actor: CurrentActor,
    answer: Answer,
) -> TeamRead:
    """Create or change the team that another system calls `external_id`. Safe to repeat."""
    changes = body.model_dump(exclude_unset=True)
    done = operations.upsert_team(db, source=source, external_id=external_id, changes=changes, actor=actor, now=now)
    if done.status == "created":
        answer.response.status_code = 201
    found = teams.team_by_id(db, done.id)
    return answer.version(found.version, _read(db, found))


def _read(db: DbSession, row: Any) -> TeamRead:
    return TeamRead.of(row, external.identities(db, [row.id]).get(row.id, []))
