"""Remember what an import wrote, so that it can be undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Table, insert, select

from app import ids
from app.db import DbSession
from app.models.tables import account, availability, call, enrollment, file_import, file_import_row, person
from app.operations.changes import plain
from app.operations.events import tell
from app.queries.rows import in_parts
from app.rules.access import Actor

Wrote = Literal["person", "call", "account"]
_TABLES: Mapping[Wrote, Table] = {"person": person, "call": call, "account": account}


@dataclass(frozen=True, slots=True)
class Written:
    """One thing that an import created or changed, and what it changed as it was before."""

    object_type: Wrote
    object_id: str
    created: bool = False
    before: Mapping[str, Any] = field(default_factory=dict)


def remember(
    db: DbSession,
    written: Sequence[Written],
    *,
    kind: str,
    counts: Mapping[str, int],
    file_name: str | None,
    actor: Actor,
    now: datetime,
) -> str:
    """Write down what an import wrote, in its order, and return the id of the import. A few statements per thousand."""
    import_id = ids.new("imp", now)
    made = {"id": import_id, "kind": kind, "file_name": file_name, "actor": actor.name, **counts}
    stamps = {"version": 1, "created_at": now, "updated_at": now}
    db.execute(insert(file_import).values(**made, put_back=0, stayed=0, **stamps))
    versions = _versions(db, written)
    rows = [
        {
            "import_id": import_id,
            "position": position,
            "object_type": one.object_type,
            "object_id": one.object_id,
            "created": one.created,
            "before": plain(one.before),
            "versions": versions[one.object_id],
        }
        for position, one in enumerate(written)
    ]
    if rows:
        db.execute(insert(file_import_row), rows)
    tell(db, "import.written", import_id, version=1, actor=actor, now=now)
    return import_id


def _versions(db: DbSession, written: Sequence[Written]) -> dict[str, dict[str, int]]:
    """Return which version each thing has now, with those of somebody's hours and of their side of a program."""
    found: dict[str, dict[str, int]] = {}
    for object_type, table in _TABLES.items():
        for part in in_parts(one.object_id for one in written if one.object_type == object_type):
            query = select(table.c.id, table.c.version).where(table.c.id.in_(part))
            found |= {row.id: {object_type: row.version} for row in db.execute(query)}
    people = {one.object_id: one.before for one in written if one.object_type == "person"}
    for part in in_parts(people):
        hours = select(availability.c.person_id, availability.c.version).where(availability.c.person_id.in_(part))
        for row in db.execute(hours):
            found[row.person_id]["hours"] = row.version
    sided = {who: before["side"] for who, before in people.items() if "side" in before}
    for part in in_parts(sided):
        for row in db.execute(select(enrollment).where(enrollment.c.person_id.in_(part))):
            if (row.program_id, row.side) == (sided[row.person_id]["program_id"], sided[row.person_id]["side"]):
                found[row.person_id]["side"] = row.version
    return found
