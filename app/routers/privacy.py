"""Privacy: everything about one person, their erasure, the monitoring notice, and how long things are kept."""

import base64
from typing import Any

from fastapi import APIRouter

from app.erasures import ErasureList
from app.errors import Forbidden, NotFound
from app.operations import privacy as operations
from app.queries import personal, runs
from app.routers.dependencies import Answer, CurrentActor, Db, Now, ReadDb, Route, TheHouse
from app.routers.problems import refusals
from app.rules.access import decides_access
from app.schemas.privacy import ErasePerson, PersonExport
from app.schemas.runs import OperationRead

router = APIRouter(prefix="/v1", tags=["privacy"], route_class=Route)


@router.get("/people/{person_id}/export", operation_id="people_export", responses=refusals(NotFound))
def export_person(person_id: str, db: ReadDb, now: Now, actor: CurrentActor) -> PersonExport:
    """Read everything that is kept about one person, by table: yourself, or as an admin anybody."""
    if not decides_access(actor) and actor.person_id != person_id:
        raise NotFound
    tables = personal.everything_about(db, person_id, actor=actor)
    told = {name: [_told(row) for row in rows] for name, rows in tables.items()}
    return PersonExport(person_id=person_id, exported_at=now, tables=told)


@router.post(
    "/people/{person_id}/erase",
    status_code=202,
    operation_id="people_erase",
    responses=refusals(NotFound, Forbidden, operations.NotConfirmed),
)
def erase_person(
    person_id: str, body: ErasePerson, db: Db, now: Now, actor: CurrentActor, the: TheHouse, answer: Answer
) -> OperationRead:
    """Erase one person: they leave, what is only about them is deleted, and counts stay without their name. What others
    wrote about them is searched by the operation that this begins. It can't be undone.
    """
    listed = ErasureList(the.settings.dir)
    operation_id = operations.erase_person(
        db, person_id=person_id, confirm=body.confirm, listed=listed, actor=actor, now=now
    )
    begun = runs.operation_by_id(db, operation_id, actor=actor)
    return answer.watched(operation_id, 1, OperationRead.model_validate(begun))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON takes it: bytes in base 64, if they are no text."""
    return {name: _text(value) if isinstance(value, bytes) else value for name, value in row.items()}


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
