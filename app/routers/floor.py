"""The floor: what is on now, and how people work."""

from datetime import datetime

from fastapi import APIRouter

from app.db import DbSession
from app.errors import Forbidden, NotFound
from app.operations.presence import set_presence
from app.operations.refused import Past
from app.queries import busy
from app.queries import floor as queries
from app.routers.dependencies import CurrentActor, Db, Now, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.floor import FloorRead, PresenceRead, SetPresence
from app.vocabulary import Presence

router = APIRouter(prefix="/v1", route_class=Route)


@router.get("/floor", tags=["floor"], operation_id="floor_get", responses=refusals())
def get_floor(db: ReadDb, now: Now, actor: CurrentActor) -> FloorRead:
    """Read the calls that are on now and that you may know of, who listens, what comes next today, and who is there."""
    viewer = None if actor.person_id is None else busy.people_rows(db, [actor.person_id])[actor.person_id]
    return FloorRead.of(queries.floor(db, viewer=viewer, actor=actor, now=now))


@router.get("/people/{person_id}/presence", tags=["people"], operation_id="presence_get", responses=refusals(NotFound))
def get_presence(person_id: str, db: ReadDb, now: Now, actor: CurrentActor) -> PresenceRead:
    """Read how somebody works now: heads down, dialling, or open to be asked."""
    return _presence(db, person_id, actor=actor, now=now)


@router.put(
    "/people/{person_id}/presence",
    tags=["people"],
    operation_id="presence_set",
    responses=refusals(NotFound, Forbidden, Past),
)
def put_presence(person_id: str, body: SetPresence, db: Db, now: Now, actor: CurrentActor) -> PresenceRead:
    """Say how you work now, up to a time or until you say otherwise."""
    set_presence(db, person_id=person_id, presence=body.presence, until=body.until, actor=actor, now=now)
    return _presence(db, person_id, actor=actor, now=now)


@router.delete(
    "/people/{person_id}/presence",
    status_code=204,
    tags=["people"],
    operation_id="presence_clear",
    responses=refusals(NotFound, Forbidden),
)
def clear_presence(person_id: str, db: Db, now: Now, actor: CurrentActor) -> None:
    """Be open again."""
    set_presence(db, person_id=person_id, presence=Presence.OPEN, actor=actor, now=now)


def _presence(db: DbSession, person_id: str, *, actor: CurrentActor, now: datetime) -> PresenceRead:
    found = queries.presence_of(db, person_id, actor=actor, now=now)
    return PresenceRead.model_validate(queries.as_of(found, now=now))
