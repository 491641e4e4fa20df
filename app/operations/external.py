"""Give our objects the names that other systems have for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, insert

from app.db import DbSession, one_at_a_time
from app.errors import Conflict
from app.models.tables import external_identity
from app.queries import external
from app.queries.rows import in_parts


class ExternalIdTaken(Conflict):
    """Another object has this external identity."""

    code = "external_id_taken"
    title = "Another object has this external identity"


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert did."""

    status: Literal["created", "updated", "unchanged"]
    id: str
    changed_fields: tuple[str, ...] = ()


def outdated(known: datetime | None, given: datetime | None) -> bool:
    """Whether what a source says now is older than what it said before: messages overtake each other."""
    return known is not None and given is not None and given < known


def known_id(db: DbSession, object_type: str, source: str, external_id: str) -> str | None:
    """Return the id of the object with this external identity, for an upsert. When there is none, others who upsert
    the same wait until this transaction is over, and then find what it made.
    """
    found = external.object_id(db, object_type, source, external_id)
    if found is None:
        one_at_a_time(db, f"{object_type} {source} {external_id}")
        found = external.object_id(db, object_type, source, external_id)
    return found


def known_ids(db: DbSession, object_type: str, refs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the ids of the objects with these external identities, for many upserts, as `known_id` does for one.
    Waits for others in the order of the names, so that two batches in opposite orders don't wait for each other.
    """
    wanted = sorted(set(refs))
    found = external.object_ids(db, object_type, wanted)
    if unknown := [ref for ref in wanted if ref not in found]:
        for source, external_id in unknown:
            one_at_a_time(db, f"{object_type} {source} {external_id}")
        found |= external.object_ids(db, object_type, unknown)
    return found


def identify(db: DbSession, object_type: str, object_id: str, refs: Iterable[tuple[str, str]]) -> None:
    """Add external identities to an object. Refused as `external_id_taken` when another object has one of them."""
    identify_many(db, object_type, [(object_id, refs)])


def identify_many(db: DbSession, object_type: str, named: Iterable[tuple[str, Iterable[tuple[str, str]]]]) -> None:
    """Add external identities to many objects of one type, by two statements per thousand identities."""
    rows = [
        {"object_type": object_type, "object_id": object_id, "source": source, "external_id": external_id}
        for object_id, refs in named
        for source, external_id in dict.fromkeys(refs)
    ]
    if not rows:
        return
    for part in in_parts((row["source"], row["external_id"]) for row in rows):
        if external.object_ids(db, object_type, part):
            raise ExternalIdTaken("Update the object that has it, by `PUT …/by-external-id/{source}/{id}`.")
    db.execute(insert(external_identity), rows)


def forget(db: DbSession, object_type: str, object_id: str, ref: tuple[str, str] | None = None) -> None:
    """Take all external identities off an object that is deleted, or just this one, so that another may have them."""
    which = [external_identity.c.object_type == object_type, external_identity.c.object_id == object_id]
    if ref is not None:
        which += [external_identity.c.source == ref[0], external_identity.c.external_id == ref[1]]
    db.execute(delete(external_identity).where(*which))
