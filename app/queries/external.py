"""Look up objects by the names that other systems have for them."""

from collections.abc import Iterable

from sqlalchemy import select, tuple_

from app.db import DbSession
from app.models.tables import external_identity as identity


def object_id(db: DbSession, object_type: str, source: str, external_id: str) -> str | None:
    """Return the id of the object of this type with this external identity."""
    found: str | None = db.execute(
        select(identity.c.object_id).where(
            identity.c.object_type == object_type, identity.c.source == source, identity.c.external_id == external_id
        )
    ).scalar()
    return found


def object_ids(db: DbSession, object_type: str, refs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the ids of all objects of this type that have one of these (source, external id). One statement."""
    wanted = list(dict.fromkeys(refs))
    if not wanted:
        return {}
    rows = db.execute(
        select(identity.c.source, identity.c.external_id, identity.c.object_id).where(
            identity.c.object_type == object_type, tuple_(identity.c.source, identity.c.external_id).in_(wanted)
        )
    )
    return {(row.source, row.external_id): row.object_id for row in rows}


def identities(db: DbSession, object_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the external identities of each object, sorted; absent when it has none. One statement."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = db.execute(
        select(identity.c.object_id, identity.c.source, identity.c.external_id)
        .where(identity.c.object_id.in_(list(object_ids)))
        .order_by(identity.c.object_id, identity.c.source, identity.c.external_id)
    )
    for row in rows:
        found.setdefault(row.object_id, []).append((row.source, row.external_id))
    return found
