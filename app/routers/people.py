"""People."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.operations import people as operations
from app.operations.changes import UnknownReference
from app.operations.external import ExternalIdTaken
from app.queries import external, people
from app.routers import batches
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.people import CreatePerson, PatchPerson, PersonRead, UpsertPeople, UpsertPerson
from app.schemas.shapes import BatchRead, Listing
from app.vocabulary import ExternalId, Instant, PersonStatus, Role, Source

router = APIRouter(prefix="/v1/people", tags=["people"], route_class=Route)

_WRITE = (Forbidden, operations.EmailTaken, ExternalIdTaken, operations.ManagerCycle, UnknownReference)
_GOES = (operations.LastAdmin, *_WRITE)


@router.get("", operation_id="people_list", responses=refusals())
def list_people(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    team_id: Annotated[list[str], Query()] = [],
    manager_id: Annotated[list[str], Query()] = [],
    role: Annotated[list[Role], Query()] = [],
    status: Annotated[list[PersonStatus], Query()] = [],
    skill: Annotated[
        list[str], Query(description="Who may host observers for it, from level 3 on; reps find who teaches it.")
    ] = [],
    q: Annotated[str | None, Query(max_length=100, description="Part of a name or an address.")] = None,
    updated_at_gte: Annotated[Instant | None, Query()] = None,
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] = "created_at",
) -> Listing[PersonRead]:
    """List the people you may see."""
    wanted = people.PeopleFilter(
        tuple(team_id), tuple(manager_id), tuple(role), tuple(status), tuple(skill), q, updated_at_gte
    )
    found = people.list_people(db, wanted, page, sort=sort.lstrip("-"), descending=sort.startswith("-"), actor=actor)
    names = external.identities(db, [row.id for row in found.rows])
    data = [PersonRead.of(row, names.get(row.id, [])) for row in found.rows]
    return answer.page(found, data)


@router.post("", status_code=201, operation_id="people_create", responses=refusals(*_WRITE))
def create_person(body: CreatePerson, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> PersonRead:
    """Add a person. They work Monday to Friday, 09:00 to 17:00 in their zone, until told otherwise."""
    fields = body.model_dump(exclude={"external"})
    refs = [(ref.source, ref.id) for ref in body.external]
    made = operations.create_person(db, fields=fields, external=refs, actor=actor, now=now)
    return answer.created(f"/v1/people/{made.id}", made.version, _read(db, made))


@router.get("/{person_id}", operation_id="people_get", responses=refusals(NotFound))
def get_person(person_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> PersonRead:
    """Read one person."""
    found = people.person_by_id(db, person_id, actor=actor)
    return answer.version(found.version, _read(db, found))


@router.patch("/{person_id}", operation_id="people_patch", responses=refusals(NotFound, Stale, *_GOES))
def patch_person(
    person_id: str, body: PatchPerson, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> PersonRead:
    """Change a person (JSON Merge Patch): absent keeps, null clears."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_person(
        db, person_id=person_id, changes=changes, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, _read(db, found))


@router.put(
    "/by-external-id/{source}/{external_id:path}",
    operation_id="people_upsert",
    responses={201: {"model": PersonRead, "description": "Somebody new"}, **refusals(*_GOES)},
)
def upsert_person(
    source: Source,
    external_id: ExternalId,
    body: UpsertPerson,
    db: Db,
    now: Now,
    actor: CurrentActor,
    answer: Answer,
) -> PersonRead:
    """Create or change the person whom another system calls `external_id`. Safe to repeat and to send late."""
    changes = body.model_dump(exclude_unset=True)
    done = operations.upsert_person(db, source=source, external_id=external_id, changes=changes, actor=actor, now=now)
    if done.status == "created":
        answer.response.status_code = 201
    found = people.person_by_id(db, done.id, actor=actor)
    return answer.version(found.version, _read(db, found))


@router.post(
    "/batch-upsert",
    operation_id="people_batch_upsert",
    responses={
        207: {"model": BatchRead, "description": "Some items were refused"},
        **refusals(Forbidden, batches.BatchRefused),
    },
)
def batch_upsert_people(body: UpsertPeople, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> BatchRead:
    """Create or change up to 200 people, and say of each what happened."""
    return batches.upsert_all(
        db,
        body.items,
        atomic=body.atomic,
        lock=partial(operations.lock_for_upserts, db, actor=actor, now=now),
        upsert=partial(operations.upsert_person, db, actor=actor, now=now),
        response=answer.response,
    )


def _read(db: DbSession, row: Any) -> PersonRead:
    return PersonRead.of(row, external.identities(db, [row.id]).get(row.id, []))
