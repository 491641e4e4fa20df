"""Change the rules of the house."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.models.tables import call, installation
from app.operations.capacity import rules_changed
from app.operations.changes import before_and_after, check_admin, check_version, differing
from app.operations.events import tell
from app.queries.house_rules import house_rules
from app.rules.access import Actor
from app.vocabulary import CallStatus


def patch_settings(
    db: DbSession, *, changes: Mapping[str, Any], expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Change what is given and return the row of the installation. Admins do. Under another ceiling upcoming calls
    offer the seats that it leaves; nobody who sits is thrown out. Locks the installation, then those calls.
    """
    check_admin(actor)
    found = db.execute(select(installation).with_for_update(key_share=True)).one()
    check_version(found, expected_version)
    new = differing(found, changes)
    if not new:
        return found
    db.execute(update(installation).values(**new, version=installation.c.version + 1))
    detail = before_and_after(found, new)
    tell(db, "settings.changed", found.id, version=found.version + 1, actor=actor, now=now, detail=detail)
    if "own_side_ceiling" in new:
        ahead = (call.c.status == CallStatus.SCHEDULED) & (call.c.starts_at > now)
        rules_changed(db, ahead, seats_only=True, actor=actor, now=now)
    return house_rules(db)
